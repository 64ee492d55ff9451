package nightly

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flatstream/mirror/repofile"
)

// TestInitIsAConfig: what init writes from real .repo files can be read and resolved.
func TestInitIsAConfig(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"base.repo":  "[baseos]\nname=b\nbaseurl=http://example.org/$releasever/$basearch/b/\n\n[baseos-debug]\nname=d\nenabled=0\nbaseurl=http://example.org/d/\n",
		"it's.repo":  "[copr:x:y]\nname=c\nbaseurl=http://example.org/c/\ngpgcheck=1\ngpgkey=file:///etc/pki/key\n[baseos]\nname=again\nbaseurl=http://example.org/e/\n[r-source]\nname=s\nbaseurl=http://example.org/s/\n",
		"other.conf": "no repository",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := Init(InitOptions{Dirs: []string{dir}, Store: "/srv/x", Releasever: "8.10", Arch: "aarch64"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseConfig(text, "init.yaml", dir)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	steps, err := c.Steps(repofile.Vars{})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(steps, "\n")
	for _, want := range []string{
		"sync baseos from http://example.org/8.10/aarch64/b/ into mirror/8.10/aarch64/baseos", "sync copr-x-y from", "sync baseos-2 from http://example.org/e/",
		"sync r-source from", "split and verify baseos, copr-x-y, baseos-2 into flat/el/aarch64",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no step %q in\n%s", want, all)
		}
	}
	if strings.Contains(all, "debug") || !strings.Contains(string(text), "\n  # baseos-debug: { repo-file: ") {
		t.Errorf("a disabled repository is not commented out:\n%s", text)
	}
	if _, err := Init(InitOptions{Dirs: []string{t.TempDir()}}); err == nil {
		t.Error("a config of nothing")
	}
}
