package repodata

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"
)

// markup steps through the tags of one element. There are two: plainMarkup, by
// hand, for the subset that createrepo_c writes, and xmlMarkup, encoding/xml, for
// everything else. What is read out of the tags is written once, over either.
//
// An empty tag is an opening and a closing one, as encoding/xml has it. Slices
// are valid until the next call.
type markup interface {
	next() (tagKind, error)               // io.EOF after the last tag
	name() []byte                         // without prefix
	attr() (key, value []byte, more bool) // attributes of an opening tag; only xml: and xmlns: keep their prefix
	text() ([]byte, error)                // character data between the tag before and this one
	span() Span                           // of this tag; of a made-up closing tag: empty, at the end
}

type tagKind uint8

const (
	opening tagKind = iota
	closing
)

// Span is a range of bytes within an element or a file: [Start, End).
type Span struct{ Start, End int }

// errNotPlain says that plainMarkup met something outside its subset: not an
// error of the file, but work for encoding/xml.
var errNotPlain = errors.New("markup beyond the plain subset")

// markupReader reads one element after another and keeps its buffers.
type markupReader struct{ plain plainMarkup }

// read runs visit over b by hand, and once more over encoding/xml when b is not
// plain. visit must start from nothing each time.
func (r *markupReader) read(b []byte, visit func(markup) error) error {
	return r.readElement(Element{Raw: b}, visit)
}

func (r *markupReader) readElement(e Element, visit func(markup) error) error {
	// encoding/xml turns a carriage return into a newline: leave that to it.
	if e.noReturn || bytes.IndexByte(e.Raw, '\r') < 0 {
		r.plain.reset(e.Raw)
		// What visit says after bad attributes comes from half of them.
		if err := visit(&r.plain); !errors.Is(err, errNotPlain) && !r.plain.bad {
			return err
		}
	}
	return visit(newXMLMarkup(e.Raw))
}

// plainMarkup knows tags, attributes in double quotes, the five named entities
// and character references. Comments, CDATA, processing instructions, prefixes
// other than rpm: and single quotes are not plain.
type plainMarkup struct {
	b          []byte
	pos        int // after what was read
	start      int // of the current tag
	textStart  int
	textEnd    int
	tag        []byte
	open       []byte // name of the empty tag that is still to be closed
	inTag      bool   // attributes are still to be read
	bad        bool
	depth      int
	scratch    []byte // of decoded attribute values
	textBuffer []byte
}

func (m *plainMarkup) reset(b []byte) {
	*m = plainMarkup{b: b, scratch: m.scratch, textBuffer: m.textBuffer}
}

func (m *plainMarkup) name() []byte { return m.tag }
func (m *plainMarkup) span() Span   { return Span{m.start, m.pos} }

func (m *plainMarkup) next() (tagKind, error) {
	for m.inTag {
		if _, _, more := m.attr(); !more {
			break
		}
	}
	if m.bad {
		return 0, errNotPlain
	}
	if m.open != nil {
		m.tag, m.open = m.open, nil
		m.start, m.textStart, m.textEnd = m.pos, m.pos, m.pos
		m.depth--
		return closing, nil
	}
	b, p := m.b, m.pos
	for p < len(b) && b[p] <= ' ' { // most tags have a line of their own
		p++
	}
	i := bytes.IndexByte(b[p:], '<')
	if i < 0 {
		if m.depth != 0 {
			return 0, errNotPlain
		}
		return 0, io.EOF
	}
	m.textStart, m.textEnd = m.pos, p+i
	m.start = m.textEnd
	p = m.start + 1
	if p < len(b) && b[p] == '/' {
		return m.closeTag(p + 1)
	}
	if p = m.tagName(p); p < 0 {
		return 0, errNotPlain
	}
	m.pos, m.inTag = p, true
	m.depth++
	return opening, nil
}

func (m *plainMarkup) closeTag(p int) (tagKind, error) {
	if p = m.tagName(p); p < 0 || p == len(m.b) || m.b[p] != '>' || m.depth == 0 {
		return 0, errNotPlain
	}
	m.pos = p + 1
	m.depth--
	return closing, nil
}

// tagName takes the name that starts at p, and returns where it ends; -1 where it is
// not plain.
func (m *plainMarkup) tagName(p int) int {
	b := m.b
	if len(b)-p > 4 && string(b[p:p+4]) == "rpm:" {
		p += 4
	}
	end := plainName(b, p)
	if end == p || end < len(b) && b[end] > ' ' && b[end] != '>' && b[end] != '/' {
		return -1
	}
	m.tag = b[p:end]
	return end
}

// plainName is where the name ends that starts at p, of ASCII letters, digits, "-" and
// "_", a letter or "_" first; p where there is none.
func plainName(b []byte, p int) int {
	if p >= len(b) || b[p] <= '9' {
		return p
	}
	for p < len(b) && (b[p]|0x20-'a' < 26 || b[p] == '_' || b[p] == '-' || b[p]-'0' < 10) {
		p++
	}
	return p
}

