package splitter

import (
	"fmt"
	"slices"
	"strings"
)

// reasons puts the argument against the jobs into words: what was asked for first,
// then what each stream requires, then what cannot be together.
func (s *search) reasons() []string {
	var asked, required, clash []string
	for _, a := range s.core {
		text, rank := s.sentence(a)
		switch {
		case text == "":
		case rank == 0:
			asked = append(asked, text)
		case rank == 1:
			required = append(required, text)
		default:
			clash = append(clash, text)
		}
	}
	for _, list := range [][]string{asked, required, clash} {
		slices.Sort(list)
	}
	return slices.Compact(slices.Concat(asked, required, clash))
}

func (s *search) reasonText() string { return strings.Join(s.reasons(), "; ") }

// sentence words one step: 0 asked for, 1 required, 2 in the way.
func (s *search) sentence(a antecedent) (text string, rank int) {
	switch {
	case a.clause >= 0:
		return s.clauseSentence(&s.clauses[a.clause])
	case a.clause == byFact:
		return s.p.barredText(variable(a.lit), s.opt), 2
	case a.clause == byLiteral:
		return s.implied(a)
	}
	return "", 0
}

func (s *search) clauseSentence(c *clause) (string, int) {
	switch c.kind {
	case jobClause, bestClause:
		j := s.jobs[c.ref]
		if j.isDef {
			return fmt.Sprintf("%s is a default stream", j.id), 0
		}
		return fmt.Sprintf("%s is enabled", j.id), 0
	case needClause:
		if n := &s.p.needs[c.ref]; len(n.members()) == 0 {
			return "no source has " + n.text + s.p.paddedHint(n), 2
		}
	}
	return "", 0
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

func (s *search) implied(a antecedent) (string, int) {
	p := s.p
	from, to := variable(a.from), variable(a.lit)
	if int(from) >= len(p.solvables) {
		from, to = to, from
	}
	if n := int(to) - len(p.solvables); n >= 0 {
		return fmt.Sprintf("%s requires %s", p.streamOf(from), p.needs[n].text), 1
	}
	one, other := &p.solvables[from], &p.solvables[to]
	switch {
	case one.stream == other.stream:
		return "", 0
	case one.module == other.module:
		names := []string{p.streamOf(from).String(), p.streamOf(to).String()}
		slices.Sort(names)
		return strings.Join(names, " and ") + " are streams of one module", 2
	case slices.Contains(one.excludes, other.stream):
		return fmt.Sprintf("%s excludes %s", p.streamOf(from), p.streamOf(to)), 2
	}
	return fmt.Sprintf("%s excludes %s", p.streamOf(to), p.streamOf(from)), 2
}

func (p *moduleProblem) streamOf(solvable int32) StreamID {
	return p.names[p.solvables[solvable].stream]
}

func (p *moduleProblem) barredText(id int32, opt ResolveOptions) string {
	v := &p.solvables[id]
	switch {
	case slices.Contains(opt.Disabled, v.build.Name):
		return fmt.Sprintf("module %s is disabled", v.build.Name)
	case v.foreign:
		return fmt.Sprintf("%s is for %s", p.streamOf(id), v.build.Arch)
	case v.wrongPlatform:
		return fmt.Sprintf("%s is for another platform (version %d)", p.streamOf(id), v.build.Version)
	}
	return ""
}
