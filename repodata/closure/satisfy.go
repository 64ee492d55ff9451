package closure

import (
	"context"
	"slices"
)

// maxSteps bounds the search for one rich dependency and one package; then it is the
// SAT solver's. It is only reached when literals that exclude each other are packed into
// one by hand.
const maxSteps = 100_000

// verdict is what is known of a requirement.
type verdict uint8

const (
	open       verdict = iota // not looked at yet
	met                       // some of the available packages meet it
	unmet                     // none do
	unreadable                // a rich one that does not parse, or is past maxSteps
)

// satisfiable decides whether a rich requirement of package self can be met: is
// there a set of available packages that contains self and in which the formula
// holds. Nothing else about these packages is asked, neither what they require
// nor whether they can be together.
//
// So "A if B" is met when A can be had, or when B need not be there: B is a
// matter of choice unless self provides it. "A unless B" is met when some package
// has A without self or that package having B too. The search puts one formula
// after the other into a list of literals, and gives up a branch as soon as a
// literal fails: a set that meets a list of literals exists exactly when self
// meets none of those to be lacked, and each of those to be had has a provider
// that meets none of them either, since these providers and self together are
// such a set.
//
// rpmlib() is always there, so it can be had and not be lacked.
func (u *Universe) satisfiable(f *formula, self int32, available set) verdict {
	s := search{Universe: u, self: self, available: available, steps: maxSteps}
	switch {
	case s.solve(&goal{f: f}):
		return met
	case s.steps < 0:
		return u.satisfiableAnyway(f, self, available)
	}
	return unmet
}

// satisfiableAnyway puts what satisfiable gave up on to the SAT solver.
func (u *Universe) satisfiableAnyway(f *formula, self int32, available set) verdict {
	usable := slices.Clone(available)
	usable.add(self)
	p := (&judge{view: &view{Universe: u}}).emptyProblem(usable)
	p.clause(p.lit(self))
	p.formula(nil, f)
	switch answer, _ := p.answer(context.Background(), maxExcuse); answer {
	case 1:
		return met
	case -1:
		return unmet
	}
	return unreadable
}

type search struct {
	*Universe
	self       int32
	available  set
	have, lack []int32 // literals so far
	steps      int     // left of maxSteps
}

// goal is a list of formulas that must all hold.
type goal struct {
	f    *formula
	next *goal
}

// solve reports whether all of g holds beside the literals so far. It leaves
// those as they were when the answer is no.
func (s *search) solve(g *goal) bool {
	if g == nil {
		return true
	}
	if s.steps--; s.steps < 0 {
		return false
	}
	switch g.f.kind {
	case have, lack:
		return s.literal(g)
	case allOf:
		next := g.next
		for i := len(g.f.args) - 1; i >= 0; i-- {
			next = &goal{g.f.args[i], next}
		}
		return s.solve(next)
	}
	for _, a := range g.f.args {
		if s.solve(&goal{a, g.next}) {
			return true
		}
	}
	return false
}

func (s *search) literal(g *goal) bool {
	had, lacked := len(s.have), len(s.lack)
	ok := true
	switch positive := g.f.kind == have; {
	case s.all[g.f.leaf].rpmlib:
		ok = positive
	case positive:
		s.have = append(s.have, g.f.leaf)
		ok = s.possible(g.f.leaf)
	default:
		s.lack = append(s.lack, g.f.leaf)
		ok = !contains(s.providers.of(g.f.leaf), s.self)
		for _, leaf := range s.have {
			ok = ok && s.possible(leaf)
		}
	}
	if ok && s.solve(g.next) {
		return true
	}
	s.have, s.lack = s.have[:had], s.lack[:lacked]
	return false
}

// possible reports whether an available package meets leaf and nothing that must
// be lacked.
func (s *search) possible(leaf int32) bool {
provider:
	for _, p := range s.providers.of(leaf) {
		if !s.available.has(p) {
			continue
		}
		for _, l := range s.lack {
			if contains(s.providers.of(l), p) {
				continue provider
			}
		}
		return true
	}
	return false
}
