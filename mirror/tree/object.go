package tree

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"flatstream/repodata/digest"
)

const partSuffix = ".part"

// objectName is an object's path below the store. The checksum is parsed again
// because its fields are open to everyone and become file names here.
func objectName(c digest.Checksum) (string, error) {
	parsed, err := digest.Parse(c.Algo, c.Hex)
	if err != nil {
		return "", fmt.Errorf("name an object: %w", err)
	}
	return path.Join("objects", parsed.Algo, parsed.Hex[:2], parsed.Hex), nil
}

// ObjectPath is where the store keeps content c, there or not; empty when c is
// no valid checksum.
func (t *Tree) ObjectPath(c digest.Checksum) string {
	name, err := objectName(c)
	if err != nil {
		return ""
	}
	return filepath.Join(t.dir, name)
}

// Has reports whether content c is stored, with size bytes (any size when
// negative). It reads nothing: fsck hashes.
func (t *Tree) Has(c digest.Checksum, size int64) bool {
	name, err := objectName(c)
	if err != nil {
		return false
	}
	info, err := t.root.Lstat(name)
	return err == nil && info.Mode().IsRegular() && (size < 0 || info.Size() == size)
}

// OpenObject opens stored content for reading.
func (t *Tree) OpenObject(c digest.Checksum) (*os.File, error) {
	name, err := objectName(c)
	if err != nil {
		return nil, err
	}
	f, err := t.root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", c, err)
	}
	return f, nil
}

// DropObject forgets content c, so that the next run fetches it again. The
// snapshots that link it keep their bytes. It is no error when c is not stored.
func (t *Tree) DropObject(c digest.Checksum) error {
	name, err := objectName(c)
	if err != nil {
		return err
	}
	if err := t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("drop object %s: %w", c, err)
	}
	return nil
}

// ObjectWriter takes the bytes of one object. End it with Commit, Keep or Abort.
type ObjectWriter struct {
	t     *Tree
	want  digest.Checksum
	size  int64
	mtime int64
	name  string // final
	part  string
	f     *os.File
	h     hash.Hash
	n     int64
}

// CreateObject begins to write content c of size bytes (negative: not
// announced). mtime is the file's time in seconds since 1970, as primary gives
// it; 0 leaves the time of writing. The bytes go into a .part file beside the
// final name; one that an earlier run left is resumed: [ObjectWriter.Offset]
// says where. When another writer has it, this one starts a file of its own.
func (t *Tree) CreateObject(c digest.Checksum, size, mtime int64) (*ObjectWriter, error) {
	name, err := objectName(c)
	if err != nil {
		return nil, err
	}
	w := &ObjectWriter{t: t, want: c, size: size, mtime: mtime, name: name, h: c.New()}
	if err := mkdirAll(t.root, path.Dir(name)); err != nil {
		return nil, fmt.Errorf("store %s: %w", c, err)
	}
	if err := w.open(); err != nil {
		return nil, fmt.Errorf("store %s: %w", c, err)
	}
	return w, nil
}

func (w *ObjectWriter) open() error {
	for range 10 {
		w.part = w.name + partSuffix
		again, err := w.resume()
		if err != nil || !again {
			return err
		}
		w.part = w.name + "." + rand.Text() + partSuffix
		f, err := create(w.t.root, w.part)
		if err != nil {
			return err
		}
		mine, err := lockPart(w.t.root, f, w.part)
		if err != nil {
			return errors.Join(err, f.Close())
		}
		if mine {
			w.f = f
			return nil
		}
		f.Close()
	}
	return errors.New("cannot get a .part file of my own")
}

// resume opens the common .part file; busy says that another writer has it.
func (w *ObjectWriter) resume() (busy bool, err error) {
	f, err := create(w.t.root, w.part)
	if errors.Is(err, fs.ErrExist) {
		f, err = w.t.root.OpenFile(w.part, os.O_RDWR|unix.O_NOFOLLOW, 0)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // just committed by another
	}
	if err != nil {
		return false, err
	}
	mine, err := lockPart(w.t.root, f, w.part)
	if err != nil || !mine {
		return !mine && err == nil, errors.Join(err, f.Close())
	}
	w.f = f
	if err := w.reread(); err != nil {
		return false, errors.Join(err, f.Close())
	}
	return false, nil
}

