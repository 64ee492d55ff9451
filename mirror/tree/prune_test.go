package tree_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flatstream/mirror/tree"
)

// fourNights publishes a, ab, bc, c; each night an hour after the last.
func fourNights(t *testing.T) (*tree.Tree, []string) {
	s := locked(t)
	var names []string
	for i, content := range []string{"a", "ab", "bc", "c"} {
		files := make(map[string]string)
		for _, n := range strings.Split(content, "") {
			files["mirror/r/"+n+".rpm"] = n
		}
		names = append(names, publish(t, s, night1.Add(time.Duration(i)*time.Hour), 0, files))
	}
	return s, names
}

func stored(t *testing.T, s *tree.Tree) (got string) {
	for o, err := range s.Objects() {
		must(t, err)
		text, err := os.ReadFile(s.ObjectPath(o.Checksum))
		must(t, err)
		got += string(text)
	}
	return got
}

func TestPrune(t *testing.T) {
	s, names := fourNights(t)
	late := time.Now().Add(100 * time.Hour)
	dry, err := s.Prune(2, time.Hour, 1, late, true)
	must(t, err)
	if dry.Objects != 1 || dry.Bytes != 1 || dry.AllObjects != 3 || len(dry.Snapshots) != 2 {
		t.Fatalf("dry run: %+v", dry)
	}
	if all, _ := s.Snapshots(); len(all) != 4 || len(stored(t, s)) != 3 {
		t.Fatal("the dry run changed the store")
	}
	wet, err := s.Prune(2, time.Hour, 1, late, false)
	must(t, err)
	if wet.Objects != dry.Objects || strings.Join(wet.Kept, " ") != strings.Join(names[2:], " ") {
		t.Fatalf("the run %+v, the dry run %+v", wet, dry)
	}
	if got := stored(t, s); strings.Contains(got, "a") || len(got) != 2 {
		t.Fatalf("stored now: %q", got)
	}
	now, _, err := s.Current()
	must(t, err)
	must(t, now.Check())
}

func TestPruneLeavesWhatIsInsideGrace(t *testing.T) {
	s, _ := fourNights(t)
	r, err := s.Prune(1, time.Hour, 1, time.Now(), false)
	must(t, err)
	if r.Objects != 0 || len(stored(t, s)) != 3 || len(r.Snapshots) != 3 {
		t.Fatalf("%+v", r)
	}
}

func TestPruneRefusesMassRemoval(t *testing.T) {
	s, _ := fourNights(t)
	var tooMuch *tree.MaxDeleteError
	if _, err := s.Prune(1, 0, 0.5, time.Now().Add(time.Hour), false); !errors.As(err, &tooMuch) || tooMuch.Report.Objects != 2 {
		t.Fatalf("got %v", err)
	}
	if all, _ := s.Snapshots(); len(all) != 4 || len(stored(t, s)) != 3 {
		t.Fatal("something was removed all the same")
	}
}

func TestPruneKeepsTagsAndAGoodSnapshot(t *testing.T) {
	s, names := fourNights(t)
	mustTag(t, s, names[0], "ga")
	// The two newest are damaged; the newest whole one is the second.
	for _, n := range names[2:] {
		must(t, os.RemoveAll(filepath.Join(s.Dir(), "snapshots", n, "mirror")))
	}
	must(t, os.RemoveAll(filepath.Join(s.Dir(), "snapshots", names[0], "mirror")))
	r, err := s.Prune(1, 0, 1, time.Now().Add(time.Hour), false)
	must(t, err)
	if got := strings.Join(r.Kept, " "); got != names[0]+" "+names[1]+" "+names[3] {
		t.Fatalf("kept %s", got)
	}
	if got := stored(t, s); len(got) != 3 {
		t.Fatalf("stored now: %q", got)
	}
	must(t, os.RemoveAll(filepath.Join(s.Dir(), "snapshots", names[1], "mirror")))
	if _, err := s.Prune(1, 0, 1, time.Now().Add(time.Hour), false); err == nil {
		t.Fatal("pruned a store without one whole snapshot")
	}
}

func TestPruneRemovesForgottenParts(t *testing.T) {
	s, _ := fourNights(t)
	c := put(t, s, "z")
	must(t, s.DropObject(c))
	w, err := s.CreateObject(c, 1, 0)
	must(t, err)
	must(t, w.Keep())
	r, err := s.Prune(9, time.Hour, 1, time.Now().Add(2*time.Hour), false)
	must(t, err)
	if _, err := os.Stat(s.ObjectPath(c) + ".part"); err == nil || r.Parts != 1 {
		t.Fatalf("%v, %+v", err, r)
	}
}

// Several publications in one grace: what old clients need stays, however few are kept.
func TestPruneKeepsSnapshotsInsideGrace(t *testing.T) {
	s := locked(t)
	var names []string
	for i, content := range []string{"a", "b", "c", "d"} {
		now := night1.Add(time.Duration(i) * time.Hour)
		names = append(names, publish(t, s, now, 90*time.Minute, map[string]string{"mirror/r/" + content + ".rpm": content}))
		_, err := s.Prune(1, 90*time.Minute, 1, now, false)
		must(t, err)
	}
	all, err := s.Snapshots()
	must(t, err)
	if len(all) != 3 || all[0].Name != names[1] { // that of a ended 2 h ago
		t.Errorf("kept are %d, the first %v of %v", len(all), all, names)
	}
	now, _, err := s.Current()
	must(t, err)
	for _, name := range []string{"b.rpm", "c.rpm", "d.rpm"} {
		if _, err := os.Stat(filepath.Join(now.Dir, "mirror/r", name)); err != nil {
			t.Errorf("clients of an hour ago do not find %s", name)
		}
	}
}
