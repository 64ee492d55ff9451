package modulemd

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// The codes of Warning that more than one place uses.
const (
	badDocument     = "bad-document"
	lenientDocument = "lenient-document"
	rejected        = "libmodulemd-rejects"
)

// document is one document while it is read. Its methods take YAML nodes, nil for
// absent, and return raw text whatever the tag (P20): 5.30 stays 5.30. After the
// first failure they return nothing more and err tells why.
type document struct {
	text
	source   string
	id       string // NSVC and the like, once known
	root     *yaml.Node
	steps    int
	err      error
	warnings []Warning
	brief    bool // the file has so many warnings already that two must do
}

// place names the document for a message.
func (d *document) place() string {
	if d.id != "" {
		return d.id
	}
	return fmt.Sprintf("document %d (line %d)", d.index, d.line)
}

func (d *document) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

// remark adds a warning; a document with too many gets a last one that says so. That
// libmodulemd rejects a document is said at least once.
func (d *document) remark(code, format string, args ...any) {
	most := maxRemarks
	if d.brief {
		most = 1
	}
	first := code == rejected && !slices.ContainsFunc(d.warnings, func(w Warning) bool { return w.Code == rejected })
	switch {
	case first || code == badDocument:
	case len(d.warnings) > most:
		return
	case len(d.warnings) == most:
		format, args = "further remarks are left out", nil
	}
	where := d.place() + ": "
	if d.source != "" {
		where = d.source + ": " + where
	}
	d.warnings = append(d.warnings, Warning{Code: code, Doc: d.index, Text: where + fmt.Sprintf(format, args...)})
}

// follow counts a step and resolves an alias; nil stays nil.
func (d *document) follow(n *yaml.Node) *yaml.Node {
	if n == nil || d.err != nil {
		return nil
	}
	if d.steps++; d.steps > maxSteps {
		d.err = hostile("aliases that multiply to more than %d entries", maxSteps)
		return nil
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// pair is one entry of a mapping.
type pair struct {
	key   string
	value *yaml.Node
}

// pairs returns a mapping's entries in order. Of equal keys the last is taken, as
// libmodulemd does. A null is an empty mapping.
func (d *document) pairs(n *yaml.Node) []pair {
	n = d.follow(n)
	switch {
	case n == nil || isNull(n):
		return nil
	case n.Kind != yaml.MappingNode:
		d.fail("line %d: a mapping is expected", d.lineOf(n))
		return nil
	}
	list := make([]pair, 0, len(n.Content)/2)
	at := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content) && d.err == nil; i += 2 {
		key := d.name(n.Content[i])
		d.follow(n.Content[i+1])
		old, twice := at[key]
		switch {
		case twice:
			d.remark(lenientDocument, "line %d: %s stands twice, the last is taken", d.lineOf(n.Content[i]), quote(key))
			list[old].value = n.Content[i+1]
		default:
			at[key] = len(list)
			list = append(list, pair{key, n.Content[i+1]})
		}
	}
	return list
}

// fields returns a mapping by key.
func (d *document) fields(n *yaml.Node) map[string]*yaml.Node {
	pairs := d.pairs(n)
	m := make(map[string]*yaml.Node, len(pairs))
	for _, p := range pairs {
		m[p.key] = p.value
	}
	return m
}

// value returns a scalar as it is written.
func (d *document) value(n *yaml.Node) string {
	n = d.follow(n)
	switch {
	case n == nil:
		return ""
	case n.Kind != yaml.ScalarNode:
		d.fail("line %d: a single value is expected", d.lineOf(n))
		return ""
	}
	return n.Value
}

// name returns a scalar that names something: not long, without control characters,
// since it ends in paths and in messages.
func (d *document) name(n *yaml.Node) string {
	s := d.value(n)
	if len(s) > maxName || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		d.fail("line %d: %s is no name", d.lineOf(n), quote(s))
		return ""
	}
	return s
}

// names returns a list of names. A lone one is taken as a list of one, as
// libmodulemd does, and a null as none, both with a warning.
func (d *document) names(n *yaml.Node) []string {
	n = d.follow(n)
	switch {
	case n == nil:
		return nil
	case isNull(n):
		d.remark(lenientDocument, "line %d: nothing stands where a list is expected, read as an empty one", d.lineOf(n))
		return nil
	case n.Kind == yaml.ScalarNode:
		s := d.name(n)
		d.remark(lenientDocument, "line %d: %s stands where a list is expected, read as a list of one", d.lineOf(n), quote(s))
		return []string{s}
	case n.Kind != yaml.SequenceNode:
		d.fail("line %d: a list is expected", d.lineOf(n))
		return nil
	}
	list := make([]string, 0, len(n.Content))
	for _, item := range n.Content {
		list = append(list, d.name(item))
		if d.err != nil {
			return nil
		}
	}
	return list
}

// lineOf returns n's line in the file.
func (d *document) lineOf(n *yaml.Node) int { return d.line + n.Line - 1 }

// isNull reports whether n is an empty plain scalar, or one of YAML's words for it.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// quote shows a value of any length in a message.
func quote(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%q...", s[:77])
	}
	return fmt.Sprintf("%q", s)
}
