package closure

import (
	"slices"
	"strings"

	"flatstream/repodata"
)

// element identifies a package by what was read of it: the first 16 digits of its
// pkgid, and a hash of its element in primary without the location, which alone
// differs between repositories. The hash has a seed that nobody knows outside.
type element struct{ pkgid, hash uint64 }

// insert indexes a package that was not seen before and returns its id.
func (u *Universe) insert(pkgid string, p *repodata.Package) int32 {
	u.insertAll([]reading{{pkgid: pkgid, fresh: true, pkg: p}})
	return int32(len(u.packages) - 1)
}

// insertAll indexes those that are fresh; their ids follow one another.
func (u *Universe) insertAll(some []reading) {
	n := u.number(some)
	for i := range some {
		if some[i].fresh {
			u.insertNumbered(some[i].pkg, &n)
		}
	}
}

// numbers are those of packages that are being indexed, in the order in which they are
// used: of pkgids, of the packages' names, and of all names in them.
type numbers struct {
	pkgids, words, names []int32
	parts                []int32  // of rich requirements; nobody takes them
	texts                []string // scratch
}

// number looks everything up at once that these packages are known by, and that they name.
func (u *Universe) number(some []reading) numbers {
	n := &u.numbers
	texts := func(each func(texts []string, e *reading) []string) []string {
		n.texts = n.texts[:0]
		for i := range some {
			if some[i].fresh {
				n.texts = each(n.texts, &some[i])
			}
		}
		return n.texts
	}
	n.pkgids = u.pkgids.internAll(texts(func(t []string, e *reading) []string { return append(t, e.pkgid) }), n.pkgids[:0])
	n.words = u.words.internAll(texts(func(t []string, e *reading) []string { return append(t, e.pkg.Name) }), n.words[:0])
	n.names = u.names.internAll(texts(appendNames), n.names[:0])
	n.parts = u.names.lookupAll(texts(appendParts), n.parts[:0])
	u.touchLinks(n.names)
	u.touchLinks(n.parts)
	return *n
}

// appendNames appends all names in a package, in the order in which they are indexed.
func appendNames(texts []string, e *reading) []string {
	p := e.pkg
	for i := range p.Provides {
		texts = append(texts, p.Provides[i].Name)
	}
	for i := range p.Files {
		texts = append(texts, p.Files[i].Path)
	}
	for _, list := range [...][]repodata.Relation{p.Conflicts, p.Obsoletes, p.Requires} {
		for i := range list {
			texts = append(texts, list[i].Name)
		}
	}
	return texts
}

// appendParts appends the words of the rich requirements: the names in them will be
// looked up, and the others do no harm.
func appendParts(texts []string, e *reading) []string {
	for i := range e.pkg.Requires {
		if r := &e.pkg.Requires[i]; r.Rich {
			for word := range strings.FieldsSeq(r.Name) {
				texts = append(texts, strings.Trim(word, "()"))
			}
		}
	}
	return texts
}

// next takes n from the front of a list.
func next(list *[]int32, n int) []int32 {
	first := (*list)[:n]
	*list = (*list)[n:]
	return first
}

// insertNumbered indexes the package whose numbers come next.
func (u *Universe) insertNumbered(p *repodata.Package, numbers *numbers) {
	id := int32(len(u.packages))
	w := &u.words
	n := pkg{NEVRA: p.NEVRA, twin: -1}
	n.word = next(&numbers.words, 1)[0]
	n.Name, n.Arch = w.text(n.word), w.word(p.Arch)
	n.EVR = w.evr(p.EVR)
	n.batch = w.intern(batchOf(n.Release))
	if k := next(&numbers.pkgids, 1)[0]; int(k) < len(u.first) {
		first := u.first[k]
		n.twin = u.packages[first].twin
		u.packages[first].twin = id
		u.differing.add(id)
	} else {
		u.first = append(u.first, id)
	}
	of := u.arches[n.Arch]
	of.add(id)
	u.arches[n.Arch] = of

	u.insertProvides(id, p, &numbers.names)
	u.insertRelations(id, &n, p, &numbers.names)
	u.packages = push(u.packages, n)
	u.forget()
}

// forget drops what was made of the packages so far, since one more is there, or owns more.
func (u *Universe) forget() { u.providers, u.graph = lists{}, nil }

// withPkgID is the first package that was read with a pkgid, or -1; its twins are the
// others.
func (u *Universe) withPkgID(pkgid string) int32 {
	if i, ok := u.pkgids.lookup(pkgid); ok {
		return u.first[i]
	}
	return -1
}

// batchOf is the part of a release that packages of one module build share: from
// "module" on; else the release, which packages of one source share.
func batchOf(release string) string {
	if at := strings.Index(release, ".module"); at >= 0 {
		return release[at:]
	}
	return release
}

// insertRelations gives the package its runs of what must and what must not be
// beside it.
func (u *Universe) insertRelations(id int32, n *pkg, p *repodata.Package, names *[]int32) {
	var demands, excludes []int32
	for i, name := range next(names, len(p.Conflicts)) {
		r := &p.Conflicts[i]
		if !r.Rich {
			excludes = append(excludes, u.plainRequirement(name, r.Dep))
			continue
		}
		c := u.conflict(name)
		demands = append(demands, c.demands...)
		excludes = append(excludes, c.excludes...)
		if c.bad {
			u.badConflicts[id] = append(u.badConflicts[id], u.names.text(name))
		}
	}
	for i, name := range next(names, len(p.Obsoletes)) {
		if !isSource(n.Arch) {
			excludes = append(excludes, u.obsolete(name, p.Obsoletes[i].Dep))
		}
	}
	n.requires = int32(len(u.required))
	for i, name := range next(names, len(p.Requires)) {
		u.required = push(u.required, u.requirement(name, &p.Requires[i]))
	}
	n.demands = u.endRun(n.requires)
	u.required = append(u.required, demands...)
	n.excludes = u.endRun(n.demands)
	u.required = append(u.required, excludes...)
	n.end = u.endRun(n.excludes)
}

// endRun sorts the run from start on, each requirement once.
func (u *Universe) endRun(start int32) int32 {
	run := u.required[start:]
	slices.Sort(run)
	u.required = u.required[:int(start)+len(slices.Compact(run))]
	return int32(len(u.required))
}

func (u *Universe) insertProvides(id int32, p *repodata.Package, names *[]int32) {
	provided, owned := next(names, len(p.Provides)), next(names, len(p.Files))
	if isSource(p.Arch) {
		return
	}
	for i, name := range provided {
		u.provides = push(u.provides, provide{name, id, u.versions.intern(p.Provides[i].Dep, &u.words)})
	}
	for _, name := range owned {
		u.provides = push(u.provides, provide{name: name, pkg: id})
	}
}

// push is append for lists with millions of entries: it grows them less often, at most
// to twice their length.
func push[T any](list []T, one T) []T {
	if len(list) == cap(list) {
		list = slices.Grow(list, max(len(list), 16))
	}
	return append(list, one)
}

// holder is the first repository that has a package, or -1.
func (u *Universe) holder(id int32) int {
	return slices.IndexFunc(u.repos, func(r repository) bool { return r.packages.has(id) })
}
