package pgp

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// today is a little ahead of the keys that the tests make.
var today = time.Now().Add(time.Minute)

// ring is a keyring of some key files' bytes.
func ring(t *testing.T, files ...[]byte) *Keyring {
	t.Helper()
	k := NewKeyring(today)
	for i, b := range files {
		if err := k.Add(fmt.Sprintf("key-%d", i), b); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func TestDistributionKeys(t *testing.T) {
	for _, c := range []struct{ file, ids, skipped string }{
		{"AlmaLinux-8", "51d6647ec21ad6ea, 2ae81e8aced7258b", ""}, // the first one's primary key only certifies
		{"CentOS-Official", "05b555b38483c65d", ""},
		{"EPEL-8", "21ea45ab2f86d6a1", ""},
		{"redhat8-release", "199e2f91fd431d51", "key 45689c882fa658e0 is not used: DSA with 1024 bits is weak"},
		{"rockyofficial", "15af5dac6d745a60", ""},
	} {
		k := NewKeyring(today)
		if err := k.Add(c.file, data(t, "keys/RPM-GPG-KEY-"+c.file)); err != nil {
			t.Error(err)
		}
		if got := list(k.IDs()); got != c.ids {
			t.Errorf("%s: keys %s, want %s", c.file, got, c.ids)
		}
		if got := fmt.Sprint(k.Skipped()); !strings.Contains(got, c.skipped) || c.skipped == "" && len(k.Skipped()) > 0 {
			t.Errorf("%s: skipped %s, want %q", c.file, got, c.skipped)
		}
	}
}

func TestKeyFilesThatHoldNothingToUse(t *testing.T) {
	home := newHome(t)
	weak := home.key("weak@example.org", "rsa1024", "sign", "never")
	for name, b := range map[string][]byte{
		"no BEGIN":      []byte("-----BEGIN CERTIFICATE-----\n"),
		"RSA with 1024": home.export(weak),
		"PRIVATE KEY":   home.secret(weak),
		"over 1048576":  make([]byte, MaxKeys+1),
		"cut off":       home.binary(weak)[:100],
	} {
		if err := NewKeyring(today).Add("file.asc", b); err == nil || !strings.Contains(err.Error(), "file.asc") {
			t.Errorf("%s: %v", name, err)
		} else if name != "no BEGIN" && !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not say %q", err, name)
		}
	}
}

func TestFingerprintFollowsTheKeysAlone(t *testing.T) {
	home := newHome(t)
	a, b := home.key("a@example.org", "rsa2048", "sign", "never"), home.key("b@example.org", "ed25519", "sign", "never")
	both := ring(t, home.export(a), home.export(b)).Fingerprint()
	if ring(t, home.export(b), home.binary(a), home.export(a)).Fingerprint() != both {
		t.Error("order, armor and repetition change the fingerprint")
	}
	if ring(t, home.export(a)).Fingerprint() == both {
		t.Error("a key less changes nothing")
	}
	home.gpg("--quick-set-expire", a, "5d")
	if ring(t, home.export(a), home.export(b)).Fingerprint() == both {
		t.Error("another expiry changes nothing")
	}
}

// What gpg signs verifies, over the very bytes and by the very key; armored or not,
// with primary key or subkey, RSA or elliptic curve.
func TestSignaturesOfGPG(t *testing.T) {
	home := newHome(t)
	rsa := home.key("rsa@example.org", "rsa2048", "sign", "never")
	ed := home.key("ed@example.org", "ed25519", "sign", "never")
	sub := home.key("sub@example.org", "rsa2048", "cert", "never")
	home.gpg("--quick-add-key", sub, "rsa3072", "sign", "never")
	message := bytes.Repeat([]byte("<repomd/>\n"), 10000)
	for _, key := range []string{rsa, ed, sub} {
		k := ring(t, home.export(key))
		for _, armor := range []string{"--armor", "--no-armor"} {
			sig := home.sign(message, key, armor)
			signed, err := k.Verify(bytes.NewReader(message), sig)
			if err != nil || signed.Key != k.IDs()[0] || today.Sub(signed.Time).Abs() > time.Hour {
				t.Errorf("%s %s: %v, %v", key, armor, signed, err)
			}
			if _, err := k.Verify(strings.NewReader("other"), sig); err == nil || !strings.Contains(err.Error(), k.IDs()[0].String()) {
				t.Errorf("%s: other bytes: %v", key, err)
			}
		}
	}
	if _, err := ring(t, home.export(ed)).Verify(bytes.NewReader(message), home.sign(message, rsa)); err == nil || !strings.Contains(err.Error(), "none of the configured ones") {
		t.Errorf("another key: %v", err)
	}
	two := append(home.sign(message, rsa, "--no-armor"), home.sign(message, ed, "--no-armor")...)
	if signed, err := ring(t, home.export(ed)).Verify(bytes.NewReader(message), two); err != nil {
		t.Errorf("one of two signatures is by the key: %v, %v", signed, err)
	}
}

func TestExpiryIsJudgedAtTheSignaturesTime(t *testing.T) {
	home := newHome(t)
	key := home.key("old@example.org", "rsa2048", "sign", "1y", "--faked-system-time", "20200101T000000")
	message := []byte("metadata")
	at := func(when string) []byte { return home.sign(message, key, "--faked-system-time", when) }
	k := ring(t, home.export(key))
	if _, err := k.Verify(bytes.NewReader(message), at("20200601T000000")); err != nil {
		t.Errorf("signed while the key was good: %v", err)
	}
	// gpg refuses to sign with an expired key, so the key is renewed for that, and the
	// file of before holds the end.
	before := home.export(key)
	home.gpg("--faked-system-time", "20200602T000000", "--quick-set-expire", key, "0")
	if _, err := ring(t, before).Verify(bytes.NewReader(message), at("20210601T000000")); err == nil || !strings.Contains(err.Error(), "had expired when it signed on 2021-06-01") {
		t.Errorf("signed after the end: %v", err)
	}
	if _, err := ring(t, home.export(key)).Verify(bytes.NewReader(message), at("20200301T000000")); err != nil {
		t.Errorf("signed before the key was renewed: %v", err)
	}
	if _, err := ring(t, home.export(key)).Verify(bytes.NewReader(message), at("20990601T000000")); err == nil || !strings.Contains(err.Error(), "from the future") {
		t.Errorf("signed in the future: %v", err)
	}
}

func TestWeakHashesDoNotCount(t *testing.T) {
	home := newHome(t)
	key := home.key("a@example.org", "rsa2048", "sign", "never")
	for _, algo := range []string{"SHA1", "RIPEMD160", "SHA224"} {
		sig := home.sign([]byte("x"), key, "--digest-algo", algo)
		if _, err := ring(t, home.export(key)).Verify(strings.NewReader("x"), sig); err == nil || !strings.Contains(err.Error(), "want SHA-256 or better") || !strings.Contains(err.Error(), strings.ToLower(key[24:])) {
			t.Errorf("%s: %v", algo, err)
		}
	}
	for _, algo := range []string{"SHA256", "SHA384", "SHA512"} {
		sig := home.sign([]byte("x"), key, "--digest-algo", algo)
		if _, err := ring(t, home.export(key)).Verify(strings.NewReader("x"), sig); err != nil {
			t.Errorf("%s: %v", algo, err)
		}
	}
}

func TestWeakSubkeyOfAGoodKey(t *testing.T) {
	home := newHome(t)
	key := home.key("a@example.org", "rsa2048", "sign", "never")
	good := home.sign([]byte("x"), key)
	home.gpg("--quick-add-key", key, "rsa1024", "sign", "never")
	k := ring(t, home.export(key))
	if len(k.IDs()) != 1 || len(k.Skipped()) != 1 || !strings.Contains(k.Skipped()[0].Why, "RSA with 1024 bits") {
		t.Fatalf("keys %s, skipped %s", list(k.IDs()), k.Skipped())
	}
	if _, err := k.Verify(strings.NewReader("x"), good); err != nil {
		t.Error(err)
	}
	id := k.Skipped()[0].ID.String()
	if _, err := k.Verify(strings.NewReader("x"), home.sign([]byte("x"), id+"!")); err == nil || !strings.Contains(err.Error(), "signed by key "+id+", which is not used") {
		t.Error(err)
	}
}

func TestRevokedKeys(t *testing.T) {
	home := newHome(t)
	key := home.key("a@example.org", "rsa2048", "sign", "never")
	sig, before := home.sign([]byte("x"), key), home.export(key)
	revoke, err := os.ReadFile(filepath.Join(home.dir, "openpgp-revocs.d", key+".rev"))
	if err != nil {
		t.Fatal(err)
	}
	home.pipe(bytes.ReplaceAll(revoke, []byte(":-----BEGIN"), []byte("-----BEGIN")), "--import")
	for name, k := range map[string]*Keyring{"revoked": ring(t, home.export(key)), "revoked in one of two files": ring(t, before, home.export(key))} {
		if _, err := k.Verify(strings.NewReader("x"), sig); err == nil || !strings.Contains(err.Error(), "is revoked") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// gpg must accept what we sign; the same input gives the same bytes.
func TestGPGVerifiesOurSignatures(t *testing.T) {
	home := newHome(t)
	for _, algo := range []string{"rsa2048", "ed25519"} {
		key := home.key(algo+"@example.org", algo, "sign", "never")
		s, err := ReadSigner("secret.asc", home.secret(key), today)
		if err != nil {
			t.Fatal(err)
		}
		data := []byte("<repomd/>")
		sig, err := s.Sign(data, time.Unix(1e9, 0))
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := s.Sign(data, time.Unix(1e9, 0)); !bytes.Equal(sig, again) {
			t.Errorf("%s: two signatures of the same differ", algo)
		}
		public, err := s.Public()
		if err != nil {
			t.Fatal(err)
		}
		if signed, err := ring(t, public).Verify(bytes.NewReader(data), sig); err != nil || signed.Key != s.ID() {
			t.Errorf("%s: our own verdict: %v, %v", algo, signed, err)
		}
		other := newHome(t)
		other.pipe(public, "--import")
		if out := other.gpg("--with-colons", "--list-secret-keys"); bytes.Contains(out, []byte("sec:")) {
			t.Errorf("%s: the public file holds secrets", algo)
		}
		files := t.TempDir()
		for name, b := range map[string][]byte{"x": data, "x.asc": sig} {
			if err := os.WriteFile(filepath.Join(files, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		other.gpg("--verify", filepath.Join(files, "x.asc"), filepath.Join(files, "x"))
	}
}

func TestSigningKeysThatCannotSign(t *testing.T) {
	home := newHome(t)
	key := home.key("a@example.org", "rsa2048", "sign", "1d", "--faked-system-time", "20200101T000000")
	weak := home.key("weak@example.org", "rsa1024", "sign", "never")
	locked := newHome(t)
	locked.passphrase = "secret"
	lockedKey := locked.key("b@example.org", "rsa2048", "sign", "never")
	for want, b := range map[string][]byte{
		"cannot sign today":       home.secret(key),
		"RSA with 1024 bits":      home.secret(weak),
		"has a passphrase":        locked.secret(lockedKey),
		"--export-secret-keys":    home.export(key),
		"there is no PGP PRIVATE": nil,
		"it holds 2 secret keys":  append(home.secret(key), home.secret(weak)...),
	} {
		if _, err := ReadSigner("secret.asc", b, today); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "secret.asc") {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// data reads a file of the shared test data.
func data(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("FLATSTREAM_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("the shared test data is not here: %v", err)
	}
	return b
}

// home is a gpg with keys of its own.
type home struct {
	t          *testing.T
	dir        string
	passphrase string
}

func newHome(t *testing.T) *home {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("gpg is missing")
		}
		t.Skip("gpg is not installed")
	}
	// gpg-agent's socket has a path of 108 bytes at most.
	dir, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", dir, "--kill", "all").Run()
		_ = os.RemoveAll(dir)
	})
	return &home{t: t, dir: dir}
}

func (h *home) pipe(in []byte, args ...string) []byte {
	h.t.Helper()
	cmd := exec.Command("gpg", append([]string{"--homedir", h.dir, "--batch", "--quiet", "--yes", "--pinentry-mode", "loopback",
		"--passphrase", h.passphrase, "--trust-model", "always", "--allow-weak-digest-algos"}, args...)...)
	cmd.Stdin = bytes.NewReader(in)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		h.t.Fatalf("gpg %s: %v\n%s", strings.Join(args, " "), err, &problems)
	}
	return out.Bytes()
}

func (h *home) gpg(args ...string) []byte { h.t.Helper(); return h.pipe(nil, args...) }

// key makes a key and returns its fingerprint.
func (h *home) key(user, algo, usage, expire string, flags ...string) string {
	h.t.Helper()
	h.gpg(append(flags, "--quick-generate-key", user, algo, usage, expire)...)
	_, rest, _ := strings.Cut(string(h.gpg("--with-colons", "--list-keys", user)), "fpr:::::::::")
	fingerprint, _, _ := strings.Cut(rest, ":")
	return fingerprint
}

func (h *home) export(key string) []byte { h.t.Helper(); return h.gpg("--armor", "--export", key) }
func (h *home) binary(key string) []byte { h.t.Helper(); return h.gpg("--export", key) }
func (h *home) secret(key string) []byte {
	h.t.Helper()
	return h.gpg("--armor", "--export-secret-keys", key)
}

func (h *home) sign(data []byte, key string, flags ...string) []byte {
	h.t.Helper()
	return h.pipe(data, append([]string{"--local-user", key, "--digest-algo", "SHA256"}, append(flags, "--detach-sign")...)...)
}
