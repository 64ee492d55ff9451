package closure

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// TestRichAgainstAllSubsets asks of random rich dependencies over six packages
// whether some set of packages with the requiring one in it makes them true, by
// trying every set.
func TestRichAgainstAllSubsets(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 14))
	verdicts := make(map[bool]int)
	for range 2000 {
		packages := randomPackages(rng, 1+rng.IntN(6))
		e := randomExpr(rng, 3)
		packages[0].Requires = []repodata.Relation{{Dep: rpmdep.Dep{Name: e.String()}, Rich: true}}
		want := anySubset(packages, e)
		verdicts[want]++
		if got := closed(t, packages); got != want {
			for _, p := range packages {
				t.Logf("%s provides %v", p.Name, p.Provides)
			}
			t.Fatalf("%s: met is %v, trying all sets says %v", e, got, want)
		}
	}
	if verdicts[true] < 200 || verdicts[false] < 200 {
		t.Errorf("the cases are one-sided: %v", verdicts)
	}
}

// closed reports whether the first package, checked beside all, has no problem.
func closed(t *testing.T, packages []*repodata.Package) bool {
	t.Helper()
	u := NewUniverse()
	r := repository{name: "app"}
	for i, p := range packages {
		r.packages.add(u.insert(fmt.Sprint(i), p))
	}
	got := check(t, u, Check{Repo: u.enter(r)}).Checked[0]
	for _, p := range got.Problems {
		if p.Code != MissingRequirement {
			t.Fatalf("unexpected %+v", p)
		}
	}
	return len(got.Problems) == 0
}

// anySubset tries every set of packages that holds the first.
func anySubset(packages []*repodata.Package, e *rpmdep.Expr) bool {
	for bits := 1; bits < 1<<len(packages); bits += 2 {
		var present []*repodata.Package
		for i, p := range packages {
			if bits>>i&1 == 1 {
				present = append(present, p)
			}
		}
		if holds(e, present) {
			return true
		}
	}
	return false
}

// holds is the meaning of a rich dependency, as rpm's documentation on boolean
// dependencies states it.
func holds(e *rpmdep.Expr, present []*repodata.Package) bool {
	arg := func(i int) bool { return holds(e.Args[i], present) }
	each := func(a *rpmdep.Expr) bool { return holds(a, present) }
	switch e.Op {
	case rpmdep.RichAnd:
		return !slices.ContainsFunc(e.Args, func(a *rpmdep.Expr) bool { return !each(a) })
	case rpmdep.RichOr:
		return slices.ContainsFunc(e.Args, each)
	case rpmdep.RichIf:
		return !arg(1) || arg(0)
	case rpmdep.RichIfElse:
		if arg(1) {
			return arg(0)
		}
		return arg(2)
	case rpmdep.RichUnless:
		return arg(0) && !arg(1)
	case rpmdep.RichUnlessElse:
		if arg(1) {
			return arg(2)
		}
		return arg(0)
	}
	return slices.ContainsFunc(present, func(p *repodata.Package) bool { return alone(e, p) })
}

// alone is the meaning of with, without and what may stand in them: of one package.
func alone(e *rpmdep.Expr, p *repodata.Package) bool {
	is := func(a *rpmdep.Expr) bool { return alone(a, p) }
	switch e.Op {
	case rpmdep.RichWith:
		return !slices.ContainsFunc(e.Args, func(a *rpmdep.Expr) bool { return !is(a) })
	case rpmdep.RichWithout:
		return is(e.Args[0]) && !is(e.Args[1])
	case rpmdep.RichOr:
		return slices.ContainsFunc(e.Args, is)
	}
	return slices.ContainsFunc(p.Provides, func(r repodata.Relation) bool { return rpmdep.Match(r.Dep, e.Dep) }) ||
		slices.ContainsFunc(p.Files, func(f repodata.File) bool { return f.Path == e.Dep.Name })
}

func randomDep(rng *rand.Rand) rpmdep.Dep {
	d := rpmdep.Dep{Name: string("wxyz"[rng.IntN(4)])}
	if rng.IntN(3) == 0 {
		ops := []rpmdep.Op{rpmdep.Equal, rpmdep.Less, rpmdep.Greater | rpmdep.Equal}
		d.Op, d.EVR = ops[rng.IntN(len(ops))], rpmver.EVR{Version: fmt.Sprint(1 + rng.IntN(3))}
	}
	return d
}

func randomPackages(rng *rand.Rand, n int) []*repodata.Package {
	packages := make([]*repodata.Package, n)
	for i := range packages {
		p := &repodata.Package{NEVRA: rpmver.NEVRA{Name: fmt.Sprint("p", i), EVR: rpmver.ParseEVR("1-1"), Arch: "noarch"}}
		for range rng.IntN(4) {
			p.Provides = append(p.Provides, repodata.Relation{Dep: randomDep(rng)})
		}
		packages[i] = p
	}
	return packages
}

