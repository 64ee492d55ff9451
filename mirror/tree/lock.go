package tree

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// LockedError says that another run holds the store. PID is its process, 0
// when it has not written it yet.
type LockedError struct {
	Dir string
	PID int
}

func (e *LockedError) Error() string {
	who := "another run"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("store %s is locked by %s; wait until it ends", e.Dir, who)
}

// Lock takes the store for this run, without waiting: a [*LockedError] names
// who has it. The kernel frees the lock of a process that dies. Whoever gets it
// also removes what killed runs left half done.
func (t *Tree) Lock() (unlock func() error, err error) {
	name := filepath.Join(t.dir, "state", "lock")
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() { // to open a named pipe is to wait
		return nil, fmt.Errorf("lock store %s: %w", t.dir, &PathError{"state/lock", "no regular file; look at it, then remove it"})
	}
	fl := flock.New(name, flock.SetPermissions(fileMode))
	ok, err := fl.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock store %s: %w", t.dir, err)
	}
	if !ok {
		return nil, &LockedError{t.dir, holder(name)}
	}
	pid := []byte(strconv.Itoa(os.Getpid()) + "\n")
	err = os.WriteFile(name, pid, fileMode)
	if err == nil {
		err = errors.Join(t.root.Chmod("state/lock", fileMode), t.sweep())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock store %s: %w", t.dir, err), fl.Close())
	}
	t.locked.Store(true)
	return func() error {
		t.locked.Store(false)
		return fl.Close()
	}, nil
}

// holder reads the process id from a lock file; its owner writes it just after
// it has the lock, so an empty file is looked at again for a moment.
func holder(name string) int {
	for range 5 {
		text, err := os.ReadFile(name)
		if err != nil {
			return 0
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return pid
		}
		time.Sleep(10 * time.Millisecond)
	}
	return 0
}

// sweep removes the stages, half deleted snapshots and unrenamed links of runs
// that were killed: the lock is held, so none of them is anyone's.
func (t *Tree) sweep() error {
	d, err := t.root.Open("snapshots")
	if err != nil {
		return err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, stagePrefix) || strings.HasPrefix(name, gonePrefix) {
			if err := t.root.RemoveAll("snapshots/" + name); err != nil {
				return err
			}
		}
	}
	return t.root.RemoveAll(currentNew)
}
