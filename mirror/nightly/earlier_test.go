package nightly

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"flatstream/fixtures"
	"flatstream/mirror/tree"
)

const twoStreams = `
module perl:5.30:1:c:x86_64
module node:12:1:c:x86_64
package bash 5.2-1 x86_64
package perl 5.30-1.module+el8 x86_64
  label perl:5.30:1:c
package node 12-1.module+el8 x86_64
  label node:12:1:c
`

// inodes maps every name below a directory to what a write would change of it.
func inodes(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		rel, err := filepath.Rel(dir, name)
		all[rel] = fmt.Sprint(st.Ino, st.Mtim, st.Ctim)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestOneStreamChanges: the repositories that hold another build of node are written,
// those that do not are yesterday's files, though upstream's metadata has new times.
func TestOneStreamChanges(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), twoStreams, fixtures.Options{}))
	config := one + "views: { n: { streams: [\"node:12\"] } }\n"
	s.mustRun(config)
	yesterday, err := filepath.EvalSymlinks(s.current())
	if err != nil {
		t.Fatal(err)
	}
	next := strings.ReplaceAll(twoStreams, "node 12-1.module+el8 x86_64", "node 12-2.module+el8 x86_64\n  built 1700000000")
	if err := s.Switch(write(t, t.TempDir(), next, fixtures.Options{Time: fixtures.Epoch + 9})); err != nil {
		t.Fatal(err)
	}
	if r := s.mustRun(config); !r.Published {
		t.Fatalf("not published: %+v", r)
	}
	for repo, changed := range map[string]bool{"streams/perl/5.30": false, "non-modular": false, "default": false, "streams/node/12": true, "views/n": true} {
		name := filepath.Join("flat", repo, "repodata/repomd.xml")
		before, err1 := os.Stat(filepath.Join(yesterday, name))
		after, err2 := os.Stat(s.current(name))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if got := !os.SameFile(before, after); got != changed {
			t.Errorf("%s was written anew: %t, want %t", repo, got, changed)
		}
	}
}

// TestUnchangedNightWritesNothing: neither in what is published nor in the state;
// only the lock says who held it.
func TestUnchangedNightWritesNothing(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), twoStreams, fixtures.Options{}))
	s.mustRun(one)
	s.mustRun(one)
	before := inodes(t, filepath.Join(s.dir, "store"))
	r := s.mustRun(one)
	after := inodes(t, filepath.Join(s.dir, "store"))
	delete(before, "state/lock")
	delete(after, "state/lock")
	for name, was := range before {
		if after[name] != was {
			t.Errorf("%s was touched: %s, then %s", name, was, after[name])
		}
	}
	if r.Published || len(after) != len(before) || len(s.Requests()) != 1 {
		t.Errorf("published %t, %d names and before %d, %d requests", r.Published, len(after), len(before), len(s.Requests()))
	}
}

// What somebody removed from the snapshot that is published is made anew though nothing
// changed upstream; without its list of files the night fails and says what to do.
func TestUnchangedNightMakesAnewWhatIsGone(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), twoStreams, fixtures.Options{}))
	s.mustRun(one)
	current := filepath.Join(s.dir, "store", "current")
	if err := os.RemoveAll(filepath.Join(current, "flat")); err != nil {
		t.Fatal(err)
	}
	r := s.mustRun(one)
	if !r.Published {
		t.Error("a night whose targets are gone published nothing")
	}
	if _, err := os.Stat(filepath.Join(current, r.Targets[0].Path, "report.json")); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(current, tree.ManifestName)); err != nil {
		t.Fatal(err)
	}
	_, err := s.run(one)
	if lost, ok := errors.AsType[*tree.UnlistedError](err); !ok || !strings.Contains(lost.Hint(), "rollback") {
		t.Errorf("without a manifest: %v", err)
	}
}
