package repodata

import (
	"fmt"
	"io"
	"strings"
)

// maxComps is the largest comps file that is read, bytes; Fedora's has 2 MiB.
const maxComps = 64 << 20

// Comps is a comps.xml: groups of packages, and the categories and environments
// that are made of groups.
type Comps struct {
	Raw    []byte
	Groups []CompsGroup
	root   *node
}

// CompsGroup is one group and the packages that it names.
type CompsGroup struct {
	ID, Name string
	Packages []CompsPackage
}

// CompsPackage is one <packagereq>.
type CompsPackage struct {
	Name string
	Type string // mandatory, default, optional or conditional
}

// ParseComps reads a decompressed comps.xml of at most 64 MiB.
func ParseComps(r io.Reader) (*Comps, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxComps+1))
	if err == nil && len(b) > maxComps {
		err = fmt.Errorf("it is over %d MiB", maxComps>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("read comps: %w", err)
	}
	c := &Comps{Raw: b}
	if c.root, err = parseTree(b); err != nil {
		return nil, fmt.Errorf("read comps: %w", err)
	}
	if c.root.name != "comps" {
		return nil, fmt.Errorf("read comps: the root element is <%s>, want <comps>", c.root.name)
	}
	for _, n := range c.root.all("group") {
		g := CompsGroup{ID: strings.TrimSpace(n.child("id")), Name: n.child("name")}
		for _, list := range n.all("packagelist") {
			for _, p := range list.all("packagereq") {
				g.Packages = append(g.Packages, CompsPackage{strings.TrimSpace(p.text), p.attrs["type"]})
			}
		}
		c.Groups = append(c.Groups, g)
	}
	return c, nil
}

// Filter returns the file reduced to the packages whose names keep accepts: a
// group without packages goes, and with it its id in categories and
// environments; those that lose all their groups go too, as do langpacks whose
// package is not kept. Ids of groups that another repository defines stay.
// Everything else stays byte for byte. It returns nil when no group is left.
func (c *Comps) Filter(keep func(name string) bool) []byte {
	f := &compsFilter{keep: keep, dropped: make(map[string]bool)}
	for _, n := range c.root.all("group") {
		f.judge(n)
	}
	if len(f.kept) == 0 {
		return nil
	}
	for _, n := range c.root.children {
		f.visit(n)
	}
	return without(c.Raw, f.cuts)
}

type compsFilter struct {
	keep    func(string) bool
	dropped map[string]bool // ids of groups that go
	kept    []string        // ids of groups that stay
	cuts    []Span
}

// judge decides about one group. An id that stays in one definition stays.
func (f *compsFilter) judge(group *node) {
	id := strings.TrimSpace(group.child("id"))
	if _, left := selectItems(group, "packagelist", "packagereq", f.keep); left > 0 {
		f.kept = append(f.kept, id)
		f.dropped[id] = false
	} else if _, known := f.dropped[id]; !known {
		f.dropped[id] = true
	}
}

func (f *compsFilter) visit(n *node) {
	stays := func(id string) bool { return !f.dropped[id] }
	switch n.name {
	case "group":
		f.prune(n, f.keep, "packagereq", "packagelist")
	case "category":
		f.prune(n, stays, "groupid", "grouplist")
	case "environment":
		f.prune(n, stays, "groupid", "grouplist", "optionlist")
	case "langpacks":
		for _, match := range n.all("match") {
			if !f.keep(match.attrs["name"]) {
				f.cuts = append(f.cuts, match.span)
			}
		}
	}
}

// prune cuts the items that do not stay out of n's lists, or n itself when its
// first list had items and has none left.
func (f *compsFilter) prune(n *node, stays func(string) bool, item string, lists ...string) {
	cuts, left := selectItems(n, lists[0], item, stays)
	if left == 0 && (len(cuts) > 0 || n.name == "group") {
		f.cuts = append(f.cuts, n.span)
		return
	}
	// Lists may stand in any order: walk them in the document's.
	for _, list := range n.children {
		for _, name := range lists {
			if list.name == name {
				cuts, _ := cutItems(list, item, stays)
				f.cuts = append(f.cuts, cuts...)
			}
		}
	}
}

// selectItems is cutItems over every list of that name.
func selectItems(n *node, list, item string, stays func(string) bool) (cuts []Span, left int) {
	for _, l := range n.all(list) {
		c, k := cutItems(l, item, stays)
		cuts, left = append(cuts, c...), left+k
	}
	return cuts, left
}

func cutItems(list *node, item string, stays func(string) bool) (cuts []Span, left int) {
	for _, i := range list.all(item) {
		if stays(strings.TrimSpace(i.text)) {
			left++
		} else {
			cuts = append(cuts, i.span)
		}
	}
	return cuts, left
}
