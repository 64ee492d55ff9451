package closure

import (
	"cmp"
	"fmt"
	"slices"

	"flatstream/repodata/rpmver"
)

// maxChain bounds the steps of a chain that are written out before its cause.
const maxChain = 12

// blame says why the broken packages of a judge are broken. Its causes are those
// with a requirement that cannot be met whatever is installed, and those whose
// needs exclude each other; every other follows from a cause, by the shortest
// chain of requirements that have no installable provider.
type blame struct {
	*judge
	steps      map[int32]int32 // by broken package: to its cause; 0 for a cause
	followed   map[int32]bool  // by requirement: who needs it has been looked at
	nearest    map[int32]int32 // by requirement: the broken package nearest to its cause that could have met it
	next       map[int32]step
	root       map[int32]int32 // cause at the end of the chain, of what follows
	collisions map[int32]*collision
}

// step leads from a package to a broken one that it needs.
type step struct{ requirement, pkg int32 }

func (j *judge) newBlame() *blame {
	b := &blame{
		judge:      j,
		steps:      make(map[int32]int32, len(j.felled)),
		followed:   make(map[int32]bool),
		nearest:    make(map[int32]int32),
		next:       make(map[int32]step),
		root:       make(map[int32]int32),
		collisions: make(map[int32]*collision),
	}
	var causes, circular []int32
	for _, p := range j.felled {
		switch {
		case b.lost(p) >= 0 || j.culprit.has(p) && len(b.deadEnds(p)) == 0:
			causes = append(causes, p)
		case j.culprit.has(p):
			circular = append(circular, p)
		}
	}
	b.follow(causes)
	// What is left of the culprits need each other. Any of them will do as the cause
	// of the others.
	j.byName(circular)
	for _, p := range circular {
		if !b.explained(p) {
			b.follow([]int32{p})
		}
	}
	return b
}

func (u *Universe) byName(packages []int32) {
	slices.SortFunc(packages, u.compare)
}

func (u *Universe) compare(a, b int32) int {
	return cmp.Or(rpmver.CompareNEVRA(u.packages[a].NEVRA, u.packages[b].NEVRA), cmp.Compare(a, b))
}

// lost is what p obliges and nothing available meets, the first by text, or -1.
func (b *blame) lost(p int32) int32 {
	least := int32(-1)
	for _, r := range b.obliges(p) {
		q := &b.all[r]
		switch {
		case q.rich != nil:
			if b.satisfiable(q.rich.formula, p, b.available) == met {
				continue
			}
		case !q.bad && (q.rpmlib || b.has(r)):
			continue
		}
		if least < 0 || b.text(r) < b.text(least) {
			least = r
		}
	}
	return least
}

// deadEnds lists what p obliges and nothing installable meets, p aside.
func (b *blame) deadEnds(p int32) []int32 {
	var ends []int32
	for _, r := range b.obliges(p) {
		if b.deadEnd(r, p) {
			ends = append(ends, r)
		}
	}
	return ends
}

func (b *blame) deadEnd(r, p int32) bool {
	if b.all[r].rich == nil {
		return !b.possible(r, p) && !contains(b.providers.of(r), p)
	}
	b.alive.add(p)
	defer b.alive.remove(p)
	return !b.possible(r, p)
}

// explained reports whether p was found to be broken because of a cause, or to be one.
func (b *blame) explained(p int32) bool {
	_, ok := b.steps[p]
	return ok
}

// follow finds who is broken because of these, the nearest first.
func (b *blame) follow(level []int32) {
	for _, p := range level {
		b.steps[p] = 0
	}
	for steps := int32(1); len(level) > 0; steps++ {
		var after []int32
		reach := func(r int32) {
			if b.followed[r] {
				return
			}
			b.followed[r] = true
			for _, p := range b.needed.of(r) {
				if b.cone.has(p) && !b.alive.has(p) && !b.explained(p) && b.deadEnd(r, p) {
					b.steps[p] = steps
					after = append(after, p)
				}
			}
		}
		for _, q := range level {
			for _, r := range b.meets.of(q) {
				reach(r)
				for _, rich := range b.wants.of(r) {
					reach(rich)
				}
			}
		}
		level = after
	}
}

