package closure

import "slices"

// view is one check in work: who may supply, and what that decides.
type view struct {
	*Universe
	bench     *bench
	repo      *repository
	check     Check
	build     *Build           // the targets are the source packages that this names; nil: binary ones
	targets   []int32          // the packages to check, ascending
	suppliers []RepoID         // without the repository itself, each once
	allowed   set              // packages of the arches that count
	available set              // what the repository and its suppliers have for these arches
	hidden    map[int32]string // by whom; without those that are available all the same

	verdicts []verdict      // by requirement, where it is the same for all packages
	judged   []int32        // requirements that have one
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

// newView finds out what is available to a check.
func (b *bench) newView(c Check) *view {
	u := b.u
	v := &view{
		Universe:  u,
		bench:     b,
		repo:      &u.repos[c.Repo],
		check:     c,
		available: b.set(),
		hidden:    make(map[int32]string),
		verdicts:  b.verdicts,
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
	v.allowed = b.allow(c.Arches)
	v.supply(c)
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

// supply makes the packages of all suppliers available, but for the hidden ones.
func (v *view) supply(c Check) {
	hiding, known := make(set, len(v.repos)/64+1), make(set, len(v.repos)/64+1)
	for _, h := range c.Hidden {
		hiding.add(int32(h.Repo))
	}
	for _, s := range c.Suppliers {
		if s == c.Repo && c.Part == nil || known.has(int32(s)) {
			continue
		}
		known.add(int32(s))
		v.suppliers = append(v.suppliers, s)
		packages := v.repos[s].packages
		if hiding.has(int32(s)) {
			packages = v.hide(s, c.Hidden)
		}
		first := v.repos[s].first // one of a thousand streams has a few words, all at the end
		v.available[first:].include(packages[first:])
	}
}

// hide is a supplier's packages without the hidden ones.
func (v *view) hide(s RepoID, hide []Hidden) set {
	packages := slices.Clone(v.repos[s].packages)
	for _, h := range hide {
		if h.Repo != s {
			continue
		}
		for _, id := range v.namedAs(h.Package.Name) {
			if packages.has(id) && v.packages[id].NEVRA == h.Package {
				packages.remove(id)
				v.hidden[id] = h.By
			}
		}
	}
	return packages
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
		if b.unmet != nil || b.unreadable != nil || v.badConflicts[id] != nil {
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
		return v.settled(r, v.plain(r, q))
	}
	for _, p := range q.rich.paths {
		v.paths[p] = true
	}
	found := v.satisfiable(q.rich.formula, self, v.available)
	if !q.rich.lacks {
		v.settled(r, found)
	}
	return found
}

// settled remembers a verdict for all packages.
func (v *view) settled(r int32, found verdict) verdict {
	v.judged = append(v.judged, r)
	v.verdicts[r] = found
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
	return slices.ContainsFunc(v.providers.of(r), v.available.has)
}
