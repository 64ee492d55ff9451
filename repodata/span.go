package repodata

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Element is one <package> element of primary, filelists or other, as it stands
// in the file.
type Element struct {
	Raw   []byte // from "<package" to "</package>"
	PkgID string // checksum digits of the package file, lower case
	Loc   Span   // primary only: the first <location> element within Raw

	noReturn bool // Raw is known to hold no carriage return
	idAt     int  // where PkgID stands in Raw; 0: nowhere as it is
}

// WithLocation returns a copy of a primary element that differs in <location>
// alone: href is where the package file is, relative to the repository, or to
// base when that is not empty. The rest is the same byte for byte.
func (e Element) WithLocation(base, href string) []byte {
	return e.AppendWithLocation(make([]byte, 0, len(e.Raw)+len(base)+len(href)+64), base, href)
}

// AppendWithLocation appends what [Element.WithLocation] returns to dst.
func (e Element) AppendWithLocation(dst []byte, base, href string) []byte {
	dst = append(dst, e.Raw[:e.Loc.Start]...)
	dst = append(dst, "<location"...)
	if base != "" {
		dst = append(dst, attribute("xml:base", base)...)
	}
	dst = append(append(append(dst, ` href="`...), escape(href)...), `"/>`...)
	return append(dst, e.Raw[e.Loc.End:]...)
}

// Scanner cuts a primary, filelists or other document into its elements, at
// memory speed as long as the document is as plain as createrepo_c writes it.
// It serves one goroutine.
type Scanner struct {
	cut     *cutter
	typ     string
	seen    int
	reader  markupReader
	element Element
}

// rootElements are the root elements of the three files, by record type.
func rootElement(typ string) (string, error) {
	switch typ {
	case TypePrimary:
		return "metadata", nil
	case TypeFilelists:
		return "filelists", nil
	case TypeOther:
		return "otherdata", nil
	}
	return "", fmt.Errorf("%s does not hold package elements", typ)
}

// NewScanner reads a decompressed document of type [TypePrimary],
// [TypeFilelists] or [TypeOther].
func NewScanner(r io.Reader, typ string) (*Scanner, error) {
	return new(Memory).scanner(r, typ)
}

// Announced is the root's packages attribute, known after the first Next; -1
// where there is none.
func (s *Scanner) Announced() int { return s.cut.announced }

// Next returns the next element, valid until the next call. At the end of a
// complete document that held as many as announced, and whose reader said
// io.EOF, it returns io.EOF.
func (s *Scanner) Next() (Element, error) {
	raw, err := s.cut.next()
	if err == io.EOF && s.Announced() >= 0 && s.seen != s.Announced() {
		return Element{}, fmt.Errorf("it announces %d packages and holds %d", s.Announced(), s.seen)
	}
	if err != nil {
		return Element{}, err
	}
	s.seen++
	if err := s.identify(raw); err != nil {
		return Element{}, fmt.Errorf("package element %d: %w", s.seen, err)
	}
	return s.element, nil
}

// identify finds what an Element says beside its bytes.
func (s *Scanner) identify(raw []byte) error {
	visit := s.identifyFile
	if s.typ == TypePrimary {
		visit = s.identifyPrimary
	}
	s.element = Element{Raw: raw, noReturn: bytes.IndexByte(raw, '\r') < 0}
	return s.reader.readElement(s.element, visit)
}

// identifyFile reads the pkgid attribute of filelists and other.
func (s *Scanner) identifyFile(m markup) error {
	if _, err := m.next(); err != nil {
		return err
	}
	s.element.PkgID = ""
	for {
		key, value, more := m.attr()
		if !more {
			break
		}
		if string(key) == "pkgid" {
			var err error
			if err = s.element.setID(value); err != nil {
				return err
			}
		}
	}
	if s.element.PkgID == "" {
		return errors.New("it has no pkgid")
	}
	return nil
}

// identifyPrimary reads <checksum pkgid="YES"> and finds <location>; the first
// of each counts.
func (s *Scanner) identifyPrimary(m markup) error {
	e := Element{Raw: s.element.Raw, noReturn: s.element.noReturn}
	var start, depth int
	isID := false
	for e.PkgID == "" || e.Loc.End == 0 {
		kind, err := m.next()
		if err == io.EOF {
			return missingPart(e)
		}
		if err != nil {
			return err
		}
		if kind == opening {
			depth++
			if depth != 2 {
				continue
			}
			start = m.span().Start
			isID = string(m.name()) == "checksum" && attrIs(m, "pkgid", "YES")
			continue
		}
		depth--
		switch {
		case depth != 1:
		case isID && e.PkgID == "":
			text, err := m.text()
			if err == nil {
				err = e.setID(text)
			}
			if err != nil {
				return err
			}
		case string(m.name()) == "location" && e.Loc.End == 0:
			e.Loc = Span{start, m.span().End}
		}
	}
	s.element = e
	return nil
}

func missingPart(e Element) error {
	if e.PkgID == "" {
		return errors.New(`it has no <checksum pkgid="YES">`)
	}
	return errors.New("it has no <location>")
}

// attrIs reads the attributes of the current tag and reports whether key has
// that value.
func attrIs(m markup, key, want string) bool {
	is := false
	for {
		k, v, more := m.attr()
		if !more {
			return is
		}
		if string(k) == key {
			is = string(v) == want
		}
	}
}

// setID takes the package id from where it was read.
func (e *Element) setID(b []byte) (err error) {
	e.PkgID, err = pkgID(b)
	e.idAt = max(0, within(e.Raw, b))
	if e.PkgID != string(b) {
		e.idAt = 0
	}
	return err
}

// within is where part begins in raw if it is a part of its memory, else -1.
func within(raw, part []byte) int {
	if at := cap(raw) - cap(part); len(part) > 0 && at >= 0 && at+len(part) <= len(raw) && &raw[at] == &part[0] {
		return at
	}
	return -1
}

// pkgID is the form in which package ids are compared: lower case.
func pkgID(b []byte) (string, error) {
	if isPkgID(b) {
		return string(b), nil
	}
	lower := bytes.ToLower(bytes.TrimSpace(b))
	if !isPkgID(lower) {
		return "", fmt.Errorf("pkgid %q is not a checksum", b)
	}
	return string(lower), nil
}

// isPkgID accepts what a checksum of 16 to 64 bytes looks like, in lower case.
func isPkgID[T string | []byte](s T) bool {
	if len(s) < 32 || len(s) > 128 || len(s)%2 != 0 {
		return false
	}
	// Digits are random, so a branch for each would cost more than the rest of
	// the scan: both terms are negative for a byte that is no digit.
	bad := int32(0)
	for i := range len(s) {
		bad |= (9 - int32(s[i]-'0')) & (5 - int32(s[i]-'a'))
	}
	return bad >= 0
}
