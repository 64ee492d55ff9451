package main

import (
	"fmt"
	"slices"
	"strings"

	"flatstream/splitter"
)

func printStream(out *output, s splitter.ExplainedStream) {
	out.printf("%s is the flat repository %s (%s)\n", s.Stream, s.Path, counted(s.Packages, "package"))
	if s.Context != "" {
		out.printf("  context group: %s\n", s.Context)
	}
	if why := choiceText(s); why != "" {
		out.printf("  %s\n", why)
	}
	for _, b := range s.Builds {
		out.printf("  build %s\n", b)
	}
	for _, b := range s.LeftOut {
		out.printf("  without build %s (--versions latest)\n", b)
	}
	for _, line := range factLines(s.StreamFacts, true) {
		out.printf("  %s\n", line)
	}
	for _, id := range s.Requires {
		if !slices.Contains(s.Optional, id) {
			out.printf("  needs %s\n", id)
		}
	}
	if n := len(s.Optional); n > 0 && !out.verbose {
		out.printf("  stands beside %s that its module does not require (--verbose names them)\n", counted(n, "default stream"))
	} else {
		for _, id := range s.Optional {
			out.printf("  stands beside %s, a default stream that its module does not require\n", id)
		}
	}
	for _, class := range missingClasses {
		if n := s.Missing[class]; n > 0 {
			out.printf("  %s listed but in no source: %s\n", counted(n, "package"), missingClass[class])
		}
	}
	if len(s.Hidden) > 0 {
		out.printf("  hides %s:\n", counted(len(s.Hidden), "package"))
		for i, h := range s.Hidden {
			if i == 5 && !out.verbose {
				out.printf("    and %d more (--verbose names them)\n", len(s.Hidden)-i)
				break
			}
			out.printf("    %s\n", h.NEVRA)
		}
	}
}

// choiceText says why just these builds stand together.
func choiceText(s splitter.ExplainedStream) string {
	switch s.Choice {
	case splitter.ChoicePicked:
		return "DNF picks this group when the stream alone is enabled, and offers every build of it"
	case splitter.ChoiceFurther:
		return "a further group, for systems with " + strings.Join(s.Depends, ", ") + "; by itself DNF picks another one"
	case splitter.ChoiceRefused:
		return "DNF refuses to enable this group: what it requires is not there, or conflicts"
	case splitter.ChoiceMixed:
		return "every build of the stream, whatever it requires (--versions all)"
	}
	return ""
}

// factLines tell what the documents say of a stream; all of it when that is asked
// for, else what is urgent.
func factLines(f splitter.StreamFacts, all bool) []string {
	var lines []string
	for _, d := range f.Damaged {
		lines = append(lines, fmt.Sprintf("requires %s, which does not exist, but %s does: most likely a zero was lost in writing", d.Requires, d.Meant))
	}
	if f.EOL != "" {
		lines = append(lines, "its life ends "+f.EOL)
	}
	for _, o := range f.Obsoletes {
		lines = append(lines, o.Text())
	}
	if !all {
		return lines
	}
	if n := len(f.Demodularized); n > 0 {
		lines = append(lines, "hides no more, since demodularized: "+strings.Join(f.Demodularized, " "))
	}
	for _, macros := range f.Macros {
		lines = append(lines, "build with these macros, which a flat repository cannot set:")
		for line := range strings.Lines(macros) {
			lines = append(lines, "  "+strings.TrimSpace(line))
		}
	}
	return lines
}
