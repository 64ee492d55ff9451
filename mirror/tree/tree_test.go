package tree_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

var night1 = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string) *tree.Tree {
	t.Helper()
	s, err := tree.Open(dir)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func locked(t *testing.T) *tree.Tree {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "store"))
	unlock, err := s.Lock()
	must(t, err)
	t.Cleanup(func() { unlock() })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put stores text and says under which checksum.
func put(t testing.TB, s *tree.Tree, text string) digest.Checksum {
	t.Helper()
	c := digest.OfBytes([]byte(text))
	w, err := s.CreateObject(c, int64(len(text)), 1e9)
	must(t, err)
	_, err = w.Write([]byte(text))
	must(t, err)
	must(t, w.Commit())
	return c
}

// publish makes a snapshot of path -> text; .rpm and checksum-named files are
// links to objects, others are written.
func publish(t testing.TB, s *tree.Tree, now time.Time, grace time.Duration, files map[string]string) string {
	t.Helper()
	stage, err := s.NewStage()
	must(t, err)
	for p, text := range files {
		if strings.HasSuffix(p, "repomd.xml") {
			must(t, stage.WriteFile(p, []byte(text)))
		} else {
			must(t, stage.Link(p, put(t, s, text), int64(len(text))))
		}
	}
	must(t, stage.CarryGrace(now, grace))
	name, err := stage.Publish(now)
	must(t, err)
	return name
}

// files lists the regular files below dir.
func files(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() != tree.ManifestName {
			all = append(all, p[len(dir)+1:])
		}
		return err
	}))
	return strings.Join(all, " ")
}

func TestOpenRefusesForeignDirectory(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600))
	var foreign *tree.NotStoreError
	if _, err := tree.Open(dir); !errors.As(err, &foreign) {
		t.Fatalf("got %v, want a NotStoreError", err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Fatalf("the refused directory was changed: %v", names)
	}
}

func TestOpenAgainIsTheSameStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "store")
	c := put(t, open(t, dir), "hello")
	if !open(t, dir).Has(c, 5) {
		t.Fatal("the object is gone")
	}
	// A first Open that was killed before the marker left empty directories.
	half := t.TempDir()
	must(t, os.Mkdir(filepath.Join(half, "objects"), 0o755))
	open(t, half)
}

func TestModesWhateverTheUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	s := locked(t)
	publish(t, s, night1, 0, map[string]string{"mirror/r/a.rpm": "a", "mirror/r/repodata/repomd.xml": "1"})
	must(t, filepath.WalkDir(s.Dir(), func(p string, d fs.DirEntry, err error) error {
		must(t, err)
		info, err := d.Info()
		must(t, err)
		want := fs.FileMode(0o644)
		if d.IsDir() {
			want = 0o755
		}
		if d.Type()&fs.ModeSymlink == 0 && info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", p, info.Mode().Perm(), want)
		}
		return nil
	}))
}

func TestLockNamesItsHolder(t *testing.T) {
	s := locked(t)
	other := open(t, s.Dir())
	var held *tree.LockedError
	if _, err := other.Lock(); !errors.As(err, &held) || held.PID != os.Getpid() {
		t.Fatalf("got %v, want a LockedError with pid %d", err, os.Getpid())
	}
	var free *tree.NotLockedError
	if _, err := other.NewStage(); !errors.As(err, &free) {
		t.Fatalf("a stage without the lock: %v", err)
	}
}

func TestStateIsWholeOrAsItWas(t *testing.T) {
	s := locked(t)
	must(t, s.WriteState("reports/el8.json", []byte("one")))
	must(t, s.WriteState("reports/el8.json", []byte("two")))
	if got, err := s.ReadState("reports/el8.json"); string(got) != "two" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	for _, bad := range []string{"lock", "flatstream-store", "../current", "/etc/passwd"} {
		if err := s.WriteState(bad, nil); err == nil {
			t.Errorf("state %q was written", bad)
		}
	}
}

func TestCheckPath(t *testing.T) {
	for _, p := range []string{"a", "Packages/a/a-1-1.x86_64.rpm", "ünï/c+~^.rpm", "a b", "...", ".hidden"} {
		if err := tree.CheckPath(p); err != nil {
			t.Errorf("good path %q: %v", p, err)
		}
	}
	for _, p := range []string{"", ".", "..", "/a", "a/", "a//b", "./a", "a/../b", "a/..", "a\x00b", "a\nb", "a\tb", `a\b`,
		"%2e%2e/a", "a/%2E./b", "\xff", strings.Repeat("x", 256), strings.Repeat("x/", 2001) + "x"} {
		if err := tree.CheckPath(p); err == nil {
			t.Errorf("bad path %q is accepted", p)
		}
	}
}

func FuzzCheckPath(f *testing.F) {
	f.Add("Packages/a.rpm")
	f.Add("../../etc/passwd")
	f.Fuzz(func(t *testing.T, p string) {
		if tree.CheckPath(p) == nil && (!filepath.IsLocal(p) || filepath.Clean(p) != p) {
			t.Fatalf("%q is accepted but not local and clean", p)
		}
	})
}

// child re-runs this test binary in one of TestMain's roles.
func child(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "TREE_TEST_ROLE="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestAStoreInAStoreIsRefused(t *testing.T) {
	dir := t.TempDir()
	outer, err := tree.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer outer.Close()
	for _, name := range []string{"other", "snapshots/20260101T000000Z", "objects", "no/such/yet"} {
		inner, err := tree.Open(filepath.Join(dir, name))
		if e, ok := errors.AsType[*tree.InsideError](err); !ok || e.Store != dir {
			t.Errorf("%s: %v, %v", name, inner, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "other")); err == nil {
		t.Error("a refused store was made")
	}
}

func mustTag(t *testing.T, s *tree.Tree, snapshot, name string) {
	t.Helper()
	_, err := s.Tag(snapshot, name, false)
	must(t, err)
}

// Whoever opens a new store beside others that do opens the one that they make.
func TestOpenTogether(t *testing.T) {
	for range 100 {
		dir := filepath.Join(t.TempDir(), "store")
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				s, err := tree.Open(dir)
				if err != nil {
					t.Error(err)
					return
				}
				s.Close()
			})
		}
		wg.Wait()
	}
}
