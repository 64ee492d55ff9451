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
	id := int32(len(u.packages))
	w := &u.words
	n := pkg{NEVRA: p.NEVRA, twin: -1}
	n.word = w.intern(p.Name)
	n.Name, n.Arch = w.text(n.word), w.word(p.Arch)
	n.EVR = w.evr(p.EVR)
	n.batch = w.intern(batchOf(n.Release))
	if first := u.withPkgID(pkgid); first >= 0 {
		n.twin = u.packages[first].twin
		u.packages[first].twin = id
		u.differing.add(id)
	} else {
		u.pkgids.intern(pkgid)
		u.first = append(u.first, id)
	}
	of := u.arches[n.Arch]
	of.add(id)
	u.arches[n.Arch] = of

	if !isSource(n.Arch) {
		u.insertProvides(id, p)
	}
	u.insertRelations(id, &n, p)
	u.packages = push(u.packages, n)
	u.forget()
	return id
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
func (u *Universe) insertRelations(id int32, n *pkg, p *repodata.Package) {
	var demands, excludes []int32
	for _, r := range p.Conflicts {
		if !r.Rich {
			excludes = append(excludes, u.plainRequirement(r.Dep))
			continue
		}
		c := u.conflict(r.Name)
		demands = append(demands, c.demands...)
		excludes = append(excludes, c.excludes...)
		if c.bad {
			u.badConflicts[id] = append(u.badConflicts[id], u.names.text(u.names.intern(r.Name)))
		}
	}
	if !isSource(n.Arch) {
		for _, r := range p.Obsoletes {
			excludes = append(excludes, u.obsolete(r.Dep))
		}
	}
	n.requires = int32(len(u.required))
	for _, r := range p.Requires {
		u.required = push(u.required, u.requirement(r))
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

func (u *Universe) insertProvides(id int32, p *repodata.Package) {
	for _, r := range p.Provides {
		u.provides = push(u.provides, provide{u.names.intern(r.Name), id, u.versions.intern(r.Dep, &u.words)})
	}
	for _, f := range p.Files {
		u.provides = push(u.provides, provide{name: u.names.intern(f.Path), pkg: id})
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
