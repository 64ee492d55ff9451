package closure

import (
	"cmp"
	"context"
	"slices"

	"flatstream/repodata/rpmver"

	"github.com/go-air/gini"
	"github.com/go-air/gini/z"
)

// satProblem is a cone of packages as clauses: a variable for each package, true
// where it is installed. Where many exclude many, variables in between keep the
// number of clauses in proportion to the metadata.
type satProblem struct {
	*judge
	g        *gini.Gini
	usable   set     // packages that may be installed
	packages []int32 // those that have a variable
	vars     map[int32]z.Lit
}

func (j *judge) emptyProblem(usable set) *satProblem {
	return &satProblem{judge: j, g: gini.New(), usable: usable, vars: make(map[int32]z.Lit)}
}

// lit is the variable of p.
func (f *satProblem) lit(p int32) z.Lit {
	l, ok := f.vars[p]
	if !ok {
		l = f.g.Lit()
		f.vars[p] = l
		f.packages = append(f.packages, p)
	}
	return l
}

// newProblem encodes the cone of packages, of those not known to be broken.
func (j *judge) newProblem(packages []int32) *satProblem {
	cone := j.coneOf(packages, j.alive)
	f := j.emptyProblem(make(set, len(j.alive)))
	for _, p := range cone {
		f.usable.add(p)
		f.lit(p)
	}
	for _, p := range cone {
		for _, r := range j.obliges(p) {
			f.oblige(r, f.lit(p).Not())
		}
	}
	f.exclude()
	f.nameOnce()
	return f
}

// solve tells whether package p can be installed: 1 or -1, or 0 if that was not found
// out with the effort that is left.
func (f *satProblem) solve(ctx context.Context, p int32) (int, error) {
	effort := max(f.effort, minEffort)
	answer, left := f.answer(ctx, effort, f.lit(p))
	f.effort -= effort - left
	return answer, ctx.Err()
}

// chosen reports whether p is installed in the solution that was found last.
func (f *satProblem) chosen(p int32) bool { return f.g.Value(f.lit(p)) }

// clause says that one of the literals is true.
func (f *satProblem) clause(literals ...z.Lit) {
	for _, l := range literals {
		f.g.Add(l)
	}
	f.g.Add(z.LitNull)
}

// oblige says that r holds, or one of the literals.
func (f *satProblem) oblige(r int32, unless ...z.Lit) {
	if rich := f.all[r].rich; rich != nil {
		f.formula(unless, rich.formula)
		return
	}
	f.formula(unless, &formula{kind: have, leaf: r})
}

// formula says that one of the literals is true, or g holds.
func (f *satProblem) formula(unless []z.Lit, g *formula) {
	switch g.kind {
	case have:
		if !f.all[g.leaf].rpmlib {
			f.clause(append(slices.Clip(unless), f.meeting(g.leaf)...)...)
		}
	case lack:
		if f.all[g.leaf].rpmlib {
			f.clause(unless...)
		}
		for _, l := range f.meeting(g.leaf) {
			f.clause(append(slices.Clip(unless), l.Not())...)
		}
	case allOf:
		for _, a := range g.args {
			f.formula(slices.Clip(unless), a)
		}
	case someOf:
		some := slices.Clip(unless)
		for _, a := range g.args {
			way := f.g.Lit()
			f.formula([]z.Lit{way.Not()}, a)
			some = append(some, way)
		}
		f.clause(some...)
	}
}

// meeting lists the usable packages that meet a plain requirement or a set.
func (f *satProblem) meeting(r int32) []z.Lit {
	var found []z.Lit
	for _, p := range f.providers.of(r) {
		if f.usable.has(p) {
			found = append(found, f.lit(p))
		}
	}
	return found
}

// exclude says who conflicts with and obsoletes whom: never itself.
func (f *satProblem) exclude() {
	by := make(map[int32][]int32)
	var exclusions []int32
	for _, p := range f.packages {
		for _, r := range f.excludes(p) {
			if by[r] == nil {
				exclusions = append(exclusions, r)
			}
			by[r] = append(by[r], p)
		}
	}
	for _, r := range exclusions {
		var pure, both []z.Lit // who excludes r, and who also meets it
		for _, p := range by[r] {
			if contains(f.providers.of(r), p) {
				both = append(both, f.lit(p))
			} else {
				pure = append(pure, f.lit(p))
			}
		}
		targets := f.meeting(r)
		f.apart(pure, targets)
		f.apart(both, slices.DeleteFunc(targets, func(l z.Lit) bool { return slices.Contains(both, l) }))
		f.atMostOne(both)
	}
}

// apart says that none of the left is beside any of the right.
func (f *satProblem) apart(left, right []z.Lit) {
	if len(left) == 0 || len(right) == 0 {
		return
	}
	any := left[0]
	if len(left) > 1 {
		any = f.g.Lit()
		for _, l := range left {
			f.clause(l.Not(), any)
		}
	}
	for _, r := range right {
		f.clause(any.Not(), r.Not())
	}
}

// atMostOne says that no two are true: the sequential counter, of 3n clauses.
func (f *satProblem) atMostOne(literals []z.Lit) {
	if len(literals) < 2 {
		return
	}
	before := literals[0]
	for i, l := range literals[1:] {
		f.clause(before.Not(), l.Not())
		if i == len(literals)-2 {
			return
		}
		upTo := f.g.Lit()
		f.clause(before.Not(), upTo)
		f.clause(l.Not(), upTo)
		before = upTo
	}
}

// nameOnce says which builds of one name exclude each other, see together: of one
// name there is one EVR, and of one EVR one build of each width.
func (f *satProblem) nameOnce() {
	builds := make(map[string][]int32)
	var names []string
	for _, p := range f.packages {
		n := &f.Universe.packages[p]
		if isSource(n.Arch) {
			continue
		}
		name := n.Name
		if builds[name] == nil {
			names = append(names, name)
		}
		builds[name] = append(builds[name], p)
	}
	for _, name := range names {
		if len(builds[name]) > 1 {
			f.oneBuild(builds[name])
		}
	}
}

func (f *satProblem) oneBuild(builds []int32) {
	all := f.Universe.packages
	slices.SortFunc(builds, func(a, b int32) int {
		return cmp.Or(rpmver.Compare(all[a].EVR, all[b].EVR), cmp.Compare(a, b))
	})
	var versions []z.Lit
	for len(builds) > 0 {
		n := 1
		for n < len(builds) && rpmver.Compare(all[builds[n]].EVR, all[builds[0]].EVR) == 0 {
			n++
		}
		versions = append(versions, f.oneOfEach(builds[:n]))
		builds = builds[n:]
	}
	f.atMostOne(versions)
}

// oneOfEach says that of builds of one EVR one of each width is installed at most,
// and returns a literal that is true when any is.
func (f *satProblem) oneOfEach(builds []int32) z.Lit {
	if len(builds) == 1 {
		return f.lit(builds[0])
	}
	any := f.g.Lit()
	var wide, narrow []z.Lit
	for _, p := range builds {
		l := f.lit(p)
		f.clause(l.Not(), any)
		w := width(f.Universe.packages[p].Arch)
		if w&2 != 0 {
			wide = append(wide, l)
		}
		if w&1 != 0 {
			narrow = append(narrow, l)
		}
	}
	f.atMostOne(wide)
	f.atMostOne(narrow)
	return any
}
