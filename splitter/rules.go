package splitter

import (
	"iter"
	"slices"
)

// rule is a set of literals of which one must hold. A literal is the number of a
// solvable, negative when it must not be chosen.
type rule struct {
	p      int32 // the first literal
	d      int32 // where the others stand among lits, ended by 0; when 0, w2 is the only other, if any
	w1, w2 int32 // the two literals that are watched; w2 is 0 for a rule of one literal
	n1, n2 int32 // the next rules that watch them
	off    bool  // given up
}

// isAssertion says that the rule has one literal only.
func (r *rule) isAssertion() bool { return r.w2 == 0 }

// ruleSet holds rules, numbered from 1, and the literals of the longer ones.
type ruleSet struct {
	rules []rule
	lits  []int32
}

// literals lists all literals of a rule in order.
func (rs *ruleSet) literals(r *rule) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		switch {
		case !yield(r.p):
		case r.d > 0:
			for _, l := range rs.lits[r.d:] {
				if l == 0 || !yield(l) {
					return
				}
			}
		case r.w2 != 0:
			yield(r.w2)
		}
	}
}

// add adds a rule and returns its number.
func (rs *ruleSet) add(p int32, others []int32) int32 {
	switch len(others) {
	case 0:
		return rs.push(p, 0, 0)
	case 1:
		return rs.push(p, 0, others[0])
	}
	return rs.push(p, rs.store(others), others[0])
}

// store keeps the literals of a longer rule.
func (rs *ruleSet) store(lits []int32) int32 {
	at := int32(len(rs.lits))
	rs.lits = append(append(rs.lits, lits...), 0)
	return at
}

func (rs *ruleSet) push(p, d, w2 int32) int32 {
	rs.rules = append(rs.rules, rule{p: p, d: d, w1: p, w2: w2})
	return int32(len(rs.rules) - 1)
}

// maxRules bounds the memory of the rules, at 28 bytes each. A module of n builds
// makes n²/2 of them; a large real index has some 30,000.
const maxRules = 4 << 20

// packageRules writes down what the builds say: that two builds of one module or an
// excluded one cannot be together, what cannot be chosen at all, and what each
// requires. They are sorted as libsolv sorts them (solver_unifyrules): the highest
// solvable first, then by the other literals.
// False when they are too many.
func (p *moduleProblem) packageRules(barred func(int32) bool) (ruleSet, bool) {
	all := &p.packages // when nothing was barred: about as many again
	rs := ruleSet{rules: make([]rule, 1, len(all.rules)+len(all.rules)/8+64), lits: make([]int32, 1, len(all.lits)+64)}
	stored := make([]int32, len(p.needs))
	for id := p.platform; id >= firstBuild; id-- {
		s := &p.solvables[id]
		if s.arch == archForeign {
			continue
		}
		for _, rival := range p.rivals(id) {
			rs.push(-id, 0, -rival)
		}
		if s.wrongPlatform || barred(id) || p.lacks(id) {
			rs.push(-id, 0, 0)
		}
		p.requireRules(&rs, id, stored)
		if len(rs.rules) > maxRules {
			return rs, false
		}
	}
	return rs, true
}

// rivals lists the solvables with lower numbers that cannot be chosen beside id,
// the highest first.
func (p *moduleProblem) rivals(id int32) []int32 {
	s := &p.solvables[id]
	var all []int32
	if id == p.platform {
		for b := firstBuild; b < p.platform; b++ {
			if p.solvables[b].excludesPlatform && p.solvables[b].arch != archForeign {
				all = append(all, b)
			}
		}
	} else {
		all = slices.Concat(p.ofModule[s.module], p.excluders[s.stream])
		for _, stream := range s.excludes {
			all = append(all, p.ofStream[stream]...)
		}
		all = slices.DeleteFunc(all, func(other int32) bool { return other >= id })
	}
	slices.Sort(all)
	all = slices.Compact(all)
	slices.Reverse(all)
	return all
}

// lacks says that a requirement of id is met by nothing.
func (p *moduleProblem) lacks(id int32) bool {
	return slices.ContainsFunc(p.solvables[id].needs, func(n int32) bool { return len(p.needs[n].members) == 0 })
}

// requireRules writes what id requires. The members of a need are stored once, where
// stored says.
func (p *moduleProblem) requireRules(rs *ruleSet, id int32, stored []int32) {
	var last []int32
	for _, n := range p.solvables[id].needs {
		members := p.needs[n].members
		if len(members) == 0 || slices.Equal(last, members) || slices.Contains(members, id) {
			continue
		}
		last = members
		if len(members) == 1 {
			rs.push(-id, 0, members[0])
			continue
		}
		if stored[n] == 0 {
			stored[n] = rs.store(members)
		}
		rs.push(-id, stored[n], members[0])
	}
}