func (m *plainMarkup) attr() (key, value []byte, more bool) {
	if !m.inTag {
		return nil, nil, false
	}
	b, p := m.b, m.pos
	space := p
	for p < len(b) && (b[p] == ' ' || b[p] == '\n' || b[p] == '\t') {
		p++
	}
	if p < len(b) && b[p] == '>' {
		m.pos, m.inTag = p+1, false
		return nil, nil, false
	}
	if p+1 < len(b) && b[p] == '/' && b[p+1] == '>' {
		m.pos, m.inTag, m.open = p+2, false, m.tag
		return nil, nil, false
	}
	start := p
	if p = plainName(b, start); p < len(b) && b[p] == ':' {
		if p = plainName(b, p+1); string(b[start:p]) != "xml:base" && string(b[start:p]) != "xmlns:rpm" {
			return m.notPlain()
		}
	}
	if start == space || p == start || p+1 >= len(b) || b[p] != '=' || b[p+1] != '"' {
		return m.notPlain()
	}
	key = b[start:p]
	p += 2
	end := quoteOrAmpersand(b, p)
	if end < len(b) && b[end] == '"' {
		m.pos = end + 1
		return key, b[p:end], true
	}
	return m.escapedValue(key, p)
}

// escapedValue ends attr for a value that starts at p and holds entities.
func (m *plainMarkup) escapedValue(key []byte, p int) (_, value []byte, more bool) {
	end := bytes.IndexByte(m.b[p:], '"')
	if end < 0 {
		return m.notPlain()
	}
	m.pos = p + end + 1
	var ok bool
	if m.scratch, ok = unescape(m.scratch[:0], m.b[p:p+end]); !ok {
		return m.notPlain()
	}
	return key, m.scratch, true
}

// quoteOrAmpersand is where the first of the two stands in b from p on, len(b) without
// one. They differ in one bit, so eight bytes are looked at at once; most values are
// too short for a call of bytes.IndexByte to pay.
func quoteOrAmpersand(b []byte, p int) int {
	const ones = 0x0101010101010101
	const bit, both = ('"' ^ '&') * ones, '&' * ones
	for ; len(b)-p >= 8; p += 8 {
		x := (binary.LittleEndian.Uint64(b[p:]) | bit) ^ both
		if zero := (x - ones) &^ x & (0x80 * ones); zero != 0 {
			return p + bits.TrailingZeros64(zero)/8
		}
	}
	for p < len(b) && b[p] != '"' && b[p] != '&' {
		p++
	}
	return p
}

func (m *plainMarkup) notPlain() (key, value []byte, more bool) {
	m.bad, m.inTag = true, false
	return nil, nil, false
}

func (m *plainMarkup) text() ([]byte, error) {
	t := m.b[m.textStart:m.textEnd]
	if bytes.IndexByte(t, '&') < 0 {
		return t, nil
	}
	var ok bool
	if m.textBuffer, ok = unescape(m.textBuffer[:0], t); !ok {
		return nil, errNotPlain
	}
	return m.textBuffer, nil
}

// unescape appends src to dst with its entities resolved; false at one that is
// not among XML's five and no reference to a character that XML allows.
func unescape(dst, src []byte) ([]byte, bool) {
	for {
		i := bytes.IndexByte(src, '&')
		if i < 0 {
			return append(dst, src...), true
		}
		dst = append(dst, src[:i]...)
		src = src[i+1:]
		end := bytes.IndexByte(src, ';')
		if end < 0 {
			return dst, false
		}
		switch name := src[:end]; string(name) {
		case "amp":
			dst = append(dst, '&')
		case "lt":
			dst = append(dst, '<')
		case "gt":
			dst = append(dst, '>')
		case "quot":
			dst = append(dst, '"')
		case "apos":
			dst = append(dst, '\'')
		default:
			r, ok := charReference(string(name))
			if !ok {
				return dst, false
			}
			dst = utf8.AppendRune(dst, r)
		}
		src = src[end+1:]
	}
}

func charReference(name string) (rune, bool) {
	digits, ok := strings.CutPrefix(name, "#")
	base := 10
	if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if !ok || err != nil || n < ' ' && n != '\n' && n != '\t' || n >= 0xD800 && n < 0xE000 || n == 0xFFFE || n == 0xFFFF || n > utf8.MaxRune {
		return 0, false
	}
	return rune(n), true
}

// xmlMarkup is the same over encoding/xml.
type xmlMarkup struct {
	d        *xml.Decoder
	tag      string
	attrs    []xml.Attr
	chars    []byte
	position Span
}

func newXMLMarkup(b []byte) *xmlMarkup {
	return &xmlMarkup{d: xml.NewDecoder(bytes.NewReader(b))}
}

func (m *xmlMarkup) name() []byte          { return []byte(m.tag) }
func (m *xmlMarkup) span() Span            { return m.position }
func (m *xmlMarkup) text() ([]byte, error) { return m.chars, nil }

func (m *xmlMarkup) next() (tagKind, error) {
	m.chars, m.attrs = m.chars[:0], nil
	for {
		m.position.Start = int(m.d.InputOffset())
		token, err := m.d.Token()
		m.position.End = int(m.d.InputOffset())
		if err != nil {
			return 0, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			m.tag, m.attrs = t.Name.Local, t.Attr
			return opening, nil
		case xml.EndElement:
			m.tag = t.Name.Local
			return closing, nil
		case xml.CharData:
			m.chars = append(m.chars, t...)
		}
	}
}

func (m *xmlMarkup) attr() (key, value []byte, more bool) {
	for len(m.attrs) > 0 {
		a := m.attrs[0]
		m.attrs = m.attrs[1:]
		switch a.Name.Space {
		case "":
			return []byte(a.Name.Local), []byte(a.Value), true
		case "xml", "http://www.w3.org/XML/1998/namespace":
			return []byte("xml:" + a.Name.Local), []byte(a.Value), true
		}
	}
	return nil, nil, false
}
