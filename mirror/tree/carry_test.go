package tree_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

// What somebody removed from the current snapshot comes back from the objects with the
// next one; where its object is gone, too, nothing is published without it, but for
// what is there for old clients alone.
func TestCarryHealsOrRefuses(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	unlock, err := s.Lock()
	must(t, err)
	defer unlock()
	sum := digest.OfBytes([]byte("package"))
	w, err := s.CreateObject(sum, 7, 0)
	must(t, err)
	_, err = w.Write([]byte("package"))
	must(t, errors.Join(err, w.Commit()))
	now := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	night := func(fill func(*tree.Stage) error) error {
		t.Helper()
		now = now.Add(time.Hour)
		stage, err := s.NewStage()
		must(t, err)
		if err := fill(stage); err != nil {
			must(t, stage.Discard())
			return err
		}
		must(t, stage.CarryGrace(now, 24*time.Hour))
		_, err = stage.Publish(now)
		return err
	}
	carry := func(stage *tree.Stage) error { return stage.Carry(".") }
	must(t, night(func(stage *tree.Stage) error { return stage.Link("mirror/r/a.rpm", sum, 7) }))
	must(t, night(carry))
	file := filepath.Join(s.Dir(), "current/mirror/r/a.rpm")
	must(t, os.Remove(file))
	must(t, night(carry))
	if text, err := os.ReadFile(file); string(text) != "package" {
		t.Errorf("the next snapshot has %q, %v", text, err)
	}
	must(t, os.Remove(file))
	must(t, s.DropObject(sum))
	if _, ok := errors.AsType[*tree.LostError](night(carry)); !ok {
		t.Error("a snapshot was published without a file that is lost")
	}
	must(t, night(func(stage *tree.Stage) error { return stage.WriteFile("mirror/r/b.rpm", []byte("b")) }))
}
