package splitter

import (
	"errors"
	"slices"
)

// errUnsolvable says that no set of streams meets all jobs; the search tells why.
var errUnsolvable = errors.New("the streams cannot be active together")

// Limits of one search. Real indexes need under a hundred conflicts.
const (
	maxConflicts = 20_000
	maxSteps     = 100_000_000 // literals and rules looked at
)

// effort says which jobs may be given up: libdnf tries one after the other
// (ModulePackageContainer::Impl::moduleSolve).
type effort uint8

const (
	strict  effort = iota // every default stream, and the newest build of each stream
	lenient               // default streams in the way are given up, the later ones first
	loose                 // that, and older builds will do
)

// search is one resolution by libsolv's own algorithm (solver_run_sat): the same
// rules in the same order, the same decisions, the same clauses learnt from
// contradictions, and the same jobs given up, so that it ends with libsolv's choice
// in tangles too. What modules never use is left out: updates, obsoletes,
// recommendations, and the search for a smaller solution, which needs alternatives
// that can be chosen together, while those of a requirement are always builds of one
// module and exclude each other. The one difference that is meant: where libsolv would
// go on without end, this search gives up at its limits ([ErrTooHard]).
//
// Rules are numbered: what the builds say; that the platform is there; the jobs (some
// build of the stream); the newest builds (rule 3); what was learnt.
type search struct {
	ruleSet
	p      *moduleProblem
	opt    ResolveOptions
	effort effort
	jobs   []job

	jobRules, bestRules, learnt int32     // the first of each
	jobOf                       []int32   // by rule from jobRules to learnt
	assertions                  []int32   // rules of one literal, ascending
	proofs                      [][]int32 // by learnt rule: those it follows from

	watches []int32 // by literal: the first rule that watches it
	level   []int32 // by solvable: of the decision that chose it; negative: that excluded it
	trail   []int32 // literals that hold, in order
	why     []int32 // of the same: the rule; negative: a decision for that rule
	head    int     // up to where the trail has been propagated

	steps, conflicts int
	core             []int32 // the rules that cannot hold together
}

// job asks for one stream. There is one for each of its builds, all alike, as
// libdnf has it: it decides which streams are given up.
type job struct {
	stream  int32
	isDef   bool   // a default stream
	dropped bool   // given up
	reason  string // why
}

// jobs lists what is asked for, in the order of the solvables.
func (p *moduleProblem) jobs(enabled []StreamID, opt ResolveOptions) []job {
	var jobs []job
	asked := map[int32]bool{}  // modules
	wanted := map[int32]bool{} // streams
	for _, s := range enabled {
		asked[p.moduleID[s.Module]] = true
		wanted[p.streamID[s]] = true
	}
	for id := firstBuild; id < p.platform; id++ {
		s := &p.solvables[id]
		switch {
		case wanted[s.stream]:
			jobs = append(jobs, job{stream: s.stream})
		case p.isDefault[s.stream] && !asked[s.module] && !opt.NoDefaults && !slices.Contains(opt.Disabled, s.build.Name):
			jobs = append(jobs, job{stream: s.stream, isDef: true})
		}
	}
	return jobs
}

// solution is what a search found.
type solution struct {
	groups   []*Group          // that hold a chosen build, sorted
	defaults map[StreamID]bool // asked for as defaults, and not given up
	dropped  []DroppedDefault  // sorted
	reasons  []string          // where there is none: why
}

// search finds what is active when those streams are enabled. Where that is nothing,
// the error is errUnsolvable and the solution says why.
func (p *moduleProblem) search(enabled []StreamID, opt ResolveOptions, e effort) (*solution, error) {
	s := p.newSearch(opt, e)
	defer p.idle.Put(s)
	s.jobs = p.jobs(enabled, opt)
	switch {
	case p.tooLarge || !s.addRules():
		return nil, ErrTooHard
	case s.run():
		return s.solution(), nil
	case s.exhausted():
		return nil, ErrTooHard
	}
	return &solution{reasons: s.reasons()}, errUnsolvable
}