// toward is the first step from p to its cause: the first by text of the shortest.
func (b *blame) toward(p int32) step {
	if s, ok := b.next[p]; ok {
		return s
	}
	best := step{-1, -1}
	for _, r := range b.deadEnds(p) {
		q := b.brokenFor(r)
		if q >= 0 && b.steps[q] < b.steps[p] && (best.pkg < 0 || b.text(r) < b.text(best.requirement)) {
			best = step{r, q}
		}
	}
	b.next[p] = best
	return best
}

// brokenFor is the package nearest to its cause among the broken ones that could
// have met r, the first by name of several, or -1.
func (b *blame) brokenFor(r int32) int32 {
	if q, ok := b.nearest[r]; ok {
		return q
	}
	best := int32(-1)
	better := func(q int32) {
		if q >= 0 && b.explained(q) && (best < 0 || cmp.Or(cmp.Compare(b.steps[q], b.steps[best]), b.compare(q, best)) < 0) {
			best = q
		}
	}
	if rich := b.all[r].rich; rich != nil {
		for _, leaf := range rich.formula.wanted(nil) {
			better(b.brokenFor(leaf))
		}
	} else {
		for _, q := range b.providers.of(r) {
			better(q)
		}
	}
	b.nearest[r] = best
	return best
}

// cause is the package at the end of p's chain.
func (b *blame) cause(p int32) int32 {
	var path []int32
	for b.steps[p] > 0 {
		if known, ok := b.root[p]; ok {
			p = known
			break
		}
		path = append(path, p)
		p = b.toward(p).pkg
	}
	for _, q := range path {
		b.root[q] = p
	}
	return p
}

// chain tells how p comes to its cause; the last line is the cause's.
func (b *blame) chain(p int32) []string {
	cause := b.cause(p)
	lines := []string{}
	for ; p != cause; p = b.toward(p).pkg {
		if len(lines) == maxChain && b.steps[p] > 1 {
			lines = append(lines, fmt.Sprintf("and so on, %d steps more", b.steps[p]))
			break
		}
		s := b.toward(p)
		lines = append(lines, b.link(p, s.requirement, s.pkg))
	}
	return append(lines, b.ofCause(cause))
}

// ofCause says in one line why a cause is one.
func (b *blame) ofCause(p int32) string {
	r := b.lost(p)
	switch {
	case r < 0:
		return causeLine(b.name(p), b.collision(p).last())
	case b.demanded(p, r):
		return causeLine(b.name(p), b.hopeless(p, r))
	case b.all[r].bad:
		return unreadableLine(b.name(p), b.text(r))
	}
	return missingLine(b.name(p), b.text(r))
}

// hopeless says that p's rich conflict cannot be helped.
func (u *Universe) hopeless(p, r int32) string {
	return fmt.Sprintf("%s conflicts with %s, whatever is installed beside it", u.name(p), u.text(r))
}

// link says in one line that p needs q.
func (u *Universe) link(p, r, q int32) string {
	switch {
	case u.demanded(p, r):
		return fmt.Sprintf("%s conflicts with %s, which %s would prevent", u.name(p), u.text(r), u.name(q))
	case u.all[r].rich != nil:
		return fmt.Sprintf("%s requires %s, for which it needs %s", u.name(p), u.text(r), u.name(q))
	}
	return fmt.Sprintf("%s requires %s, which %s provides", u.name(p), u.text(r), u.name(q))
}

func (u *Universe) name(p int32) string { return u.packages[p].NEVRA.String() }

// demanded reports whether r stands for a rich conflict of p.
func (u *Universe) demanded(p, r int32) bool {
	n := &u.packages[p]
	return contains(u.required[n.demands:n.excludes], r)
}

// missingLine, unreadableLine and causeLine are the last lines of chains: the same
// for all that follow from one cause.
func missingLine(p, requirement string) string {
	return fmt.Sprintf("%s requires %s, which nothing provides", p, requirement)
}

func unreadableLine(p, requirement string) string {
	return fmt.Sprintf("%s requires %s, which cannot be read", p, requirement)
}

func causeLine(p, collision string) string {
	return fmt.Sprintf("%s needs what cannot be together: %s", p, collision)
}
