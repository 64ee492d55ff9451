package closure

import (
	"slices"

	"flatstream/repodata"
)

// element identifies a package by what was read of it: its pkgid, and a hash of
// its element in primary without the location, which alone differs between
// repositories.
type element struct {
	pkgid string
	hash  uint64
}

// insert indexes a package that was not seen before and returns its id.
func (u *Universe) insert(e element, p *repodata.Package) int32 {
	id := int32(len(u.packages))
	w := &u.words
	n := pkg{NEVRA: p.NEVRA, twin: -1}
	n.Name, n.Arch = w.text[w.intern(p.Name)], w.text[w.intern(p.Arch)]
	n.EVR = w.evr(p.EVR)
	first, known := u.pkgids[e.pkgid]
	if known {
		n.twin = u.packages[first].twin
		u.packages[first].twin = id
	} else {
		u.pkgids[e.pkgid] = id
	}
	u.elements[e] = id
	of := u.arches[n.Arch]
	of.add(id)
	u.arches[n.Arch] = of

	if !isSource(n.Arch) {
		u.insertProvides(id, p)
	}
	start := len(u.required)
	for _, r := range p.Requires {
		u.required = append(u.required, u.requirement(r))
	}
	run := u.required[start:]
	slices.Sort(run)
	u.required = u.required[:start+len(slices.Compact(run))]
	n.requires = [2]int32{int32(start), int32(len(u.required))}
	for _, r := range p.Conflicts {
		if r.Rich && u.all[u.requirement(r)].bad {
			n.badConflicts = append(n.badConflicts, u.names.text[u.names.intern(r.Name)])
		}
	}
	u.packages = append(u.packages, n)
	return id
}

func (u *Universe) insertProvides(id int32, p *repodata.Package) {
	for _, r := range p.Provides {
		u.provides = append(u.provides, provide{u.names.intern(r.Name), id, u.versions.intern(r.Dep, &u.words)})
	}
	for _, f := range p.Files {
		u.provides = append(u.provides, provide{name: u.names.intern(f.Path), pkg: id})
	}
	u.index = nil
}

// holder is the first repository that has a package, or -1.
func (u *Universe) holder(id int32) int {
	return slices.IndexFunc(u.repos, func(r repository) bool { return r.packages.has(id) })
}
