package splitter

import (
	"fmt"
	"slices"
	"strings"
)

// reasons puts the argument against the jobs into words: what was asked for first,
// then what each stream requires, then what cannot be together.
func (s *search) reasons() []string {
	var w reasonWords
	for _, number := range s.core {
		s.word(&w, &s.rules[number], s.jobOfRule(number))
	}
	for _, list := range [][]string{w.asked, w.required, w.clash} {
		slices.Sort(list)
	}
	return slices.Compact(slices.Concat(w.asked, w.required, w.clash))
}

func (s *search) reasonText() string { return strings.Join(s.reasons(), "; ") }

// reasonWords gathers sentences by what they speak of.
type reasonWords struct{ asked, required, clash []string }

// word says one rule.
func (s *search) word(w *reasonWords, r *rule, j *job) {
	p := s.p
	switch {
	case j != nil:
		s.wordJob(w, j)
	case r.p > 0: // the platform is there
	case r.isAssertion():
		s.wordBarred(w, -r.p)
	case r.d == 0 && r.w2 < 0:
		if text := p.clashText(-r.p, -r.w2); text != "" {
			w.clash = append(w.clash, text)
		}
	default:
		members := slices.Collect(s.literals(r))[1:]
		for _, n := range p.solvables[-r.p].needs {
			if slices.Equal(p.needs[n].members, members) {
				w.required = append(w.required, fmt.Sprintf("%s requires %s", p.streamOf(-r.p), p.needs[n].text))
				return
			}
		}
	}
}

func (s *search) wordJob(w *reasonWords, j *job) {
	id := s.p.names[j.stream]
	if j.isDef {
		w.asked = append(w.asked, fmt.Sprintf("%s is a default stream", id))
	} else {
		w.asked = append(w.asked, fmt.Sprintf("%s is enabled", id))
	}
	if len(s.p.ofStream[j.stream]) == 0 {
		w.clash = append(w.clash, s.p.foreignText(j.stream))
	}
}

// foreignText says that the machine can run no build of a stream.
func (p *moduleProblem) foreignText(stream int32) string {
	var arches []string
	for _, id := range p.allOfStream[stream] {
		arches = append(arches, p.solvables[id].build.Arch)
	}
	slices.Sort(arches)
	return fmt.Sprintf("%s is for %s", p.names[stream], strings.Join(slices.Compact(arches), ", "))
}

// wordBarred says why a build cannot be chosen at all.
func (s *search) wordBarred(w *reasonWords, id int32) {
	p := s.p
	v := &p.solvables[id]
	if slices.Contains(s.opt.Disabled, v.build.Name) {
		w.clash = append(w.clash, fmt.Sprintf("module %s is disabled", v.build.Name))
	}
	if v.wrongPlatform {
		w.clash = append(w.clash, fmt.Sprintf("%s is for another platform (version %d)", p.streamOf(id), v.build.Version))
	}
	for _, i := range v.needs {
		if n := &p.needs[i]; len(n.members) == 0 {
			w.required = append(w.required, fmt.Sprintf("%s requires %s", p.streamOf(id), n.text))
			w.clash = append(w.clash, p.lackText(n))
		}
	}
}

// lackText says that nothing meets a need, and what comes near.
func (p *moduleProblem) lackText(n *need) string {
	if p.whole != nil {
		p = p.whole
	}
	for _, s := range n.streams {
		if stream, ok := p.streamID[StreamID{n.module, s}]; ok && !isExclusion(s) {
			return p.foreignText(stream)
		}
	}
	return "no source has " + n.text + p.paddedHint(n)
}

// paddedHint helps with a requirement that was damaged on its way (P21).
func (p *moduleProblem) paddedHint(n *need) string {
	var streams []string
	for _, s := range p.names {
		if s.Module == n.module {
			streams = append(streams, s.Stream)
		}
	}
	for _, s := range n.streams {
		if padded := paddedStream(s, streams); padded != "" {
			return fmt.Sprintf(", but there is %s:%s (the document took a stream for a number)", n.module, padded)
		}
	}
	return ""
}

// clashText says why two solvables exclude each other; nothing of two builds of one
// stream.
func (p *moduleProblem) clashText(a, b int32) string {
	one, other := &p.solvables[a], &p.solvables[b]
	switch {
	case a == p.platform:
		return fmt.Sprintf("%s excludes this platform (version %d)", p.streamOf(b), other.build.Version)
	case one.stream == other.stream:
		return ""
	case one.module == other.module:
		names := []string{p.streamOf(a).String(), p.streamOf(b).String()}
		slices.Sort(names)
		return strings.Join(names, " and ") + " are streams of one module"
	case slices.Contains(one.excludes, other.stream):
		return fmt.Sprintf("%s excludes %s", p.streamOf(a), p.streamOf(b))
	}
	return fmt.Sprintf("%s excludes %s", p.streamOf(b), p.streamOf(a))
}

func (p *moduleProblem) streamOf(solvable int32) StreamID {
	return p.names[p.solvables[solvable].stream]
}