// lockPart takes f for this writer. It is ours when no other writer has it, it
// still is what the name says, and no object shares its inode (P28): a run
// killed between link and unlink leaves such a name, which is then removed.
func lockPart(root *os.Root, f *os.File, name string) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, &fs.PathError{Op: "flock", Path: name, Err: err}
	}
	held, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, links := inode(held); links > 1 || !held.Mode().IsRegular() {
		return false, root.Remove(name)
	}
	return os.SameFile(held, named), nil
}

// reread hashes what a .part file already holds.
func (w *ObjectWriter) reread() error {
	limit := w.size
	if limit < 0 {
		limit = 1<<63 - 2
	}
	n, err := io.Copy(w.h, io.LimitReader(w.f, limit+1))
	if err != nil {
		return err
	}
	w.n = n
	if n > limit {
		return w.Restart()
	}
	return nil
}

// Offset is how many bytes are written already.
func (w *ObjectWriter) Offset() int64 { return w.n }

// Restart throws away what is written, for an upstream that cannot resume.
func (w *ObjectWriter) Restart() error {
	if err := w.f.Truncate(0); err != nil {
		return fmt.Errorf("restart %s: %w", w.want, err)
	}
	if _, err := w.f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("restart %s: %w", w.want, err)
	}
	w.n = 0
	w.h.Reset()
	return nil
}

// Write appends bytes. More than the announced size is a [*digest.MismatchError],
// and nothing of p is written.
func (w *ObjectWriter) Write(p []byte) (int, error) {
	if w.size >= 0 && int64(len(p)) > w.size-w.n {
		return 0, &digest.MismatchError{What: "size", Want: fmt.Sprint(w.size), Got: "larger"}
	}
	n, err := w.f.Write(p)
	w.h.Write(p[:n])
	w.n += int64(n)
	return n, err
}

// Commit checks size and checksum, sets the file's time and gives the object
// its name. A mismatch is a [*digest.MismatchError] and removes the .part file.
// Content that another writer stored meanwhile stays as it is.
func (w *ObjectWriter) Commit() error {
	if err := w.verify(); err != nil {
		w.Abort()
		return err
	}
	if w.mtime > 0 {
		when := time.Unix(w.mtime, 0)
		if err := w.t.root.Chtimes(w.part, when, when); err != nil {
			return errors.Join(fmt.Errorf("store %s: %w", w.want, err), w.Keep())
		}
	}
	if err := w.link(); err != nil {
		return errors.Join(fmt.Errorf("store %s: %w", w.want, err), w.Keep())
	}
	return w.f.Close()
}

func (w *ObjectWriter) verify() error {
	if w.size >= 0 && w.n != w.size {
		return &digest.MismatchError{What: "size", Want: fmt.Sprint(w.size), Got: fmt.Sprint(w.n)}
	}
	if got := digest.FromHash(w.want.Algo, w.h); got != w.want {
		return &digest.MismatchError{What: "checksum", Want: w.want.String(), Got: got.String()}
	}
	return nil
}

// link gives the part its final name in one step, so that a kill leaves either name
// and never both. A damaged object of that name makes place.
func (w *ObjectWriter) link() error {
	if w.t.Has(w.want, w.n) {
		return w.t.root.Remove(w.part)
	}
	return w.t.root.Rename(w.part, w.name)
}

// Keep closes the writer and leaves its bytes for a later run to resume.
func (w *ObjectWriter) Keep() error { return w.f.Close() }

// Abort closes the writer and removes what it wrote.
func (w *ObjectWriter) Abort() error {
	return errors.Join(w.t.root.Remove(w.part), w.f.Close())
}
