package repodata

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
	buf       []byte
}

func (o *output) reset(temporary string) { o.temporary, o.buf = temporary, o.buf[:0] }

// Write keeps p until there is enough to write.
func (o *output) Write(p []byte) (int, error) {
	if len(o.buf)+len(p) > outputBuffer {
		if err := o.flush(); err != nil {
			return 0, err
		}
	}
	o.buf = append(o.buf, p...)
	return len(p), nil
}

func (o *output) flush() (err error) {
	if o.f == nil {
		if o.f, err = create(filepath.Join(o.dir, o.temporary)); err != nil {
			return err
		}
	}
	_, err = o.f.Write(o.buf)
	o.buf = o.buf[:0]
	return err
}

// finish closes the file and gives it its name.
func (o *output) finish(name string) error {
	if o.f == nil {
		err := writeNew(filepath.Join(o.dir, name), o.buf)
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

// writeNew writes a file that is not there yet.
func writeNew(name string, b []byte) error {
	f, err := create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(name)
	}
	return err
}

// discard removes what was not finished.
func (o *output) discard() {
	if o.f != nil {
		o.f.Close()
		os.Remove(o.f.Name())
		o.f = nil
	}
}

// create opens a new file with mode 0644, whatever the umask.
func create(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	if err := fixMode(f, 0o644); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// fixMode undoes the umask. To ask first is cheaper: a change of mode goes through
// the file system's journal, even if it changes nothing.
func fixMode(f *os.File, mode fs.FileMode) error {
	info, err := f.Stat()
	if err != nil || info.Mode().Perm() == mode {
		return err
	}
	return f.Chmod(mode)
}

// makeDir makes a directory of mode 0755, whatever the umask, and its parents.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() == 0o755 {
		return err
	}
	return os.Chmod(dir, 0o755)
}
