package tree

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// WriteState keeps data under state/name: whole or as it was, also after a
// power failure. The lock must be held.
func (t *Tree) WriteState(name string, data []byte) error {
	if err := t.mustLock(); err != nil {
		return err
	}
	if err := t.writeState(name, data); err != nil {
		return fmt.Errorf("write state %s: %w", name, err)
	}
	return nil
}

func (t *Tree) writeState(name string, data []byte) error {
	if err := checkState(name); err != nil {
		return err
	}
	final := "state/" + name
	if err := mkdirAll(t.root, path.Dir(final)); err != nil {
		return err
	}
	temp := path.Join(path.Dir(final), "."+rand.Text())
	err := createFile(t.root, temp, data)
	if err == nil {
		err = syncPath(t.root, temp)
	}
	if err == nil {
		err = t.root.Rename(temp, final)
	}
	if err != nil {
		return errors.Join(err, t.root.RemoveAll(temp))
	}
	return syncPath(t.root, path.Dir(final))
}

// ReadState reads what [Tree.WriteState] kept; fs.ErrNotExist when nothing was.
func (t *Tree) ReadState(name string) ([]byte, error) {
	if err := checkState(name); err != nil {
		return nil, err
	}
	data, err := t.readRegular("state/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("read state %s: %w", name, err)
	}
	return data, nil
}

// readRegular reads a file, and waits for nobody who might write into a named pipe.
func (t *Tree) readRegular(name string) ([]byte, error) {
	f, err := t.root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, &PathError{name, "no regular file; look at it, then remove it"}
	}
	return io.ReadAll(f)
}

func checkState(name string) error {
	if err := CheckPath(name); err != nil {
		return err
	}
	if name == "lock" || "state/"+name == marker {
		return &PathError{name, "the store itself keeps that file"}
	}
	return nil
}