func randomExpr(rng *rand.Rand, depth int) *rpmdep.Expr {
	op := rpmdep.RichOp(rng.IntN(int(rpmdep.RichWithout) + 1))
	if depth == 0 || op == rpmdep.RichDep && depth < 3 {
		return &rpmdep.Expr{Dep: randomDep(rng)}
	}
	n, inner := 2, randomExpr
	switch op {
	case rpmdep.RichDep:
		op = rpmdep.RichAnd
	case rpmdep.RichAnd, rpmdep.RichOr:
		n += rng.IntN(2)
	case rpmdep.RichIfElse, rpmdep.RichUnlessElse:
		n = 3
	case rpmdep.RichWith, rpmdep.RichWithout:
		inner = randomSet
	}
	e := &rpmdep.Expr{Op: op}
	for range n {
		e.Args = append(e.Args, inner(rng, depth-1))
	}
	return e
}

// randomSet is what rpm allows within with and without.
func randomSet(rng *rand.Rand, depth int) *rpmdep.Expr {
	if depth == 0 || rng.IntN(2) == 0 {
		return &rpmdep.Expr{Dep: randomDep(rng)}
	}
	op := []rpmdep.RichOp{rpmdep.RichWith, rpmdep.RichWithout, rpmdep.RichOr}[rng.IntN(3)]
	return &rpmdep.Expr{Op: op, Args: []*rpmdep.Expr{randomSet(rng, depth-1), randomSet(rng, depth-1)}}
}

// Each level of if-else doubles its condition: what would not fit is refused. What the
// search gives up on, the SAT solver answers.
func TestRichTooLarge(t *testing.T) {
	deep := "a"
	for range 40 {
		deep = "(a if " + deep + " else b)"
	}
	var clauses []string // of a pigeonhole: each p<i> in some hole, no two in one
	for i := range 7 {
		var holes []string
		for j := range 6 {
			holes = append(holes, fmt.Sprintf("p%dh%d", i, j))
			for k := range i {
				clauses = append(clauses, fmt.Sprintf("((none unless p%dh%d) or (none unless p%dh%d))", i, j, k, j))
			}
		}
		clauses = append(clauses, "("+strings.Join(holes, " or ")+")")
	}
	hole := strings.ReplaceAll("("+strings.Join(clauses, " and ")+")", "none unless", "b unless")
	for text, want := range map[string]Code{deep: BadDependency, hole: MissingRequirement} {
		b := &repodata.Package{NEVRA: rpmver.NEVRA{Name: "b", EVR: rpmver.ParseEVR("1-1"), Arch: "noarch"}}
		b.Provides = []repodata.Relation{{Dep: rpmdep.Dep{Name: "b"}}}
		b.Requires = []repodata.Relation{{Dep: rpmdep.Dep{Name: text}, Rich: true}}
		u := NewUniverse()
		r := repository{name: "app"}
		r.packages.add(u.insert("b", b))
		for i := range 9 {
			for j := range 8 {
				p := &repodata.Package{NEVRA: rpmver.NEVRA{Name: fmt.Sprintf("p%dh%d", i, j), EVR: rpmver.ParseEVR("1-1"), Arch: "noarch"}}
				p.Provides = []repodata.Relation{{Dep: rpmdep.Dep{Name: p.Name}}}
				r.packages.add(u.insert(p.Name, p))
			}
		}
		got := check(t, u, Check{Repo: u.enter(r)}).Checked[0].Problems
		if len(got) != 1 || got[0].Code != want {
			t.Errorf("%.60s...: %d problems, want %s", text, len(got), want)
		}
	}
}

// FuzzRich puts any rich dependency to a universe without packages, where its
// meaning is easy to state: every leaf is false.
func FuzzRich(f *testing.F) {
	for _, s := range []string{"(a and b)", "(a if b else c)", "(a unless (b or c))", "((a or b) with (c without d))", "(a", "((a if b) with c)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := rpmdep.ParseRich(s)
		if err != nil {
			return
		}
		u := NewUniverse()
		c, err := u.compile(e, true)
		if err != nil {
			return
		}
		u.resolve(1)
		u.repos = append(u.repos, repository{})
		v := u.newBench().newView(Check{})
		got := v.satisfiable(c.formula, 0, v.available)
		want := holds(e, nil)
		if got != unreadable && (got == met) != want && !strings.Contains(s, "rpmlib(") {
			t.Errorf("%q over no packages: %v, want met to be %v", s, got, want)
		}
		hits := slices.ContainsFunc(u.conflict(u.names.intern(s)).demands, func(r int32) bool {
			return u.satisfiable(u.all[r].rich.formula, 0, nil) == unmet
		})
		if hits != want && !u.conflict(u.names.intern(s)).bad && !strings.Contains(s, "rpmlib(") {
			t.Errorf("a conflict with %q over no packages: it hits is %v, want %v", s, hits, want)
		}
	})
}
