package repodata

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	// scanBuffer is how much of a file is in memory at once, bytes. It fits the
	// second-level cache; larger elements make it grow.
	scanBuffer = 256 << 10
	// maxElement is the largest element that is read, bytes. The largest real
	// ones (kernel packages in filelists) have about 1 MiB.
	maxElement = 64 << 20
)

// cutter cuts the children out of a document of the form
//
//	<?xml ...?> <root ...> <child>...</child> <child>...</child> ... </root>
//
// without reading them. It relies on what XML guarantees: an unescaped "</child"
// can stand only in a comment, in CDATA or in a processing instruction. When it
// meets one of these, or anything else beyond that form, encoding/xml takes over
// from the element that begins there; the result is the same.
type cutter struct {
	root, child string
	announced   int // the root's packages attribute, -1: not given

	r        io.Reader
	readErr  error // sticky; io.EOF at the verified end
	buf      []byte
	pos, end int // unread part of buf
	header   []byte
	started  bool
	done     error // what every later call answers
	slow     *xmlCutter
}

func newCutter(r io.Reader, root, child string) *cutter {
	return newCutterIn(make([]byte, scanBuffer), r, root, child)
}

// newCutterIn is newCutter in a buffer of scanBuffer bytes.
func newCutterIn(buf []byte, r io.Reader, root, child string) *cutter {
	return &cutter{r: r, root: root, child: child, announced: -1, buf: buf}
}

// next returns the bytes of the next child, valid until the next call; io.EOF
// when the document is complete and its reader has said io.EOF too.
func (c *cutter) next() ([]byte, error) {
	if c.done != nil {
		return nil, c.done
	}
	raw, err := c.cut()
	if err != nil {
		c.done = err
		return nil, err
	}
	return raw, nil
}

func (c *cutter) cut() ([]byte, error) {
	if c.slow == nil && !c.started {
		c.started = true
		c.fill()
		if !c.readHeader() {
			c.handOver()
		}
	}
	if c.slow == nil {
		raw, plain, err := c.cutPlain()
		if plain {
			return raw, err
		}
		c.handOver()
	}
	raw, err := c.slow.next()
	c.announced = c.slow.announced
	return raw, err
}

// handOver gives the rest of the document to encoding/xml.
func (c *cutter) handOver() {
	rest := io.MultiReader(bytes.NewReader(c.header), bytes.NewReader(c.buf[c.pos:c.end]), stickyReader{c})
	c.slow = newXMLCutter(rest, c.root, c.child)
}

// stickyReader reads on where the cutter stopped.
type stickyReader struct{ c *cutter }

func (s stickyReader) Read(p []byte) (int, error) {
	if s.c.readErr != nil {
		return 0, s.c.readErr
	}
	return s.c.r.Read(p)
}

// readHeader reads up to the end of the root's opening tag.
func (c *cutter) readHeader() bool {
	b := c.buf[:c.end]
	p := skipSpace(b, 0)
	if bytes.HasPrefix(b[p:], []byte("<?xml ")) {
		end := bytes.Index(b[p:], []byte("?>"))
		if end < 0 || !utf8Declared(string(b[p:p+end])) {
			return false
		}
		p = skipSpace(b, p+end+2)
	}
	m := plainMarkup{b: b[p:]}
	if p == len(b) || b[p] != '<' {
		return false
	}
	if kind, err := m.next(); err != nil || kind != opening || string(m.tag) != c.root || b[p+1] != c.root[0] {
		return false
	}
	for {
		key, value, more := m.attr()
		if !more {
			break
		}
		if string(key) == "packages" {
			n, err := strconv.Atoi(string(value))
			if err != nil || n < 0 {
				return false
			}
			c.announced = n
		}
	}
	if m.bad || m.open != nil {
		return false
	}
	c.pos = p + m.pos
	c.header = bytes.Clone(b[:c.pos])
	return true
}

// utf8Declared reports whether an XML declaration names no encoding but UTF-8.
func utf8Declared(declaration string) bool {
	_, encoding, ok := strings.Cut(declaration, "encoding=")
	return !ok || len(encoding) >= 7 && strings.EqualFold(encoding[1:6], "utf-8") && encoding[6] == encoding[0]
}

func skipSpace(b []byte, p int) int {
	for p < len(b) && (b[p] == ' ' || b[p] == '\n' || b[p] == '\t' || b[p] == '\r') {
		p++
	}
	return p
}

