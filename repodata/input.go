package repodata

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// OpenInput opens a file that a person named: a key, a config, a .repo file. Pipes with
// a writer are read, as a shell's <(COMMAND) makes them; one that nobody writes to is an
// error, where [os.Open] would wait for a writer without end.
func OpenInput(name string) (io.ReadCloser, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	if info.Mode()&fs.ModeNamedPipe == 0 {
		return f, nil
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(f, first); err != nil { // at its end where nobody has it open
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: errIdlePipe}
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(first), f), f}, nil
}

var errIdlePipe = errors.New("a pipe that nobody writes to")
