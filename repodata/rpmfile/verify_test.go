package rpmfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/repodata/pgp"
	"flatstream/repodata/rpmfile"
)

var built = time.Unix(fixtures.Epoch, 0)

func newKey(t testing.TB, opt fixtures.KeyOptions) *fixtures.Key {
	t.Helper()
	k, err := fixtures.NewKey(opt)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func keyring(t testing.TB, keys ...*fixtures.Key) *pgp.Keyring {
	t.Helper()
	ring := pgp.NewKeyring(time.Now())
	for _, k := range keys {
		b, err := k.Public()
		if err == nil {
			err = ring.Add("key-"+k.ID(), b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return ring
}

// signed builds one package with a payload.
func signed(t testing.TB, sign fixtures.Signer) []byte {
	t.Helper()
	repo, err := fixtures.Parse("package jq 1.6-1 x86_64\n  file /usr/bin/jq\n  size 3000\n")
	if err != nil {
		t.Fatal(err)
	}
	b, err := repo.Packages[0].SignedRPM(sign)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func verify(b []byte, ring *pgp.Keyring) error {
	return rpmfile.Verify(bytes.NewReader(b), int64(len(b)), ring)
}

// Version 3 and version 4 signatures are good for us where they are good for
// rpmkeys, and bad for both when any byte of what is signed changes.
func TestSignedPackages(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{})
	ring := keyring(t, key)
	for version, sign := range map[int]fixtures.Signer{3: key.V3(built), 4: key.V4(built)} {
		b := signed(t, sign)
		if err := verify(b, ring); err != nil {
			t.Errorf("version %d: %v", version, err)
		}
		rpmkeys(t, key, b, fmt.Sprintf("V%d RSA/SHA256 Signature", version))
		main := mainHeader(b)
		for what, at := range map[string]int{"header": main + 100, "last byte of the header": payloadAt(b) - 1, "first byte of the payload": payloadAt(b), "last byte": len(b) - 1} {
			changed := bytes.Clone(b)
			changed[at] ^= 1
			if err := verify(changed, ring); err == nil {
				t.Errorf("version %d: a changed %s still verifies", version, what)
			} else if strings.HasPrefix(what, "header") && !strings.Contains(err.Error(), key.ID()) {
				t.Errorf("version %d: %s: %v does not name key %s", version, what, err, key.ID())
			}
		}
		if err := verify(append(bytes.Clone(b), 0), ring); err == nil || !strings.Contains(err.Error(), "payload") {
			t.Errorf("version %d: bytes behind the payload: %v", version, err)
		}
		if err := verify(b[:len(b)-1], ring); err == nil {
			t.Errorf("version %d: a package without its last byte verifies", version)
		}
	}
}

// rpmkeys must find good signatures and no bad one.
func rpmkeys(t *testing.T, key *fixtures.Key, b []byte, want string) {
	t.Helper()
	if _, err := exec.LookPath("rpmkeys"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("rpmkeys is missing")
		}
		t.Log("rpmkeys is not installed (apt-get install rpm): only our own verdict counts")
		return
	}
	dir := t.TempDir()
	public, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"key.asc": public, "x.rpm": b} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	db := "--dbpath=" + dir + "/db"
	if out, err := exec.Command("rpmkeys", db, "--import", dir+"/key.asc").CombinedOutput(); err != nil {
		t.Fatalf("rpmkeys --import: %v\n%s", err, out)
	}
	out, err := exec.Command("rpmkeys", db, "-Kv", dir+"/x.rpm").CombinedOutput()
	if err != nil || strings.Count(string(out), want) != 2 {
		t.Errorf("rpmkeys -Kv: %v; want %q twice in\n%s", err, want, out)
	}
}

func TestAttackSignatureStripping(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{})
	b := signed(t, key.V3(built))
	for what, stripped := range map[string][]byte{
		"never signed":                 signed(t, nil),
		"without signature header":     rebuild(b, nil, nil),
		"only over header and payload": rebuild(b, keep(1002), nil),
		"digests alone":                rebuild(b, keep(273, 1004, 269), nil),
	} {
		if err := verify(stripped, keyring(t, key)); err == nil || !strings.Contains(err.Error(), "not signed") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAttackKeySubstitution(t *testing.T) {
	good, evil := newKey(t, fixtures.KeyOptions{}), newKey(t, fixtures.KeyOptions{})
	for _, sign := range []fixtures.Signer{evil.V3(built), evil.V4(built)} {
		if err := verify(signed(t, sign), keyring(t, good)); err == nil || !strings.Contains(err.Error(), "signed by key "+evil.ID()+", which is none of the configured ones ("+good.ID()+")") {
			t.Error(err)
		}
	}
	// Another's signature under the good key's id.
	b := signed(t, evil.V3(built))
	ours, theirs := []byte(idBytes(good)), []byte(idBytes(evil))
	if err := verify(bytes.ReplaceAll(b, theirs, ours), keyring(t, good)); err == nil || !strings.Contains(err.Error(), "the signature by key "+good.ID()+" is bad") {
		t.Error(err)
	}
}

func idBytes(k *fixtures.Key) string {
	var n uint64
	fmt.Sscanf(k.ID(), "%x", &n)
	return string(binary.BigEndian.AppendUint64(nil, n))
}

// A forger moves what is good of one package into the header of another, where a
// careless reader finds it.
func TestAttackSignatureInTheWrongHeader(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{})
	ring := keyring(t, key)
	b := signed(t, key.V4(built))
	repo, err := fixtures.Parse("package jq 1.6-1 x86_64\n")
	if err != nil {
		t.Fatal(err)
	}
	misplaced, err := repo.Packages[0].MisplacedRPM(key.V3(built))
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(misplaced, ring); !errors.Is(err, rpmfile.ErrUnsigned) {
		t.Errorf("a signature in the main header: %v", err)
	}
	var digest []field
	without := func(main []field) (kept []field) {
		digest = nil
		for _, f := range main {
			if f.tag == 5092 || f.tag == 5093 {
				digest = append(digest, f)
				continue
			}
			kept = append(kept, f)
		}
		return kept
	}
	resign := func(all func([]field) []field) []byte {
		plain := rebuild(b, nil, without)
		sig, err := key.V4(built)(plain[mainHeader(plain):payloadAt(plain)])
		if err != nil {
			t.Fatal(err)
		}
		return rebuild(plain, func(field) bool { return false }, nil, all([]field{{268, 7, uint32(len(sig)), string(sig)}})...)
	}
	if err := verify(resign(func(f []field) []field { return append(f, digest...) }), ring); err == nil || !strings.Contains(err.Error(), "its payload is not signed") {
		t.Errorf("the payload digest in the signature header: %v", err)
	}
	if err := verify(resign(func(f []field) []field { return append(f, f[0]) }), ring); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("two signatures in one tag: %v", err)
	}
}

// A package from before payload digests is good with both signatures.
func TestPackageWithoutPayloadDigest(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{})
	plain := rebuild(signed(t, nil), nil, func(main []field) (kept []field) {
		for _, f := range main {
			if f.tag != 5092 && f.tag != 5093 {
				kept = append(kept, f)
			}
		}
		return kept
	})
	sig := func(tag uint32, over []byte) field {
		s, err := key.V3(built)(over)
		if err != nil {
			t.Fatal(err)
		}
		return field{tag, 7, uint32(len(s)), string(s)}
	}
	main, payload := mainHeader(plain), payloadAt(plain)
	for _, tag := range []uint32{1002, 1005} {
		b := rebuild(plain, nil, nil, sig(267, plain[main:payload]), sig(tag, plain[main:]))
		if err := verify(b, keyring(t, key)); err != nil {
			t.Errorf("tag %d: %v", tag, err)
		}
		b[len(b)-1] ^= 1
		if err := verify(b, keyring(t, key)); err == nil || !strings.Contains(err.Error(), "signature by key "+key.ID()+" is bad") {
			t.Errorf("tag %d: a changed payload: %v", tag, err)
		}
	}
}

