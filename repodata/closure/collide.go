package closure

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-air/gini/z"
)

// collision is why one package's needs cannot be installed together: a set of
// facts that cannot all hold, none of which could be left out (but see maxCore).
type collision struct {
	lines        []string // the two chains, then what collides; in one line at least
	requirements []string // of the package itself, among the facts
}

func (c *collision) last() string { return c.lines[len(c.lines)-1] }

// fact is a single statement of the metadata: package p obliges r, or (apart) p and
// q exclude each other: by their name if r is -1, else because p excludes r, which
// q meets.
type fact struct {
	apart   bool
	p, q, r int32
}

// maxCore bounds the facts that are tried one by one, since each try is a search of
// its own. Real disputes have 3 to 30.
const maxCore = 100

// dispute looks for the facts that break one package. It starts from that package
// alone and takes a fact in when a solution of those so far would break it, so that
// it stays small; in the end there is no solution, and facts that are not needed
// for that are dropped, one after the other.
type dispute struct {
	*satProblem
	of       int32
	facts    []fact
	guards   []z.Lit // by fact: true where it counts
	known    map[fact]bool
	expanded set
	left     int // of the effort; the search is given up then
}

// collision explains a cause that has all its requirements.
func (b *blame) collision(p int32) *collision {
	if c, ok := b.collisions[p]; ok {
		return c
	}
	usable := slices.Clone(b.alive)
	if len(b.deadEnds(p)) > 0 { // packages that need each other, see newBlame
		usable = slices.Clone(b.available)
		for _, q := range b.felled[:b.causes] {
			usable.remove(q)
		}
	}
	usable.add(p)
	d := &dispute{satProblem: b.emptyProblem(usable), of: p, known: make(map[fact]bool), expanded: make(set, len(usable)), left: maxExcuse}
	c := d.tell(d.search())
	b.collisions[p] = c
	return c
}

// search returns a set of facts that contradict each other, none to spare; of those it
// did not find with its effort none.
func (d *dispute) search() []fact {
	d.takeIn(d.lit(d.of), d.of)
	answer := d.holds(d.guards)
	for ; answer > 0; answer = d.holds(d.guards) {
		if !d.takeInBroken() {
			return nil // no dispute: p can be installed
		}
	}
	if answer == 0 {
		return nil
	}
	core := d.core()
	for i := 0; i < len(core) && len(core) <= maxCore && d.left > 0; {
		fewer := slices.Delete(slices.Clone(core), i, i+1)
		if d.holds(fewer) >= 0 {
			i++ // this one is needed, as far as was found out
			continue
		}
		core = d.keep(fewer)
	}
	var facts []fact
	for i, g := range d.guards {
		if slices.Contains(core, g) {
			facts = append(facts, d.facts[i])
		}
	}
	return facts
}

// holds tells whether the package can be installed as far as these facts go: 1 or -1, or
// 0 if the effort did not tell.
func (d *dispute) holds(guards []z.Lit) int {
	answer, left := d.answer(context.Background(), max(d.left, 1), append([]z.Lit{d.lit(d.of)}, guards...)...)
	d.left = left
	return answer
}

// core lists the guards that the last answer of no came from.
func (d *dispute) core() []z.Lit { return d.keep(d.guards) }

func (d *dispute) keep(guards []z.Lit) []z.Lit {
	why := d.g.Why(nil)
	return slices.DeleteFunc(slices.Clone(guards), func(g z.Lit) bool { return !slices.Contains(why, g) })
}

// takeInBroken adds the facts that the solution found last does not respect; false
// if it respects all.
func (d *dispute) takeInBroken() bool {
	var chosen []int32
	for _, p := range d.packages {
		if d.chosen(p) {
			chosen = append(chosen, p)
		}
	}
	before := len(d.facts)
	for _, f := range d.clashes(chosen) {
		d.add(f, d.lit(f.p).Not(), d.lit(f.q).Not())
	}
	for _, p := range chosen {
		d.takeIn(d.lit(p), p)
	}
	return len(d.facts) > before
}

// takeIn adds what p obliges.
func (d *dispute) takeIn(l z.Lit, p int32) {
	if d.expanded.has(p) {
		return
	}
	d.expanded.add(p)
	for _, r := range d.obliges(p) {
		f := fact{p: p, r: r}
		if g, ok := d.guard(f); ok {
			d.oblige(r, g.Not(), l.Not())
		}
	}
}

func (d *dispute) add(f fact, clause ...z.Lit) {
	if g, ok := d.guard(f); ok {
		d.clause(append(clause, g.Not())...)
	}
}

// guard numbers a fact, if it is new.
func (d *dispute) guard(f fact) (z.Lit, bool) {
	if d.known[f] {
		return 0, false
	}
	d.known[f] = true
	g := d.g.Lit()
	d.facts = append(d.facts, f)
	d.guards = append(d.guards, g)
	return g, true
}

