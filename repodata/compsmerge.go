package repodata

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// MergeComps makes one comps file of several, as libcomps does when DNF adds the
// groups of its repositories: groups, categories and environments with the same id
// become one with all their packages and groups, each once; where two say different
// things of one (a name, a package's type), the later wins. What only one of them has
// stays byte for byte. One file is returned as it is, none is nil.
func MergeComps(all ...*Comps) (*Comps, error) {
	var merged *Comps
	for _, c := range all {
		if merged == nil {
			merged = c
			continue
		}
		m := &compsMerger{merger{a: merged.Raw, b: c.Raw}}
		m.root(merged.root, c.root)
		var err error
		if merged, err = ParseComps(bytes.NewReader(m.result())); err != nil {
			return nil, fmt.Errorf("merge comps: %w", err)
		}
	}
	return merged, nil
}

// compsMerger knows what in a comps file is one thing.
type compsMerger struct{ merger }

// compsLists are the parts of a document that are merged, and within each the lists
// whose items are; everything else in them is a property.
var compsLists = map[string][]string{
	"group":       {"packagelist"},
	"category":    {"grouplist"},
	"environment": {"grouplist", "optionlist"},
}

func (m *compsMerger) root(a, b *node) {
	for _, n := range b.children {
		lists, merges := compsLists[n.name]
		switch known := findNode(a, n.name, idKey(n)); {
		case merges && known != nil:
			m.properties(known, n, lists)
			for _, list := range lists {
				m.items(known, n, list)
			}
		case n.name == "langpacks" && len(a.all(n.name)) > 0:
			m.items(a, b, n.name)
		default:
			m.add(a, n)
		}
	}
}

func idKey(n *node) string { return strings.TrimSpace(n.child("id")) }

// findNode finds a child of root by its id; one without an id is like no other.
func findNode(root *node, name, id string) *node {
	for _, n := range root.all(name) {
		if id != "" && idKey(n) == id {
			return n
		}
	}
	return nil
}

// properties are told apart by their element and language. A flag that the later one
// leaves out has its default again, as libcomps always has a value for it.
func (m *compsMerger) properties(a, b *node, lists []string) {
	key := func(n *node) string { return n.name + " " + n.attrs["xml:lang"] }
	for _, n := range b.children {
		if n.name != "id" && !slices.Contains(lists, n.name) {
			m.put(a, n, slices.IndexFunc(a.children, func(o *node) bool { return key(o) == key(n) }))
		}
	}
	for _, flag := range []string{"default", "uservisible"} {
		for _, n := range a.all(flag) {
			if len(b.all(flag)) == 0 {
				m.edits = append(m.edits, edit{Span: n.span})
			}
		}
	}
}

// items merges the lists of that name, of which a may have none.
func (m *compsMerger) items(a, b *node, list string) {
	key := func(n *node) string { return n.name + " " + cmp.Or(n.attrs["name"], strings.TrimSpace(n.text)) }
	mine := a.all(list)
	for _, theirs := range b.all(list) {
		if len(mine) == 0 {
			m.add(a, theirs)
			continue
		}
		for _, n := range theirs.children {
			into, at := mine[0], -1
			for _, l := range mine {
				if i := slices.IndexFunc(l.children, func(o *node) bool { return key(o) == key(n) }); i >= 0 {
					into, at = l, i
				}
			}
			m.put(into, n, at)
		}
	}
}
