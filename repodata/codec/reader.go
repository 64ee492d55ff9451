package codec

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// MaxWindow is the largest window (zstd) or dictionary (xz) that a file may ask
// for, in bytes. It is what the zstd tool itself accepts by default, and twice
// that of xz -9; an honest repository stays below.
const MaxWindow = 128 << 20

// ErrZchunk says that a file is zchunk, which this package does not read.
var ErrZchunk = errors.New("zchunk is not supported: use the plain record beside it in repomd.xml")

// inputBuffer is large enough for the longest header that is looked at in
// advance (xz block headers have up to 1024 bytes) and for few system calls.
const inputBuffer = 64 << 10

var magics = []struct {
	format Format
	bytes  string
}{
	{Gzip, "\x1f\x8b"},
	{XZ, xzMagic},
	{Zstd, "\x28\xb5\x2f\xfd"},
	{Bzip2, "BZh"},
}

// NewReader decompresses r, whatever it holds; bytes of no known format come
// through as they are (None), and so does an empty input. Close frees the
// decoder and leaves r open. The only error for a readable r is a damaged header,
// a window over [MaxWindow] or [ErrZchunk]. r is read ahead of what is needed.
func NewReader(r io.Reader) (io.ReadCloser, Format, error) { return new(Decoder).Open(r) }

// Decoder decompresses one file after another; its input buffer and what it has for gzip,
// 100 KB together, are used again. The zero value is ready. It serves one goroutine at a
// time.
type Decoder struct {
	input *bufio.Reader
	gzip  *gzip.Reader
}

// Open is [NewReader]. What it returned before must not be read any more.
func (d *Decoder) Open(r io.Reader) (io.ReadCloser, Format, error) {
	if d.input == nil {
		d.input = bufio.NewReaderSize(r, inputBuffer)
	} else {
		d.input.Reset(r)
	}
	format, err := sniff(d.input)
	if err != nil {
		return nil, None, err
	}
	rc, err := d.open(format)
	if err != nil {
		return nil, format, fmt.Errorf("open %s stream: %w", format, err)
	}
	return rc, format, nil
}

func sniff(br *bufio.Reader) (Format, error) {
	head, err := br.Peek(6)
	if err != nil && err != io.EOF {
		return None, err
	}
	if bytes.HasPrefix(head, []byte("\x00ZCK1")) || bytes.HasPrefix(head, []byte("\x00ZHR1")) {
		return None, ErrZchunk
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.bytes)) {
			return m.format, nil
		}
	}
	if len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18" {
		return Zstd, nil // a skippable frame, as pzstd writes first
	}
	return None, nil
}

func (d *Decoder) open(format Format) (io.ReadCloser, error) {
	br := d.input
	switch format {
	case Gzip:
		if d.gzip == nil {
			d.gzip = new(gzip.Reader)
		}
		return d.gzip, d.gzip.Reset(br)
	case XZ:
		x, err := xz.NewReader(&xzGuard{r: br})
		if err != nil {
			return nil, err
		}
		return io.NopCloser(x), nil
	case Zstd:
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(MaxWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case Bzip2:
		return io.NopCloser(bzip2.NewReader(br)), nil
	}
	return io.NopCloser(br), nil
}
