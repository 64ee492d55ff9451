package closure

import "slices"

// bench is the memory that one worker judges one check after the other in. Much of it
// has an entry for each package or requirement of the universe: to make that anew for
// each of a thousand repositories takes longer than to judge them.
type bench struct {
	u        *Universe
	arches   []string // that allowed is of
	allowed  set
	sets     []set     // free; anything may be in them
	counts   [][]int32 // free; by requirement, all 0
	lefts    [][]int32 // free; by requirement, all -1
	verdicts []verdict // by requirement, all open between two checks
}

func (u *Universe) newBench() *bench {
	return &bench{u: u, verdicts: make([]verdict, len(u.all))}
}

// allow is the packages of these arches, for reading.
func (b *bench) allow(arches []string) set {
	if b.allowed == nil || !slices.Equal(b.arches, arches) {
		b.arches, b.allowed = arches, make(set, len(b.u.packages)/64+1)
		for _, a := range arches {
			b.allowed.include(b.u.arches[a])
		}
	}
	return b.allowed
}

// set takes an empty set of packages.
func (b *bench) set() set {
	s := pop(&b.sets)
	if s == nil {
		return make(set, len(b.u.packages)/64+1)
	}
	clear(s)
	return s
}

// count takes a number for each requirement, all 0.
func (b *bench) count() []int32 {
	if c := pop(&b.counts); c != nil {
		return c
	}
	return make([]int32, len(b.u.all))
}

// left takes a number for each requirement, all -1.
func (b *bench) left() []int32 {
	if l := pop(&b.lefts); l != nil {
		return l
	}
	l := make([]int32, len(b.u.all))
	for r := range l {
		l[r] = -1
	}
	return l
}

// pop takes the last of a list; nil when there is none.
func pop[T ~[]E, E any](list *[]T) T {
	n := len(*list) - 1
	if n < 0 {
		return nil
	}
	last := (*list)[n]
	*list = (*list)[:n]
	return last
}

// done gives back what the view took.
func (v *view) done() {
	for _, r := range v.judged {
		v.verdicts[r] = open
	}
	v.bench.sets = append(v.bench.sets, v.available)
}

// done gives back what the judge took beside that.
func (j *judge) done() {
	for _, r := range j.reached {
		j.left[r] = -1
	}
	j.bench.lefts = append(j.bench.lefts, j.left)
	j.bench.sets = append(j.bench.sets, j.cone, j.alive, j.proven, j.culprit)
}

// done gives back what an empty system took: nothing is counted then.
func (s *system) done() {
	s.bench.counts = append(s.bench.counts, s.has, s.asked, s.barred)
	s.bench.sets = append(s.bench.sets, s.in)
}
