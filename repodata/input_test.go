package repodata

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pipe that nobody writes to ends at once, one with a writer is read to its end.
func TestOpenInputWaitsForNoWriter(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenInput(name); !errors.Is(err, errIdlePipe) {
		t.Fatalf("a pipe without a writer: %v", err)
	}
	w, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		w.WriteString("text")
		w.Close()
	}()
	r, err := OpenInput(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || string(b) != "text" {
		t.Errorf("a pipe with a writer: %q, %v", b, err)
	}
}
