package tree

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// maxReport caps what is read of a report.json in search of its generator.
const maxReport = 64 << 20

// TargetError says why a path cannot be a target.
type TargetError struct{ Target, Reason string }

func (e *TargetError) Error() string { return fmt.Sprintf("target %s: %s", e.Target, e.Reason) }

// Beside is the next content of a one-shot target while it is built, in a
// directory beside it: .TARGET.flatstream-XXXX/ with a lock that shows that its
// run lives, and tree/, which becomes the target. End it with Replace or
// Discard.
type Beside struct {
	target string // absolute, symbolic links resolved
	dir    string // .TARGET.flatstream-XXXX
	lock   *flock.Flock
	ahead  errgroup.Group // flushes under way
}

// StageBeside begins the next content of target and removes what dead runs left
// beside it. Only a directory of ours may be replaced: a file, a symbolic link
// to nowhere, a mount point, a place in a store, and a non-empty directory without a report.json
// whose generator is flatstream are a [*TargetError], found before any work is
// done. Missing parents are made.
func StageBeside(target string) (*Beside, error) {
	real, err := resolveTarget(target)
	if err != nil {
		return nil, err
	}
	b := &Beside{target: real}
	if err := b.begin(); err != nil {
		return nil, fmt.Errorf("stage target %s: %w", target, err)
	}
	return b, nil
}

// Dir is the empty directory to build in.
func (b *Beside) Dir() string { return filepath.Join(b.dir, "tree") }

// FlushAhead begins to write what is there so far to the disk, while more is built, so
// that Replace has less to wait for: the disk is idle as long as a small target is built.
// What fails is said by Replace.
func (b *Beside) FlushAhead() {
	b.ahead.Go(func() error {
		dir, err := os.Open(b.dir)
		if err != nil {
			return err
		}
		return errors.Join(syncFS(dir), dir.Close())
	})
}

// Replace makes the built directory the target: durable first (syncfs), then
// in one renameat2(2), which exchanges it with a target that exists, and removes
// the old one. When it fails, the target is as it was.
func (b *Beside) Replace() error {
	if err := b.swap(); err != nil {
		return errors.Join(fmt.Errorf("replace target %s: %w", b.target, err), b.Discard())
	}
	return b.Discard()
}

// Discard removes what was built; after Replace there is nothing to do.
func (b *Beside) Discard() error {
	_ = b.ahead.Wait() // of what goes, nothing need be on the disk
	err := os.RemoveAll(b.dir)
	if err != nil {
		err = fmt.Errorf("remove %s: %w", b.dir, err)
	}
	return errors.Join(err, b.lock.Close())
}

func (b *Beside) begin() error {
	parent := filepath.Dir(b.target)
	if err := ensureDir(parent); err != nil {
		return err
	}
	if err := b.sweep(); err != nil {
		return err
	}
	if err := b.claim(); err != nil {
		return err
	}
	err := os.Mkdir(b.Dir(), dirMode)
	if err == nil {
		err = os.Chmod(b.Dir(), dirMode)
	}
	if err == nil {
		err = b.tryExchange()
	}
	if err != nil {
		return errors.Join(err, b.Discard())
	}
	return nil
}

func (b *Beside) prefix() string {
	return filepath.Join(filepath.Dir(b.target), "."+filepath.Base(b.target)+".flatstream-")
}

// claim makes and locks a directory of this run. A sweep of another run may
// take it between the two; then the next name is tried.
func (b *Beside) claim() error {
	for range 10 {
		b.dir = b.prefix() + rand.Text()[:8]
		if err := os.Mkdir(b.dir, 0o700); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return err
		}
		b.lock = flock.New(filepath.Join(b.dir, "lock"), flock.SetPermissions(fileMode))
		mine, err := b.lock.TryLock()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return errors.Join(err, os.RemoveAll(b.dir))
		}
		if mine {
			if _, err := os.Lstat(b.lock.Path()); err == nil {
				return nil
			}
		}
		b.lock.Close()
	}
	return fmt.Errorf("cannot make a directory %s*", b.prefix())
}

// sweep removes the directories of runs whose lock the kernel has freed.
func (b *Beside) sweep() error {
	dir, base := filepath.Split(b.prefix())
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), base) {
			continue
		}
		left := filepath.Join(dir, e.Name())
		lock := flock.New(filepath.Join(left, "lock"), flock.SetPermissions(fileMode))
		dead, err := lock.TryLock()
		if errors.Is(err, fs.ErrNotExist) {
			continue // swept by another
		}
		if err != nil {
			return err
		}
		if dead {
			err = os.RemoveAll(left)
		}
		if err := errors.Join(err, lock.Close()); err != nil {
			return err
		}
	}
	return nil
}

