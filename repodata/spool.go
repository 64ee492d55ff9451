package repodata

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"iter"
	"math"
	"math/bits"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Spool is a primary, filelists or other file that was decompressed and verified
// once, by the checksum of its stored bytes where it has a strong one, and lies in
// memory or in an unlinked temporary file, its elements addressable by position and by
// package id. It keeps about 48 bytes per package beside, and
// may be used by several goroutines.
type Spool struct {
	typ   string
	name  string   // of the metadata file, for errors
	file  *os.File // nil: all is in held
	held  []byte
	spans []spoolSpan
	twice bool // some id is there more than once

	sort sync.Once
	byID []int // positions, sorted by id, then position, when it was asked for
}

// spoolSpan is where one element lies, and what an Element says beside its
// bytes. The first 16 bytes of the package id are as good as all of it: md5 has
// no more.
type spoolSpan struct {
	offset   int64
	length   int32
	locStart int32
	locSize  uint16
	idAt     uint16 // where the whole id stands in the element
	idSize   uint8  // 0: the element must be read again to know all this
	id       [16]byte
}

// spoolWindow is how many bytes neighbouring elements are read at once.
const spoolWindow = 256 << 10

// Spool decompresses the first record of a type into dir, which needs room for
// its open-size. Nothing stays there: the file has no name. Where dir is empty it
// stays in memory, twice as fast.
func (r *Repo) Spool(ctx context.Context, typ, dir string) (_ *Spool, err error) {
	s := &Spool{typ: typ, name: r.location(typ)}
	if dir != "" {
		if s.file, err = nameless(dir); err != nil {
			return nil, fmt.Errorf("spool %s: %w", s.name, err)
		}
	}
	if err := s.load(ctx, r); err != nil {
		s.Close()
		return nil, fmt.Errorf("spool metadata: %w", err)
	}
	return s, nil
}

// nameless makes a file in dir that no name leads to, so that it goes with its
// process, however that ends. Some file systems must be given a name first.
func nameless(dir string) (*os.File, error) {
	if fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600); err == nil {
		return os.NewFile(uintptr(fd), dir), nil
	}
	f, err := os.CreateTemp(dir, ".spool-*")
	if err == nil {
		if err = os.Remove(f.Name()); err != nil {
			f.Close()
		}
	}
	return f, err
}

func (s *Spool) load(ctx context.Context, r *Repo) error {
	var offset int64
	put, flush := s.keep, func() error { return nil }
	if s.file != nil {
		w := bufio.NewWriterSize(s.file, spoolWindow)
		put, flush = w.Write, w.Flush
	} else if rec, ok := r.MD.Record(s.typ); ok && rec.OpenSize > 0 {
		s.held = make([]byte, 0, min(rec.OpenSize, maxHeld))
	}
	newline := []byte("\n")
	var failed error
	m := new(Memory)
	data, err := r.data(s.typ, false, m)
	if err != nil {
		return err
	}
	defer data.Close()
	err = r.scanData(ctx, s.typ, m, data, func(e Element) bool {
		var span spoolSpan
		if span, failed = newSpoolSpan(e, offset); failed != nil {
			return false
		}
		s.spans = append(s.spans, span)
		offset += int64(len(e.Raw)) + 1
		if _, failed = put(e.Raw); failed == nil {
			_, failed = put(newline)
		}
		return failed == nil
	})
	if err = cmp.Or(err, failed); err != nil {
		return err
	}
	s.spans = slices.Clip(s.spans)
	s.twice = repeated(s.spans)
	return flush()
}

// repeated says whether an id is there more than once. It need not be known which: to
// sort them all would take more than reading them.
func repeated(spans []spoolSpan) bool {
	seed := maphash.MakeSeed()
	slots := make([]int32, 1<<bits.Len(uint(2*len(spans)))) // position + 1
	for i := range spans {
		at := int(maphash.Bytes(seed, spans[i].id[:])) & (len(slots) - 1)
		for ; slots[at] != 0; at = (at + 1) & (len(slots) - 1) {
			if spans[slots[at]-1].id == spans[i].id {
				return true
			}
		}
		slots[at] = int32(i + 1)
	}
	return false
}

// sortIDs fills byID.
func (s *Spool) sortIDs() {
	s.byID = make([]int, len(s.spans))
	for i := range s.byID {
		s.byID[i] = i
	}
	slices.SortFunc(s.byID, func(a, b int) int {
		return cmp.Or(bytes.Compare(s.spans[a].id[:], s.spans[b].id[:]), cmp.Compare(a, b))
	})
}

// maxHeld bounds what is believed of an announced size before anything came, bytes.
const maxHeld = 64 << 20

func (s *Spool) keep(p []byte) (int, error) {
	s.held = append(s.held, p...)
	return len(p), nil
}

// read is the bytes of a span, in buf unless they are held.
func (s *Spool) read(offset int64, size int, buf []byte) ([]byte, error) {
	if s.file == nil {
		return s.held[offset : offset+int64(size) : offset+int64(size)], nil
	}
	buf = slices.Grow(buf[:0], size)[:size]
	if _, err := s.file.ReadAt(buf, offset); err != nil {
		return nil, fmt.Errorf("read spooled %s: %w", s.name, err)
	}
	return buf, nil
}

