package closure

import (
	"cmp"
	"slices"

	"flatstream/repodata/rpmdep"
)

// conflict is a rich conflict as what it asks of the packages beside the one that
// has it. A conflict forbids its formula, so that each term of its disjunctive form
// becomes a clause: one of the term's literals must fail. A term of one literal is
// a plain conflict with that.
//
//	(a or b)       conflicts with a, and with b
//	(a and b)      demands that a or b is missing
//	(a unless b)   demands that a is missing, or b there
type conflict struct {
	demands, excludes []int32 // requirements
	bad               bool    // it could not be read
}

// maxClauses bounds the clauses of one rich conflict; real ones have one to four. One
// that has more is a single demand, and no term of it is spared.
const maxClauses = 1000

// conflict compiles a rich conflict.
func (u *Universe) conflict(name int32) *conflict {
	c, ok := u.conflicts[name]
	if ok {
		return c
	}
	if u.conflicts == nil {
		u.conflicts = make(map[int32]*conflict)
	}
	c = u.newConflict(name)
	u.conflicts[name] = c
	return c
}

func (u *Universe) newConflict(name int32) *conflict {
	e, err := rpmdep.ParseRich(u.names.text(name))
	if err != nil {
		return &conflict{bad: true}
	}
	r, err := u.compile(e, false)
	if err != nil {
		return &conflict{bad: true}
	}
	c := &conflict{}
	clauses, ok := u.clauses(r.formula)
	if !ok {
		c.demands = append(c.demands, u.addRequirement(requirement{name: name, rich: r}))
	}
	for _, clause := range clauses {
		if len(clause) == 1 && clause[0].kind == lack {
			c.excludes = append(c.excludes, clause[0].leaf)
			continue
		}
		some := &formula{kind: someOf, args: clause}
		part := &rich{formula: some, paths: r.paths, lacks: len(some.literals(lack, nil)) > 0, clause: true}
		c.demands = append(c.demands, u.addRequirement(requirement{name: name, rich: part}))
	}
	return c
}

// clauses lists f's conjunctive form; false if that is too large. What rpm itself
// provides is always there.
func (u *Universe) clauses(f *formula) ([][]*formula, bool) {
	switch {
	case (f.kind == have || f.kind == lack) && u.all[f.leaf].rpmlib:
		if f.kind == have {
			return nil, true
		}
		return [][]*formula{{}}, true
	case f.kind == have || f.kind == lack:
		return [][]*formula{{f}}, true
	}
	var all [][]*formula
	if f.kind == someOf {
		all = [][]*formula{{}}
	}
	for _, a := range f.args {
		more, ok := u.clauses(a)
		switch {
		case !ok || f.kind == allOf && len(all)+len(more) > maxClauses || f.kind == someOf && len(all)*len(more) > maxClauses:
			return nil, false
		case f.kind == allOf:
			all = append(all, more...)
		default:
			all = product(all, more)
		}
		all = distinct(all)
	}
	return all, true
}

// product joins each clause of one list with each of the other.
func product(a, b [][]*formula) [][]*formula {
	var all [][]*formula
	for _, x := range a {
		for _, y := range b {
			all = append(all, slices.Concat(x, y))
		}
	}
	return all
}

// distinct sorts the literals of each clause, and keeps each literal and each clause once,
// and none that is true whatever is installed. One that follows from another stays: a
// package may be spared the one and not the other.
func distinct(clauses [][]*formula) [][]*formula {
	byLiteral := func(a, b *formula) int { return cmp.Or(cmp.Compare(a.leaf, b.leaf), cmp.Compare(a.kind, b.kind)) }
	kept := clauses[:0]
	for _, c := range clauses {
		slices.SortFunc(c, byLiteral)
		c = slices.CompactFunc(c, func(a, b *formula) bool { return byLiteral(a, b) == 0 })
		always := false
		for i := range c[:max(len(c)-1, 0)] {
			always = always || c[i].leaf == c[i+1].leaf
		}
		if !always {
			kept = append(kept, c)
		}
	}
	byLiterals := func(a, b []*formula) int { return slices.CompareFunc(a, b, byLiteral) }
	slices.SortFunc(kept, byLiterals)
	return slices.CompactFunc(kept, func(a, b []*formula) bool { return byLiterals(a, b) == 0 })
}

// runs takes the place of a package's runs of Universe.required.
type runs struct{ obliges, excludes []int32 }

// spare sees to it that no package conflicts with itself. A plain conflict never
// does. Of a rich one libsolv drops a term if the package meets all of it alone, by
// having what it names (what must be missing aside, where nothing provides that
// anyway); the term then counts for other packages only.
func (u *Universe) spare() {
	for p := range u.packages {
		n := &u.packages[p]
		for _, r := range u.required[n.demands:n.excludes] {
			if u.meetsItself(int32(p), r) {
				u.sparePackage(int32(p))
				break
			}
		}
	}
}

func (u *Universe) sparePackage(p int32) {
	n := &u.packages[p]
	s := runs{slices.Clone(u.requires(p)), slices.Clone(u.required[n.excludes:n.end])}
	for _, r := range u.required[n.demands:n.excludes] {
		if u.meetsItself(p, r) {
			s.excludes = append(s.excludes, u.all[r].rich.formula.literals(lack, nil)...)
		} else {
			s.obliges = append(s.obliges, r)
		}
	}
	slices.Sort(s.excludes)
	s.excludes = slices.Compact(s.excludes)
	if u.spared == nil {
		u.spared = make(map[int32]runs)
	}
	u.spared[p] = s
}

// meetsItself reports whether p alone has what clause r wants to be missing.
func (u *Universe) meetsItself(p, r int32) bool {
	f := u.all[r].rich.formula
	missing := f.literals(lack, nil)
	return u.all[r].rich.clause && len(missing) > 0 &&
		!slices.ContainsFunc(missing, func(leaf int32) bool { return !contains(u.providers.of(leaf), p) }) &&
		!slices.ContainsFunc(f.literals(have, nil), func(leaf int32) bool { return len(u.providers.of(leaf)) > 0 })
}
