package repodata

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// outputBuffer is how much of a metadata file is held in memory, bytes. Most files
// of small repositories end below it.
const outputBuffer = 128 << 10

// output is a file whose name is known when its content is. A small one waits in
// memory and appears under that name; a larger one grows under a temporary name.
// It is used for one file after another.
type output struct {
	dir       string
	temporary string // name of the file while it grows
	f         *os.File
	buf       *[]byte
}

func (o *output) reset(temporary string) { o.temporary, *o.buf = temporary, (*o.buf)[:0] }

// Write keeps p until there is enough to write.
func (o *output) Write(p []byte) (int, error) {
	if len(*o.buf)+len(p) > outputBuffer {
		if err := o.flush(); err != nil {
			return 0, err
		}
	}
	*o.buf = append(*o.buf, p...)
	return len(p), nil
}

func (o *output) flush() (err error) {
	if o.f == nil {
		if o.f, err = Create(filepath.Join(o.dir, o.temporary)); err != nil {
			return err
		}
	}
	_, err = o.f.Write(*o.buf)
	*o.buf = (*o.buf)[:0]
	return err
}

// finish closes the file and gives it its name.
func (o *output) finish(name string) error {
	if o.f == nil {
		err := WriteFile(filepath.Join(o.dir, name), *o.buf)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := o.flush(); err != nil {
		return err
	}
	f := o.f
	o.f = nil
	if err := f.Close(); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), filepath.Join(o.dir, name))
}

// WriteFile writes a file that is not there yet, with mode 0644 whatever the umask. It
// asks the kernel for nothing else: an os.File takes six more calls to find out that a
// new file cannot be polled, and most files of a split are small.
func WriteFile(name string, b []byte) error {
	fd, err := openNew(name)
	for err == nil && len(b) > 0 {
		var n int
		if n, err = syscall.Write(fd, b); errors.Is(err, syscall.EINTR) {
			err = nil
		} else if err == nil {
			b = b[n:]
		}
	}
	if fd < 0 {
		return &fs.PathError{Op: "create", Path: name, Err: err}
	}
	if err = errors.Join(err, syscall.Close(fd)); err != nil {
		os.Remove(name)
		return &fs.PathError{Op: "write", Path: name, Err: err}
	}
	return nil
}

// openNew is -1 where the file could not be made.
func openNew(name string) (fd int, err error) {
	for {
		fd, err = syscall.Open(name, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|syscall.O_CLOEXEC, 0o644)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return -1, err
	}
	var info syscall.Stat_t
	// To ask first is cheaper: a change of mode goes through the file system's
	// journal, even if it changes nothing.
	if err := syscall.Fstat(fd, &info); err != nil || info.Mode&0o777 == 0o644 {
		return fd, err
	}
	return fd, syscall.Fchmod(fd, 0o644)
}

// discard removes what was not finished.
func (o *output) discard() {
	if o.f != nil {
		o.f.Close()
		os.Remove(o.f.Name())
		o.f = nil
	}
}

// Create opens a new file with mode 0644, whatever the umask.
func Create(name string) (*os.File, error) {
	fd, err := openNew(name)
	if fd < 0 {
		return nil, &fs.PathError{Op: "create", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	if err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "create", Path: name, Err: err}
	}
	return f, nil
}

// makeDir makes a directory of mode 0755, whatever the umask, and its parents.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if err != nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() == 0o755 {
		return err
	}
	return os.Chmod(dir, 0o755)
}