// newSearch begins a search with the memory of one that has ended: every one of hundreds
// of streams is resolved, and each search writes down all rules.
func (p *moduleProblem) newSearch(opt ResolveOptions, e effort) *search {
	s, _ := p.idle.Get().(*search)
	if s == nil {
		s = &search{}
	}
	*s = search{
		p: p, opt: opt, effort: e, ruleSet: ruleSet{rules: s.rules[:0]}, level: s.level[:0], watches: s.watches[:0],
		jobOf: s.jobOf[:0], trail: s.trail[:0], why: s.why[:0],
	}
	return s
}

func (s *search) exhausted() bool { return s.steps > maxSteps || s.conflicts > maxConflicts }

// addRules collects the rules; false when they are too many.
func (s *search) addRules() bool {
	if s.bars() || s.p.whole != nil {
		var ok bool
		if s.ruleSet, ok = s.p.packageRules(s.barred); !ok {
			return false
		}
	} else { // they are every search's, and each watches literals and learns in its own
		base := s.p.packages
		s.rules = append(slices.Grow(s.rules, len(base.rules)+2*len(s.jobs)+1), base.rules...)
		s.lits = slices.Clip(base.lits)
	}
	s.add(s.p.platform, nil)
	s.jobRules = int32(len(s.rules))
	jobLits := make([][]int32, len(s.jobs))
	for i, j := range s.jobs {
		jobLits[i] = s.jobLiterals(j)
		s.addJobRule(i, jobLits[i])
	}
	s.bestRules = int32(len(s.rules))
	for i, lits := range jobLits {
		if lits[0] < 0 || s.effort == loose {
			continue
		}
		if best := s.p.prefer(slices.Clone(lits)); len(best) < len(lits) {
			s.addJobRule(i, best)
		}
	}
	s.learnt = int32(len(s.rules))
	s.level = append(s.level, make([]int32, len(s.p.solvables))...)
	s.watchAll()
	return len(s.rules) <= maxRules
}

// bars says that the options may keep a build out.
func (s *search) bars() bool {
	return len(s.opt.Disabled) > 0 || s.opt.Force != nil && slices.ContainsFunc(s.p.ofStream[s.p.streamID[s.opt.Force.StreamID]], s.barred)
}

// barred says that a build is kept out by the options.
func (s *search) barred(id int32) bool {
	v := &s.p.solvables[id]
	if id == s.p.platform {
		return false
	}
	return slices.Contains(s.opt.Disabled, v.build.Name) || s.otherGroup(v)
}

func (s *search) otherGroup(v *solvable) bool {
	return s.opt.Force != nil && s.opt.Force.StreamID == s.p.names[v.stream] && int(v.group) != s.opt.Force.id
}

// jobLiterals are the builds that would do; without any the job is impossible.
func (s *search) jobLiterals(j job) []int32 {
	lits := s.p.ofStream[j.stream]
	if s.opt.Force != nil && s.opt.Force.StreamID == s.p.names[j.stream] {
		lits = slices.DeleteFunc(slices.Clone(lits), func(v int32) bool { return s.otherGroup(&s.p.solvables[v]) })
	}
	if len(lits) == 0 {
		return []int32{-systemSolvable}
	}
	return lits
}

func (s *search) addJobRule(job int, lits []int32) {
	s.add(lits[0], lits[1:])
	s.jobOf = append(s.jobOf, int32(job))
}

// jobOfRule is the job that a rule stands for, nil when none.
func (s *search) jobOfRule(r int32) *job {
	if r < s.jobRules || r >= s.learnt {
		return nil
	}
	return &s.jobs[s.jobOf[r-s.jobRules]]
}

// isWeak says that a rule may be given up.
func (s *search) isWeak(r int32) bool {
	j := s.jobOfRule(r)
	return j != nil && j.isDef && s.effort != strict
}