// clashes lists the pairs among packages that exclude each other.
func (d *dispute) clashes(packages []int32) []fact {
	var found []fact
	builds := make(map[string][]int32)
	for _, p := range packages {
		for _, r := range d.excludes(p) {
			for _, q := range packages {
				if p != q && contains(d.providers.of(r), q) {
					found = append(found, fact{apart: true, p: p, q: q, r: r})
				}
			}
		}
		name := d.Universe.packages[p].Name
		for _, q := range builds[name] {
			if !d.together(p, q) {
				found = append(found, fact{apart: true, p: min(p, q), q: max(p, q), r: -1})
			}
		}
		builds[name] = append(builds[name], p)
	}
	return found
}

// tell puts facts into words: the chains to the two packages of the nearest pair
// that excludes each other; if there is none, what is obliged, from the package on.
func (d *dispute) tell(facts []fact) *collision {
	if facts == nil {
		return &collision{lines: []string{"what it needs excludes each other in more ways than can be told"}}
	}
	way := d.ways(facts)
	c := &collision{lines: []string{}}
	pairs := 0
	var best fact
	for _, f := range facts {
		if !f.apart {
			if f.p == d.of {
				c.requirements = append(c.requirements, d.text(f.r))
			}
			continue
		}
		if pairs++; pairs == 1 || d.nearer(f, best, way) {
			best = f
		}
	}
	if pairs == 0 {
		return d.tellAll(facts, c)
	}
	c.lines = append(c.lines, d.wayTo(best.p, way)...)
	c.lines = append(c.lines, d.wayTo(best.q, way)...)
	c.lines = append(c.lines, d.tellPair(best))
	if pairs > 1 {
		last := len(c.lines) - 1
		c.lines = slices.Insert(c.lines, last, fmt.Sprintf("(where there is a choice, every other collides as well: %s)", plural(pairs-1, "way", "ways")))
	}
	return c
}

// tellAll lists facts that have no pair in them: rich dependencies do without.
func (d *dispute) tellAll(facts []fact, c *collision) *collision {
	var texts []string
	for i, f := range facts {
		if i == maxChain {
			c.lines = append(c.lines, fmt.Sprintf("and so on, %d requirements more", len(facts)-i))
			texts = append(texts, "the others")
			break
		}
		verb := "requires"
		if d.demanded(f.p, f.r) {
			verb = "conflicts with"
		}
		c.lines = append(c.lines, fmt.Sprintf("%s %s %s", d.name(f.p), verb, d.text(f.r)))
		texts = append(texts, d.text(f.r))
	}
	c.lines = append(c.lines, strings.Join(texts, " and ")+" cannot hold together")
	return c
}

func (d *dispute) tellPair(f fact) string {
	p, q := d.name(f.p), d.name(f.q)
	switch {
	case f.r < 0:
		return fmt.Sprintf("%s and %s are two builds of one name", p, q)
	case d.all[f.r].obsolete:
		return fmt.Sprintf("%s obsoletes %s, which %s is", p, d.text(f.r), q)
	}
	return fmt.Sprintf("%s conflicts with %s, which %s provides", p, d.text(f.r), q)
}

// arrival is how the facts lead to a package: the step before, and how many.
type arrival struct {
	from  int32
	by    int32
	steps int
}

// ways finds the shortest way to each package that the facts oblige.
func (d *dispute) ways(facts []fact) map[int32]arrival {
	way := map[int32]arrival{d.of: {from: -1}}
	for level := []int32{d.of}; len(level) > 0; {
		var after []int32
		for _, p := range level {
			for _, f := range facts {
				if f.apart || f.p != p {
					continue
				}
				for _, q := range d.brought(f.r) {
					if _, ok := way[q]; !ok {
						way[q] = arrival{p, f.r, way[p].steps + 1}
						after = append(after, q)
					}
				}
			}
		}
		level = after
	}
	return way
}

// brought lists the usable packages that r may bring in.
func (d *dispute) brought(r int32) []int32 {
	leaves := []int32{r}
	if rich := d.all[r].rich; rich != nil {
		leaves = rich.formula.wanted(nil)
	}
	var found []int32
	for _, leaf := range leaves {
		for _, p := range d.providers.of(leaf) {
			if d.usable.has(p) {
				found = append(found, p)
			}
		}
	}
	return found
}

func (d *dispute) nearer(a, b fact, way map[int32]arrival) bool {
	return cmp.Or(
		cmp.Compare(way[a.p].steps+way[a.q].steps, way[b.p].steps+way[b.q].steps),
		d.compare(a.p, b.p), d.compare(a.q, b.q), cmp.Compare(a.r, b.r)) < 0
}

// wayTo writes the chain from the package to p, without lines for itself.
func (d *dispute) wayTo(p int32, way map[int32]arrival) []string {
	var lines []string
	for way[p].from >= 0 {
		a := way[p]
		lines = append(lines, d.link(a.from, a.by, p))
		p = a.from
	}
	slices.Reverse(lines)
	if n := len(lines) - maxChain; n > 0 {
		lines = slices.Replace(lines, maxChain/2, maxChain/2+n, fmt.Sprintf("and so on, %d steps more", n))
	}
	return lines
}
