package serve_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

func needTools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed", name)
			}
			t.Skipf("%s is not installed", name)
		}
	}
}

// upstreams are two nights of one repository: dwm leaves it.
func upstreams(t *testing.T) (before, after string) {
	t.Helper()
	data := os.Getenv("FLATSTREAM_DATA")
	if data == "" {
		data = "../../../shared/data"
	}
	packages, err := filepath.Glob(filepath.Join(data, "fake-modular", "*.rpm"))
	must(t, err)
	if len(packages) == 0 {
		t.Skip("the test data's fake-modular is not here")
	}
	before, after = t.TempDir(), t.TempDir()
	for _, p := range packages {
		text, err := os.ReadFile(p)
		must(t, err)
		name := filepath.Base(p)
		write(t, before, map[string]string{name: string(text)})
		if name[:3] != "dwm" {
			write(t, after, map[string]string{name: string(text)})
		}
	}
	for _, dir := range []string{before, after} {
		if out, err := exec.Command("createrepo_c", "-q", dir).CombinedOutput(); err != nil {
			t.Fatalf("createrepo_c: %v\n%s", err, out)
		}
	}
	return before, after
}

// publishDir publishes an upstream's directory as a sync would.
func publishDir(t *testing.T, s *tree.Tree, dir string, now time.Time, grace time.Duration) {
	t.Helper()
	stage, err := s.NewStage()
	must(t, err)
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(p)
		must(t, err)
		c := digest.OfBytes(text)
		w, err := s.CreateObject(c, int64(len(text)), night1.Unix())
		must(t, err)
		_, err = w.Write(text[w.Offset():])
		return errors.Join(err, w.Commit(), stage.Link("r/"+p[len(dir)+1:], c, int64(len(text))))
	}))
	must(t, stage.CarryGrace(now, grace))
	_, err = stage.Publish(now)
	must(t, err)
}

// dnf with yesterday's metadata in its cache downloads a package that left the
// repository since, and only because of the grace.
func TestDnfOverAPublication(t *testing.T) {
	needTools(t, "dnf", "createrepo_c")
	before, after := upstreams(t)
	for _, c := range []struct {
		grace time.Duration
		found bool
	}{{72 * time.Hour, true}, {0, false}} {
		s, err := tree.Open(filepath.Join(t.TempDir(), "store"))
		must(t, err)
		unlock, err := s.Lock()
		must(t, err)
		publishDir(t, s, before, night1, c.grace)
		url, work := start(t, s.Dir()).URL, t.TempDir()
		dnf := func(args ...string) ([]byte, error) {
			args = append([]string{"-y", "--noplugins", "--installroot=" + work + "/root", "--releasever=29", "--forcearch=x86_64",
				"--setopt=reposdir=" + work + "/none", "--setopt=cachedir=" + work + "/cache", "--setopt=module_platform_id=platform:f29",
				"--repofrompath=r," + url + "/r/", "--setopt=r.gpgcheck=0", "--setopt=r.module_hotfixes=1", "--setopt=metadata_expire=never"}, args...)
			return exec.Command("dnf", args...).CombinedOutput()
		}
		if out, err := dnf("makecache"); err != nil {
			t.Fatalf("dnf makecache: %v\n%s", err, out)
		}
		publishDir(t, s, after, night1.Add(24*time.Hour), c.grace)
		out, err := dnf("--downloadonly", "install", "dwm")
		if (err == nil) != c.found {
			t.Errorf("grace %v: dnf install dwm: %v\n%s", c.grace, err, out)
		}
		if !c.found && !bytes.Contains(out, []byte("404")) {
			t.Errorf("without grace dnf fails for another reason:\n%s", out)
		}
		must(t, unlock())
	}
}
