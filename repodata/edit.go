package repodata

import (
	"errors"
	"io"
)

// maxDepth bounds how deep updateinfo and comps nest; real ones reach 6.
const maxDepth = 64

// node is one element of a document that is edited: where it stands and what it
// holds. Bytes outside the cuts are never touched.
type node struct {
	name     string
	attrs    map[string]string
	text     string // of a node without children
	span     Span
	children []*node
}

// parseTree reads a document or an element into nodes; it is for what is small.
func parseTree(b []byte) (*node, error) {
	var root *node
	var reader markupReader
	err := reader.read(b, func(m markup) (err error) {
		root, err = readTree(m)
		return err
	})
	return root, err
}

func readTree(m markup) (*node, error) {
	top := &node{}
	path := []*node{top}
	for {
		kind, err := m.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		parent := path[len(path)-1]
		if kind == opening {
			if len(path) > maxDepth {
				return nil, errors.New("elements are nested too deeply")
			}
			n := &node{name: string(m.name()), span: Span{Start: m.span().Start}}
			n.readAttrs(m)
			parent.children = append(parent.children, n)
			path = append(path, n)
			continue
		}
		parent.span.End = m.span().End
		if len(parent.children) == 0 {
			text, err := m.text()
			if err != nil {
				return nil, err
			}
			parent.text = string(text)
		}
		path = path[:len(path)-1]
	}
	if len(top.children) != 1 || len(path) != 1 {
		return nil, errors.New("it is not one complete element")
	}
	return top.children[0], nil
}

func (n *node) readAttrs(m markup) {
	for {
		key, value, more := m.attr()
		if !more {
			return
		}
		if n.attrs == nil {
			n.attrs = make(map[string]string)
		}
		n.attrs[string(key)] = string(value)
	}
}

// all returns the children of that name.
func (n *node) all(name string) []*node {
	var found []*node
	for _, c := range n.children {
		if c.name == name {
			found = append(found, c)
		}
	}
	return found
}

// child returns the text of the first child of that name.
func (n *node) child(name string) string {
	for _, c := range n.children {
		if c.name == name {
			return c.text
		}
	}
	return ""
}

// without returns b less the cuts, which are in order and do not overlap; the
// space before a cut goes with it.
func without(b []byte, cuts []Span) []byte {
	out := make([]byte, 0, len(b))
	at := 0
	for _, c := range cuts {
		start := c.Start
		for start > at && isSpace(b[start-1]) {
			start--
		}
		out = append(out, b[at:start]...)
		at = c.End
	}
	return append(out, b[at:]...)
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }
