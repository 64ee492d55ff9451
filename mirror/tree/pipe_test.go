package tree_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A named pipe where a file of the store should be is refused: to open one is to wait
// for somebody who writes into it.
func TestPipesInStateAreRefused(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	pipe := func(name string) {
		t.Helper()
		if err := syscall.Mkfifo(filepath.Join(s.Dir(), "state", name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(what string, do func() error) {
		t.Helper()
		ended := make(chan error, 1)
		go func() { ended <- do() }()
		select {
		case err := <-ended:
			if err == nil || !strings.Contains(err.Error(), "no regular file") {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("%s waits for a writer", what)
		}
	}
	pipe("nightly.json")
	pipe("lock")
	refused("reading", func() error { _, err := s.ReadState("nightly.json"); return err })
	refused("locking", func() error { _, err := s.Lock(); return err })
}
