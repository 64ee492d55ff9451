package repodata

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
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
	// encoding/xml turns a carriage return into a newline: leave that to it.
	if bytes.IndexByte(b, '\r') < 0 {
		r.plain.reset(b)
		// What visit says after bad attributes comes from half of them.
		if err := visit(&r.plain); !errors.Is(err, errNotPlain) && !r.plain.bad {
			return err
		}
	}
	return visit(newXMLMarkup(b))
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
	i := bytes.IndexByte(m.b[m.pos:], '<')
	if i < 0 {
		if m.depth != 0 {
			return 0, errNotPlain
		}
		return 0, io.EOF
	}
	m.textStart, m.textEnd = m.pos, m.pos+i
	m.start = m.textEnd
	p := m.start + 1
	if p < len(m.b) && m.b[p] == '/' {
		return m.closeTag(p + 1)
	}
	end := nameEnd(m.b, p)
	m.tag = m.b[p:end]
	if len(m.tag) > 4 && string(m.tag[:4]) == "rpm:" {
		m.tag = m.tag[4:]
	}
	if !plainName(m.tag) {
		return 0, errNotPlain
	}
	m.pos, m.inTag = end, true
	m.depth++
	return opening, nil
}

func (m *plainMarkup) closeTag(p int) (tagKind, error) {
	end := nameEnd(m.b, p)
	m.tag = m.b[p:end]
	if len(m.tag) > 4 && string(m.tag[:4]) == "rpm:" {
		m.tag = m.tag[4:]
	}
	if end == len(m.b) || m.b[end] != '>' || !plainName(m.tag) || m.depth == 0 {
		return 0, errNotPlain
	}
	m.pos = end + 1
	m.depth--
	return closing, nil
}

// nameEnd is where a tag name that starts at p ends.
func nameEnd(b []byte, p int) int {
	for p < len(b) && b[p] > ' ' && b[p] != '>' && b[p] != '/' {
		p++
	}
	return p
}

// plainName accepts ASCII letters, digits, "-" and "_", a letter or "_" first.
func plainName(name []byte) bool {
	for i, c := range name {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return len(name) > 0
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
	for p < len(b) && b[p] > ' ' && b[p] != '=' && b[p] != '>' {
		p++
	}
	if start == space || p+1 >= len(b) || b[p] != '=' || b[p+1] != '"' {
		return m.notPlain()
	}
	key = b[start:p]
	if !plainName(key) && string(key) != "xml:base" && string(key) != "xmlns:rpm" {
		return m.notPlain()
	}
	p += 2
	end := bytes.IndexByte(b[p:], '"')
	if end < 0 {
		return m.notPlain()
	}
	value = b[p : p+end]
	m.pos = p + end + 1
	if bytes.IndexByte(value, '&') >= 0 {
		var ok bool
		if m.scratch, ok = unescape(m.scratch[:0], value); !ok {
			return m.notPlain()
		}
		value = m.scratch
	}
	return key, value, true
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
