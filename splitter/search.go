package splitter

import (
	"cmp"
	"errors"
	"slices"
)

// errUnsolvable says that no set of streams meets all jobs; the search tells why.
var errUnsolvable = errors.New("the streams cannot be active together")

// Limits of one search. Real indexes need under a hundred conflicts.
const (
	maxConflicts = 20_000
	maxSteps     = 100_000_000 // literals looked at
)

// search is one resolution: a conflict-driven search that decides in libsolv's
// order, so that it ends with libsolv's choice.
//
// Variables are the solvables, then the needs; a literal is a variable or its
// negation. Clauses are: a job (some build of the stream), a best job (the newest
// build of some group of the stream), a need (if needed, some member). What takes
// one line to state is not written out: one stream per module, one build per group,
// exclusions, and that a build needs its needs.
type search struct {
	p    *moduleProblem
	opt  ResolveOptions
	jobs []job

	clauses []clause
	watches [][]int32 // by literal: the clauses that watch it
	value   []int8    // by variable: 1, -1, or 0 for open
	level   []int32
	cause   []cause
	trail   []int32 // literals that hold, in order
	limits  []int   // length of the trail where each level starts
	head    int     // up to where the trail has been propagated
	pending []int32 // literals of needs, not propagated yet
	choices []choice

	steps, conflicts int
	core             []antecedent // why it is unsolvable
}

// job asks for one stream.
type job struct {
	id      StreamID
	isDef   bool   // a default stream
	dropped bool   // given up
	reason  string // why
}

// clause is a set of literals of which one must hold.
type clause struct {
	lits   []int32 // shared, never changed
	w1, w2 int32   // places of the watched ones
	kind   clauseKind
	ref    int32        // job or need
	from   []antecedent // of a learnt one
}

type clauseKind uint8

const (
	jobClause clauseKind = iota
	bestClause
	needClause
	learntClause
)

// cause says why a literal holds: a clause, another literal, a decision or a fact.
type cause struct {
	clause int32 // of clauses; or one of the three below
	from   int32 // with byLiteral
}

const (
	byDecision int32 = -1
	byLiteral  int32 = -2
	byFact     int32 = -3 // the build cannot be chosen at all
)

// antecedent is one step of an argument: lit holds (or would) because of cause.
type antecedent struct {
	lit int32
	cause
}

// choice is a decision that had alternatives.
type choice struct {
	level int // before the decision
	alts  []int32
}

func (p *moduleProblem) newSearch(jobs []job, opt ResolveOptions) *search {
	n := len(p.solvables) + len(p.needs)
	return &search{
		p: p, opt: opt, jobs: jobs,
		watches: make([][]int32, 2*n),
		value:   make([]int8, n),
		level:   make([]int32, n),
		cause:   make([]cause, n),
	}
}

// jobs lists what is asked for: in libdnf's order, which is that of the solvables.
func (p *moduleProblem) jobs(enabled []StreamID, opt ResolveOptions) []job {
	var jobs []job
	asked := map[string]bool{}
	for _, s := range enabled {
		asked[s.Module] = true
		jobs = append(jobs, job{id: s})
	}
	if !opt.NoDefaults {
		for _, d := range p.defaults {
			if !asked[d.Module] && !slices.Contains(opt.Disabled, d.Module) {
				jobs = append(jobs, job{id: d, isDef: true})
			}
		}
	}
	first := func(j job) int32 { return p.ofStream[p.streamID[j.id]][0] }
	slices.SortStableFunc(jobs, func(a, b job) int { return cmp.Compare(first(a), first(b)) })
	return jobs
}

// solve finds what is active. When not lenient every default stream must be, else
// those in the way are dropped, the later ones first.
func (p *moduleProblem) solve(jobs []job, opt ResolveOptions, lenient bool) (*search, error) {
	s := p.newSearch(slices.Clone(jobs), opt)
	if p.tooLarge {
		return s, ErrTooHard
	}
	for {
		err := s.run()
		if !errors.Is(err, errUnsolvable) || !lenient || !s.dropDefault() {
			return s, err
		}
		s = s.again()
	}
}

// dropDefault gives up the default stream of the last weak rule that the argument
// rests on. The rules for the newest builds come after those for the streams.
func (s *search) dropDefault() bool {
	last := -1
	for _, a := range s.core {
		if a.clause < 0 {
			continue
		}
		c := &s.clauses[a.clause]
		if c.kind > bestClause || !s.jobs[c.ref].isDef {
			continue
		}
		place := int(c.ref)
		if c.kind == bestClause {
			place += len(s.jobs)
		}
		last = max(last, place)
	}
	if last < 0 {
		return false
	}
	j := &s.jobs[last%len(s.jobs)]
	j.dropped, j.reason = true, s.reasonText()
	return true
}

func (s *search) again() *search {
	next := s.p.newSearch(s.jobs, s.opt)
	next.steps, next.conflicts = s.steps+len(s.value), s.conflicts
	return next
}

// run decides until every job and need is met.
func (s *search) run() error {
	if !s.setUp() {
		return errUnsolvable
	}
	for {
		if conflict, ok := s.propagate(); !ok {
			if len(s.limits) == 0 {
				s.core = s.argument(conflict)
				return errUnsolvable
			}
			s.learn(conflict)
			s.conflicts++
		} else if !s.decide() && !s.minimize() {
			return nil
		}
		if s.steps > maxSteps || s.conflicts > maxConflicts {
			return ErrTooHard
		}
	}
}

