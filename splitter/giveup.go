package splitter

import "slices"

// assert decides for the rules of one literal: first those that must hold, then those
// that may be given up (libsolv's makeruledecisions). False when they cannot hold.
func (s *search) assert() bool {
	s.decide(systemSolvable, 1, 0)
	givenUp := false
	for again := true; again; {
		s.takeBack(1)
		if !s.assertAll(&givenUp) {
			return false
		}
		again = s.assertWeak()
		givenUp = givenUp || again
	}
	return true
}

func (s *search) assertAll(givenUp *bool) bool {
	for _, number := range s.assertions {
		if *givenUp && number >= s.learnt {
			s.recheckLearnt()
			*givenUp = false
		}
		r := &s.rules[number]
		switch v := s.of(r.p); {
		case r.off || s.isWeak(number) || v > 0:
		case v == 0:
			s.decide(r.p, 1, number)
		case number >= s.learnt:
			r.off = true // it follows from what was given up
		default:
			s.core = s.contradiction(number)
			return false
		}
	}
	return true
}

// assertWeak decides for what may be given up, and gives up the first that cannot
// hold: then everything begins anew.
func (s *search) assertWeak() (again bool) {
	for _, number := range s.assertions {
		r := &s.rules[number]
		if number >= s.learnt || r.off || !s.isWeak(number) {
			continue
		}
		switch v := s.of(r.p); {
		case v == 0:
			s.decide(r.p, 1, number)
		case v < 0:
			s.dropJob(number, s.contradiction(number))
			return true
		}
	}
	return false
}

// contradiction lists the rules that a rule of one literal cannot hold with.
func (s *search) contradiction(number int32) []int32 {
	against := -s.rules[number].p
	core := s.unfold(nil, number, map[int32]bool{})
	if at := slices.Index(s.trail, against); s.why[at] > 0 {
		core = s.unfold(core, s.why[at], map[int32]bool{})
	}
	return core
}

// giveUp handles a contradiction that rests on no decision: of the jobs that lead to
// it the last one that may be given up is (libsolv's analyze_unsolvable). It returns
// the level to go on with: 0 to begin anew, below when there is no such job.
func (s *search) giveUp(broken int32) int32 {
	core := s.argument(broken)
	last := int32(0)
	for _, number := range core {
		if s.isWeak(number) {
			last = max(last, number)
		}
	}
	if last == 0 {
		s.core = core
		return -1
	}
	s.dropJob(last, core)
	s.reset()
	return 0
}

// dropJob gives up a job with all its rules.
func (s *search) dropJob(number int32, core []int32) {
	j := s.jobOfRule(number)
	s.core = core
	j.dropped, j.reason = true, s.reasonText()
	for r := s.jobRules; r < s.learnt; r++ {
		if s.jobOfRule(r) == j {
			s.rules[r].off = true
		}
	}
}

// argument lists the rules that a contradiction at level 1 rests on, learnt ones
// resolved to those they follow from.
func (s *search) argument(broken int32) []int32 {
	involved := make([]bool, len(s.level))
	unfolded := map[int32]bool{}
	var core []int32
	take := func(number int32) {
		core = s.unfold(core, number, unfolded)
		for l := range s.literals(&s.rules[number]) {
			if s.of(l) < 0 {
				involved[variable(l)] = true
			}
		}
	}
	take(broken)
	for at, l := range slices.Backward(s.trail) {
		if involved[variable(l)] && s.why[at] > 0 {
			take(s.why[at])
		}
	}
	return core
}

// unfold appends a rule to core, a learnt one as the rules that it follows from.
func (s *search) unfold(core []int32, number int32, done map[int32]bool) []int32 {
	todo := []int32{number}
	for len(todo) > 0 {
		number, todo = todo[len(todo)-1], todo[:len(todo)-1]
		switch {
		case number < s.learnt:
			core = append(core, number)
		case !done[number]:
			done[number] = true
			todo = append(todo, s.proofs[number-s.learnt]...)
		}
	}
	return core
}
