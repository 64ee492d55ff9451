package closure

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The JUnit format has no specification; these are the elements and attributes on
// which Ant, Maven Surefire, Jenkins and GitLab agree. A test case has at most one
// failure, since some of them read only the first.
type (
	junitReport struct {
		XMLName xml.Name `xml:"testsuites"`
		Name    string   `xml:"name,attr"`
		junitCounts
		Suites []junitSuite `xml:"testsuite"`
	}
	junitCounts struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"` // of the test itself, so none
		Skipped  int `xml:"skipped,attr"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitCounts
		Cases []junitCase `xml:"testcase"`
		Out   string      `xml:"system-out,omitempty"`
	}
	junitCase struct {
		Class   string      `xml:"classname,attr"`
		Name    string      `xml:"name,attr"`
		Failure *junitFault `xml:"failure"`
		Skipped *junitFault `xml:"skipped"`
	}
	junitFault struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"` // the codes
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the report as continuous integration reads it: a test suite for each
// repository, in it a test case for each package with problems, or one that passes
// for "all packages". A package all of whose problems a baseline knows is skipped.
func (r *Report) JUnit(w io.Writer) error {
	doc := junitReport{Name: "flatstream verify"}
	for i := range r.Checked {
		suite := r.junitSuite(&r.Checked[i])
		doc.Tests += suite.Tests
		doc.Failures += suite.Failures
		doc.Skipped += suite.Skipped
		doc.Suites = append(doc.Suites, suite)
	}
	text, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

func (r *Report) junitSuite(c *Checked) junitSuite {
	suite := junitSuite{Name: visible(c.Repo)}
	for i := 0; i < len(c.Problems); { // which are by package
		first := i
		for i < len(c.Problems) && c.Problems[i].Package == c.Problems[first].Package {
			i++
		}
		suite.add(r.junitCase(c, c.Problems[first:i]))
	}
	if len(suite.Cases) == 0 {
		suite.add(junitCase{Class: suite.Name, Name: "all packages"})
	}
	for _, warning := range c.Warnings {
		suite.Out += visible(fmt.Sprintf("warning: %s\n", warning.Text))
	}
	return suite
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
}

// junitCase is about the problems of one package: the new ones fail it, and only
// where there is none do known ones skip it.
func (r *Report) junitCase(c *Checked, problems []Problem) junitCase {
	one := junitCase{Class: visible(c.Repo), Name: visible(problems[0].Package)}
	sub := *c
	sub.Problems = problems
	if fresh := sub.part(false); len(fresh.Problems) > 0 {
		one.Failure = r.junitFault(fresh, "")
	} else {
		one.Skipped = r.junitFault(&sub, "known: ")
		one.Skipped.Type = "" // an attribute of failures only
	}
	return one
}

// junitFault tells problems as the prose of [Report.Text] does, after a line with
// codes and requirements.
func (r *Report) junitFault(c *Checked, prefix string) *junitFault {
	var codes, lines []string
	var prose strings.Builder
	for i, p := range c.Problems {
		codes = append(codes, string(p.Code))
		lines = append(lines, strings.TrimSuffix(fmt.Sprintf("%s: %s", p.Code, strings.Join(p.Requirements, ", ")), ": "))
		single := *c
		single.Problems = c.Problems[i : i+1]
		for _, cause := range single.causes() {
			r.writeCause(&prose, &single, cause, true)
		}
	}
	return &junitFault{
		Message: visible(prefix + strings.Join(lines, "; ")),
		Type:    visible(strings.Join(codes, " ")),
		Text:    visible(prose.String()),
	}
}

// visible writes the control characters that XML 1.0 cannot hold, not even escaped, as
// \x1b; what else it cannot hold, encoding/xml replaces.
func visible(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c < ' ' && c != '\n' && c != '\t' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}
