package closure

import "fmt"

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
	e := Explanation{Package: one.packages[0], Sentence: one.code.sentence(one.packages[0]), Same: one.packages[1:], Followers: one.followers}
	e.Lines = append(e.Lines, one.chain...)
	if one.code == Uninstallable || one.code == Conflict { // the chain says what is required
		for _, n := range one.near {
			e.Lines = append(e.Lines, n.line())
		}
		return e
	}
	for _, requirement := range one.requirements {
		e.Lines = append(e.Lines, "requires "+requirement)
		if one.code == MissingRequirement {
			e.Lines = append(e.Lines, fmt.Sprintf("nothing in %s provides it", r.among(c, one.packages[0])))
		}
		e.Lines = append(e.Lines, one.nearLines(requirement)...)
	}
	return e
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