// cutPlain finds the next child by hand; plain is false when encoding/xml must.
func (c *cutter) cutPlain() (raw []byte, plain bool, err error) {
	for {
		c.pos = skipSpace(c.buf[:c.end], c.pos)
		if c.end-c.pos > len(c.root)+len(c.child)+4 || c.readErr != nil {
			break
		}
		c.fill()
	}
	b := c.buf[c.pos:c.end]
	if tagStarts(b, c.child) {
		return c.cutChild()
	}
	if closeTag := "</" + c.root + ">"; bytes.HasPrefix(b, []byte(closeTag)) {
		return nil, true, c.finish(len(closeTag))
	}
	if c.readErr != nil && c.readErr != io.EOF {
		return nil, true, c.readErr
	}
	return nil, false, nil
}

// tagStarts reports whether b begins with an opening tag of that name.
func tagStarts(b []byte, name string) bool {
	return len(b) > len(name)+1 && b[0] == '<' && string(b[1:1+len(name)]) == name && endsName(b[1+len(name)])
}

func endsName(c byte) bool { return c == ' ' || c == '>' || c == '\n' || c == '\t' }

// cutChild finds the closing tag of the child at pos.
func (c *cutter) cutChild() (raw []byte, plain bool, err error) {
	closeTag := []byte("</" + c.child)
	from := 0 // relative to pos, which fill moves
	for {
		b := c.buf[c.pos:c.end]
		i := bytes.Index(b[from:], closeTag)
		if i >= 0 && from+i+len(closeTag) < len(b) {
			end := from + i + len(closeTag)
			switch next := b[end]; {
			case next == '>':
				raw = b[:end+1]
				if !plainStart(raw) || hasDeclaration(raw) {
					return nil, false, nil
				}
				c.pos += end + 1
				return raw, true, nil
			case next == ' ' || next == '\n' || next == '\t' || next == '\r':
				return nil, false, nil
			}
			from = end // </packager>
			continue
		}
		if c.readErr == io.EOF {
			return nil, false, nil // encoding/xml says what is wrong
		}
		if c.readErr != nil {
			return nil, true, c.readErr
		}
		if len(b) > maxElement {
			return nil, true, fmt.Errorf("a <%s> element is over %d MiB", c.child, maxElement>>20)
		}
		if i >= 0 {
			from += i
		} else {
			from = max(from, len(b)-len(closeTag)+1)
		}
		c.fill()
	}
}

// plainStart reports whether the first tag of b ends where it seems to, and is
// no empty tag.
func plainStart(b []byte) bool {
	end := bytes.IndexByte(b, '>')
	tag := b[:end]
	return tag[end-1] != '/' && bytes.IndexByte(tag, '\'') < 0 && bytes.Count(tag, []byte{'"'})%2 == 0
}

// hasDeclaration reports whether b holds a comment, CDATA or a processing
// instruction. Their second bytes are rare, so they are what is looked for.
func hasDeclaration(b []byte) bool { return hasPair(b, '!') || hasPair(b, '?') }

func hasPair(b []byte, second byte) bool {
	for {
		i := bytes.IndexByte(b, second)
		if i < 0 {
			return false
		}
		if i > 0 && b[i-1] == '<' {
			return true
		}
		b = b[i+1:]
	}
}

// finish reads to the very end, so that the verdict on the bytes is heard.
func (c *cutter) finish(skip int) error {
	c.pos += skip
	for {
		c.pos = skipSpace(c.buf[:c.end], c.pos)
		if c.pos < c.end {
			break
		}
		if c.readErr != nil {
			return c.readErr
		}
		c.fill()
	}
	// Comments may follow; anything else is an error. Both are rare: let
	// encoding/xml see the closing tag again.
	rest := io.MultiReader(bytes.NewReader(c.header), strings.NewReader("</"+c.root+">"),
		bytes.NewReader(c.buf[c.pos:c.end]), stickyReader{c})
	_, err := newXMLCutter(rest, c.root, c.child).next()
	return err
}

// fill moves the unread part to the front and reads until the buffer is full.
func (c *cutter) fill() {
	if c.readErr != nil {
		return
	}
	if c.pos > 0 {
		c.end = copy(c.buf, c.buf[c.pos:c.end])
		c.pos = 0
	} else if c.end == len(c.buf) {
		c.buf = append(c.buf, make([]byte, len(c.buf))...)
	}
	for idle := 0; c.end < len(c.buf) && c.readErr == nil; {
		n, err := c.r.Read(c.buf[c.end:])
		c.end += n
		c.readErr = err
		if n > 0 {
			idle = 0
		} else if idle++; idle > 100 && err == nil {
			c.readErr = io.ErrNoProgress
		}
	}
}
