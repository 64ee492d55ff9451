package closure

import "slices"

// Bounds of the greedy search. They cost nothing but time: what it gives up on goes
// to the SAT solver.
const (
	maxSystems    = 24   // systems that are grown for several targets; then one for each
	maxPlacements = 1000 // packages put into a system for one target, those taken out again too
	maxWaste      = 20   // packages put into systems in vain for each target, on average
	fewPlacements = 100  // in the place of maxPlacements, when maxWaste is used up
	maxChoices    = 8    // ways tried to meet one requirement
)

// system is a set of packages that is closed (all that its members oblige holds in
// it) and free of collisions, so that it proves every member installable. It grows
// by one target at a time, together with what that needs: what leaves no choice
// first, then what leaves the fewest, going back over choices that led nowhere.
type system struct {
	*judge
	in      set
	members []int32 // in the order in which they came; taken back from the end
	has     []int32 // by requirement: how many members meet it
	asked   []int32 // by requirement: how many members it obliges; rich ones only
	barred  []int32 // by requirement: how many members cannot be beside what meets it
	agenda
	target int32
	steps  int // left of maxPlacements
	waste  int // left of maxWaste for all targets
}

// agenda is what is still to be met, perhaps: what has one provider and the rest.
type agenda struct{ narrow, wide []int32 }

// prove grows systems until all targets are proven or broken but the ones returned,
// which it could not place even alone.
func (j *judge) prove() (hard []int32) {
	s := j.newSystem()
	rest := slices.DeleteFunc(slices.Clone(j.targets), func(p int32) bool { return !j.alive.has(p) })
	for round := 0; len(rest) > 0; round++ {
		var later []int32
		for _, p := range rest {
			if round >= maxSystems || s.waste <= 0 {
				s.finish()
			}
			switch alone := len(s.members) == 0; {
			case j.proven.has(p) || s.add(p):
			case alone:
				hard = append(hard, p)
			default:
				later = append(later, p)
			}
		}
		s.finish()
		rest = later
	}
	s.done()
	return hard
}

// finish takes the members as proven and starts anew.
func (s *system) finish() {
	for _, p := range s.members {
		s.proven.add(p)
	}
	s.takeBack(0)
}

func (j *judge) newSystem() *system {
	return &system{
		judge:  j,
		in:     j.bench.set(),
		has:    j.bench.count(),
		asked:  j.bench.count(),
		barred: j.bench.count(),
		waste:  maxWaste * len(j.targets),
	}
}

// add puts p in with all that it needs, or leaves the system as it was.
func (s *system) add(p int32) bool {
	steps := maxPlacements
	if s.waste <= 0 {
		steps = fewPlacements
	}
	s.target, s.steps = p, steps
	s.agenda = agenda{s.narrow[:0], s.wide[:0]}
	mark := len(s.members)
	if s.put(p) && s.close() {
		return true
	}
	s.waste -= steps - s.steps
	s.takeBack(mark)
	return false
}

// put makes p a member, if nothing is in its way, and what it obliges agenda.
func (s *system) put(p int32) bool {
	if s.in.has(p) {
		return true
	}
	if s.steps--; s.steps < 0 || s.collides(p) {
		return false
	}
	s.in.add(p)
	s.members = append(s.members, p)
	s.count(p, 1)
	for _, r := range s.obliges(p) {
		s.demand(r)
	}
	for _, leaf := range s.meets.of(p) {
		for _, r := range s.lacks.of(leaf) {
			if s.asked[r] > 0 {
				s.demand(r)
			}
		}
	}
	return true
}

// demand puts r on the agenda unless it holds.
func (s *system) demand(r int32) {
	switch {
	case s.met(r):
	case s.all[r].rich == nil && s.left[r] == 1:
		s.narrow = append(s.narrow, r)
	default:
		s.wide = append(s.wide, r)
	}
}

func (s *system) met(r int32) bool {
	switch q := &s.all[r]; {
	case q.rich != nil:
		return s.holds(q.rich.formula)
	case q.rpmlib:
		return true
	}
	return s.has[r] > 0
}

// holds reports whether f is true of the members.
func (s *system) holds(f *formula) bool {
	switch f.kind {
	case have:
		return s.met(f.leaf)
	case lack:
		return !s.met(f.leaf)
	case allOf:
		return !slices.ContainsFunc(f.args, func(a *formula) bool { return !s.holds(a) })
	}
	return slices.ContainsFunc(f.args, s.holds)
}

