package splitter

import "slices"

// of is the value of a literal: 1 when it holds, -1 when it does not.
func (s *search) of(lit int32) int8 {
	if lit < 0 {
		return -s.value[-lit]
	}
	return s.value[lit]
}

func variable(lit int32) int32 { return max(lit, -lit) }

// watchIndex numbers literals.
func watchIndex(lit int32) int32 {
	if lit < 0 {
		return -2*lit + 1
	}
	return 2 * lit
}

// assign makes a literal hold; false when its negation does already.
func (s *search) assign(lit int32, why cause) bool {
	if v := s.of(lit); v != 0 {
		return v > 0
	}
	v := variable(lit)
	s.value[v] = 1
	if lit < 0 {
		s.value[v] = -1
	}
	s.level[v] = int32(len(s.limits))
	s.cause[v] = why
	s.trail = append(s.trail, lit)
	if int(v) >= len(s.p.solvables) {
		s.pending = append(s.pending, lit)
	}
	return true
}

// addClause adds a clause while nothing is decided; false when it cannot hold, with
// the argument in core.
func (s *search) addClause(c clause) bool {
	id := int32(len(s.clauses))
	s.clauses = append(s.clauses, c)
	var first, second int32 = -1, -1
	for i, l := range c.lits {
		if s.of(l) < 0 {
			continue
		}
		if first < 0 {
			first = int32(i)
		} else {
			second = int32(i)
			break
		}
	}
	switch {
	case first < 0:
		s.core = s.argument(antecedent{0, cause{clause: id}})
		return false
	case second < 0:
		s.assign(c.lits[first], cause{clause: id})
	default:
		s.watch(id, first, second)
	}
	return true
}

func (s *search) watch(id, first, second int32) {
	c := &s.clauses[id]
	c.w1, c.w2 = first, second
	for _, place := range []int32{first, second} {
		i := watchIndex(c.lits[place])
		s.watches[i] = append(s.watches[i], id)
	}
}

// propagate draws every conclusion from what holds. On a contradiction it returns
// the step that cannot be made. libsolv has no variables for needs: they are settled
// at once, so that contradictions are met in its order.
func (s *search) propagate() (antecedent, bool) {
	for {
		var lit int32
		switch {
		case len(s.pending) > 0:
			lit = s.pending[0]
			s.pending = s.pending[1:]
		case s.head < len(s.trail):
			lit = s.trail[s.head]
			s.head++
			if int(variable(lit)) >= len(s.p.solvables) {
				continue
			}
		default:
			return antecedent{}, true
		}
		if a, ok := s.imply(lit); !ok {
			return a, false
		}
		if a, ok := s.visitWatches(lit); !ok {
			return a, false
		}
	}
}

// imply draws the conclusions that no clause is written for.
func (s *search) imply(lit int32) (antecedent, bool) {
	v := variable(lit)
	switch need := int(v) - len(s.p.solvables); {
	case need >= 0 && lit < 0:
		return s.implyAll(lit, s.p.userOf[need], func(int32) bool { return true })
	case need >= 0 || lit < 0:
		return antecedent{}, true
	}
	own := &s.p.solvables[v]
	rival := func(other int32) bool {
		o := &s.p.solvables[other]
		return other != v && (o.stream != own.stream || o.group == own.group)
	}
	notSelf := func(other int32) bool { return other != v }
	if a, ok := s.implyAll(lit, s.p.ofModule[own.module], rival); !ok {
		return a, false
	}
	for _, stream := range own.excludes {
		if a, ok := s.implyAll(lit, s.p.ofStream[stream], notSelf); !ok {
			return a, false
		}
	}
	if a, ok := s.implyAll(lit, s.p.excluders[own.stream], notSelf); !ok {
		return a, false
	}
	for _, n := range own.needs {
		if need := s.p.needVar(n); !s.assign(need, cause{byLiteral, lit}) {
			return antecedent{need, cause{byLiteral, lit}}, false
		}
	}
	return antecedent{}, true
}

// implyAll makes those of the solvables that match false because lit holds.
func (s *search) implyAll(lit int32, solvables []int32, match func(int32) bool) (antecedent, bool) {
	s.steps += len(solvables)
	for _, other := range slices.Backward(solvables) {
		if match(other) && !s.assign(-other, cause{byLiteral, lit}) {
			return antecedent{-other, cause{byLiteral, lit}}, false
		}
	}
	return antecedent{}, true
}

