package nightly

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/mirror/repofile"
	"flatstream/repodata/pgp"
)

// keyFiles writes a new key's public and secret file.
func keyFiles(t *testing.T) (key *fixtures.Key, public, secret string) {
	t.Helper()
	key, err := fixtures.NewKey(fixtures.KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	public, secret = filepath.Join(dir, "public.asc"), filepath.Join(dir, "secret.asc")
	for name, read := range map[string]func() ([]byte, error){public: key.Public, secret: key.Secret} {
		b, err := read()
		if err == nil {
			err = os.WriteFile(name, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return key, public, secret
}

// sign puts repomd.xml.asc into a repository.
func sign(t *testing.T, dir string, signer fixtures.Signer) {
	t.Helper()
	b, err := signer(mustRead(t, filepath.Join(dir, "repodata/repomd.xml")))
	if err == nil {
		b, err = fixtures.Armor(b)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "repodata/repomd.xml.asc"), b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// From a signed upstream to signed flat repositories; and an upstream that loses its
// signature publishes nothing.
func TestSignedNights(t *testing.T) {
	vendor, vendorKey, _ := keyFiles(t)
	_, ownPublic, ownSecret := keyFiles(t)
	by := vendor.V3(time.Unix(fixtures.Epoch, 0))
	dir := write(t, t.TempDir(), plain, fixtures.Options{Sign: by})
	sign(t, dir, by)
	s := newSite(t, dir)
	config := "sign-key: " + ownSecret + "\nrepos:\n  r: { baseurl: \"URL/\", retries: 1, gpgcheck: true, repo_gpgcheck: true, gpgkey: \"file://" + vendorKey + "\" }\n"
	if r := s.mustRun(config); strings.Contains(strings.Join(r.Warnings, "\n"), "gpg") {
		t.Errorf("warnings %q", r.Warnings)
	}
	mustBeSigned(t, s, "mirror/r", vendorKey)
	mustBeSigned(t, s, "flat/default", ownPublic)
	mustBeSigned(t, s, "flat/default", s.current("flat", "RPM-GPG-KEY-flatstream"))
	text := string(mustRead(t, s.current("flat/default/flatstream.repo")))
	for _, want := range []string{"gpgcheck=1\nrepo_gpgcheck=1\n", "gpgkey=file://" + vendorKey + " file://", "/RPM-GPG-KEY-flatstream\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if r := s.mustRun(config); r.Published {
		t.Error("nothing changed, and it was published again")
	}

	_, otherPublic, otherSecret := keyFiles(t)
	if err := os.Rename(otherSecret, ownSecret); err != nil {
		t.Fatal(err)
	}
	if r := s.mustRun(config); !r.Published {
		t.Error("another signing key, and nothing was made anew")
	}
	mustBeSigned(t, s, "flat/default", otherPublic)

	before := s.published()
	stripped := write(t, t.TempDir(), plain, fixtures.Options{Sign: by, Time: fixtures.Epoch + 10})
	if err := s.Switch(stripped); err != nil {
		t.Fatal(err)
	}
	if r, err := s.run(config); err == nil || !strings.Contains(err.Error(), "repodata/repomd.xml.asc") || r.Published {
		t.Errorf("a stripped signature: %v", err)
	}
	if s.published() != before {
		t.Error("the failed night changed what is published")
	}
}

func mustBeSigned(t *testing.T, s *site, repo, key string) {
	t.Helper()
	ring := pgp.NewKeyring(time.Now())
	if err := ring.Add(key, mustRead(t, key)); err != nil {
		t.Fatal(err)
	}
	md, asc := mustRead(t, s.current(repo, "repodata/repomd.xml")), mustRead(t, s.current(repo, "repodata/repomd.xml.asc"))
	if _, err := ring.Verify(bytes.NewReader(md), asc); err != nil {
		t.Errorf("%s: %v", repo, err)
	}
}

func TestASigningKeyThatIsNoneEndsTheNightAtOnce(t *testing.T) {
	_, public, secret := keyFiles(t)
	s := newSite(t, write(t, t.TempDir(), plain, fixtures.Options{}))
	for _, name := range []string{public, "nowhere.asc"} {
		config := "sign-key: " + name + "\n" + one
		if _, err := s.run(config); err == nil || !strings.Contains(err.Error(), filepath.Base(name)) || len(s.Requests()) > 0 {
			t.Errorf("%s: %v after %d requests", name, err, len(s.Requests()))
		}
		if _, err := s.config(config).Steps(repofile.Vars{}); err == nil {
			t.Errorf("%s: the config is found good", name)
		}
	}
	steps, err := s.config("sign-key: " + secret + "\n" + one).Steps(repofile.Vars{})
	if err != nil || !strings.Contains(strings.Join(steps, "\n"), "sign every repomd.xml in flat with key ") {
		t.Errorf("steps %q (%v)", steps, err)
	}
}