// tryExchange fails early, and clearly, where renameat2 cannot exchange.
func (b *Beside) tryExchange() error {
	one, two := filepath.Join(b.dir, "a"), filepath.Join(b.dir, "b")
	if err := errors.Join(os.Mkdir(one, dirMode), os.Mkdir(two, dirMode)); err != nil {
		return err
	}
	if err := exchange(one, two); err != nil {
		return err
	}
	return errors.Join(os.Remove(one), os.Remove(two))
}

func (b *Beside) swap() error {
	if _, err := resolveTarget(b.target); err != nil {
		return err // changed since
	}
	parent, err := os.Open(filepath.Dir(b.target))
	if err != nil {
		return err
	}
	defer parent.Close()
	if err := errors.Join(b.ahead.Wait(), syncFS(parent)); err != nil { // the kernel tells each failure once
		return err
	}
	if _, err := os.Lstat(b.target); errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(b.Dir(), b.target)
		if err != nil {
			return err
		}
	} else if err := exchange(b.Dir(), b.target); err != nil {
		return err
	}
	return parent.Sync()
}

func exchange(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("the file system of %s cannot exchange two directories (renameat2 RENAME_EXCHANGE); use a target on ext4, XFS, btrfs or tmpfs", filepath.Dir(b))
	}
	return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
}

// resolveTarget follows symbolic links and says whether the target may be
// replaced.
func resolveTarget(target string) (string, error) {
	abs, err := filepath.Abs(target)
	if err != nil {
		return "", &TargetError{target, err.Error()}
	}
	if store := storeAbove(abs); store != "" {
		return "", &TargetError{target, "lies in the store " + store + ", whose snapshots never change; name a directory outside"}
	}
	info, err := os.Lstat(abs)
	if errors.Is(err, fs.ErrNotExist) {
		return abs, nil
	}
	if err != nil {
		return "", fmt.Errorf("look at target: %w", err)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		to, err := filepath.EvalSymlinks(abs)
		if err != nil {
			return "", &TargetError{target, "is a symbolic link that leads nowhere; remove it"}
		}
		return resolveTarget(to)
	}
	if !info.IsDir() {
		return "", &TargetError{target, "is not a directory; name another"}
	}
	return abs, replaceable(abs)
}

// storeAbove is the store that a path, which need not exist yet, lies in.
func storeAbove(path string) string {
	real, err := filepath.EvalSymlinks(path)
	for err != nil && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		real, err = filepath.EvalSymlinks(path)
	}
	for !IsStore(real) {
		if real == filepath.Dir(real) {
			return ""
		}
		real = filepath.Dir(real)
	}
	return real
}

func replaceable(dir string) error {
	if mounted(dir) {
		return &TargetError{dir, "is a mount point, which cannot be swapped; name a directory in it"}
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("look at target: %w", err)
	}
	defer d.Close()
	if _, err := d.Readdirnames(1); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return fmt.Errorf("look at target: %w", err)
	}
	if !IsTarget(dir) {
		return &TargetError{dir, "is not empty and was not written by flatstream (no report.json that says so); name an empty or new directory"}
	}
	return nil
}

func mounted(dir string) bool {
	here, errHere := os.Lstat(dir)
	above, errAbove := os.Lstat(filepath.Dir(dir))
	if errHere != nil || errAbove != nil {
		return false
	}
	a, okA := here.Sys().(*syscall.Stat_t)
	b, okB := above.Sys().(*syscall.Stat_t)
	return okA && okB && (a.Dev != b.Dev || a.Ino == b.Ino)
}

// IsTarget reports whether dir is a target that flatstream wrote: its
// report.json names flatstream as its generator.
func IsTarget(dir string) bool {
	return strings.HasPrefix(generator(filepath.Join(dir, "report.json")), "flatstream")
}

// generator reads the field of that name from a report, empty when it cannot.
func generator(report string) string {
	f, err := os.OpenFile(report, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	dec := json.NewDecoder(io.LimitReader(f, maxReport))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return ""
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return ""
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return ""
		}
		if key == "generator" {
			var name string
			if json.Unmarshal(value, &name) != nil {
				return ""
			}
			return name
		}
	}
	return ""
}
