package splitter

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/repodata"
	"flatstream/repodata/pgp"
)

// signingKey writes a secret key to a file.
func signingKey(t *testing.T) (key *fixtures.Key, file string) {
	t.Helper()
	key, err := fixtures.NewKey(fixtures.KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := key.Secret()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "secret.asc")
	if err := os.WriteFile(file, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	return key, file
}

func readSigner(t *testing.T, file string) *pgp.Signer {
	t.Helper()
	s, err := ReadSigner(file, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSignedTarget(t *testing.T) {
	_, file := signingKey(t)
	sources := sourcesOf(t, small)
	sources[0].GPGKeys = []string{"file:///etc/key-baseos"}
	opt := Options{BaseURL: "http://example.org/flat", Signer: readSigner(t, file)}
	dir, report, err := splitInto(t, sources, opt)
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(filepath.Join(dir, "RPM-GPG-KEY-flatstream"))
	if err != nil {
		t.Fatal(err)
	}
	ring := pgp.NewKeyring(time.Now())
	if err := ring.Add(KeyName, public); err != nil {
		t.Fatal(err)
	}
	for _, repo := range report.Repos {
		at := filepath.Join(dir, repo.Path, "repodata")
		md, err := os.ReadFile(filepath.Join(at, "repomd.xml"))
		if err != nil {
			t.Fatal(err)
		}
		asc, err := os.ReadFile(filepath.Join(at, "repomd.xml.asc"))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := ring.Verify(bytes.NewReader(md), asc)
		want := max(newestRecord(t, dir, repo.Path), fixtures.Epoch-24*60*60) // but not before the key was made: an empty repository has no time
		if err != nil || signed.Time.Unix() != want {
			t.Errorf("%s: signed at %v, want the time of the metadata; %v", repo.Path, signed.Time, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, DotRepoName))
	if err != nil {
		t.Fatal(err)
	}
	want := "gpgcheck=0\nrepo_gpgcheck=1\ngpgkey=file:///etc/key-baseos http://example.org/flat/RPM-GPG-KEY-flatstream\n"
	if n := strings.Count(string(text), want); n != len(report.Repos) {
		t.Errorf("%d of %d sections say\n%sin\n%s", n, len(report.Repos), want, text)
	}
	again, _, err := splitInto(t, sources, opt)
	if err != nil {
		t.Fatal(err)
	}
	before, after := tree(t, dir), tree(t, again)
	for name, sum := range before {
		if after[name] != sum {
			t.Errorf("%s: two splits of the same differ", name)
		}
	}
}

func newestRecord(t *testing.T, dir, path string) int64 {
	t.Helper()
	var newest int64
	for _, rec := range openTarget(t, dir, path).MD.Records {
		newest = max(newest, rec.Timestamp)
	}
	return newest
}

func TestSigningKeyThatIsNone(t *testing.T) {
	key, _ := signingKey(t)
	public, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.asc")
	if err := os.WriteFile(file, public, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, file + "-that-is-not-there"} {
		if _, err := ReadSigner(name, time.Now()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// dnf, told by the .repo file to check everything, installs a modular package from a
// signed flat repository, and refuses the repository once its metadata was changed.
func TestDNFInstallsFromASignedRepository(t *testing.T) {
	needDNF(t)
	vendor, err := fixtures.NewKey(fixtures.KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, file := signingKey(t)
	work := t.TempDir()
	night, err := fixtures.NightOne()
	if err != nil {
		t.Fatal(err)
	}
	if err := night.Write(work, fixtures.Options{Sign: vendor.V3(time.Unix(fixtures.Epoch, 0))}); err != nil {
		t.Fatal(err)
	}
	public, err := vendor.Public()
	if err != nil {
		t.Fatal(err)
	}
	vendorKey := filepath.Join(work, "RPM-GPG-KEY-vendor")
	if err := os.WriteFile(vendorKey, public, 0o644); err != nil {
		t.Fatal(err)
	}
	var sources []Source
	for _, name := range []string{"baseos", "appstream"} {
		dir := filepath.Join(work, name)
		r, err := repodata.Open(os.DirFS(dir))
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, Source{Name: name, Role: RoleMerge, Repo: r, Dir: dir, GPGCheck: true, GPGKeys: []string{"file://" + vendorKey}})
	}
	target := filepath.Join(work, "target")
	if err := os.Mkdir(target, 0o755); err != nil {
		t.Fatal(err)
	}
	plan, err := NewPlan(t.Context(), sources, Options{BaseURL: "file://" + target, Signer: readSigner(t, file)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Split(t.Context(), plan, target, target, nil); err != nil {
		t.Fatal(err)
	}
	dnf := func(root string) (string, error) {
		cmd := exec.Command("dnf", "-y", "--noplugins", "--installroot="+root, "--releasever=8", "--forcearch=x86_64",
			"--setopt=reposdir="+filepath.Join(target, "streams/nodejs/12"), "--setopt=cachedir="+root+"-cache",
			"--setopt=module_platform_id=platform:el8", "--setopt=install_weak_deps=0", "install", "nodejs")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	root := filepath.Join(work, "root")
	if out, err := dnf(root); err != nil {
		t.Fatalf("dnf install: %v\n%s", err, out)
	}
	out, err := exec.Command("rpm", "--root", root, "-q", "nodejs").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "nodejs-12.") {
		t.Errorf("installed: %s (%v)", out, err)
	}
	md := filepath.Join(target, "streams/nodejs/12/repodata/repomd.xml")
	b, err := os.ReadFile(md)
	if err == nil {
		err = os.WriteFile(md, append(b, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := dnf(filepath.Join(work, "other-root")); err == nil || !strings.Contains(strings.ToLower(out), "signature") {
		t.Errorf("dnf takes changed metadata: %v\n%s", err, out)
	}
}
