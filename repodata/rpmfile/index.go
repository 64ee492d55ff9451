package rpmfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The tags that are read (rpm's include/rpm/rpmtag.h).
const (
	tagName          = 1000
	tagVersion       = 1001
	tagRelease       = 1002
	tagEpoch         = 1003
	tagArch          = 1022
	tagSourceRPM     = 1044
	tagSourcePackage = 1106
	tagLabel         = 5096
)

// The types that these tags have; others are only known by their size.
const (
	typeInt32  = 4
	typeString = 6
)

// wanted is each tag's type.
var wanted = map[uint32]uint32{
	tagName: typeString, tagVersion: typeString, tagRelease: typeString, tagArch: typeString,
	tagSourceRPM: typeString, tagLabel: typeString, tagEpoch: typeInt32, tagSourcePackage: typeInt32,
}

// elementSize is the least number of bytes of one value, by type: NULL, CHAR,
// INT8, INT16, INT32, INT64, STRING, BIN, STRING_ARRAY, I18NSTRING.
var elementSize = [...]int64{0, 1, 1, 2, 4, 8, 1, 1, 1, 1}

const (
	introSize = 16
	entrySize = 16
	// maxValue bounds a wanted value; a name or label of more is no honest one.
	maxValue = 4096
)

// intro is the fixed start of a header: where it is and how large its parts are.
type intro struct {
	start, entries, data int64 // position in the file, number of entries, bytes of data
}

func (i intro) end() int64 { return i.start + introSize + entrySize*i.entries + i.data }

func readIntro(r io.ReaderAt, size, at int64) (intro, error) {
	b := make([]byte, introSize)
	if err := readAt(r, size, b, at); err != nil {
		return intro{}, err
	}
	if !bytes.HasPrefix(b, []byte("\x8e\xad\xe8\x01")) {
		return intro{}, fmt.Errorf("no header at byte %d", at)
	}
	i := intro{at, int64(binary.BigEndian.Uint32(b[8:])), int64(binary.BigEndian.Uint32(b[12:]))}
	if total := i.end() - at; total > MaxHeader {
		return intro{}, fmt.Errorf("header of %d bytes is over the limit of %d", total, MaxHeader)
	}
	if i.end() > size {
		return intro{}, fmt.Errorf("header at byte %d ends after the file: %w", at, io.ErrUnexpectedEOF)
	}
	return i, nil
}

// only checks every entry of a header and returns a header with the wanted ones
// alone, each a single value of the wanted type. A wanted tag that stands there
// twice is refused: readers would not agree on its value.
func (i intro) only(r io.ReaderAt, size int64, wanted map[uint32]uint32) ([]byte, error) {
	b := make([]byte, i.end()-i.start-introSize)
	if err := readAt(r, size, b, i.start+introSize); err != nil {
		return nil, err
	}
	index, data := b[:entrySize*i.entries], b[entrySize*i.entries:]
	var entries, values []byte
	seen := make(map[uint32]bool, len(wanted))
	for ; len(index) > 0; index = index[entrySize:] {
		e := parseEntry(index)
		if err := e.check(i.data); err != nil {
			return nil, err
		}
		kind, ok := wanted[e.tag]
		if !ok {
			continue
		}
		if seen[e.tag] {
			return nil, fmt.Errorf("tag %d stands in the header twice", e.tag)
		}
		seen[e.tag] = true
		value, err := e.single(kind, data)
		if err != nil {
			return nil, err
		}
		e.offset = uint32(len(values))
		entries = e.append(entries)
		values = append(values, value...)
	}
	return makeHeader(entries, values), nil
}

// entry is one index entry.
type entry struct{ tag, kind, offset, count uint32 }

func parseEntry(b []byte) entry {
	n := binary.BigEndian.Uint32
	return entry{n(b), n(b[4:]), n(b[8:]), n(b[12:])}
}

func (e entry) append(b []byte) []byte {
	for _, n := range []uint32{e.tag, e.kind, e.offset, e.count} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// check refuses an entry that reaches out of the data.
func (e entry) check(data int64) error {
	if int64(e.kind) >= int64(len(elementSize)) {
		return fmt.Errorf("tag %d has the unknown type %d", e.tag, e.kind)
	}
	if int64(e.offset)+int64(e.count)*elementSize[e.kind] > data {
		return fmt.Errorf("tag %d (offset %d, count %d) reaches out of the header's %d bytes of data",
			e.tag, e.offset, e.count, data)
	}
	return nil
}

// single returns the bytes of a checked entry that must be one value.
func (e entry) single(kind uint32, data []byte) ([]byte, error) {
	if e.kind != kind || e.count != 1 {
		return nil, fmt.Errorf("tag %d is %d values of type %d, want one of type %d", e.tag, e.count, e.kind, kind)
	}
	data = data[e.offset:]
	if kind == typeInt32 {
		return data[:4], nil
	}
	end := bytes.IndexByte(data[:min(len(data), maxValue)], 0)
	if end < 0 {
		return nil, fmt.Errorf("tag %d is a string that does not end within %d bytes", e.tag, maxValue)
	}
	return data[:end+1], nil
}

// makeHeader puts the parts of a header together.
func makeHeader(entries, values []byte) []byte {
	b := []byte("\x8e\xad\xe8\x01\x00\x00\x00\x00")
	b = binary.BigEndian.AppendUint32(b, uint32(len(entries)/entrySize))
	b = binary.BigEndian.AppendUint32(b, uint32(len(values)))
	return append(append(b, entries...), values...)
}

// readAt fills b or says why not.
func readAt(r io.ReaderAt, size int64, b []byte, at int64) error {
	if at+int64(len(b)) > size {
		return fmt.Errorf("the file ends at byte %d: %w", size, io.ErrUnexpectedEOF)
	}
	if n, err := r.ReadAt(b, at); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}
