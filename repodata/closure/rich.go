package closure

import (
	"errors"
	"slices"

	"flatstream/repodata/rpmdep"
)

// rich is a rich dependency, compiled.
type rich struct {
	formula *formula
	paths   []int32 // names of leaves that only filelists can tell about
	lacks   bool    // it has a literal that is met by absence
	clause  bool    // it is a clause of a rich conflict: some of a list of literals
}

// formula is a rich dependency in negation normal form: and and or over literals.
type formula struct {
	kind formulaKind
	leaf int32 // requirement id, of have and lack
	args []*formula
}

type formulaKind uint8

const (
	have   formulaKind = iota // some package present meets the leaf
	lack                      // none does
	allOf                     // every argument holds
	someOf                    // one argument holds
)

// maxFormula bounds the literals and operators of one rich dependency: each level
// of if-else has its condition twice, so that 16 nested ones could come to 65,536
// of them. Real ones have under 100.
const maxFormula = 10_000

// compile turns a rich dependency into a formula. It refuses what rpm refuses
// ("Illegal ops in with/without"), and what is too large.
//
//	A if B             A or not B
//	A if B else C      (A or not B) and (C or B)
//	A unless B         A and not B
//	A unless B else C  (A and not B) or (C and B)
//
// A with or without is one literal: a set of packages. Of a conflict (holds is
// false) it is the negation.
func (u *Universe) compile(e *rpmdep.Expr, holds bool) (*rich, error) {
	c := compiler{u: u, left: maxFormula}
	f, err := c.formula(e, holds)
	if err != nil {
		return nil, err
	}
	c.rich.formula = f
	return &c.rich, nil
}

type compiler struct {
	u    *Universe
	rich rich
	left int // of maxFormula
}

// formula compiles e, or its negation when holds is false.
func (c *compiler) formula(e *rpmdep.Expr, holds bool) (*formula, error) {
	if c.left--; c.left < 0 {
		return nil, errors.New("too many alternatives")
	}
	yes, no := holds, !holds
	switch e.Op {
	case rpmdep.RichDep:
		return c.literal(c.plain(e.Dep), holds), nil
	case rpmdep.RichWith, rpmdep.RichWithout:
		id, err := c.set(e)
		if err != nil {
			return nil, err
		}
		return c.literal(id, holds), nil
	case rpmdep.RichAnd, rpmdep.RichOr:
		return c.join(holds == (e.Op == rpmdep.RichAnd), signed(e.Args, holds)...)
	case rpmdep.RichIf:
		return c.join(no, term{e.Args[0], yes}, term{e.Args[1], no})
	case rpmdep.RichUnless:
		return c.join(yes, term{e.Args[0], yes}, term{e.Args[1], no})
	}
	return c.choice(e, holds)
}

type term struct {
	expr  *rpmdep.Expr
	holds bool
}

func signed(args []*rpmdep.Expr, holds bool) []term {
	terms := make([]term, len(args))
	for i, a := range args {
		terms[i] = term{a, holds}
	}
	return terms
}

// join is all of the terms, or some of them.
func (c *compiler) join(all bool, terms ...term) (*formula, error) {
	f := &formula{kind: someOf}
	if all {
		f.kind = allOf
	}
	for _, t := range terms {
		arg, err := c.formula(t.expr, t.holds)
		if err != nil {
			return nil, err
		}
		f.args = append(f.args, arg)
	}
	return f, nil
}

// choice compiles if-else and unless-else, which choose between A and C by B, and
// their negations: the same literals in pairs, each pair and all pairs joined the
// other way. That the shape is kept matters to conflicts, see spare.
func (c *compiler) choice(e *rpmdep.Expr, holds bool) (*formula, error) {
	all := holds == (e.Op == rpmdep.RichIfElse)
	left, err := c.join(!all, term{e.Args[0], holds}, term{e.Args[1], !holds})
	if err != nil {
		return nil, err
	}
	right, err := c.join(!all, term{e.Args[2], holds}, term{e.Args[1], holds})
	if err != nil {
		return nil, err
	}
	f := &formula{kind: someOf, args: []*formula{left, right}}
	if all {
		f.kind = allOf
	}
	return f, nil
}

func (c *compiler) literal(leaf int32, holds bool) *formula {
	if holds {
		return &formula{kind: have, leaf: leaf}
	}
	c.rich.lacks = true
	return &formula{kind: lack, leaf: leaf}
}

func (c *compiler) plain(d rpmdep.Dep) int32 {
	id := c.u.plainRequirement(c.u.names.intern(d.Name), d)
	if q := c.u.all[id]; q.path {
		c.rich.paths = append(c.rich.paths, q.name)
	}
	return id
}

// setExpr is a with or without: which packages meet it, each alone.
type setExpr struct {
	op   rpmdep.RichOp // RichWith, RichWithout or RichOr
	args []int32       // requirements
}

// set numbers a with or without, or an or within one, after its parts.
func (c *compiler) set(e *rpmdep.Expr) (int32, error) {
	if c.left--; c.left < 0 {
		return 0, errors.New("too many alternatives")
	}
	switch e.Op {
	case rpmdep.RichDep:
		return c.plain(e.Dep), nil
	case rpmdep.RichWith, rpmdep.RichWithout, rpmdep.RichOr:
		s := &setExpr{op: e.Op}
		for _, a := range e.Args {
			id, err := c.set(a)
			if err != nil {
				return 0, err
			}
			s.args = append(s.args, id)
		}
		name := c.u.names.intern(e.String())
		return c.u.addRequirement(requirement{name: name, set: s}), nil
	}
	return 0, errors.New("illegal operator within with or without")
}

// packages are the members, given those of every requirement with a lower id.
func (s *setExpr) packages(providers lists) []int32 {
	found := slices.Clone(providers.of(s.args[0]))
	for _, a := range s.args[1:] {
		other := providers.of(a)
		switch s.op {
		case rpmdep.RichOr:
			found = append(found, other...)
			slices.Sort(found)
			found = slices.Compact(found)
		default:
			in := s.op == rpmdep.RichWith
			found = slices.DeleteFunc(found, func(p int32) bool { return contains(other, p) != in })
		}
	}
	return found
}

// contains looks into an ascending list.
func contains(list []int32, p int32) bool {
	_, ok := slices.BinarySearch(list, p)
	return ok
}
