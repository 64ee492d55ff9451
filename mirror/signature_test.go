package mirror

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/mirror/tree"
	"flatstream/repodata"
	"flatstream/repodata/digest"
)

var built = time.Unix(fixtures.Epoch, 0)

func newKey(t *testing.T, opt fixtures.KeyOptions) *fixtures.Key {
	t.Helper()
	k, err := fixtures.NewKey(opt)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// keyFile writes public keys into one file.
func keyFile(t *testing.T, keys ...*fixtures.Key) string {
	t.Helper()
	var all []byte
	for _, k := range keys {
		b, err := k.Public()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	name := filepath.Join(t.TempDir(), "keys.asc")
	if err := os.WriteFile(name, all, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// signRepoMD writes repomd.xml.asc.
func signRepoMD(t *testing.T, dir string, sign fixtures.Signer) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, repomdPath))
	if err == nil {
		b, err = sign(b)
	}
	if err == nil {
		b, err = fixtures.Armor(b)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, signaturePath), b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// checked is a source of which everything must be signed.
func checked(url string, keys ...string) Source {
	src := at("r", url)
	src.GPGCheck, src.RepoGPGCheck, src.GPGKeys = true, true, keys
	return src
}

// refused wants an error that names every word, and nothing published.
func refused(t *testing.T, tr *tree.Tree, src Source, words ...string) {
	t.Helper()
	rep, err := publish(t, tr, src)
	if err == nil {
		t.Errorf("published, want an error with %q", words)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v\ndoes not say %q", err, word)
		}
	}
	if rep.Snapshot != "" {
		t.Errorf("snapshot %s is published", rep.Snapshot)
	}
}

func TestSignedRepositories(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{})
	for version, sign := range map[int]fixtures.Signer{3: key.V3(built), 4: key.V4(built)} {
		dir := small(t, fixtures.Options{Sign: sign}, two)
		signRepoMD(t, dir, sign)
		tr, s := store(t), upstream(t, dir)
		src := checked(s.URL, "file://"+keyFile(t, key))
		rep := mustPublish(t, tr, src)
		if w := rep.Repos[0].Warnings; len(w) > 0 {
			t.Errorf("version %d: warnings %q", version, w)
		}
		have, want := content(t, filepath.Join(tr.Dir(), "current", "mirror", "r")), content(t, dir)
		if len(want) == 0 || have[signaturePath] == "" || fmt.Sprint(have) != fmt.Sprint(want) {
			t.Errorf("version %d: published %v, want %v", version, have, want)
		}
		s.Reset()
		if rep = mustPublish(t, tr, src); rep.Repos[0].Outcome != Unchanged || len(s.Requests()) != 1 {
			t.Errorf("version %d: the second run is %s, with requests %v; want one", version, rep.Repos[0].Outcome, s.Requests())
		}
		if have := content(t, filepath.Join(tr.Dir(), "current", "mirror", "r")); have[signaturePath] == "" {
			t.Errorf("version %d: the signature is gone after an unchanged night", version)
		}
	}
}

func TestAttackSignatureStripping(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{})
	file := keyFile(t, key)
	dir := small(t, fixtures.Options{Sign: key.V4(built)}, two)
	refused(t, store(t), checked(upstream(t, dir).URL, file), "repodata/repomd.xml.asc", "signature cannot be read")

	dir = small(t, fixtures.Options{}, two)
	signRepoMD(t, dir, key.V4(built))
	refused(t, store(t), checked(upstream(t, dir).URL, file), "bash-5.2-1.x86_64.rpm", "jq-1.6-1.x86_64.rpm", "is not signed")
	src := checked(upstream(t, dir).URL, file)
	src.GPGCheck = false
	mustPublish(t, store(t), src)
}

