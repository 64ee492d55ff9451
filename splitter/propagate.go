package splitter

import "slices"

// of is the value of a literal: above 0 when it holds, below when it does not.
func (s *search) of(lit int32) int32 {
	if lit < 0 {
		return -s.level[-lit]
	}
	return s.level[lit]
}

func variable(lit int32) int32 { return max(lit, -lit) }

// levelOf is the level at which a literal was decided, either way.
func (s *search) levelOf(lit int32) int32 { return max(s.of(lit), -s.of(lit)) }

// decide makes a literal hold. why is the rule that leaves no choice, or the
// negative of the one that it is chosen for.
func (s *search) decide(lit, level, why int32) {
	if lit < 0 {
		s.level[-lit] = -level
	} else {
		s.level[lit] = level
	}
	s.trail = append(s.trail, lit)
	s.why = append(s.why, why)
}

// takeBack forgets what was decided last, down to n literals.
func (s *search) takeBack(n int) {
	for _, l := range s.trail[n:] {
		s.level[variable(l)] = 0
	}
	s.trail, s.why = s.trail[:n], s.why[:n]
	s.head = min(s.head, n)
}

// backTo takes back all decisions above a level.
func (s *search) backTo(level int32) {
	n := len(s.trail)
	for n > 0 && s.levelOf(s.trail[n-1]) > level {
		n--
	}
	s.takeBack(n)
}

// watcher is where the chain of the rules that watch a literal begins.
func (s *search) watcher(lit int32) *int32 { return &s.watches[lit+int32(len(s.p.solvables))] }

// watchAll makes the chains, the lowest rule first, and lists the rules of one literal.
func (s *search) watchAll() {
	s.watches = append(s.watches, make([]int32, 2*len(s.p.solvables)+1)...)
	for number := int32(len(s.rules) - 1); number > 0; number-- {
		if !s.rules[number].isAssertion() {
			s.watch(number)
		}
	}
	for number := int32(1); number < s.learnt; number++ {
		if s.rules[number].isAssertion() {
			s.assertions = append(s.assertions, number)
		}
	}
}

// watch puts a rule at the head of two chains.
func (s *search) watch(number int32) {
	r := &s.rules[number]
	first, second := s.watcher(r.w1), s.watcher(r.w2)
	r.n1, *first = *first, number
	r.n2, *second = *second, number
}

// propagate draws every conclusion from what holds, in libsolv's order. It returns
// the rule that cannot hold, 0 when there is none.
func (s *search) propagate(level int32) int32 {
	for s.head < len(s.trail) {
		lit := -s.trail[s.head] // what does not hold any more
		s.head++
		for link := s.watcher(lit); *link != 0; {
			s.steps++
			number := *link
			r := &s.rules[number]
			next, other := &r.n1, r.w2
			if lit != r.w1 {
				next, other = &r.n2, r.w1
			}
			if r.off || s.of(other) > 0 {
				link = next
				continue
			}
			if r.d != 0 {
				if to := s.nextWatch(r, other); to != 0 {
					*link = *next
					if lit == r.w1 {
						r.w1 = to
					} else {
						r.w2 = to
					}
					*next = *s.watcher(to)
					*s.watcher(to) = number
					continue
				}
			}
			if s.of(other) < 0 {
				return number
			}
			s.decide(other, level, number)
			link = next
		}
	}
	return 0
}

// nextWatch finds a literal of a rule that can still hold and is not watched yet.
func (s *search) nextWatch(r *rule, other int32) int32 {
	for l := range s.literals(r) {
		s.steps++
		if l != other && s.of(l) >= 0 {
			return l
		}
	}
	return 0
}

// settle draws the conclusions from the last decision. From a contradiction it
// learns a rule, goes back to where that rule leaves no choice, and goes on. It
// returns the level where it ended: 0 to begin anew, below when there is no way.
func (s *search) settle(level int32) int32 {
	for {
		broken := s.propagate(level)
		if s.exhausted() {
			return -1
		}
		if broken == 0 {
			return level
		}
		if level == 1 {
			return s.giveUp(broken)
		}
		s.conflicts++
		level = s.learn(level, broken)
		learnt := int32(len(s.rules) - 1)
		s.decide(s.rules[learnt].p, level, learnt)
	}
}

// learn adds the rule that would have prevented the contradiction, and goes back to
// where it leaves one literal. It follows libsolv's analyze: back to the one decision
// of this level that all conclusions rest on; after that, what they rest on at level 1
// is of interest as proof only.
func (s *search) learn(level, broken int32) int32 {
	seen := make([]bool, len(s.level))
	var proof, others []int32
	var p int32
	back, here, ground := int32(1), 0, 0
	at := len(s.trail)
	take := func(number int32) {
		proof = append(proof, number)
		for l := range s.literals(&s.rules[number]) {
			s.steps++
			if s.of(l) > 0 || seen[variable(l)] {
				continue
			}
			seen[variable(l)] = true
			switch lv := s.levelOf(l); lv {
			case 1:
				ground++
			case level:
				here++
			default:
				others = append(others, l)
				back = max(back, lv)
			}
		}
	}
	last := func() int32 {
		for at--; !seen[variable(s.trail[at])]; at-- {
		}
		seen[variable(s.trail[at])] = false
		return s.trail[at]
	}
	for take(broken); ; {
		lit := last()
		if here--; here == 0 {
			p = -lit
			break
		}
		if s.why[at] > 0 {
			take(s.why[at])
		}
	}
	for _, l := range others {
		seen[variable(l)] = false
	}
	for ; ground > 0; ground-- {
		last()
		if s.why[at] > 0 {
			take(s.why[at])
		}
	}
	s.backTo(back)
	s.addLearnt(p, others, proof)
	return back
}

func (s *search) addLearnt(p int32, others, proof []int32) {
	number := s.add(p, others)
	s.proofs = append(s.proofs, proof)
	r := &s.rules[number]
	if r.isAssertion() {
		s.assertions = append(s.assertions, number)
		return
	}
	highest := int32(0)
	for _, l := range others {
		if lv := s.levelOf(l); lv > highest {
			r.w2, highest = l, lv
		}
	}
	s.watch(number)
}

// reset takes back everything, and settles which of the learnt rules still hold:
// those that follow from rules that are not given up.
func (s *search) reset() {
	s.takeBack(0)
	s.recheckLearnt()
}

func (s *search) recheckLearnt() {
	for i, proof := range s.proofs {
		s.rules[int(s.learnt)+i].off = slices.ContainsFunc(proof, func(r int32) bool { return s.rules[r].off })
	}
}
