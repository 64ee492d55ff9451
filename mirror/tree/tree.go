// Package tree is everything that mirror keeps on disk: the store with its
// lock, objects, snapshots and tags, and the swap of a one-shot target.
//
//	STORE/
//	  objects/<algo>/<aa>/<digest>   content; all else is hard links into it
//	  snapshots/<20060102T150405Z>/  immutable: mirror/, flat/, report.json, manifest
//	  tags/<name> -> ../snapshots/...
//	  current -> snapshots/...       one rename(2) publishes everything
//	  state/                         lock, marker, last reports, baseline
//
// Three rules hold throughout. A final name appears last: what is half done
// has a name that starts with a dot (or ends in .part) and is removed by the
// next holder of the lock. An inode that has more than one name is never
// modified, by no write, chmod or touch (P28). Durability costs one syncfs(2)
// for each publication and none for each file: before it an object can be lost
// to a power failure, but then ext4, XFS and btrfs show it shorter than it
// was, and [Tree.Has] compares sizes.
//
// Names from outside go through [os.Root] and are refused, not cleaned, when
// they are absolute, climb, or hold control characters. Directories are 0755
// and files 0644, whatever the umask.
package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

const (
	marker     = "state/flatstream-store"
	markerText = "flatstream store 1\n"
)

// Tree is an open store. Its methods may be called by several goroutines;
// those that publish or delete ask for [Tree.Lock] first.
type Tree struct {
	dir    string // absolute
	root   *os.Root
	locked atomic.Bool
	renew  sync.Mutex // one renewal of an object's inode at a time
}

// NotStoreError says that a directory holds something and is no store of ours.
type NotStoreError struct{ Dir string }

func (e *NotStoreError) Error() string {
	return fmt.Sprintf("%s is not empty and not a flatstream store; name an empty or new directory", e.Dir)
}

// NotLockedError says that a change was asked for without holding the lock.
type NotLockedError struct{ Dir string }

func (e *NotLockedError) Error() string {
	return fmt.Sprintf("store %s is not locked by this run", e.Dir)
}

// InsideError says that a new store would lie in another one, whose next run would
// sweep or publish over it.
type InsideError struct{ Dir, Store string }

func (e *InsideError) Error() string {
	return fmt.Sprintf("%s lies in the store %s; name a directory outside", e.Dir, e.Store)
}

// Open opens the store at dir and creates what is missing of it. A directory
// that is neither empty nor a store is a [*NotStoreError]; a new one inside of a
// store is an [*InsideError].
func Open(dir string) (*Tree, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	if above := storeAbove(abs); above != "" && !IsStore(abs) {
		return nil, &InsideError{abs, above}
	}
	if err := ensureDir(abs); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	t := &Tree{dir: abs, root: root}
	if err := t.prepare(); err != nil {
		root.Close()
		return nil, err
	}
	return t, nil
}

// IsStore reports whether dir is a store, without creating anything.
func IsStore(dir string) bool {
	info, err := os.Lstat(filepath.Join(dir, marker))
	return err == nil && info.Mode().IsRegular()
}

// Dir is the store's absolute directory.
func (t *Tree) Dir() string { return t.dir }

// Close lets go of the store's directory. A lock is released by its unlock.
func (t *Tree) Close() error { return t.root.Close() }

func (t *Tree) prepare() error {
	if !IsStore(t.dir) {
		if ours, err := onlyOurs(t.dir); err != nil {
			return fmt.Errorf("open store: %w", err)
		} else if !ours && !IsStore(t.dir) { // another Open may have made it meanwhile
			return &NotStoreError{t.dir}
		}
	}
	for _, name := range []string{"objects", "snapshots", "tags", "state"} {
		if err := mkdirAll(t.root, name); err != nil {
			return fmt.Errorf("open store %s: %w", t.dir, err)
		}
	}
	if IsStore(t.dir) {
		return nil
	}
	if err := createFile(t.root, marker, []byte(markerText)); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("open store %s: %w", t.dir, err)
	}
	return nil
}

// onlyOurs reports whether dir is empty but for the empty directories that an
// Open which was killed before it wrote the marker leaves.
func onlyOurs(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		switch e.Name() {
		case "objects", "snapshots", "tags", "state":
			inner, err := os.ReadDir(filepath.Join(dir, e.Name()))
			if err != nil {
				return false, err
			}
			if len(inner) > 0 {
				return false, nil
			}
		case "lost+found": // of a file system's own root
		default:
			return false, nil
		}
	}
	return true, nil
}

func (t *Tree) mustLock() error {
	if !t.locked.Load() {
		return &NotLockedError{t.dir}
	}
	return nil
}
