package codec

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// gzipWriter writes one gzip member without a name and with 0 for the time, "no time
// stamp" (RFC 1952, 2.3.1). It frames the deflate stream itself, since gzip.Writer
// cannot take in what was compressed before. What is small is compressed faster: it waits
// until it is known to be.
type gzipWriter struct {
	w       io.Writer
	deflate *flate.Writer
	quick   *flate.Writer // for what is small
	small   []byte        // all of the file so far, as long as it may be small
	large   bool          // it is not
	piece   bytes.Buffer
	crc     uint32
	size    uint32
	begun   bool // the header is written
	pending bool // something waits in deflate
}

// smallFile is how long an open file may be that is compressed fast, bytes.
const smallFile = 64 << 10

func newGzipWriter() (*gzipWriter, error) {
	deflate, err := flate.NewWriter(io.Discard, gzipLevel)
	if err != nil {
		return nil, err
	}
	quick, err := flate.NewWriter(io.Discard, gzipQuick)
	return &gzipWriter{deflate: deflate, quick: quick, small: make([]byte, 0, smallFile)}, err
}

func (g *gzipWriter) Reset(w io.Writer) {
	g.w, g.crc, g.size, g.begun, g.pending = w, 0, 0, false, false
	g.small, g.large = g.small[:0], false
}

// grow begins to compress what is no longer small.
func (g *gzipWriter) grow() error {
	if g.large {
		return nil
	}
	g.large = true
	g.deflate.Reset(g.w)
	g.pending = len(g.small) > 0
	_, err := g.deflate.Write(g.small)
	return err
}

// count takes p into the trailer, and sees to the header.
func (g *gzipWriter) count(p []byte) error {
	g.crc = crc32.Update(g.crc, crc32.IEEETable, p)
	g.size += uint32(len(p))
	if g.begun {
		return nil
	}
	g.begun = true
	_, err := g.w.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff})
	return err
}

func (g *gzipWriter) Write(p []byte) (int, error) {
	if err := g.count(p); err != nil {
		return 0, err
	}
	if !g.large && len(g.small)+len(p) <= smallFile {
		g.small = append(g.small, p...)
		return len(p), nil
	}
	if err := g.grow(); err != nil {
		return 0, err
	}
	g.pending = true
	return g.deflate.Write(p)
}

// writePiece writes p so that its bytes refer to nothing before it, and ends it at a
// whole byte, as pigz does for its blocks.
func (g *gzipWriter) writePiece(p, packed []byte) ([]byte, error) {
	err := g.count(p)
	if err == nil {
		err = g.grow()
	}
	if err == nil && g.pending {
		err = g.deflate.Flush()
	}
	if err == nil && packed == nil {
		g.piece.Reset()
		g.deflate.Reset(&g.piece)
		if _, err = g.deflate.Write(p); err == nil {
			err = g.deflate.Flush()
		}
		packed = g.piece.Bytes()
	}
	g.deflate.Reset(g.w)
	g.pending = false
	if err == nil {
		_, err = g.w.Write(packed)
	}
	return packed, err
}

func (g *gzipWriter) Close() error {
	err := g.count(nil)
	deflate := g.deflate
	if !g.large {
		deflate = g.quick
		deflate.Reset(g.w)
		if err == nil {
			_, err = deflate.Write(g.small)
		}
	}
	if err == nil {
		err = deflate.Close()
	}
	if err == nil {
		_, err = g.w.Write(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, g.crc), g.size))
	}
	return err
}