func (s *system) collides(p int32) bool {
	for _, r := range s.excludes(p) {
		if s.has[r] > 0 {
			return true
		}
	}
	for _, r := range s.meets.of(p) {
		if s.barred[r] > 0 {
			return true
		}
	}
	for _, q := range s.namesakes(p) {
		if s.in.has(q) && !s.together(p, q) {
			return true
		}
	}
	return false
}

// takeBack removes the members that came after mark.
func (s *system) takeBack(mark int) {
	for _, p := range s.members[mark:] {
		s.in.remove(p)
		s.count(p, -1)
	}
	s.members = s.members[:mark]
}

func (s *system) count(p, n int32) {
	for _, r := range s.meets.of(p) {
		s.has[r] += n
	}
	for _, r := range s.excludes(p) {
		s.barred[r] += n
	}
	for _, r := range s.obliges(p) {
		if s.all[r].rich != nil {
			s.asked[r] += n
		}
	}
}

// close works off the agenda.
func (s *system) close() bool {
	for {
		r, ok := s.next()
		if !ok {
			return true
		}
		ways := s.ways(r)
		if len(ways) != 1 {
			return s.branch(ways)
		}
		if !s.take(ways[0]) {
			return false
		}
	}
}

// branch tries one way after the other.
func (s *system) branch(ways []way) bool {
	mark := len(s.members)
	left := agenda{slices.Clone(s.narrow), slices.Clone(s.wide)}
	for _, w := range ways[:min(len(ways), maxChoices)] {
		if s.take(w) && s.close() {
			return true
		}
		s.takeBack(mark)
		s.agenda = agenda{slices.Clone(left.narrow), slices.Clone(left.wide)}
	}
	return false
}

// next takes from the agenda what leaves the fewest choices, and drops what has
// been met meanwhile.
func (s *system) next() (int32, bool) {
	for n := len(s.narrow) - 1; n >= 0; n-- {
		r := s.narrow[n]
		s.narrow = s.narrow[:n]
		if !s.met(r) {
			return r, true
		}
	}
	s.wide = slices.DeleteFunc(s.wide, s.met)
	if len(s.wide) == 0 {
		return 0, false
	}
	least := 0
	for i, r := range s.wide {
		if s.left[r] < s.left[s.wide[least]] {
			least = i
		}
	}
	r := s.wide[least]
	s.wide = slices.Delete(s.wide, least, least+1)
	return r, true
}

// sortFor puts the packages first that were probably built together with the
// target, then the best.
func (s *system) sortFor(target int32, packages []int32) {
	batch := s.packages[target].batch
	slices.SortFunc(packages, func(a, b int32) int {
		with, without := s.packages[a].batch == batch, s.packages[b].batch == batch
		switch {
		case with == without:
			return int(s.rank[a]) - int(s.rank[b])
		case with:
			return -1
		}
		return 1
	})
}

// way is one of the ways to meet a requirement: by a package, or by these others.
type way struct {
	pkg     int32
	demands []int32 // of a rich requirement: then there is no package
}

func (s *system) take(w way) bool {
	for _, r := range w.demands {
		s.demand(r)
	}
	return w.demands != nil || s.put(w.pkg)
}

// ways lists how r can be met, the best first.
func (s *system) ways(r int32) []way {
	if rich := s.all[r].rich; rich != nil {
		return s.waysTo(rich.formula)
	}
	var choices []int32
	for _, p := range s.providers.of(r) {
		if s.alive.has(p) && !s.collides(p) {
			choices = append(choices, p)
		}
	}
	s.sortFor(s.target, choices)
	ways := make([]way, len(choices))
	for i, p := range choices {
		ways[i].pkg = p
	}
	return ways
}

// waysTo lists sets of requirements that make f hold, as far as what it must lack
// is not there; maxChoices of them.
func (s *system) waysTo(f *formula) []way {
	switch {
	case f.kind == have && s.left[f.leaf] == 0 && !s.met(f.leaf):
		return nil
	case f.kind == have:
		return []way{{demands: []int32{f.leaf}}}
	case f.kind == lack && s.holds(f):
		return []way{{demands: []int32{}}}
	case f.kind == lack:
		return nil
	}
	var ways []way
	if f.kind == someOf {
		for _, a := range f.args {
			ways = append(ways, s.waysTo(a)...)
		}
		return ways[:min(len(ways), maxChoices)]
	}
	ways = []way{{demands: []int32{}}}
	for _, a := range f.args {
		var longer []way
		for _, w := range ways {
			for _, more := range s.waysTo(a) {
				longer = append(longer, way{demands: slices.Concat([]int32{}, w.demands, more.demands)})
			}
		}
		ways = longer[:min(len(longer), maxChoices)]
	}
	return ways
}
