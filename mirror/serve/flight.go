package serve

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"flatstream/mirror/fetch"
	"flatstream/mirror/tree"
)

// holdBack is how many bytes at the end of a package no client gets before all of it
// is verified. So nobody ever has the whole of wrong bytes, and a package that is
// smaller is never begun.
const holdBack = 64 << 10

// flight is one download that any number of clients read along.
type flight struct {
	entry tree.Entry
	ctx   context.Context
	store *tree.Tree
	users int // guarded by demand.mu

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when anything below changes
	part    *os.File      // what is written so far
	n       int64         // bytes of it
	again   int           // how often what was written turned out to be wrong
	done    bool          // verified and stored
	err     error         // why it will not be
}

// newFlight belongs to no client's request: it goes on when they leave.
func newFlight(e tree.Entry, store *tree.Tree) *flight {
	return &flight{entry: e, ctx: context.Background(), store: store, changed: make(chan struct{})}
}

// update changes the flight and wakes all who wait.
func (f *flight) update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

// target begins to write, at first and after wrong bytes.
func (f *flight) target() (fetch.Target, error) {
	w, err := f.store.CreateObject(f.entry.Checksum, f.entry.Size, 0)
	if err != nil {
		return nil, err
	}
	part, err := w.Follow()
	if err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	f.update(func() {
		if f.part != nil {
			f.part.Close()
			f.again++
		}
		f.part, f.n = part, w.Offset()
	})
	return &teller{w, f}, nil
}

func (f *flight) end(err error) {
	f.update(func() { f.done, f.err = err == nil, err })
}

func (f *flight) close() {
	if f.part != nil {
		f.part.Close()
	}
}

// teller writes an object and tells the flight how far it is.
type teller struct {
	*tree.ObjectWriter
	f *flight
}

func (t *teller) Write(p []byte) (int, error) {
	n, err := t.ObjectWriter.Write(p)
	t.f.update(func() { t.f.n = t.Offset() })
	return n, err
}

// Restart forgets what was written; who has a part of it is cut off.
func (t *teller) Restart() error {
	err := t.ObjectWriter.Restart()
	t.f.update(func() { t.f.n, t.f.again = 0, t.f.again+1 })
	return err
}

// errCutOff ends the answer of a client that has bytes which turned out to be wrong.
var errCutOff = errors.New("what was sent so far was not the package")

// flightReader reads along with a download. Its answer ends early, and with it the
// connection, when the download fails.
type flightReader struct {
	f     *flight
	ctx   context.Context // of the client's request
	off   int64
	again int
	given bool // the client has bytes
}

// begin waits until there is something for the client, or will be nothing.
func (r *flightReader) begin() error {
	_, err := r.wait(func(f *flight) bool { return f.done || f.n > holdBack })
	return err
}

// wait waits until ready says so, and returns how many bytes may be read.
func (r *flightReader) wait(ready func(*flight) bool) (int64, error) {
	for {
		r.f.mu.Lock()
		f := r.f
		changed, err, ok, end := f.changed, f.err, ready(f), f.n
		if !f.done {
			end = min(f.n, f.entry.Size-holdBack)
		}
		if f.again != r.again {
			if r.again = f.again; r.given {
				err = errCutOff
			}
		}
		f.mu.Unlock()
		if err != nil || ok {
			return end, err
		}
		select {
		case <-changed:
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
}

func (r *flightReader) Read(p []byte) (int, error) {
	if r.off >= r.f.entry.Size {
		return 0, io.EOF
	}
	end, err := r.wait(func(f *flight) bool { return f.done || min(f.n, f.entry.Size-holdBack) > r.off })
	if err != nil {
		return 0, err
	}
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	if r.f.again != r.again {
		return 0, nil // read anew, or be cut off, at the next call
	}
	n, err := r.f.part.ReadAt(p[:min(int64(len(p)), end-r.off)], r.off)
	r.off += int64(n)
	r.given = r.given || n > 0
	if n > 0 || errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

func (r *flightReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.off
	case io.SeekEnd:
		offset += r.f.entry.Size
	}
	if offset < 0 {
		return 0, errors.New("a negative offset")
	}
	r.off = offset
	return offset, nil
}
