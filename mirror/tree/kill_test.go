package tree_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

const killFiles = 40 // in each tree that the killed children make

// TestMain plays the runs that are killed, in a process of their own.
func TestMain(m *testing.M) {
	var err error
	switch os.Getenv("TREE_TEST_ROLE") {
	case "":
		os.Exit(m.Run())
	case "publish":
		err = publishForEver(os.Args[1])
	case "replace":
		err = replaceForEver(os.Args[1])
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func publishForEver(dir string) error {
	s, err := tree.Open(dir)
	if err != nil {
		return err
	}
	if _, err := s.Lock(); err != nil {
		return err
	}
	for n := os.Getpid() * 1000; ; n++ {
		if err := publishOnce(s, n); err != nil {
			return err
		}
		if n%2 == 0 {
			if _, _, err := s.Rollback("", 0, time.Now()); err != nil && !errors.As(err, new(*tree.NoSnapshotError)) {
				return err
			}
			if _, err := s.Tag("current", "last", true); err != nil {
				return err
			}
		}
		if _, err := s.Prune(3, 0, 1, time.Now().Add(time.Second), false); err != nil {
			return err
		}
	}
}

// publishOnce makes a snapshot of which every file says n.
func publishOnce(s *tree.Tree, n int) error {
	stage, err := s.NewStage()
	if err != nil {
		return err
	}
	text := fmt.Appendf(nil, "%d", n)
	c := digest.OfBytes(text)
	w, err := s.CreateObject(c, int64(len(text)), 1e9)
	if err != nil {
		return err
	}
	if _, err := w.Write(text[w.Offset():]); err != nil {
		return err
	}
	if err := w.Commit(); err != nil {
		return err
	}
	for i := range killFiles {
		if err := stage.Link(fmt.Sprintf("mirror/r/%d.rpm", i), c, int64(len(text))); err != nil {
			return err
		}
	}
	if err := stage.WriteFile("mirror/r/repodata/repomd.xml", text); err != nil {
		return err
	}
	_, err = stage.Publish(time.Now())
	return err
}

func replaceForEver(target string) error {
	for n := 0; ; n++ {
		b, err := tree.StageBeside(target)
		if err != nil {
			return err
		}
		for i := range killFiles {
			if err := os.WriteFile(filepath.Join(b.Dir(), fmt.Sprint(i)), fmt.Append(nil, n), 0o644); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(b.Dir(), "report.json"), []byte(report), 0o644); err != nil {
			return err
		}
		if err := b.Replace(); err != nil {
			return err
		}
	}
}

// kills starts the role again and again and kills it at random moments; check
// looks at what is left each time. It returns how many different states it saw.
func kills(t *testing.T, role, dir string, times int, check func() string) int {
	t.Helper()
	seen := make(map[string]bool)
	for range times {
		cmd := child(t, role, dir)
		must(t, cmd.Start())
		time.Sleep(10*time.Millisecond + rand.N(90*time.Millisecond))
		must(t, cmd.Process.Kill()) // fails when the child ended by itself
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the child was not killed: %v", err)
		}
		seen[check()] = true
	}
	return len(seen)
}

func TestKilledPublish(t *testing.T) {
	times := 60
	if testing.Short() {
		times = 8
	}
	dir := filepath.Join(t.TempDir(), "store")
	stages := 0
	states := kills(t, "publish", dir, times, func() string {
		left, _ := filepath.Glob(filepath.Join(dir, "snapshots", ".*"))
		stages += len(left)
		return wholeCurrent(t, dir)
	})
	t.Logf("%d kills, %d states of current, %d leftovers", times, states, stages)
	if states < times/10 {
		t.Errorf("only %d states in %d kills: the children hardly got to publish", states, times)
	}
	s := open(t, dir)
	unlock, err := s.Lock()
	must(t, err)
	defer unlock()
	must(t, publishOnce(s, 7))
	if got := wholeCurrent(t, dir); got != "7" {
		t.Fatalf("the next run published %q", got)
	}
	for _, pattern := range []string{"snapshots/.*", ".*"} {
		if left, _ := filepath.Glob(filepath.Join(dir, pattern)); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	must(t, s.Close())
}

// wholeCurrent checks that current, if there is one, is whole and of one run.
func wholeCurrent(t *testing.T, dir string) string {
	t.Helper()
	if _, err := os.Lstat(filepath.Join(dir, "current")); err != nil {
		return "" // nothing was published yet
	}
	s := open(t, dir)
	defer s.Close()
	all, err := s.Snapshots()
	must(t, err)
	for _, snap := range all {
		must(t, snap.Check())
	}
	now, ok, err := s.Current()
	if err != nil || !ok {
		t.Fatalf("current is broken: %v", err)
	}
	tags, err := s.Tags()
	must(t, err)
	for tag := range tags {
		tagged, err := s.Snapshot(tag)
		must(t, err)
		must(t, tagged.Check())
	}
	text, err := os.ReadFile(filepath.Join(now.Dir, "mirror/r/repodata/repomd.xml"))
	must(t, err)
	for i := range killFiles {
		got, err := os.ReadFile(filepath.Join(now.Dir, fmt.Sprintf("mirror/r/%d.rpm", i)))
		must(t, err)
		if !bytes.Equal(got, text) {
			t.Fatalf("current is mixed: repomd.xml of %s, package %d of %q", text, i, got)
		}
	}
	return string(text)
}

func TestKilledReplace(t *testing.T) {
	times := 60
	if testing.Short() {
		times = 8
	}
	parent := t.TempDir()
	target := filepath.Join(parent, "el8")
	leftovers := 0
	kills(t, "replace", target, times, func() string {
		left, _ := filepath.Glob(filepath.Join(parent, ".el8.flatstream-*"))
		leftovers += len(left)
		if len(left) > 1 {
			t.Errorf("leftovers pile up: %v", left)
		}
		first, err := os.ReadFile(filepath.Join(target, "0"))
		if os.IsNotExist(err) {
			if _, err := os.Lstat(target); err == nil {
				t.Fatal("the target is there without its files")
			}
			return ""
		}
		for i := range killFiles {
			if got, err := os.ReadFile(filepath.Join(target, fmt.Sprint(i))); err != nil || !bytes.Equal(got, first) {
				t.Fatalf("the target is mixed: 0 of %s, %d of %q, %v", first, i, got, err)
			}
		}
		return string(first)
	})
	t.Logf("%d kills, %d leftovers", times, leftovers)
	if leftovers == 0 && times > 20 {
		t.Error("no kill hit a run in its work")
	}
	replaceTarget(t, target, "end")
	onlyEntry(t, parent, "el8")
}