// run decides until every rule holds; false when that cannot be.
func (s *search) run() bool {
	level, jobsDone := int32(0), int32(1)
	for {
		if level <= 0 {
			if level < 0 || !s.assert() {
				return false
			}
			level = 1
			if broken := s.propagate(level); broken != 0 {
				level = s.giveUp(broken)
				continue
			}
			jobsDone = level + 1
		}
		if level < jobsDone {
			before := level
			if level = s.meetJobs(level); level < before {
				continue
			}
			jobsDone = level
		}
		before := level
		if level = s.meetNeeds(level); level >= before {
			return true
		}
	}
}

// meetJobs chooses a build for every job.
func (s *search) meetJobs(level int32) int32 {
	first := level
	for r := s.jobRules; r < s.bestRules; r++ {
		open := s.open(r)
		if len(open) == 0 {
			continue
		}
		before := level
		level = s.choose(level, open, r)
		switch {
		case level > before:
		case level == before:
			r-- // with what was learnt
		case level < first:
			return level
		default:
			r = s.jobRules - 1
		}
	}
	return level
}

// meetNeeds chooses for every rule that still has a choice; first where only one
// build is preferred, then, from the first rule that was put off, wherever one is left.
func (s *search) meetNeeds(level int32) int32 {
	first, putOff := level, 0
	for r, seen := 1, 1; ; r, seen = r+1, seen+1 {
		if seen >= len(s.rules) {
			if putOff <= 0 {
				return level
			}
			r, putOff, seen = putOff, -1, 1
		}
		if r == len(s.rules) {
			r = 1
		}
		open := s.open(int32(r))
		if len(open) == 0 {
			continue
		}
		if putOff >= 0 {
			if open = s.p.prefer(open); len(open) > 1 {
				if putOff == 0 {
					putOff = r
				}
				continue
			}
		}
		if level = s.choose(level, open, int32(r)); level < first {
			return level
		}
		seen = 0
	}
}

// open lists the builds that a rule could be met with, none when it is met, given
// up, or not called for.
func (s *search) open(number int32) []int32 {
	s.steps++
	r := &s.rules[number]
	if r.off || r.p < 0 && (r.d == 0 || s.level[-r.p] <= 0) {
		return nil
	}
	var open []int32
	for l := range s.literals(r) {
		s.steps++
		switch {
		case s.of(l) > 0:
			return nil
		case s.of(l) == 0 && l < 0:
			return nil
		case s.of(l) == 0:
			open = append(open, l)
		}
	}
	return open
}

// choose decides for the best of the open builds of a rule.
func (s *search) choose(level int32, open []int32, number int32) int32 {
	level++
	s.decide(s.p.prefer(open)[0], level, -number)
	return s.settle(level)
}

// solution gathers the groups that hold a chosen build, and the default streams of
// which all jobs were given up.
func (s *search) solution() *solution {
	found := &solution{defaults: map[StreamID]bool{}}
	for id := firstBuild; id < s.p.platform; id++ {
		if s.level[id] > 0 {
			found.groups = append(found.groups, s.p.groups[s.p.solvables[id].group])
		}
	}
	slices.SortFunc(found.groups, func(a, b *Group) int { return a.id - b.id })
	found.groups = slices.Compact(found.groups)
	for _, j := range s.jobs {
		if j.isDef && !j.dropped {
			found.defaults[s.p.names[j.stream]] = true
		}
	}
	given := map[StreamID]bool{}
	for _, j := range s.jobs {
		id := s.p.names[j.stream]
		if j.dropped && !found.defaults[id] && !given[id] {
			given[id] = true
			found.dropped = append(found.dropped, DroppedDefault{id, j.reason})
		}
	}
	slices.SortFunc(found.dropped, compareDropped)
	return found
}

func compareDropped(a, b DroppedDefault) int { return CompareStreamID(a.StreamID, b.StreamID) }
