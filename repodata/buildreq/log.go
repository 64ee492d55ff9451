package buildreq

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"flatstream/repodata/rpmdep"
)

// Missing is a requirement that a build tool did not find.
type Missing struct {
	Requirement string // as rpmdep writes it
	NeededBy    string // the package that has it; empty: the build itself
}

// complaints are the sentences of dnf, yum, zypper, rpmbuild, mock and OBS, each with
// the requirement, and who has it where the sentence says so. Most stand behind a time
// stamp or a file name, so they are looked for anywhere in a line.
var complaints = []*regexp.Regexp{
	regexp.MustCompile(`nothing provides requested '?(?P<need>[^',]+?)'?$`),
	regexp.MustCompile(`nothing provides '?(?P<need>\(.+?\)|[^',]+?)'?(?: needed by (?:the to be installed )?(?P<by>[^ ,]+))?(?:,| from |$)`),
	regexp.MustCompile(`No matching package to install: '(?P<need>[^']+)'`),
	regexp.MustCompile(`No [Pp]ackage found for (?P<need>.+)$`),
	regexp.MustCompile(`No package (?P<need>\S+) available`),
	regexp.MustCompile(`No match for argument: (?P<need>.+)$`),
	regexp.MustCompile(`^\s+(?P<need>\S.*?) is needed by (?P<by>\S+)$`),
	regexp.MustCompile(`^\s+Requires: (?P<need>.+)$`),
}

// colours are what tools write for terminals.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// maxLog is how much of a log is read, in bytes; one of a whole distribution's
// build root has a few.
const maxLog = 256 << 20

// ParseLog finds what a failed build was missing: each requirement once, in the order
// of the log. None at all is no error. A rich dependency is one requirement.
func ParseLog(r io.Reader) ([]Missing, error) {
	var list []Missing
	lines := bufio.NewScanner(io.LimitReader(r, maxLog))
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimRight(colours.ReplaceAllString(lines.Text(), ""), " \t\r")
		if !complains(line) {
			continue
		}
		for _, m := range complaintsIn(line) {
			same := func(o Missing) bool { return o.Requirement == m.Requirement }
			if !slices.ContainsFunc(list, same) {
				list = append(list, m)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	return list, nil
}

// complains is a cheap test for lines that may hold a complaint.
func complains(line string) bool {
	for _, word := range []string{"nothing provides", "needed by", "No ", "Requires:"} {
		if strings.Contains(line, word) {
			return true
		}
	}
	return false
}

// complaintsIn reads one line; OBS puts several complaints into one.
func complaintsIn(line string) []Missing {
	for _, c := range complaints {
		var list []Missing
		for _, groups := range c.FindAllStringSubmatch(line, -1) {
			m := Missing{Requirement: normal(groups[c.SubexpIndex("need")])}
			if i := c.SubexpIndex("by"); i > 0 {
				m.NeededBy = groups[i]
			}
			if m.Requirement != "" {
				list = append(list, m)
			}
		}
		if list != nil {
			return list
		}
	}
	return nil
}

// normal writes a requirement as rpmdep does; empty when it is none.
func normal(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "  ")
	deps, err := SplitRelations(s)
	if err != nil || len(deps) == 0 {
		return ""
	}
	if d, err := rpmdep.Parse(s); err == nil {
		return d.String()
	}
	return deps[0]
}
