package codec

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// xzMagic starts every xz stream (The .xz File Format 1.2.1, 2.1.1.1).
const xzMagic = "\xfd7zXZ\x00"

// xzGuard passes an xz file through and refuses a block whose dictionary is over
// [MaxWindow] before the decoder sees its header. The decoder allocates what a
// header asks for, up to 4 GiB, and its own limit is a minimum. So the guard
// walks the container: streams of blocks, blocks of LZMA2 chunks, then the index.
// What it lets through is still checked by the decoder.
type xzGuard struct {
	r     *bufio.Reader
	next  func() (int, error) // looks ahead: how many bytes may pass
	pass  int                 // bytes that may pass before the next look
	check int                 // size of a block's check in this stream
	block int                 // bytes of chunks in this block, modulo 4
	index indexWalk
}

// indexWalk counts through the index, a list of variable-length numbers: first
// the number of records, then two for each record.
type indexWalk struct {
	bytes  int
	left   uint64 // numbers still to come
	count  uint64 // the number of records, while it is read
	shift  uint
	inside bool // the number of records is known
}

var errXZ = errors.New("damaged xz container")

func (g *xzGuard) Read(p []byte) (int, error) {
	if g.next == nil {
		g.next = g.stream
	}
	for g.pass == 0 && len(p) > 0 {
		n, err := g.next()
		if err != nil {
			return 0, err
		}
		g.pass = n
	}
	n, err := g.r.Read(p[:min(len(p), g.pass)])
	g.pass -= n
	return n, err
}

// peek returns the next n bytes; a file that ends within them is cut off.
func (g *xzGuard) peek(n int) ([]byte, error) {
	b, err := g.r.Peek(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// stream stands before a stream header, padding or the end of the file.
func (g *xzGuard) stream() (int, error) {
	first, err := g.r.Peek(1)
	if err != nil {
		return 0, err
	}
	if first[0] == 0 {
		return 1, nil // padding; the decoder counts it
	}
	head, err := g.peek(12)
	if err != nil {
		return 0, err
	}
	if string(head[:6]) != xzMagic {
		return 0, errXZ
	}
	if id := head[7] & 15; id == 0 {
		g.check = 0
	} else {
		g.check = 4 << ((id - 1) / 3) // 2.1.1.2: 4, 8, 16, 32, 64 bytes, three IDs each
	}
	g.next = g.header
	return len(head), nil
}

// header stands before a block header or the index.
func (g *xzGuard) header() (int, error) {
	first, err := g.peek(1)
	if err != nil {
		return 0, err
	}
	if first[0] == 0 {
		g.next, g.index = g.indexByte, indexWalk{}
		return 0, nil
	}
	head, err := g.peek(4 * (int(first[0]) + 1))
	if err != nil {
		return 0, err
	}
	if err := checkBlockHeader(head); err != nil {
		return 0, err
	}
	g.next, g.block = g.chunk, 0
	return len(head), nil
}

func checkBlockHeader(head []byte) error {
	flags, rest := head[1], head[2:]
	for _, present := range []byte{flags & 0x40, flags & 0x80} { // compressed and open size
		if present != 0 {
			_, n := binary.Uvarint(rest)
			if n <= 0 {
				return errXZ
			}
			rest = rest[n:]
		}
	}
	if flags&3 != 0 || len(rest) < 3 || rest[0] != 0x21 || rest[1] != 1 {
		return errors.New("xz filters other than LZMA2 are not supported")
	}
	size, err := lzma.DecodeDictCap(rest[2])
	if err != nil {
		return err
	}
	if size > MaxWindow {
		return fmt.Errorf("xz dictionary of %d bytes is over the limit of %d", size, MaxWindow)
	}
	return nil
}

// chunk stands before an LZMA2 chunk.
func (g *xzGuard) chunk() (int, error) {
	first, err := g.peek(1)
	if err != nil {
		return 0, err
	}
	n, err := 0, error(nil)
	switch control := first[0]; {
	case control == 0: // the end, then padding to four bytes and the check
		g.next = g.header
		return 1 + (3-g.block)&3 + g.check, nil
	case control <= 2: // not compressed
		n, err = g.chunkSize(1, 3)
	case control >= 0xc0: // with a byte of properties
		n, err = g.chunkSize(3, 6)
	case control >= 0x80:
		n, err = g.chunkSize(3, 5)
	default:
		err = errXZ
	}
	g.block = (g.block + n) & 3
	return n, err
}

// chunkSize is the length of a chunk whose 16-bit size, less one, stands at an
// offset in a head of so many bytes.
func (g *xzGuard) chunkSize(at, head int) (int, error) {
	b, err := g.peek(at + 2)
	if err != nil {
		return 0, err
	}
	return head + int(binary.BigEndian.Uint16(b[at:])) + 1, nil
}

// indexByte stands somewhere in the index.
func (g *xzGuard) indexByte() (int, error) {
	w := &g.index
	if w.inside && w.left == 0 { // padding, CRC32 and the 12 bytes of the footer
		g.next = g.stream
		return (4-w.bytes&3)&3 + 4 + 12, nil
	}
	b, err := g.peek(1)
	if err != nil {
		return 0, err
	}
	w.bytes++
	switch {
	case w.bytes == 1: // the index indicator
	case w.inside:
		if b[0] < 0x80 {
			w.left--
		}
	case w.shift > 56:
		return 0, errXZ
	default:
		w.count |= uint64(b[0]&0x7f) << w.shift
		w.shift += 7
		if b[0] < 0x80 {
			w.inside, w.left = true, 2*w.count
		}
	}
	return 1, nil
}