func newSpoolSpan(e Element, offset int64) (spoolSpan, error) {
	id, err := spoolID(e.PkgID)
	span := spoolSpan{offset: offset, length: int32(len(e.Raw)), id: id}
	if size := e.Loc.End - e.Loc.Start; e.noReturn && e.idAt > 0 && e.idAt <= math.MaxUint16 && size <= math.MaxUint16 {
		span.locStart, span.locSize = int32(e.Loc.Start), uint16(size)
		span.idAt, span.idSize = uint16(e.idAt), uint8(len(e.PkgID))
	}
	return span, err
}

func spoolID(pkgid string) (id [16]byte, err error) {
	if !isPkgID(pkgid) {
		return id, fmt.Errorf("pkgid %q is not a checksum", pkgid)
	}
	_, err = hex.Decode(id[:], []byte(pkgid[:2*len(id)]))
	return id, err
}

// Len is the number of elements.
func (s *Spool) Len() int { return len(s.spans) }

// Span is where element i lies in the spool, bytes.
func (s *Spool) Span(i int) Span {
	start := int(s.spans[i].offset)
	return Span{start, start + int(s.spans[i].length)}
}

// Lookup returns the positions of a package id, in the file's order; nil when it
// is not there. The slice is not to be changed.
func (s *Spool) Lookup(pkgid string) []int {
	if !isPkgID(pkgid) {
		pkgid = strings.ToLower(pkgid)
	}
	id, err := spoolID(pkgid)
	if err != nil {
		return nil
	}
	s.sort.Do(s.sortIDs)
	compare := func(i int, id [16]byte) int { return bytes.Compare(s.spans[i].id[:], id[:]) }
	from, found := slices.BinarySearchFunc(s.byID, id, compare)
	if !found {
		return nil
	}
	to := from
	for to < len(s.byID) && s.spans[s.byID[to]].id == id {
		to++
	}
	return s.byID[from:to:to]
}

// Find returns the first position of a package id. guess is where it would be if the
// file had the order of another one; mostly it has, and then nothing is searched.
func (s *Spool) Find(pkgid string, guess int) (at int, found bool) {
	if !s.twice && guess < len(s.spans) && isPkgID(pkgid) {
		if id, err := spoolID(pkgid); err == nil && s.spans[guess].id == id {
			return guess, true
		}
	}
	all := s.Lookup(pkgid)
	if len(all) == 0 {
		return 0, false
	}
	return all[0], true
}

// Read reads element i, into buf if need be, which grows as needed; it is valid as
// long as buf is left alone, and not to be changed. For many elements [Spool.Elements] is faster.
func (s *Spool) Read(i int, buf []byte) (Element, error) {
	raw, err := s.read(s.spans[i].offset, int(s.spans[i].length), buf)
	if err != nil {
		return Element{}, err
	}
	return s.element(i, raw)
}

// element says what is known of the element of these bytes.
func (s *Spool) element(i int, raw []byte) (Element, error) {
	if span := &s.spans[i]; span.idSize > 0 {
		start, id := int(span.locStart), int(span.idAt)
		return Element{Raw: raw, PkgID: string(raw[id : id+int(span.idSize)]),
			Loc: Span{start, start + int(span.locSize)}, noReturn: true, idAt: id}, nil
	}
	x := Scanner{typ: s.typ}
	if err := x.identify(raw); err != nil {
		return Element{}, fmt.Errorf("read spooled %s: %w", s.name, err)
	}
	return x.element, nil
}

// Elements yields the elements at the given positions, in that order, each valid
// until the next. Neighbours are read together, so ascending positions are fast.
func (s *Spool) Elements(positions []int) iter.Seq2[Element, error] {
	return func(yield func(Element, error) bool) {
		var buf []byte
		for len(positions) > 0 {
			n, size := s.run(positions)
			first := s.spans[positions[0]].offset
			var err error
			if buf, err = s.read(first, size, buf); err != nil {
				yield(Element{}, err)
				return
			}
			for _, i := range positions[:n] {
				at := s.spans[i].offset - first
				e, err := s.element(i, buf[at:at+int64(s.spans[i].length)])
				if !yield(e, err) || err != nil {
					return
				}
			}
			positions = positions[n:]
		}
	}
}

// AppendLines appends the elements from one position up to another to dst as they lie,
// each with a newline behind it.
func (s *Spool) AppendLines(dst []byte, from, to int) ([]byte, error) {
	last := s.spans[to-1]
	at := len(dst)
	size := int(last.offset-s.spans[from].offset) + int(last.length) + 1
	if start := s.spans[from].offset; s.file == nil {
		return append(dst, s.held[start:start+int64(size)]...), nil
	}
	dst = slices.Grow(dst, size)[:at+size]
	if _, err := s.file.ReadAt(dst[at:], s.spans[from].offset); err != nil {
		return nil, fmt.Errorf("read spooled %s: %w", s.name, err)
	}
	return dst, nil
}

// run is how many of the positions to read together, and how many bytes that is:
// ascending, close to each other, and within one window.
func (s *Spool) run(positions []int) (n, size int) {
	first := s.spans[positions[0]]
	size = int(first.length)
	for n = 1; n < len(positions); n++ {
		next := s.spans[positions[n]]
		gap := next.offset - first.offset - int64(size)
		end := next.offset - first.offset + int64(next.length)
		if gap < 0 || gap > spoolWindow/16 || end > spoolWindow {
			break
		}
		size = int(end)
	}
	return n, size
}

// Close gives the space back; nothing that was read may be used any more.
func (s *Spool) Close() error {
	s.held = nil
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
