package tree

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"flatstream/repodata/digest"
)

// Adopt stores the content of a file of the store as an object, hashed on the way; the
// file itself stays what it is. The lock must be held.
func (t *Tree) Adopt(c digest.Checksum, from string) error {
	if err := t.mustLock(); err != nil {
		return err
	}
	f, err := t.root.OpenFile(from, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("store %s again: %w", c, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("store %s again: %w", c, err)
	}
	w, err := t.CreateObject(c, info.Size(), info.ModTime().Unix())
	if err != nil {
		return err
	}
	_, err = f.Seek(w.Offset(), io.SeekStart)
	if err == nil {
		_, err = io.Copy(w, f)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("store %s again: %w", c, err), w.Abort())
	}
	return w.Commit()
}

// FileTime is the time of a file of the store in seconds since 1970; 0 when there is none.
// A file that lost a bit has kept it.
func (t *Tree) FileTime(p string) int64 {
	info, err := t.root.Lstat(p)
	if err != nil || !info.Mode().IsRegular() || info.ModTime().Before(time.Unix(0, 0)) {
		return 0
	}
	return info.ModTime().Unix()
}

// Relink makes every one of the paths, files of snapshots, a hard link to the stored
// object c, each by one rename(2). The inodes that had those names are not written to
// (P28). A path whose directory is no directory of the snapshot any more is refused.
// [Tree.Sync] makes all of it durable. The lock must be held.
func (t *Tree) Relink(c digest.Checksum, paths []string) error {
	if err := t.mustLock(); err != nil {
		return err
	}
	object, err := objectName(c)
	if err != nil {
		return err
	}
	for _, p := range paths {
		if !strings.HasPrefix(p, "snapshots/") {
			continue // the object itself
		}
		if err := t.relinkFile(object, p); err != nil {
			return fmt.Errorf("link %s to %s again: %w", p, c, err)
		}
	}
	return nil
}

func (t *Tree) relinkFile(object, p string) error {
	if err := t.plainParents(p); err != nil {
		return err
	}
	a, errA := t.root.Lstat(object)
	b, errB := t.root.Lstat(p)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return nil // rename(2) would leave both names
	}
	if errB == nil && b.IsDir() {
		return &PathError{p, "a directory stands in its place; look at it, then remove it"}
	}
	fresh := "snapshots/" + stagePrefix + rand.Text() // the next lock sweeps it
	if err := t.linkObject(object, fresh); err != nil {
		return err
	}
	if err := t.root.Rename(fresh, p); err != nil {
		return errors.Join(err, t.root.Remove(fresh))
	}
	return nil
}

// plainParents makes the missing directories above p, and refuses a symbolic link there.
func (t *Tree) plainParents(p string) error {
	elements := strings.Split(path.Dir(p), "/")
	for i := range elements {
		dir := path.Join(elements[:i+1]...)
		info, err := t.root.Lstat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = mkdirAll(t.root, dir)
		case err == nil && !info.IsDir():
			err = &PathError{dir, "it is no directory; look at it, then remove it"}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Sync writes everything of the store to disk.
func (t *Tree) Sync() error {
	d, err := t.root.Open(".")
	if err != nil {
		return fmt.Errorf("write store %s to disk: %w", t.dir, err)
	}
	defer d.Close()
	return syncFS(d)
}
