package tree_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"flatstream/mirror/tree"
)

const report = `{"schema":1,"generator":"flatstream 1.0","repos":[]}`

func replaceTarget(t *testing.T, target, text string) {
	t.Helper()
	b, err := tree.StageBeside(target)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(b.Dir(), "report.json"), []byte(report), 0o644))
	must(t, os.WriteFile(filepath.Join(b.Dir(), "text"), []byte(text), 0o644))
	must(t, b.Replace())
}

func onlyEntry(t *testing.T, dir, want string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != want {
		t.Fatalf("%s holds %v, want only %s", dir, entries, want)
	}
}

func TestReplaceTarget(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "new", "parents")
	target := filepath.Join(parent, "el8")
	for _, text := range []string{"one", "two"} {
		replaceTarget(t, target, text)
		if got, _ := os.ReadFile(filepath.Join(target, "text")); string(got) != text {
			t.Fatalf("the target says %q, want %q", got, text)
		}
		onlyEntry(t, parent, "el8")
	}
}

func TestReplaceFollowsALinkToTheTarget(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "real"), 0o755))
	must(t, os.Symlink("real", filepath.Join(dir, "link")))
	replaceTarget(t, filepath.Join(dir, "link"), "one")
	if got, _ := os.ReadFile(filepath.Join(dir, "real", "text")); string(got) != "one" {
		t.Fatalf("the real directory says %q", got)
	}
	if to, _ := os.Readlink(filepath.Join(dir, "link")); to != "real" {
		t.Fatalf("the link leads to %q", to)
	}
}

func TestForeignTargetsAreRefused(t *testing.T) {
	for name, build := range map[string]func(target string) error{
		"a file":            func(p string) error { return os.WriteFile(p, []byte("x"), 0o644) },
		"a link to nowhere": func(p string) error { return os.Symlink("nowhere", p) },
		"no report": func(p string) error {
			return errors.Join(os.Mkdir(p, 0o755), os.WriteFile(filepath.Join(p, "thesis.tex"), nil, 0o644))
		},
		"another's report": func(p string) error {
			return errors.Join(os.Mkdir(p, 0o755), os.WriteFile(filepath.Join(p, "report.json"), []byte(`{"generator":"other"}`), 0o644))
		},
		"a report that is no JSON": func(p string) error {
			return errors.Join(os.Mkdir(p, 0o755), os.WriteFile(filepath.Join(p, "report.json"), []byte(`generator: flatstream`), 0o644))
		},
		"generator deeper down": func(p string) error {
			return errors.Join(os.Mkdir(p, 0o755), os.WriteFile(filepath.Join(p, "report.json"), []byte(`{"a":{"generator":"flatstream"}}`), 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			target := filepath.Join(dir, "el8")
			must(t, build(target))
			var refused *tree.TargetError
			if _, err := tree.StageBeside(target); !errors.As(err, &refused) {
				t.Fatalf("got %v, want a TargetError", err)
			}
			onlyEntry(t, dir, "el8")
		})
	}
	var refused *tree.TargetError
	if _, err := tree.StageBeside("/proc"); !errors.As(err, &refused) {
		t.Fatalf("a mount point: %v", err)
	}
}

func TestTargetInAStoreIsRefused(t *testing.T) {
	s := locked(t)
	publish(t, s, night1, 0, map[string]string{"flat/a.rpm": "a"})
	now, _, err := s.Current()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(now.Dir, "report.json"), []byte(report), 0o644))
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(filepath.Join(s.Dir(), "current"), link))
	for _, target := range []string{s.Dir(), filepath.Join(s.Dir(), "current"), now.Dir, filepath.Join(link, "new", "dir")} {
		var refused *tree.TargetError
		if _, err := tree.StageBeside(target); !errors.As(err, &refused) {
			t.Errorf("%s: got %v, want a TargetError", target, err)
		}
	}
}

func TestTargetThatBecameForeignStays(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "el8")
	b, err := tree.StageBeside(target)
	must(t, err)
	must(t, os.Mkdir(target, 0o755))
	must(t, os.WriteFile(filepath.Join(target, "thesis.tex"), nil, 0o644))
	if err := b.Replace(); err == nil {
		t.Fatal("replaced what another put there meanwhile")
	}
	onlyEntry(t, target, "thesis.tex")
	onlyEntry(t, dir, "el8")
}

func TestLeftoversOfTheLivingStay(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "el8")
	live, err := tree.StageBeside(target)
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(dir, ".el8.flatstream-DEAD", "tree"), 0o755))
	must(t, os.MkdirAll(filepath.Join(dir, ".el8.flatstream-of-another-kind-of-name", "tree"), 0o755))
	must(t, os.MkdirAll(filepath.Join(dir, ".el9.flatstream-OTHER", "tree"), 0o755))
	next, err := tree.StageBeside(target)
	must(t, err)
	if _, err := os.Stat(live.Dir()); err != nil {
		t.Fatalf("a living run lost its directory: %v", err)
	}
	must(t, next.Discard())
	must(t, live.Discard())
	onlyEntry(t, dir, ".el9.flatstream-OTHER")
}