func TestAttackKeySubstitution(t *testing.T) {
	good, evil := newKey(t, fixtures.KeyOptions{}), newKey(t, fixtures.KeyOptions{})
	file := keyFile(t, good)
	named := "signed by key " + evil.ID() + ", which is none of the configured ones (" + good.ID() + ")"

	dir := small(t, fixtures.Options{Sign: good.V4(built)}, two)
	signRepoMD(t, dir, evil.V4(built))
	refused(t, store(t), checked(upstream(t, dir).URL, file), "repodata/repomd.xml", named, "gpgkey=")

	dir = small(t, fixtures.Options{Sign: evil.V3(built)}, two)
	signRepoMD(t, dir, good.V4(built))
	refused(t, store(t), checked(upstream(t, dir).URL, file), "bash-5.2-1.x86_64.rpm", named, "gpgkey=")

	// The mirror offers its own key.
	public, err := evil.Public()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "RPM-GPG-KEY"), public, 0o644); err != nil {
		t.Fatal(err)
	}
	s := upstream(t, dir)
	refused(t, store(t), checked(s.URL, s.URL+"/RPM-GPG-KEY"), "on the mirror itself", "fingerprint")
	refused(t, store(t), checked(dir, "file://"+dir+"/RPM-GPG-KEY"), "on the mirror itself")
}

// A changed repomd.xml under an old signature, and a signature of another day.
func TestAttackMixAndMatch(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{})
	dir := small(t, fixtures.Options{Sign: key.V4(built)}, two)
	signRepoMD(t, dir, key.V4(built))
	b, err := os.ReadFile(filepath.Join(dir, repomdPath))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, repomdPath), append(b, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	refused(t, store(t), checked(upstream(t, dir).URL, keyFile(t, key)), "repodata/repomd.xml", "the signature by key "+key.ID()+" is bad")
}

func TestAttackSignatureInTheWrongHeader(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{})
	dir := small(t, fixtures.Options{Sign: key.V3(built), Misplace: true}, two)
	signRepoMD(t, dir, key.V4(built))
	refused(t, store(t), checked(upstream(t, dir).URL, keyFile(t, key)), "bash-5.2-1.x86_64.rpm", "is not signed")

	// A signature over another header.
	dir = small(t, fixtures.Options{Sign: func([]byte) ([]byte, error) { return key.V4(built)([]byte("another header")) }}, two)
	signRepoMD(t, dir, key.V4(built))
	refused(t, store(t), checked(upstream(t, dir).URL, keyFile(t, key)), "bash-5.2-1.x86_64.rpm", "the signature by key "+key.ID()+" is bad")
}

func TestExpiredKey(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{Life: 48 * time.Hour})
	late := built.AddDate(0, 1, 0)
	for _, c := range []struct {
		repomd, packages time.Time
		want             string
	}{
		{late, built, "repodata/repomd.xml"},
		{built, late, "bash-5.2-1.x86_64.rpm"},
	} {
		dir := small(t, fixtures.Options{Sign: key.V3(c.packages)}, two)
		signRepoMD(t, dir, key.V4(c.repomd))
		refused(t, store(t), checked(upstream(t, dir).URL, keyFile(t, key)), c.want, "key "+key.ID()+" had expired when it signed on 2021-02-01")
	}
	dir := small(t, fixtures.Options{Sign: key.V3(built)}, two)
	signRepoMD(t, dir, key.V4(built))
	mustPublish(t, store(t), checked(upstream(t, dir).URL, keyFile(t, key))) // years after its end
}

func TestWeakKey(t *testing.T) {
	weak, good := newKey(t, fixtures.KeyOptions{Bits: 1024}), newKey(t, fixtures.KeyOptions{})
	both := keyFile(t, weak, good)
	dir := small(t, fixtures.Options{Sign: good.V4(built)}, two)
	signRepoMD(t, dir, weak.V4(built))
	refused(t, store(t), checked(upstream(t, dir).URL, both), "key "+weak.ID()+", which is not used: RSA with 1024 bits")
	refused(t, store(t), checked(upstream(t, dir).URL, keyFile(t, weak)), "no key can be used", "RSA with 1024 bits")
	signRepoMD(t, dir, good.V4(built))
	mustPublish(t, store(t), checked(upstream(t, dir).URL, both))
}

