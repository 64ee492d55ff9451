package repodata

import (
	"fmt"
	"io"
	"iter"

	"flatstream/repodata/rpmver"
)

// Advisory is one <update> of updateinfo.xml: what was read out of it, and the
// element as it stands, which is what is written again.
type Advisory struct {
	Raw         []byte
	ID          string
	Type        string // security, bugfix, enhancement, newpackage
	Severity    string
	Title       string
	Collections []Collection
}

// Collection is a part of an advisory's package list, mostly one module's.
type Collection struct {
	Name, Short string
	Modules     []AdvisoryModule
	Packages    []AdvisoryPackage
	span        Span
}

// AdvisoryModule is the stream that a collection belongs to, all of it text.
type AdvisoryModule struct {
	Name, Stream, Version, Context, Arch string
	span                                 Span
}

// AdvisoryPackage is one package that an advisory names.
type AdvisoryPackage struct {
	rpmver.NEVRA
	Filename string
	Src      string // of the source package: a file name or a URL
	span     Span
}

// ParseUpdateinfo yields the advisories of a decompressed updateinfo.xml, one in
// memory at a time. After an error nothing follows.
func ParseUpdateinfo(r io.Reader) iter.Seq2[*Advisory, error] {
	return func(yield func(*Advisory, error) bool) {
		c := newCutter(r, "updates", "update")
		for n := 1; ; n++ {
			raw, err := c.next()
			if err == io.EOF {
				return
			}
			var a *Advisory
			if err == nil {
				a, err = parseAdvisory(append([]byte(nil), raw...))
			}
			if err != nil {
				yield(nil, fmt.Errorf("read updateinfo: advisory %d: %w", n, err))
				return
			}
			if !yield(a, nil) {
				return
			}
		}
	}
}

func parseAdvisory(raw []byte) (*Advisory, error) {
	update, err := parseTree(raw)
	if err != nil {
		return nil, err
	}
	a := &Advisory{Raw: raw, ID: update.child("id"), Type: update.attrs["type"],
		Severity: update.child("severity"), Title: update.child("title")}
	for _, list := range update.all("pkglist") {
		for _, n := range list.all("collection") {
			c, err := parseCollection(n)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", a.ID, err)
			}
			a.Collections = append(a.Collections, c)
		}
	}
	return a, nil
}

func parseCollection(n *node) (Collection, error) {
	c := Collection{Name: n.child("name"), Short: n.attrs["short"], span: n.span}
	for _, m := range n.all("module") {
		c.Modules = append(c.Modules, AdvisoryModule{m.attrs["name"], m.attrs["stream"],
			m.attrs["version"], m.attrs["context"], m.attrs["arch"], m.span})
	}
	for _, p := range n.all("package") {
		epoch, err := rpmver.ParseEpoch(p.attrs["epoch"])
		if err != nil {
			return c, fmt.Errorf("package %s: %w", p.attrs["name"], err)
		}
		evr := rpmver.EVR{Epoch: epoch, Version: p.attrs["version"], Release: p.attrs["release"]}
		c.Packages = append(c.Packages, AdvisoryPackage{
			NEVRA:    rpmver.NEVRA{Name: p.attrs["name"], EVR: evr, Arch: p.attrs["arch"]},
			Filename: p.child("filename"), Src: p.attrs["src"], span: p.span})
	}
	return c, nil
}

// Filter returns the advisory reduced to the packages that keep accepts, and how
// many they are; nil when none is left. Collections without packages go; with
// dropModules so does every <module>, since DNF ignores an advisory whose module
// is not active (P26). Everything else stays byte for byte.
func (a *Advisory) Filter(keep func(rpmver.NEVRA) bool, dropModules bool) (xml []byte, n int) {
	var cuts []Span
	for _, c := range a.Collections {
		packages, kept := c.cutPackages(keep)
		if kept == 0 {
			cuts = append(cuts, c.span)
			continue
		}
		if dropModules {
			packages = c.cutModules(packages)
		}
		cuts = append(cuts, packages...)
		n += kept
	}
	if n == 0 {
		return nil, 0
	}
	return without(a.Raw, cuts), n
}

func (c *Collection) cutPackages(keep func(rpmver.NEVRA) bool) (cuts []Span, kept int) {
	for _, p := range c.Packages {
		if keep(p.NEVRA) {
			kept++
		} else {
			cuts = append(cuts, p.span)
		}
	}
	return cuts, kept
}

// cutModules merges the modules' spans into cuts, in document order.
func (c *Collection) cutModules(cuts []Span) []Span {
	var all []Span
	modules := c.Modules
	for _, cut := range cuts {
		for len(modules) > 0 && modules[0].span.Start < cut.Start {
			all = append(all, modules[0].span)
			modules = modules[1:]
		}
		all = append(all, cut)
	}
	for _, m := range modules {
		all = append(all, m.span)
	}
	return all
}

// MergeAdvisory adds to one advisory the collections of another of the same id, as two
// repositories may have it, less the packages that a names already. What a says
// besides stays.
func MergeAdvisory(a, b []byte) ([]byte, error) {
	first, err := parseAdvisory(a)
	if err != nil {
		return nil, fmt.Errorf("merge advisories: %w", err)
	}
	second, err := parseAdvisory(b)
	if err != nil {
		return nil, fmt.Errorf("merge advisories: %w", err)
	}
	named := map[rpmver.NEVRA]bool{}
	for _, c := range first.Collections {
		for _, p := range c.Packages {
			named[p.NEVRA] = true
		}
	}
	more, n := second.Filter(func(n rpmver.NEVRA) bool { return !named[n] }, false)
	if n == 0 {
		return a, nil
	}
	return appendCollections(a, more)
}

// appendCollections adds every collection of b to the last list of a.
func appendCollections(a, b []byte) ([]byte, error) {
	into, err := parseTree(a)
	if err != nil {
		return nil, fmt.Errorf("merge advisories: %w", err)
	}
	from, err := parseTree(b)
	if err != nil {
		return nil, fmt.Errorf("merge advisories: %w", err)
	}
	m := &merger{a: a, b: b}
	lists := into.all("pkglist")
	for _, theirs := range from.all("pkglist") {
		if len(lists) == 0 {
			m.add(into, theirs)
			continue
		}
		for _, c := range theirs.all("collection") {
			m.add(lists[len(lists)-1], c)
		}
	}
	return m.result(), nil
}

// WriteUpdateinfo writes an updateinfo.xml of advisories as [Advisory.Filter]
// returned them, or as their Raw.
func WriteUpdateinfo(w io.Writer, advisories iter.Seq2[[]byte, error]) error {
	if _, err := io.WriteString(w, xmlDeclaration+"<updates>\n"); err != nil {
		return fmt.Errorf("write updateinfo: %w", err)
	}
	for raw, err := range advisories {
		if err == nil {
			_, err = fmt.Fprintf(w, "  %s\n", raw)
		}
		if err != nil {
			return fmt.Errorf("write updateinfo: %w", err)
		}
	}
	if _, err := io.WriteString(w, "</updates>\n"); err != nil {
		return fmt.Errorf("write updateinfo: %w", err)
	}
	return nil
}
