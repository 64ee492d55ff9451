package closure

import "slices"

// judge decides, in one view, which packages can be installed. It starts from the
// packages of the checked repository and looks only at their cone: what they, and
// what they need, could need.
//
// It knows three things of a package: that it cannot be installed (broken), that
// it can (proven), or neither yet. Causes come first, and spread upward: what has
// a requirement that nothing meets is broken, and what needs a broken package and
// has no other choice is broken too. Then a greedy search proves most of the rest,
// see system.go; what it cannot place goes to the SAT solver, see settle.go.
type judge struct {
	*view
	*graph
	targets []int32 // the view's, best first
	cone    set
	alive   set     // available and not known to be broken
	left    []int32 // by requirement in the cone: those alive that meet it; -1: not in the cone
	reached []int32 // requirements in the cone
	proven  set
	culprit set     // broken, and not because of what the search for causes found
	fallen  []int32 // broken, and not yet spread upward
	felled  []int32 // all that are broken, in the order found

	undecided []int32 // neither, since the search was given up
	effort    int     // left to the SAT solver

	causes int // how many of them the search for causes found
}

func (v *view) newJudge(g *graph, effort int) *judge {
	j := &judge{
		effort:  effort,
		view:    v,
		graph:   g,
		cone:    v.bench.set(),
		alive:   v.bench.set(),
		left:    v.bench.left(),
		proven:  v.bench.set(),
		culprit: v.bench.set(),
	}
	j.alive.include(v.available)
	j.targets = slices.Clone(v.targets)
	j.sort(j.targets)
	return j
}

// sort puts the best packages first.
func (j *judge) sort(packages []int32) {
	slices.SortFunc(packages, func(a, b int32) int { return int(j.rank[a]) - int(j.rank[b]) })
}

// reach finds the cone, and counts who meets each requirement in it.
func (j *judge) reach() {
	queue := slices.Clone(j.targets)
	for _, p := range queue {
		j.cone.add(p)
	}
	for len(queue) > 0 {
		p := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, r := range j.obliges(p) {
			queue = j.reachFor(r, queue)
		}
	}
}

func (j *judge) reachFor(r int32, queue []int32) []int32 {
	if j.left[r] >= 0 {
		return queue
	}
	j.left[r] = 0
	j.reached = append(j.reached, r)
	if q := &j.all[r]; q.rich != nil {
		for _, leaf := range q.rich.formula.wanted(nil) {
			queue = j.reachFor(leaf, queue)
		}
		return queue
	}
	for _, p := range j.providers.of(r) {
		if !j.alive.has(p) {
			continue
		}
		j.left[r]++
		if !j.cone.has(p) {
			j.cone.add(p)
			queue = append(queue, p)
		}
	}
	return queue
}

// findCauses breaks what cannot be met at all, and what follows from that.
func (j *judge) findCauses() {
	for p := range j.cone.all {
		if slices.ContainsFunc(j.obliges(p), func(r int32) bool { return !j.possible(r, p) }) {
			j.fell(p)
		}
	}
	j.spread()
	j.causes = len(j.felled)
}

// possible reports whether package self's requirement r can be met by packages
// that are not known to be broken, by itself.
func (j *judge) possible(r, self int32) bool {
	switch q := &j.all[r]; {
	case q.rich != nil:
		return j.satisfiable(q.rich.formula, self, j.alive) == met
	case q.rpmlib:
		return true
	}
	return j.left[r] > 0
}

// fell says that p is broken. What follows from that is spread's to find.
func (j *judge) fell(p int32) {
	if j.alive.has(p) {
		j.alive.remove(p)
		j.felled = append(j.felled, p)
		j.fallen = append(j.fallen, p)
	}
}

// spread breaks all that has no choice left.
func (j *judge) spread() {
	for len(j.fallen) > 0 {
		p := j.fallen[len(j.fallen)-1]
		j.fallen = j.fallen[:len(j.fallen)-1]
		for _, r := range j.meets.of(p) {
			if j.left[r] > 0 {
				j.left[r]--
				j.recheck(r)
			}
		}
	}
}

// recheck looks at what needs r after one that met it has broken.
func (j *judge) recheck(r int32) {
	if j.left[r] == 0 {
		for _, p := range j.needed.of(r) {
			if j.cone.has(p) {
				j.fell(p)
			}
		}
	}
	for _, rich := range j.wants.of(r) {
		if j.left[rich] < 0 || j.left[r] > 0 && !j.all[rich].rich.lacks {
			continue
		}
		for _, p := range j.needed.of(rich) {
			if j.cone.has(p) && j.alive.has(p) && !j.possible(rich, p) {
				j.fell(p)
			}
		}
	}
}
