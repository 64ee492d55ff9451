package tree_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"flatstream/mirror/tree"
)

func TestPublishSwitchesCurrent(t *testing.T) {
	s := locked(t)
	if _, ok, err := s.Current(); ok || err != nil {
		t.Fatalf("an empty store has a current: %v, %v", ok, err)
	}
	name := publish(t, s, night1, 0, map[string]string{"mirror/r/a.rpm": "a", "mirror/r/repodata/repomd.xml": "1"})
	if name != "20260301T020000Z" {
		t.Fatalf("name %s", name)
	}
	// The same second again, and a clock that went back: names still rise.
	if again := publish(t, s, night1, 0, map[string]string{"x.rpm": "x"}); again != "20260301T020001Z" {
		t.Fatalf("second name %s", again)
	}
	if again := publish(t, s, night1.Add(-time.Hour), 0, map[string]string{"y.rpm": "y"}); again != "20260301T020002Z" {
		t.Fatalf("third name %s", again)
	}
	if got := files(t, filepath.Join(s.Dir(), "snapshots", name)); got != "mirror/r/a.rpm mirror/r/repodata/repomd.xml" {
		t.Fatalf("an old snapshot changed: %s", got)
	}
	if to, _ := os.Readlink(filepath.Join(s.Dir(), "current")); to != "snapshots/20260301T020002Z" {
		t.Fatalf("current -> %s", to)
	}
}

func TestManifestListsForeignFilesToo(t *testing.T) {
	s := locked(t)
	stage, err := s.NewStage()
	must(t, err)
	c := put(t, s, "a")
	must(t, stage.Link("mirror/r/a.rpm", c, 1))
	must(t, stage.Promise("mirror/r/b.rpm", put(t, s, "b"), 1, "https://example.org/b.rpm"))
	flat := filepath.Join(stage.Dir(), "flat", "default")
	must(t, os.MkdirAll(flat, 0o755))
	must(t, os.Link(filepath.Join(stage.Dir(), "mirror/r/a.rpm"), filepath.Join(flat, "a.rpm")))
	must(t, os.WriteFile(filepath.Join(flat, "index.html"), []byte("hi"), 0o644))
	must(t, os.Symlink("default", filepath.Join(stage.Dir(), "flat", "latest")))
	name, err := stage.Publish(night1)
	must(t, err)
	snap, err := s.Snapshot(name)
	must(t, err)
	must(t, snap.Check())
	entries, err := snap.Manifest()
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprint(e.Path, " ", e.Size, " ", e.Checksum.Hex == c.Hex, " ", e.URL))
	}
	want := "flat/default/a.rpm 1 true |flat/default/index.html 2 false |mirror/r/a.rpm 1 true |mirror/r/b.rpm 1 false https://example.org/b.rpm"
	if strings.Join(got, "|") != want {
		t.Fatalf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
}

func TestFailedPublishLeavesCurrent(t *testing.T) {
	s := locked(t)
	publish(t, s, night1, 0, map[string]string{"a.rpm": "a"})
	before, _ := os.Readlink(filepath.Join(s.Dir(), "current"))
	for name, spoil := range map[string]func(stage *tree.Stage){
		"a linked file vanished": func(st *tree.Stage) { must(t, os.Remove(filepath.Join(st.Dir(), "a.rpm"))) },
		"a linked file changed": func(st *tree.Stage) {
			must(t, os.Remove(filepath.Join(st.Dir(), "a.rpm")))
			must(t, os.WriteFile(filepath.Join(st.Dir(), "a.rpm"), []byte("longer"), 0o644))
		},
		"a directory in its place": func(st *tree.Stage) {
			must(t, os.Remove(filepath.Join(st.Dir(), "a.rpm")))
			must(t, os.Mkdir(filepath.Join(st.Dir(), "a.rpm"), 0o755))
		},
	} {
		stage, err := s.NewStage()
		must(t, err)
		must(t, stage.Link("a.rpm", put(t, s, "a"), 1))
		spoil(stage)
		if published, err := stage.Publish(night1.Add(time.Hour)); err == nil {
			t.Errorf("%s: published %s", name, published)
		}
		must(t, stage.Discard())
	}
	if after, _ := os.Readlink(filepath.Join(s.Dir(), "current")); after != before {
		t.Fatalf("current went from %s to %s", before, after)
	}
	if all, _ := s.Snapshots(); len(all) != 1 {
		t.Fatalf("snapshots: %v", all)
	}
}

func TestRenameOverCurrentFails(t *testing.T) {
	s := locked(t)
	must(t, os.MkdirAll(filepath.Join(s.Dir(), "current", "in the way"), 0o755))
	stage, err := s.NewStage()
	must(t, err)
	must(t, stage.WriteFile("a", nil))
	if name, err := stage.Publish(night1); err == nil || name != "" {
		t.Fatalf("published %q over a directory", name)
	}
	if all, _ := s.Snapshots(); len(all) != 0 {
		t.Fatalf("a snapshot that never was current is left: %v", all)
	}
}