func TestChecksWithoutAKey(t *testing.T) {
	dir := small(t, fixtures.Options{}, two)
	refused(t, store(t), checked(upstream(t, dir).URL), "no key is configured", "gpgkey=")
	refused(t, store(t), checked(upstream(t, dir).URL, "/nowhere/key"), "/nowhere/key")
	_, err := Sync(context.Background(), checked(upstream(t, dir).URL), store(t), Options{Policy: OnDemand})
	if err == nil || !strings.Contains(err.Error(), "on demand") {
		t.Error(err)
	}
}

// What a run verified is not read again, until the keys change.
func TestPackagesAreVerifiedOnceForASetOfKeys(t *testing.T) {
	a, b := newKey(t, fixtures.KeyOptions{}), newKey(t, fixtures.KeyOptions{})
	one := small(t, fixtures.Options{Sign: a.V4(built)}, two)
	more := small(t, fixtures.Options{Sign: a.V4(built), Time: fixtures.Epoch + 10}, two+"package zip 1-1 x86_64\n")
	tr, s := store(t), upstream(t, one)
	src := at("r", s.URL)
	mustPublish(t, tr, src) // unverified objects are in the store now

	src.GPGCheck, src.GPGKeys = true, []string{keyFile(t, b)}
	if _, err := publish(t, tr, src); err == nil || !strings.Contains(err.Error(), "none of the configured ones") {
		t.Errorf("what is in the store counts as verified: %v", err)
	}
	src.GPGKeys = []string{keyFile(t, a)}
	if rep := mustPublish(t, tr, src); rep.Repos[0].Fetched != 0 || rep.Repos[0].Outcome != Changed {
		t.Errorf("the check that was turned on made it %s, %d fetched", rep.Repos[0].Outcome, rep.Repos[0].Fetched)
	}
	list := func() []string {
		t.Helper()
		text, err := tr.ReadState(src.verifiedName())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
	if n := len(list()); n != 3 {
		t.Errorf("%d lines, want the keys and 2 packages", n)
	}

	// A verified object that goes bad on the disk would be found only by reading it.
	verified := list()
	spoiled := tr.ObjectPath(sumOf(t, verified[1]))
	spoil(t, spoiled)
	if err := s.Switch(more); err != nil {
		t.Fatal(err)
	}
	mustPublish(t, tr, src)
	if n := len(list()); n != 4 {
		t.Errorf("%d lines, want the keys and 3 packages", n)
	}
	src.GPGKeys = []string{keyFile(t, a, b)}
	if _, err := publish(t, tr, src); err == nil || !strings.Contains(err.Error(), ".rpm") {
		t.Errorf("other keys, and nothing was verified again: %v", err)
	}
}

// repomd.xml may change between its own request and that for its signature.
func TestRepositoryThatChangesUnderTheSignature(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{})
	one := small(t, fixtures.Options{Sign: key.V4(built)}, two)
	next := small(t, fixtures.Options{Sign: key.V4(built), Time: fixtures.Epoch + 10}, two+"package zip 1-1 x86_64\n")
	for _, dir := range []string{one, next} {
		signRepoMD(t, dir, key.V4(built))
	}
	tr, s := store(t), upstream(t, one)
	s.Fault(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".asc") {
			_ = s.Switch(next)
		}
		return false
	})
	if rep := mustPublish(t, tr, checked(s.URL, keyFile(t, key))); rep.Repos[0].Packages != 3 {
		t.Errorf("%d packages, want the 3 of the new state", rep.Repos[0].Packages)
	}
}

