package repodata

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
)

// xmlCutter does what cutter does with encoding/xml: slower, for any document.
type xmlCutter struct {
	root, child string
	announced   int
	prefixes    []string // that the root declares, other than rpm
	tape        *tape
	d           *xml.Decoder
	inRoot      bool
	ended       bool
}

func newXMLCutter(r io.Reader, root, child string) *xmlCutter {
	t := &tape{r: r}
	return &xmlCutter{root: root, child: child, announced: -1, tape: t, d: xml.NewDecoder(t)}
}

// next is cutter's.
func (c *xmlCutter) next() ([]byte, error) {
	for {
		start := c.d.InputOffset()
		c.tape.forget(start)
		token, err := c.d.Token()
		if err == io.EOF && !c.ended {
			return nil, fmt.Errorf("there is no <%s> element", c.root)
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if c.inRoot && t.Name.Local == c.child {
				return c.cut(start)
			}
			if c.inRoot || c.ended || t.Name.Local != c.root {
				return nil, fmt.Errorf("unexpected element <%s>, want <%s> with <%s> elements", t.Name.Local, c.root, c.child)
			}
			if err := c.readRoot(t); err != nil {
				return nil, err
			}
		case xml.EndElement:
			c.inRoot, c.ended = false, true
		}
	}
}

func (c *xmlCutter) readRoot(t xml.StartElement) error {
	c.inRoot = true
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" && a.Name.Local != "rpm" {
			c.prefixes = append(c.prefixes, a.Name.Local)
		}
		if a.Name.Space != "" || a.Name.Local != "packages" {
			continue
		}
		n, err := strconv.Atoi(a.Value)
		if err != nil || n < 0 {
			return fmt.Errorf("packages=%q is not a count", a.Value)
		}
		c.announced = n
	}
	return nil
}

// cut reads to the end of the child that began at start.
func (c *xmlCutter) cut(start int64) ([]byte, error) {
	for depth := 1; depth > 0; {
		token, err := c.d.Token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if t.Name.Local == c.child {
				return nil, fmt.Errorf("a <%s> element inside another", c.child)
			}
			depth++
		case xml.EndElement:
			depth--
		}
	}
	raw := c.tape.between(start, c.d.InputOffset())
	// An element leaves its document as bytes, so it must not need the
	// declarations that stand on the root there.
	if !bytes.HasPrefix(raw, []byte("<"+c.child)) {
		return nil, fmt.Errorf("<%s> elements have a namespace prefix, which is not supported", c.child)
	}
	for _, p := range c.prefixes {
		if bytes.Contains(raw, []byte("<"+p+":")) || bytes.Contains(raw, []byte(" "+p+":")) {
			return nil, fmt.Errorf("a <%s> element uses the namespace prefix %q, only rpm is supported", c.child, p)
		}
	}
	return raw, nil
}

// tape remembers what has been read from r since the last forget.
type tape struct {
	r    io.Reader
	buf  []byte
	base int64 // offset of buf[0]
}

func (t *tape) Read(p []byte) (int, error) {
	if len(t.buf) > maxElement {
		return 0, fmt.Errorf("an element is over %d MiB", maxElement>>20)
	}
	n, err := t.r.Read(p)
	t.buf = append(t.buf, p[:n]...)
	return n, err
}

// forget drops what stands before offset; lazily, so that it costs nothing per tag.
func (t *tape) forget(offset int64) {
	if n := offset - t.base; n > scanBuffer || n > 0 && n == int64(len(t.buf)) {
		t.buf = t.buf[:copy(t.buf, t.buf[n:])]
		t.base = offset
	}
}

func (t *tape) between(start, end int64) []byte { return t.buf[start-t.base : end-t.base] }
