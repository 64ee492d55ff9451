package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	dirMode  = 0o755
	fileMode = 0o644
)

// PathError says why a name from outside is refused.
type PathError struct{ Path, Reason string }

func (e *PathError) Error() string {
	return fmt.Sprintf("refuse path %.300q: %s", e.Path, e.Reason)
}

// CheckPath refuses a path that may not be written below a tree: absolute,
// with empty, "." or ".." elements (also %2e), control characters, backslashes,
// invalid UTF-8, an element of over 255 bytes, or over 4000 bytes in all.
func CheckPath(p string) error {
	switch {
	case len(p) > 4000:
		return &PathError{p, "longer than 4000 bytes"}
	case strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }):
		return &PathError{p, "it holds a control character or a backslash"}
	case !fs.ValidPath(p) || p == ".":
		return &PathError{p, "it is empty, absolute, or has an empty, . or .. element"}
	}
	for elem := range strings.SplitSeq(p, "/") {
		if len(elem) > 255 {
			return &PathError{p, "an element is longer than 255 bytes"}
		}
		if plain := strings.ReplaceAll(strings.ToLower(elem), "%2e", "."); plain == "." || plain == ".." {
			return &PathError{p, "an element is an escaped . or .."}
		}
	}
	return nil
}

// ensureDir makes dir and its missing parents, 0755 whatever the umask.
func ensureDir(dir string) error {
	info, err := os.Stat(dir)
	if err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := ensureDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	} else if err == nil {
		return os.Chmod(dir, dirMode)
	}
	return nil
}

// mkdirAll makes name and its missing parents below root. A collection may remove an empty
// parent meanwhile, so it is made again, a few times: never once root itself is gone.
func mkdirAll(root *os.Root, name string) (err error) {
	for range 8 {
		err = root.Mkdir(name, dirMode)
		switch {
		case err == nil:
			return root.Chmod(name, dirMode)
		case errors.Is(err, fs.ErrExist):
			return nil
		case !errors.Is(err, fs.ErrNotExist) || name == ".":
			return err
		}
		if err := mkdirAll(root, path.Dir(name)); err != nil {
			return err
		}
	}
	return err
}

// create opens a file that must not exist yet, for writing.
func create(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, fileMode)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(fileMode); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// createFile writes a file that must not exist yet.
func createFile(root *os.Root, name string, data []byte) (err error) {
	f, err := create(root, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(data)
	return err
}

// copyFile makes dst a new file with the bytes and the time of src.
func copyFile(root *os.Root, src, dst string) (err error) {
	from, err := root.Open(src)
	if err != nil {
		return err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	to, err := create(root, dst)
	if err != nil {
		return err
	}
	if _, err = io.Copy(to, from); err != nil {
		return errors.Join(err, to.Close(), root.Remove(dst))
	}
	if err := to.Close(); err != nil {
		return err
	}
	return root.Chtimes(dst, info.ModTime(), info.ModTime())
}

// syncPath writes one file or directory to disk.
func syncPath(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// syncFS writes the whole file system that holds f to disk.
func syncFS(f *os.File) error {
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return &fs.PathError{Op: "syncfs", Path: f.Name(), Err: err}
	}
	return nil
}

func inode(info fs.FileInfo) (ino uint64, links uint64) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino, uint64(st.Nlink)
	}
	return 0, 1
}
