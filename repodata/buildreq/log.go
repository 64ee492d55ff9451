package buildreq

import (
	"bufio"
	"bytes"
	"errors"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"

	"flatstream/repodata/rpmdep"
)

// Missing is a requirement that a build tool did not find.
type Missing struct {
	Requirement string // as rpmdep writes it
	NeededBy    string // the package that has it; empty: the build itself
}

// complaints are the sentences of dnf, yum, zypper, rpmbuild, mock and OBS, each with
// the requirement, and who has it where the sentence says so. Most stand behind a time
// stamp or a file name, so they are looked for anywhere in a line. Most programs that hold
// them read no log.
var complaints = sync.OnceValue(func() []*regexp.Regexp {
	return []*regexp.Regexp{
		regexp.MustCompile(`nothing provides requested '?(?P<need>[^',]+?)'?$`),
		regexp.MustCompile(`nothing provides '?(?P<need>\(.+?\)|[^',]+?)'?(?: needed by (?:the to be installed )?(?P<by>[^ ,]+))?(?:,| from |$)`),
		regexp.MustCompile(`No matching package to install: '(?P<need>[^']+)'`),
		regexp.MustCompile(`No [Pp]ackage found for (?P<need>.+)$`),
		regexp.MustCompile(`No package (?P<need>\S+) available`),
		regexp.MustCompile(`No match for argument: (?P<need>.+)$`),
		regexp.MustCompile(`No provider of '(?P<need>[^']+)' found`),
		regexp.MustCompile(`package (?P<by>\S+)(?: from \S+)? requires (?P<need>.+?), but none of the providers can be installed`),
		regexp.MustCompile(`^(?:.*\.py:\d+:|\[ *\d+s\])?\s+(?P<need>[^\s\[].*?) is needed by (?P<by>\S+)$`),
		regexp.MustCompile(`^(?:.*\.py:\d+:|\[ *\d+s\])?\s+Requires: (?P<need>.+)$`),
	}
})

// unmatched is dnf's list of names, parted by blanks.
var unmatched = regexp.MustCompile(`Unable to find a match: (.+)$`)

// markup is what OBS wraps its lists into.
var markup = regexp.MustCompile(`</?[a-z]+[^<>]*>`)

// plainText is a line without colours, and without markup where it has some.
func plainText(line string) string {
	line = strings.TrimRight(colours.ReplaceAllString(line, ""), " \t\r")
	if strings.Contains(line, "</") {
		line = strings.TrimSpace(html.UnescapeString(markup.ReplaceAllString(line, "")))
	}
	return line
}

// colours are what tools write for terminals.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// maxLog is how much of a log is read, in bytes; one of a whole distribution's
// build root has a few.
const maxLog = 256 << 20

// maxLogLine is how much of a line is looked at, in bytes.
const maxLogLine = 1 << 20

// ParseLog finds what a failed build was missing: each requirement once, in the order
// of the log. None at all is no error. A rich dependency is one requirement.
func ParseLog(r io.Reader) ([]Missing, error) {
	var list []Missing
	lines := bufio.NewReaderSize(io.LimitReader(r, maxLog), maxLogLine)
	for {
		text, more, err := lines.ReadLine()
		for more && err == nil { // no tool complains behind so much
			_, more, err = lines.ReadLine()
		}
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		if !complains(text) {
			continue
		}
		line := plainText(string(text))
		for _, m := range complaintsIn(line) {
			same := func(o Missing) bool { return o.Requirement == m.Requirement }
			if !slices.ContainsFunc(list, same) {
				list = append(list, m)
			}
		}
	}
}

// complains is a cheap test for lines that may hold a complaint.
func complains(line []byte) bool {
	for _, word := range []string{"nothing provides", "needed by", "No ", "Requires:", "none of the providers", "Unable to find"} {
		if bytes.Contains(line, []byte(word)) {
			return true
		}
	}
	return false
}

// complaintsIn reads one line; OBS puts several complaints into one.
func complaintsIn(line string) []Missing {
	if names := unmatched.FindStringSubmatch(line); names != nil {
		var list []Missing
		for _, word := range strings.Fields(names[1]) {
			if need := normal(word); need != "" {
				list = append(list, Missing{Requirement: need})
			}
		}
		return list
	}
	for _, c := range complaints() {
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