// visitWatches looks at the clauses that watched the negation of lit.
func (s *search) visitWatches(lit int32) (antecedent, bool) {
	at := watchIndex(-lit)
	list := s.watches[at]
	kept := list[:0]
	for i, id := range list {
		c := &s.clauses[id]
		if c.lits[c.w1] == -lit {
			c.w1, c.w2 = c.w2, c.w1
		}
		other := c.lits[c.w1]
		if s.of(other) > 0 {
			kept = append(kept, id)
			continue
		}
		if place := s.nextWatch(c); place >= 0 {
			c.w2 = place
			to := watchIndex(c.lits[place])
			s.watches[to] = append(s.watches[to], id)
			continue
		}
		kept = append(kept, id)
		if !s.assign(other, cause{clause: id}) {
			s.watches[at] = append(kept, list[i+1:]...)
			return antecedent{0, cause{clause: id}}, false
		}
	}
	s.watches[at] = kept
	return antecedent{}, true
}

// nextWatch finds a literal of c that can still hold and is not watched yet.
func (s *search) nextWatch(c *clause) int32 {
	for i, l := range c.lits {
		s.steps++
		if int32(i) != c.w1 && int32(i) != c.w2 && s.of(l) >= 0 {
			return int32(i)
		}
	}
	return -1
}

// premises lists the literals that hold and from which a step follows. A lit of 0
// asks for all literals of a clause that failed.
func (s *search) premises(a antecedent) []int32 {
	switch {
	case a.clause >= 0:
		var list []int32
		for _, l := range s.clauses[a.clause].lits {
			if l != a.lit {
				list = append(list, -l)
			}
		}
		s.steps += len(list)
		return list
	case a.clause == byLiteral:
		return []int32{a.from}
	}
	return nil
}

// learn adds the clause that would have prevented the conflict, and goes back to
// where it leaves one literal.
func (s *search) learn(conflict antecedent) {
	here := int32(len(s.limits))
	seen := map[int32]bool{}
	steps := []antecedent{conflict}
	var lits []int32
	open := 0
	look := func(list []int32) {
		for _, l := range list {
			v := variable(l)
			if seen[v] {
				continue
			}
			seen[v] = true
			switch s.level[v] {
			case here:
				open++
			case 0:
				steps = append(steps, antecedent{l, s.cause[v]})
			default:
				lits = append(lits, -l)
			}
		}
	}
	look(s.premises(conflict))
	if conflict.lit != 0 {
		look([]int32{-conflict.lit})
	}
	at := len(s.trail) - 1
	for ; ; at-- {
		if !seen[variable(s.trail[at])] {
			continue
		}
		if open == 1 {
			break
		}
		open--
		step := antecedent{s.trail[at], s.cause[variable(s.trail[at])]}
		steps = append(steps, step)
		look(s.premises(step))
	}
	lits = append([]int32{-s.trail[at]}, lits...)
	s.addLearnt(lits, steps)
}

func (s *search) addLearnt(lits []int32, steps []antecedent) {
	back, second := int32(0), int32(0)
	for i, l := range lits[1:] {
		if lv := s.level[variable(l)]; lv > back {
			back, second = lv, int32(i+1)
		}
	}
	s.backTo(int(back))
	id := int32(len(s.clauses))
	s.clauses = append(s.clauses, clause{lits: lits, kind: learntClause, from: steps})
	if len(lits) > 1 {
		s.watch(id, 0, second)
	}
	s.assign(lits[0], cause{clause: id})
}

// backTo takes back all decisions above a level.
func (s *search) backTo(level int) {
	if level >= len(s.limits) {
		return
	}
	for _, l := range s.trail[s.limits[level]:] {
		s.value[variable(l)] = 0
	}
	s.trail = s.trail[:s.limits[level]]
	s.limits = s.limits[:level]
	s.head, s.pending = len(s.trail), s.pending[:0]
	s.choices = slices.DeleteFunc(s.choices, func(c choice) bool { return c.level >= level })
}

// argument lists the steps that a contradiction at level 0 rests on, without the
// learnt clauses in between, which are resolved to their own steps.
func (s *search) argument(conflict antecedent) []antecedent {
	var core []antecedent
	seenVar, seenClause := map[int32]bool{}, map[int32]bool{}
	todo := []antecedent{conflict}
	if conflict.lit != 0 {
		todo = append(todo, s.step(-conflict.lit))
	}
	for len(todo) > 0 {
		a := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if a.clause >= 0 && s.clauses[a.clause].kind == learntClause {
			if !seenClause[a.clause] {
				seenClause[a.clause] = true
				todo = append(todo, s.clauses[a.clause].from...)
			}
		} else {
			core = append(core, a)
		}
		for _, l := range s.premises(a) {
			if v := variable(l); s.value[v] != 0 && s.level[v] == 0 && !seenVar[v] {
				seenVar[v] = true
				todo = append(todo, s.step(l))
			}
		}
	}
	return core
}

// step is why a literal that holds does so.
func (s *search) step(lit int32) antecedent { return antecedent{lit, s.cause[variable(lit)]} }
