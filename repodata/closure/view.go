package closure

import (
	"slices"

	"flatstream/repodata/rpmver"
)

// view is one check in work: who may supply, and what that decides.
type view struct {
	*Universe
	repo      *repository
	check     Check
	build     *Build           // the targets are the source packages that this names; nil: binary ones
	targets   []int32          // the packages to check, ascending
	suppliers []RepoID         // without the repository itself, each once
	allowed   set              // packages of the arches that count
	available set              // what the repository and its suppliers have for these arches
	hidden    map[int32]string // by whom; without those that are available all the same

	verdicts []verdict      // by requirement, where it is the same for all packages
	paths    map[int32]bool // names that filelists should be asked for
	broken   []broken       // in the order of package ids
	skipped  map[string]int // packages that were not, by arch
	features map[int32]bool // rpmlib requirements that rpm 4.14 does not meet
}

// broken is a package with the requirements that are not met, and those that
// cannot be read.
type broken struct {
	pkg               int32
	unmet, unreadable []int32
}

// newView finds out what is available to a check. The index by NEVRA is only used
// for what is hidden.
func (u *Universe) newView(c Check, byNEVRA map[rpmver.NEVRA][]int32) *view {
	v := &view{
		Universe:  u,
		repo:      &u.repos[c.Repo],
		check:     c,
		allowed:   make(set, len(u.packages)/64+1),
		available: make(set, len(u.packages)/64+1),
		hidden:    make(map[int32]string),
		verdicts:  make([]verdict, len(u.all)),
		paths:     make(map[int32]bool),
		skipped:   make(map[string]int),
		features:  make(map[int32]bool),
	}
	if c.Part != nil {
		v.repo = u.part(c.Part)
	}
	if len(c.Arches) == 0 {
		c.Arches = Arches("")
	}
	for _, a := range c.Arches {
		v.allowed.include(u.arches[a])
	}
	for _, s := range c.Suppliers {
		if (s != c.Repo || c.Part != nil) && !slices.Contains(v.suppliers, s) {
			v.suppliers = append(v.suppliers, s)
			v.supply(s, c.Hidden, byNEVRA)
		}
	}
	v.available.include(v.repo.packages)
	v.available.keep(v.allowed)
	if c.building {
		v.aimAtSources(c.Build)
	} else {
		v.aim()
	}
	if c.Build != nil { // which the other part of the check looks at
		delete(v.skipped, "src")
		delete(v.skipped, "nosrc")
	}
	for id := range v.hidden {
		if v.available.has(id) {
			delete(v.hidden, id)
		}
	}
	return v
}

// supply makes a supplier's packages available, but for the hidden ones.
func (v *view) supply(s RepoID, hide []Hidden, byNEVRA map[rpmver.NEVRA][]int32) {
	packages := slices.Clone(v.repos[s].packages)
	for _, h := range hide {
		if h.Repo != s {
			continue
		}
		for _, id := range byNEVRA[h.Package] {
			if packages.has(id) {
				packages.remove(id)
				v.hidden[id] = h.By
			}
		}
	}
	v.available.include(packages)
}

// aim makes targets of the repository's packages that such a system installs.
func (v *view) aim() {
	for id := range v.repo.packages.all {
		if v.available.has(id) {
			v.targets = append(v.targets, id)
		} else {
			v.skipped[v.packages[id].Arch]++
		}
	}
}

// decide looks at every requirement of every target.
func (v *view) decide() {
	for _, id := range v.targets {
		b := broken{pkg: id}
		for _, r := range v.requires(id) {
			switch v.verdict(r, id) {
			case unmet:
				b.unmet = append(b.unmet, r)
			case unreadable:
				b.unreadable = append(b.unreadable, r)
			}
		}
		if b.unmet != nil || b.unreadable != nil || v.packages[id].badConflicts != nil {
			v.broken = append(v.broken, b)
		}
	}
}

// verdict decides requirement r of package self, once for all packages unless r
// is a rich one that self may stand in the way of.
func (v *view) verdict(r, self int32) verdict {
	if v.verdicts[r] != open {
		return v.verdicts[r]
	}
	q := &v.all[r]
	if q.rich == nil {
		v.verdicts[r] = v.plain(r, q)
		return v.verdicts[r]
	}
	for _, p := range q.rich.paths {
		v.paths[p] = true
	}
	found := v.satisfiable(q.rich.formula, self, v.available)
	if !q.rich.lacks {
		v.verdicts[r] = found
	}
	return found
}

func (v *view) plain(r int32, q *requirement) verdict {
	switch {
	case q.bad:
		return unreadable
	case q.rpmlib:
		if !rpmKnows(v.dep(q.name, q.version)) {
			v.features[r] = true
		}
		return met
	case v.has(r):
		return met
	case q.path:
		v.paths[q.name] = true
	}
	return unmet
}

// has reports whether an available package meets a plain requirement or a set.
func (v *view) has(r int32) bool {
	return slices.ContainsFunc(v.providers[r], v.available.has)
}
