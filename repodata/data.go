package repodata

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"flatstream/repodata/digest"
)

// maxOpen caps a decompressed metadata file, bytes, whatever its record
// announces. The largest real filelists have about 1 GiB.
const maxOpen = 8 << 30

// Data opens the first record of a type and returns it decompressed.
//
// Everything that the record announces is verified as it streams: size and
// checksum of the stored bytes (those after the end of the compressed stream
// count too), open-size and open-checksum. The verdict comes in place of io.EOF,
// so read to the end. Never more than open-size bytes come out, 8 GiB where none
// is given. A type that repomd.xml does not list is fs.ErrNotExist.
func (r *Repo) Data(typ string) (io.ReadCloser, error) { return r.data(typ, true, new(Memory)) }

// data is Data. Where twice is not set, and the stored bytes have a checksum that nobody
// can forge, the open-checksum is not looked at: the same bytes give the same when they
// are decompressed, and dnf (librepo) asks for no more. It would cost as much as
// decompressing.
func (r *Repo) data(typ string, twice bool, m *Memory) (io.ReadCloser, error) {
	rec, ok := r.MD.Record(typ)
	if !ok {
		return nil, fmt.Errorf("repodata/repomd.xml lists no %q: %w", typ, fs.ErrNotExist)
	}
	if !twice && !rec.Checksum.IsZero() && !rec.Checksum.Weak() {
		rec.OpenChecksum = digest.Checksum{}
	}
	if rec.OpenSize > maxOpen {
		return nil, fmt.Errorf("open %s: it announces %d bytes decompressed, at most %d are read", rec.Location, rec.OpenSize, int64(maxOpen))
	}
	f, err := openRegular(r.fsys, rec.Location)
	if errors.Is(err, fs.ErrNotExist) {
		// Listed and not there is damage, not absence: callers tell them apart.
		return nil, fmt.Errorf("open %s: repomd.xml lists it as %q and it is missing", rec.Location, typ)
	}
	if err != nil {
		return nil, fmt.Errorf("open metadata: %w", err)
	}
	d := &dataReader{name: rec.Location, file: f}
	d.packed = digest.NewReader(f, rec.Checksum, rec.Size)
	d.decoder, _, err = m.decoder.Open(d.packed)
	if err != nil {
		err = d.verdict(err)
		f.Close()
		return nil, err
	}
	size := rec.OpenSize
	if size < 0 {
		d.open = digest.NewReader(&capped{d.decoder, maxOpen}, rec.OpenChecksum, -1)
	} else {
		d.open = digest.NewReader(d.decoder, rec.OpenChecksum, size)
	}
	return d, nil
}

// CheckStored reads the first record of a type as it is stored, and compares its
// size and checksum with what repomd.xml says. It decompresses nothing.
func (r *Repo) CheckStored(typ string) error {
	rec, ok := r.MD.Record(typ)
	if !ok {
		return fmt.Errorf("repodata/repomd.xml lists no %q: %w", typ, fs.ErrNotExist)
	}
	f, err := openRegular(r.fsys, rec.Location)
	if err != nil {
		return fmt.Errorf("open metadata: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(io.Discard, digest.NewReader(f, rec.Checksum, rec.Size)); err != nil {
		return fmt.Errorf("read %s: %w", rec.Location, err)
	}
	return nil
}

// dataReader is a stack: file, verifier of stored bytes, decoder, verifier of
// open bytes.
type dataReader struct {
	name    string
	file    fs.File
	packed  io.Reader
	decoder io.ReadCloser
	open    io.Reader
	done    error
}

func (d *dataReader) Read(p []byte) (int, error) {
	if d.done != nil {
		return 0, d.done
	}
	n, err := d.open.Read(p)
	if err != nil {
		d.done = d.verdict(err)
	}
	return n, d.done
}

// verdict says what to report for err, which may be io.EOF. The stored bytes are
// read to their end first: when they are wrong, that is why decoding failed.
func (d *dataReader) verdict(err error) error {
	var mismatch *digest.MismatchError
	if _, stored := io.Copy(io.Discard, d.packed); errors.As(stored, &mismatch) {
		return fmt.Errorf("read %s: %w", d.name, stored)
	}
	if err == io.EOF {
		return io.EOF
	}
	if errors.As(err, &mismatch) {
		return fmt.Errorf("read %s: decompressed %w", d.name, err)
	}
	return fmt.Errorf("read %s: %w", d.name, err)
}

func (d *dataReader) Close() error {
	return errors.Join(d.decoder.Close(), d.file.Close())
}

// capped fails, rather than ends, after left bytes.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, errors.New("it is larger than 8 GiB decompressed")
	}
	return n, err
}
