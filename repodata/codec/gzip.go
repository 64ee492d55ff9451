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
// cannot take in what was compressed before.
type gzipWriter struct {
	w       io.Writer
	deflate *flate.Writer
	piece   bytes.Buffer
	crc     uint32
	size    uint32
	begun   bool // the header is written
	pending bool // something waits in deflate
}

func newGzipWriter() (*gzipWriter, error) {
	f, err := flate.NewWriter(io.Discard, gzipLevel)
	return &gzipWriter{deflate: f}, err
}

func (g *gzipWriter) Reset(w io.Writer) {
	g.w, g.crc, g.size, g.begun, g.pending = w, 0, 0, false, false
	g.deflate.Reset(w)
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
	g.pending = true
	return g.deflate.Write(p)
}

// writePiece writes p so that its bytes refer to nothing before it, and ends it at a
// whole byte, as pigz does for its blocks.
func (g *gzipWriter) writePiece(p, packed []byte) ([]byte, error) {
	err := g.count(p)
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
	if err == nil {
		err = g.deflate.Close()
	}
	if err == nil {
		_, err = g.w.Write(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, g.crc), g.size))
	}
	return err
}
