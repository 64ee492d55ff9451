package repodata

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// merger edits the document a so that it says what b says, too.
type merger struct {
	a, b  []byte
	edits []edit
}

// edit puts text in the place of a span, which may be empty.
type edit struct {
	Span
	text string
}

// result carries the edits out. They do not overlap; of several at one place the
// first stands first.
func (m *merger) result() []byte {
	slices.SortStableFunc(m.edits, func(x, y edit) int { return cmp.Compare(x.Start, y.Start) })
	var out []byte
	at := 0
	for _, e := range m.edits {
		out = append(append(out, m.a[at:e.Start]...), e.text...)
		at = e.End
	}
	return append(out, m.a[at:]...)
}

// put writes n in the place of a child of into, or as a new one where that is -1.
func (m *merger) put(into, n *node, child int) {
	if child < 0 {
		m.add(into, n)
		return
	}
	old, text := into.children[child].span, m.text(n)
	if string(m.a[old.Start:old.End]) == text {
		return
	}
	i := slices.IndexFunc(m.edits, func(e edit) bool { return e.Span == old })
	if i >= 0 { // b has it twice, too
		m.edits[i].text = text
		return
	}
	m.edits = append(m.edits, edit{old, text})
}

func (m *merger) text(n *node) string { return string(m.b[n.span.Start:n.span.End]) }

// add writes n as the last child of into, indented as the children before it.
func (m *merger) add(into, n *node) {
	raw := m.a[into.span.Start:into.span.End]
	if bytes.HasSuffix(raw, []byte("/>")) && !bytes.Contains(raw, []byte("</")) { // <packagelist/>
		open := Span{into.span.End - len("/>"), into.span.End}
		i := slices.IndexFunc(m.edits, func(e edit) bool { return e.Span == open })
		end := "</" + string(raw[1:nameEnd(raw, 1)]) + ">" // with its prefix
		if i < 0 {
			i = len(m.edits)
			m.edits = append(m.edits, edit{open, ">" + end})
		}
		m.edits[i].text = strings.TrimSuffix(m.edits[i].text, end) + m.text(n) + end
		return
	}
	at := into.span.Start + bytes.LastIndexByte(raw, '<')
	indent := ""
	if len(into.children) > 0 {
		last := into.children[len(into.children)-1].span
		at = last.End
		indent = m.indent(last.Start)
	}
	m.edits = append(m.edits, edit{Span{at, at}, indent + m.text(n)})
}

// indent is the white space before a place, back to the line's start.
func (m *merger) indent(at int) string {
	start := at
	for start > 0 && isSpace(m.a[start-1]) {
		start--
		if m.a[start] == '\n' {
			break
		}
	}
	return string(m.a[start:at])
}

// nameEnd is where a tag name that starts at p ends.
func nameEnd(b []byte, p int) int {
	for p < len(b) && b[p] > ' ' && b[p] != '>' && b[p] != '/' {
		p++
	}
	return p
}
