// Package rpmfile reads what the header of one .rpm says: which package it is and
// which module build its ModularityLabel names.
//
// A file (RPM Package File Structure, format version 4) is a lead of 96 bytes, a
// signature header, padding to 8 bytes, the main header, and the payload, which
// is never read here. A header is a count of index entries, a size of data, the
// entries (tag, type, offset, count: 16 bytes each) and the data. All numbers come
// from outside, so the index is checked here before a byte goes to the decoder,
// and the decoder sees only the few tags that are asked for.
package rpmfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/cavaliergopher/rpm"

	"flatstream/repodata/rpmver"
)

// MaxHeader is the largest signature or main header that is read, in bytes. The
// largest of 517 packages of a CentOS 8 host has 3 MB; rpm's own limit is 256 MiB.
const MaxHeader = 64 << 20

// Header is what one package file says about itself. Nothing of it is verified
// against a signature.
type Header struct {
	rpmver.NEVRA        // the arch is "src" for every source package
	SourceRPM    string // file name of the source package, empty for a source package
	Label        string // ModularityLabel (tag 5096) as it stands there, see [ParseLabel]; empty when none
	Start, End   int64  // the main header's bytes, End exclusive: rpm:header-range in primary
}

// Read reads the headers of a package file of size bytes. An error says that the
// file is no package, is cut off, or that its header is damaged or over [MaxHeader].
func Read(r io.ReaderAt, size int64) (*Header, error) {
	h, err := read(r, size)
	if err != nil {
		return nil, fmt.Errorf("read package header: %w", err)
	}
	return h, nil
}

const leadSize = 96

// findHeaders finds the lead and both headers; the main one starts at a multiple of
// eight bytes.
func findHeaders(r io.ReaderAt, size int64) (lead []byte, signature, main intro, err error) {
	lead = make([]byte, leadSize)
	if err = readAt(r, size, lead, 0); err != nil {
		return nil, signature, main, err
	}
	if !bytes.HasPrefix(lead, []byte("\xed\xab\xee\xdb")) {
		return nil, signature, main, errors.New("it does not start as an rpm package does")
	}
	if signature, err = readIntro(r, size, leadSize); err != nil {
		return nil, signature, main, fmt.Errorf("signature: %w", err)
	}
	main, err = readIntro(r, size, (signature.end()+7)&^7)
	return lead, signature, main, err
}

func read(r io.ReaderAt, size int64) (*Header, error) {
	lead, _, main, err := findHeaders(r, size)
	if err != nil {
		return nil, err
	}
	few, err := main.only(r, size, wanted)
	if err != nil {
		return nil, err
	}
	tags, err := decode(lead, few)
	if err != nil {
		return nil, err
	}
	h, err := describe(tags)
	if err != nil {
		return nil, err
	}
	h.Start, h.End = main.start, main.end()
	return h, nil
}

// decode gives the library a whole small package: the lead, an empty signature
// header and a main header of checked entries. It reads short where a reader
// does, so it gets everything from memory.
func decode(lead, header []byte) (*rpm.Header, error) {
	var file []byte
	file = append(file, lead...)
	file = append(file, makeHeader(nil, nil)...)
	file = append(file, header...)
	p, err := rpm.Read(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	return &p.Header, nil
}

// describe turns tags into a Header. A source package is one with SOURCEPACKAGE,
// or an old one without SOURCERPM; its ARCH names the machine that built it.
func describe(h *rpm.Header) (*Header, error) {
	p := &Header{Label: h.GetTag(tagLabel).String(), SourceRPM: h.GetTag(tagSourceRPM).String()}
	p.Name = h.GetTag(tagName).String()
	p.Version = h.GetTag(tagVersion).String()
	p.Release = h.GetTag(tagRelease).String()
	p.Arch = h.GetTag(tagArch).String()
	epoch := h.GetTag(tagEpoch).Int64()
	if epoch < 0 || epoch > math.MaxUint32 {
		return nil, fmt.Errorf("epoch %d is out of range", epoch)
	}
	p.Epoch = uint32(epoch)
	if h.GetTag(tagSourcePackage) != nil || p.SourceRPM == "" {
		p.Arch, p.SourceRPM = "src", ""
	}
	for _, part := range []string{p.Name, p.Version, p.Release, p.Arch} {
		if part == "" || strings.ContainsFunc(part, unprintable) {
			return nil, fmt.Errorf("%q is not a package: a part is empty or unprintable", p.NEVRA)
		}
	}
	return p, nil
}

func unprintable(c rune) bool { return c <= ' ' || c == '/' || c == 0x7f }
