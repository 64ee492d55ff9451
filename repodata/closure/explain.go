package closure

import (
	"fmt"
	"slices"
)

// Explanation is one cause of problems of a repository, in the words of [Report.Text].
type Explanation struct {
	Package   string   // the first that has it, as [Problem] names it
	Sentence  string   // what is wrong with it: the rest of a sentence
	Lines     []string // why, from the package to the cause, and what came near
	Same      []string // more packages with the same cause
	Followers []string // packages that cannot be installed because of these
	Known     bool     // a baseline has it
}

// Explain puts the problems of one of the report's repositories into words, those
// that no baseline knows first; in each part causes outside the repository are last.
func (r *Report) Explain(c *Checked) []Explanation {
	var list []Explanation
	for _, known := range []bool{false, true} {
		for _, cause := range c.part(known).causes() {
			e := r.explain(c, cause)
			e.Known = known
			list = append(list, e)
		}
	}
	return list
}

func (r *Report) explain(c *Checked, one *cause) Explanation {
	return Explanation{
		Package: one.packages[0], Sentence: one.code.sentence(one.packages[0]), Same: one.packages[1:], Followers: one.followers,
		Lines: one.explain(func() string { return r.among(c, one.packages[0]) }),
	}
}

// Lines says why, in the words of [Report.Explain], for one problem by itself; places are
// the names of what was searched.
func (p Problem) Lines(places []string) []string {
	var lines []string
	for _, one := range (&Checked{Problems: []Problem{p}}).causes() {
		lines = append(lines, one.explain(func() string { return alternatives(places) })...)
	}
	return lines
}

// explain is the lines from the package to the cause, and what came near.
func (c *cause) explain(among func() string) []string {
	lines := slices.Clone(c.chain)
	if c.code == Uninstallable || c.code == Conflict { // the chain says what is required
		for _, n := range c.near {
			lines = append(lines, n.line())
		}
		return lines
	}
	for _, requirement := range c.requirements {
		lines = append(lines, "requires "+requirement)
		if c.code == MissingRequirement {
			lines = append(lines, fmt.Sprintf("nothing in %s provides it", among()))
		}
		lines = append(lines, c.nearLines(requirement)...)
	}
	return lines
}

func (c *cause) nearLines(requirement string) []string {
	var lines []string
	for _, n := range c.near {
		if n.Requirement == requirement {
			lines = append(lines, n.line())
		}
	}
	if lines == nil && c.code == MissingRequirement {
		lines = append(lines, "near: nothing in any repository that was read")
	}
	return lines
}

func (n Near) line() string { return fmt.Sprintf("near: %s %s %s", n.NEVRA, n.where(), n.Reason) }