func TestStageIsParallelSafe(t *testing.T) {
	s := locked(t)
	stage, err := s.NewStage()
	must(t, err)
	c := put(t, s, "shared")
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 50 {
				if err := stage.Link(fmt.Sprintf("p/%d/%d.rpm", i%5, i), c, 6); err != nil {
					t.Error(err)
				}
				if err := stage.WriteFile(fmt.Sprintf("w/%d/%d", worker, i), []byte("x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	_, err = stage.Publish(night1)
	must(t, err)
}

func TestStageRefusesPaths(t *testing.T) {
	s := locked(t)
	stage, err := s.NewStage()
	must(t, err)
	c := put(t, s, "a")
	for _, p := range []string{"../x.rpm", "/x.rpm", "a/../../x", "manifest"} {
		if stage.Link(p, c, 1) == nil || stage.WriteFile(p, nil) == nil {
			t.Errorf("%q was written", p)
		}
	}
	// A link planted in the stage does not lead out of the store.
	outside := t.TempDir()
	must(t, os.Symlink(outside, filepath.Join(stage.Dir(), "mirror")))
	if stage.Link("mirror/a.rpm", c, 1) == nil || stage.WriteFile("mirror/b", nil) == nil {
		t.Error("written through a planted link")
	}
	if got := files(t, outside); got != "" {
		t.Errorf("outside now holds %s", got)
	}
}

func TestCarryIsTheSameInodes(t *testing.T) {
	s := locked(t)
	publish(t, s, night1, 0, map[string]string{"flat/default/a.rpm": "a", "flat/default/repodata/repomd.xml": "1", "mirror/r/b.rpm": "b"})
	old, _, err := s.Current()
	must(t, err)
	must(t, os.Symlink("default", filepath.Join(old.Dir, "flat", "latest")))
	stage, err := s.NewStage()
	must(t, err)
	must(t, stage.Carry("flat"))
	must(t, stage.Carry("mirror/gone"))
	must(t, stage.WriteFile("flat/default/repodata/repomd.xml", []byte("22")))
	_, err = stage.Publish(night1.Add(time.Hour))
	must(t, err)
	now, _, err := s.Current()
	must(t, err)
	if got := files(t, now.Dir); got != "flat/default/a.rpm flat/default/repodata/repomd.xml" {
		t.Fatalf("carried: %s", got)
	}
	if to, _ := os.Readlink(filepath.Join(now.Dir, "flat", "latest")); to != "default" {
		t.Fatalf("the alias leads to %q", to)
	}
	a, _ := os.Stat(filepath.Join(old.Dir, "flat/default/a.rpm"))
	b, _ := os.Stat(filepath.Join(now.Dir, "flat/default/a.rpm"))
	if !os.SameFile(a, b) {
		t.Fatal("the carried package is a copy")
	}
	if got, _ := os.ReadFile(filepath.Join(old.Dir, "flat/default/repodata/repomd.xml")); string(got) != "1" {
		t.Fatalf("the published repomd.xml became %q", got)
	}
}

// Yesterday's client finds yesterday's files, and not for ever.
func TestGrace(t *testing.T) {
	s := locked(t)
	day := 24 * time.Hour
	md := func(c string) string { return "mirror/r/repodata/" + strings.Repeat(c, 64) + "-primary.xml.gz" }
	tree := func(n string) map[string]string {
		return map[string]string{"mirror/r/" + n + ".rpm": n, md(n): "p" + n, "mirror/r/repodata/repomd.xml": n}
	}
	publish(t, s, night1, 3*day, tree("a"))
	publish(t, s, night1.Add(1*day), 3*day, tree("b"))
	publish(t, s, night1.Add(2*day), 3*day, tree("c"))
	check := func(want string) {
		t.Helper()
		now, _, err := s.Current()
		must(t, err)
		var got string
		for _, n := range []string{"a", "b", "c", "d"} {
			_, errRPM := os.Stat(filepath.Join(now.Dir, "mirror/r", n+".rpm"))
			_, errMD := os.Stat(filepath.Join(now.Dir, md(n)))
			if (errRPM == nil) != (errMD == nil) {
				t.Errorf("%s: package %v, metadata %v", n, errRPM, errMD)
			}
			if errRPM == nil {
				got += n
			}
		}
		if got != want {
			t.Fatalf("the published tree holds %q, want %q", got, want)
		}
	}
	check("abc")
	// a was current until day 1: it leaves after day 4.
	publish(t, s, night1.Add(3*day), 3*day, tree("d"))
	check("abcd")
	publish(t, s, night1.Add(4*day), 3*day, tree("d"))
	check("bcd")
	publish(t, s, night1.Add(9*day), 3*day, tree("d"))
	check("d")
}

func TestRollbackAndTags(t *testing.T) {
	s := locked(t)
	first := publish(t, s, night1, 0, map[string]string{"a.rpm": "a", "r/repodata/repomd.xml": "1"})
	publish(t, s, night1.Add(time.Hour), 0, map[string]string{"b.rpm": "b", "r/repodata/repomd.xml": "2"})
	mustTag(t, s, first, "8.10-ga")
	for _, bad := range []string{"", ".x", "a/b", "current", first} {
		if _, err := s.Tag(first, bad, true); err == nil {
			t.Errorf("tag %q was made", bad)
		}
	}
	back, _, err := s.Rollback("8.10-ga", 3*time.Hour, night1.Add(2*time.Hour))
	must(t, err)
	now, _, err := s.Current()
	must(t, err)
	if now.Name != back || files(t, now.Dir) != "a.rpm b.rpm r/repodata/repomd.xml" {
		t.Fatalf("current is %s: %s", now.Name, files(t, now.Dir))
	}
	if got, _ := os.ReadFile(filepath.Join(now.Dir, "r/repodata/repomd.xml")); string(got) != "1" {
		t.Fatalf("repomd.xml is %q", got)
	}
	if _, _, err := s.Rollback("20200101T000000Z", 0, night1); err == nil {
		t.Fatal("rolled back to nowhere")
	}
	must(t, s.Untag("8.10-ga"))
	if tags, _ := s.Tags(); len(tags) != 0 {
		t.Fatalf("tags: %v", tags)
	}
}