func TestKeysFromAnotherHost(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{})
	dir := small(t, fixtures.Options{Sign: key.V4(built)}, two)
	signRepoMD(t, dir, key.V4(built))
	public, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secrets = append(secrets, r.Header.Get("Authorization"))
		_, _ = w.Write(public)
	}))
	defer keys.Close()
	src := checked(upstream(t, dir).URL, keys.URL+"/key")
	src.Fetch.User, src.Fetch.Password = "u", "secret"
	rep := mustPublish(t, store(t), src)
	if w := strings.Join(rep.Repos[0].Warnings, "\n"); !strings.Contains(w, "without encryption") {
		t.Errorf("warnings %q", w)
	}
	if len(secrets) != 1 || secrets[0] != "" {
		t.Errorf("the key's host saw %q", secrets)
	}
	public = bytes.Repeat([]byte("x"), 2<<20)
	refused(t, store(t), src, "key")
}

func TestRemoteRepositoriesAreCheckedToo(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{})
	dir := small(t, fixtures.Options{}, two)
	src := checked(upstream(t, dir).URL, keyFile(t, key))
	if _, err := OpenRemote(context.Background(), src, t.TempDir()); err == nil || !strings.Contains(err.Error(), "repomd.xml.asc") {
		t.Errorf("no signature: %v", err)
	}
	signRepoMD(t, dir, key.V4(built))
	r, err := OpenRemote(context.Background(), src, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := repodata.Open(r); err != nil {
		t.Error(err)
	}
}

func sumOf(t *testing.T, line string) digest.Checksum {
	t.Helper()
	algo, digits, _ := strings.Cut(line, ":")
	sum, err := digest.Parse(algo, digits)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// spoil changes the last byte of a file.
func spoil(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.Chmod(name, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Thousands of packages by a key that is not configured are one mistake, not
// thousands of messages.
func TestManyPackagesByAnotherKey(t *testing.T) {
	good, other := newKey(t, fixtures.KeyOptions{}), newKey(t, fixtures.KeyOptions{})
	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "package p%d 1-1 noarch\n", i)
	}
	dir := small(t, fixtures.Options{Sign: other.V4(built)}, text.String())
	src := checked(upstream(t, dir).URL, keyFile(t, good))
	src.RepoGPGCheck = false
	tr := store(t)
	refused(t, tr, src, "20 files cannot be had or trusted", "signed by key "+other.ID())
	if _, err := publish(t, tr, src); err == nil || strings.Count(err.Error(), other.ID()) != 3 {
		t.Errorf("%v: want three packages named", err)
	}
}

// A key may come from the mirror itself when its fingerprint is pinned, and no other
// key of that file counts.
func TestPinnedKeyOnTheMirror(t *testing.T) {
	key, other := newKey(t, fixtures.KeyOptions{}), newKey(t, fixtures.KeyOptions{})
	dir := small(t, fixtures.Options{Sign: key.V4(built)}, two)
	signRepoMD(t, dir, key.V4(built))
	both, err := os.ReadFile(keyFile(t, other, key))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "KEY"), both, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	place := upstream(t, dir).URL + "/KEY"
	base := strings.TrimSuffix(place, "/KEY")
	tr := store(t)
	rep := mustPublish(t, tr, checked(base, place+"#"+key.Fingerprint()))
	if w := rep.Repos[0].Warnings; len(w) > 0 {
		t.Errorf("warnings %q", w)
	}
	src := checked(base, place+"#"+strings.ToUpper(key.Fingerprint()))
	if got := src.KeyPlaces(); len(got) != 1 || got[0] != place {
		t.Errorf("other programs are told %q", got)
	}
	mustPublish(t, store(t), src)
	refused(t, store(t), checked(base, place), "on the mirror itself", "#FINGERPRINT")
	refused(t, store(t), checked(base, place+"#"+other.Fingerprint()), key.ID())
	refused(t, store(t), checked(base, place+"#"+strings.Repeat("0", 40)), "is not the pinned one")
	refused(t, store(t), checked(base, place+"#"+key.ID()), "no fingerprint")
}
