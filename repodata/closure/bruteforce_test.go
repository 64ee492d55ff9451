package closure

import (
	"maps"
	"slices"

	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// bruteForce lists the packages that no consistent set contains.
func bruteForce(own, all []*repodata.Package) []string {
	in := make(map[*repodata.Package]bool)
	for bits := range 1 << len(all) {
		var set []*repodata.Package
		for i, p := range all {
			if bits>>i&1 == 1 {
				set = append(set, p)
			}
		}
		if consistent(set, all) {
			for _, p := range set {
				in[p] = true
			}
		}
	}
	broken := []string{}
	for _, p := range own {
		if !in[p] {
			broken = append(broken, p.NEVRA.String())
		}
	}
	slices.Sort(broken)
	return slices.Compact(broken)
}

// consistent is verify's definition, word by word.
func consistent(set, all []*repodata.Package) bool {
	for _, p := range set {
		for _, r := range p.Requires {
			if !relationHolds(r, set) {
				return false
			}
		}
		for _, r := range p.Conflicts {
			others := slices.DeleteFunc(slices.Clone(set), func(q *repodata.Package) bool { return q == p })
			if !r.Rich && relationHolds(r, others) || r.Rich && forbidden(p, r.Name, set, all) {
				return false
			}
		}
		for _, q := range set {
			if p != q && (clashByName(p, q) || obsoletes(p, q)) {
				return false
			}
		}
	}
	return true
}

func relationHolds(r repodata.Relation, set []*repodata.Package) bool {
	if r.Rich {
		e, err := rpmdep.ParseRich(r.Name)
		return err == nil && holds(e, set)
	}
	return slices.ContainsFunc(set, func(p *repodata.Package) bool { return alone(&rpmdep.Expr{Dep: r.Dep}, p) })
}

// forbidden reports whether a rich conflict of p hits: a term of it holds that is
// more than p itself.
func forbidden(p *repodata.Package, text string, set, all []*repodata.Package) bool {
	e, err := rpmdep.ParseRich(text)
	if err != nil {
		return false
	}
	for _, t := range terms(e, true, all) {
		if len(t) == 1 && t[p] {
			continue
		}
		hit := true
		for q, present := range t {
			hit = hit && present == slices.Contains(set, q)
		}
		if hit {
			return true
		}
	}
	return false
}

// combination says which packages are there and which are not.
type combination map[*repodata.Package]bool

// terms is the disjunctive form of e, or of its negation, over packages.
func terms(e *rpmdep.Expr, yes bool, all []*repodata.Package) []combination {
	arg := func(i int, yes bool) []combination { return terms(e.Args[i], yes, all) }
	both := func(a, b []combination) (found []combination) {
		for _, x := range a {
		pairs:
			for _, y := range b {
				joined := maps.Clone(x)
				for p, present := range y {
					if there, ok := joined[p]; ok && there != present {
						continue pairs
					}
					joined[p] = present
				}
				found = append(found, joined)
			}
		}
		return found
	}
	either := func(a, b []combination) []combination { return append(slices.Clone(a), b...) }
	if !yes {
		both, either = either, both
	}
	switch e.Op {
	case rpmdep.RichAnd:
		return both(arg(0, yes), arg(1, yes))
	case rpmdep.RichOr:
		return either(arg(0, yes), arg(1, yes))
	case rpmdep.RichIf:
		return either(arg(0, yes), arg(1, !yes))
	case rpmdep.RichUnless:
		return both(arg(0, yes), arg(1, !yes))
	case rpmdep.RichIfElse:
		return both(either(arg(0, yes), arg(1, !yes)), either(arg(2, yes), arg(1, yes)))
	case rpmdep.RichUnlessElse:
		return either(both(arg(0, yes), arg(1, !yes)), both(arg(2, yes), arg(1, yes)))
	}
	if yes {
		var found []combination
		for _, p := range all {
			if alone(e, p) {
				found = append(found, combination{p: true})
			}
		}
		return found
	}
	none := combination{}
	for _, p := range all {
		if alone(e, p) {
			none[p] = false
		}
	}
	return []combination{none}
}

func clashByName(p, q *repodata.Package) bool {
	wide := func(p *repodata.Package) bool { return p.Arch == "x86_64" }
	sideBySide := p.Arch != "noarch" && q.Arch != "noarch" && wide(p) != wide(q) && rpmver.Compare(p.EVR, q.EVR) == 0
	return p.Name == q.Name && !sideBySide && !isSource(p.Arch) && !isSource(q.Arch)
}

func obsoletes(p, q *repodata.Package) bool {
	return !isSource(q.Arch) && slices.ContainsFunc(p.Obsoletes, func(r repodata.Relation) bool {
		return rpmdep.Match(rpmdep.Dep{Name: q.Name, Op: rpmdep.Equal, EVR: q.EVR}, r.Dep)
	})
}