func TestExpiredKey(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{Life: 48 * time.Hour}) // from a day before built
	if err := verify(signed(t, key.V3(built)), keyring(t, key)); err != nil {
		t.Errorf("signed while the key was good, judged years after: %v", err)
	}
	for _, sign := range []fixtures.Signer{key.V3(built.AddDate(0, 0, 2)), key.V4(built.AddDate(0, 0, 2))} {
		if err := verify(signed(t, sign), keyring(t, key)); err == nil || !strings.Contains(err.Error(), "key "+key.ID()+" had expired when it signed on 2021-01-03") {
			t.Error(err)
		}
	}
	if err := verify(signed(t, key.V4(built.AddDate(-1, 0, 0))), keyring(t, key)); err == nil || !strings.Contains(err.Error(), "before the key was made") {
		t.Error(err)
	}
}

func TestWeakKey(t *testing.T) {
	weak, good := newKey(t, fixtures.KeyOptions{Bits: 1024}), newKey(t, fixtures.KeyOptions{})
	a, _ := weak.Public()
	b, _ := good.Public()
	ring := pgp.NewKeyring(time.Now())
	if err := ring.Add("both.asc", append(a, b...)); err != nil {
		t.Fatal(err)
	}
	if err := verify(signed(t, good.V3(built)), ring); err != nil {
		t.Error(err)
	}
	if err := verify(signed(t, weak.V3(built)), ring); err == nil || !strings.Contains(err.Error(), weak.ID()+", which is not used: RSA with 1024 bits") {
		t.Error(err)
	}
}