// setUp adds facts and clauses; false when one of them cannot hold.
func (s *search) setUp() bool {
	for id := range s.p.solvables {
		if id > 0 && s.p.barred(int32(id), s.opt) {
			s.assign(-int32(id), cause{clause: byFact})
		}
	}
	ok := true
	for i := range s.p.needs {
		ok = ok && s.addClause(clause{lits: s.p.needs[i].clause, kind: needClause, ref: int32(i)})
	}
	for i, j := range s.jobs {
		if !j.dropped {
			ok = ok && s.addClause(clause{lits: s.p.ofStream[s.p.streamID[j.id]], kind: jobClause, ref: int32(i)})
		}
	}
	for i, j := range s.jobs {
		if newest := s.p.newestOf(j.id, s.opt); !j.dropped && len(newest) < len(s.p.ofStream[s.p.streamID[j.id]]) {
			ok = ok && s.addClause(clause{lits: newest, kind: bestClause, ref: int32(i)})
		}
	}
	return ok
}

// barred says that a solvable can never be chosen.
func (p *moduleProblem) barred(id int32, opt ResolveOptions) bool {
	v := &p.solvables[id]
	if v.foreign || v.wrongPlatform || slices.Contains(opt.Disabled, v.build.Name) {
		return true
	}
	return opt.Force != nil && opt.Force.StreamID == p.names[v.stream] && int(v.group) != opt.Force.id
}

// newestOf lists the newest build of each group of a stream (rule 3), by rank.
func (p *moduleProblem) newestOf(id StreamID, opt ResolveOptions) []int32 {
	var candidates []int32
	for _, v := range p.ofStream[p.streamID[id]] {
		s := &p.solvables[v]
		if !s.foreign && (opt.Force == nil || opt.Force.StreamID != id || opt.Force.id == int(s.group)) {
			candidates = append(candidates, v)
		}
	}
	return p.prefer(candidates)
}

// prefer prunes candidates as libsolv's policy does: those for a lesser arch when
// there is one for the machine's own; then of each group the newest build, of
// equally new ones the first. They come sorted bytewise by module:stream:context.
func (p *moduleProblem) prefer(candidates []int32) []int32 {
	lesser := func(v int32) bool { return p.solvables[v].lesser }
	if slices.ContainsFunc(candidates, func(v int32) bool { return p.solvables[v].native }) {
		candidates = slices.DeleteFunc(candidates, lesser)
	}
	slices.SortFunc(candidates, func(a, b int32) int {
		sa, sb := &p.solvables[a], &p.solvables[b]
		return cmp.Or(cmp.Compare(p.rank[sa.group], p.rank[sb.group]),
			cmp.Compare(sb.build.Version, sa.build.Version), cmp.Compare(a, b))
	})
	return slices.CompactFunc(candidates, func(a, b int32) bool { return p.solvables[a].group == p.solvables[b].group })
}

// decide makes the next choice: for the first open job, then for an open need.
// False when all are met.
func (s *search) decide() bool {
	s.steps += (len(s.clauses) + len(s.p.uses)) / 4
	for i := range s.clauses {
		if c := &s.clauses[i]; c.kind == jobClause {
			if open, met := s.open(c.lits); !met {
				s.choose(open)
				return true
			}
		}
	}
	for _, u := range s.p.uses {
		if s.value[u.solvable] <= 0 {
			continue
		}
		if open, met := s.open(s.p.needs[u.need].members()); !met {
			s.choose(open)
			return true
		}
	}
	for i := range s.clauses {
		if c := &s.clauses[i]; c.kind == bestClause {
			if open, met := s.open(c.lits); !met {
				s.choose(open)
				return true
			}
		}
	}
	return false
}

// open lists the open literals of a clause, or says that one holds already.
func (s *search) open(lits []int32) (open []int32, met bool) {
	s.steps += len(lits)
	for _, l := range lits {
		switch s.of(l) {
		case 1:
			return nil, true
		case 0:
			open = append(open, l)
		}
	}
	return open, false
}

func (s *search) choose(open []int32) {
	open = s.p.prefer(open)
	if len(open) > 1 {
		s.choices = append(s.choices, choice{len(s.limits), open[1:]})
	}
	s.push(open[0])
}

func (s *search) push(lit int32) {
	s.limits = append(s.limits, len(s.trail))
	s.assign(lit, cause{clause: byDecision})
}

// minimize looks for the earliest choice of which an alternative became active
// later anyway, and chooses that one instead, as libsolv does.
func (s *search) minimize() bool {
	for _, c := range s.choices {
		for _, alt := range c.alts {
			if s.value[alt] > 0 && int(s.level[alt]) > c.level+1 {
				s.conflicts++
				s.backTo(c.level)
				s.push(alt)
				return true
			}
		}
	}
	return false
}

// installed lists the groups that hold a chosen solvable, sorted.
func (s *search) installed() []*Group {
	var groups []*Group
	for id := 1; id < len(s.p.solvables); id++ {
		if s.value[id] > 0 {
			groups = append(groups, s.p.groups[s.p.solvables[id].group])
		}
	}
	slices.SortFunc(groups, func(a, b *Group) int { return cmp.Compare(a.id, b.id) })
	return slices.Compact(groups)
}

func (s *search) isDefault(id StreamID) bool {
	return slices.ContainsFunc(s.jobs, func(j job) bool { return j.isDef && !j.dropped && j.id == id })
}

func (s *search) dropped() []DroppedDefault {
	var list []DroppedDefault
	for _, j := range s.jobs {
		if j.dropped {
			list = append(list, DroppedDefault{j.id, j.reason})
		}
	}
	slices.SortFunc(list, func(a, b DroppedDefault) int { return CompareStreamID(a.StreamID, b.StreamID) })
	return list
}