// Fedora's packages: signed with a key that is not at hand.
func TestSignedPackagesOfFedora(t *testing.T) {
	ring := pgp.NewKeyring(time.Now())
	if err := ring.Add("EPEL-8", readFile(t, data(t, "keys/RPM-GPG-KEY-EPEL-8"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1.6.11.8-1.module_f33+9570+f65235c8", "3.0.10-3.fc33"} {
		b := readFile(t, data(t, "rpms/python-django-bash-completion-"+name+".noarch.rpm"))
		if err := verify(b, ring); err == nil || !strings.Contains(err.Error(), "signed by key 49fd77499570ff31, which is none of the configured ones (21ea45ab2f86d6a1)") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	key := newKey(f, fixtures.KeyOptions{})
	good := signed(f, key.V3(built))
	main, payload := mainHeader(good), payloadAt(good)
	f.Add(good)
	f.Add(signed(f, key.V4(built)))
	f.Add(good[:payload])
	ring := keyring(f, key)
	f.Fuzz(func(t *testing.T, b []byte) {
		if verify(b, ring) != nil {
			return
		}
		if !bytes.Equal(b[mainHeader(b):], good[main:]) {
			t.Error("what nobody signed verifies")
		}
	})
}

func headerSize(h []byte) int {
	return 16 + 16*int(binary.BigEndian.Uint32(h[8:])) + int(binary.BigEndian.Uint32(h[12:]))
}

func mainHeader(b []byte) int { return (96 + headerSize(b[96:]) + 7) &^ 7 }
func payloadAt(b []byte) int  { return mainHeader(b) + headerSize(b[mainHeader(b):]) }

// fieldsOf takes a header apart; the values run to the end of the data.
func fieldsOf(h []byte) []field {
	n := int(binary.BigEndian.Uint32(h[8:]))
	data := h[16+16*n : headerSize(h)]
	var fields []field
	for i := range n {
		e := h[16+16*i:]
		u := binary.BigEndian.Uint32
		f := field{u(e), u(e[4:]), u(e[12:]), ""}
		value := data[u(e[8:]):]
		switch f.kind {
		case 4:
			value = value[:4*f.count]
		case 7:
			value = value[:f.count]
		case 6:
			value = value[:bytes.IndexByte(value, 0)+1]
		}
		f.data = string(value)
		fields = append(fields, f)
	}
	return fields
}

func keep(tags ...uint32) func(field) bool {
	return func(f field) bool {
		for _, tag := range tags {
			if f.tag == tag {
				return true
			}
		}
		return false
	}
}

// rebuild writes a package again: with the entries of the signature header that stay
// (nil: none) and more, and with the main header that change makes (nil: as it is).
func rebuild(b []byte, stays func(field) bool, change func([]field) []field, more ...field) []byte {
	var sig []field
	for _, f := range fieldsOf(b[96:]) {
		if stays != nil && stays(f) {
			sig = append(sig, f)
		}
	}
	s := header(append(sig, more...)...)
	out := join(b[:96], s, make([]byte, (8-len(s)%8)%8))
	if change == nil {
		return join(out, b[mainHeader(b):])
	}
	return join(out, header(change(fieldsOf(b[mainHeader(b):]))...), b[payloadAt(b):])
}

// Packages of CentOS 6 and 7 and of EPEL 7, signed in version 3 and from before
// payload digests, with their real keys; older ones have DSA keys and SHA-1. The
// library that reads headers brings them.
func TestRealVersion3Packages(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cavaliergopher/rpm").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "testdata")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the library is here without its test data: %v", err)
	}
	ring := pgp.NewKeyring(time.Now())
	for _, name := range []string{"RPM-GPG-KEY-CentOS-6", "RPM-GPG-KEY-CentOS-7"} {
		if err := ring.Add(name, readFile(t, filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"centos-release-6-0.el6.centos.5.i686.rpm":           "",
		"centos-release-6-0.el6.centos.5.x86_64.rpm":         "",
		"centos-release-7-2.1511.el7.centos.2.10.x86_64.rpm": "",
		"epel-release-7-5.noarch.rpm":                        "",
		"centos-release-5-0.0.el5.centos.2.x86_64.rpm":       "a8a447dce8562897 is not RSA",
		"centos-release-as-2.1AS-4.noarch.rpm":               "not signed", // over header and payload alone
	} {
		b := readFile(t, filepath.Join(dir, name))
		err := verify(b, ring)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		b[len(b)-1] ^= 1
		if verify(b, ring) == nil {
			t.Errorf("%s: a changed payload verifies", name)
		}
	}
}
