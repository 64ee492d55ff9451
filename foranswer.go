package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/repodata/closure"
	"flatstream/splitter"
)

// printAnswer says which streams it takes, then where everything is.
func printAnswer(out *output, a *splitter.Answer, c *cli.Context) error {
	if err := out.document(a); err != nil {
		return err
	}
	for i, s := range a.Sets {
		uses := s.Uses
		if i > 0 {
			out.printf("or as well, of the same size; what differs:\n")
			uses = slices.DeleteFunc(slices.Clone(uses), func(u splitter.Use) bool { return slices.Contains(a.Sets[0].Uses, u) })
		}
		printSet(out, a, s, uses)
		if len(c.StringSlice("built")) > 0 && len(s.Enable) > 0 {
			out.printf("  dnf module enable %s\n", strings.Join(s.Enable, " "))
		}
		printView(out, s, c.String("store") != "")
		out.printf("%s", s.Recipes[c.String("for")])
	}
	for _, b := range a.Breaks {
		printBreak(out, b, a.Sources)
	}
	if len(a.Sets) > 0 {
		return nil
	}
	out.printf("%s: no set of streams makes what it needs installable\n", a.Wanted.Name)
	if c := a.Closest; c != nil && len(c.Enable)+len(c.Overlays) > 0 {
		out.printf("what comes closest: %s; but then\n", setText(*c))
	}
	printProblems(out, a.Problems, a.Sources)
	for _, r := range a.Refused {
		out.printf("  %s\n", r)
	}
	if a.GaveUp {
		out.printf("  not every set was tried: there are too many\n")
	}
	return errProblems
}

// printBreak says how a stream keeps built packages from being installed.
func printBreak(out *output, b splitter.Break, places []string) {
	out.printf("with %s enabled it cannot be installed\n", b.Stream)
	if b.Refused != "" {
		out.printf("  %s\n", b.Refused)
	}
	for _, p := range b.Problems {
		out.printf("  %s\n", p.Package)
		for _, line := range p.Lines(places) {
			out.printf("    %s\n", line)
		}
	}
}

// printProblems says what keeps a build root from being installed, as verify does.
func printProblems(out *output, problems []closure.Problem, places []string) {
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.Lines(places)...)
	}
	printSome(out, lines, "")
}

// printSet says what to do, and of all uses where that is.
func printSet(out *output, a *splitter.Answer, s splitter.StreamSet, uses []splitter.Use) {
	if s.View == splitter.KindDefault {
		out.printf("%s: nothing to enable\n", a.Wanted.Name)
	} else {
		out.printf("%s: %s\n", a.Wanted.Name, setText(s))
	}
	for _, d := range s.Dropped {
		out.printf("  drops the default stream %s\n", d)
	}
	for _, u := range uses {
		out.printf("  %s\n", useText(u))
	}
}

// useText says where what meets a requirement is, and what is to be done for it.
func useText(u splitter.Use) string {
	line := u.Requirement
	if u.Indirect {
		line += ", which something of this needs"
	}
	if u.NEVRA == "" {
		return line + ": met, nothing to do"
	}
	line += ": "
	if u.Todo != splitter.TodoNothing && u.Only {
		line += "only "
	}
	line += "in " + cmp.Or(u.Stream, u.Source)
	switch {
	case u.Todo == splitter.TodoEnable && u.Instead != "":
		line += ", to be enabled in place of the default stream " + u.Instead
	case u.Todo == splitter.TodoEnable:
		line += ", to be enabled"
	case u.Todo == splitter.TodoAdd:
		line += ", EVR " + u.EVR + " " + baseText(u) + ", to be added"
	case u.Default:
		line += ", a default stream, nothing to do"
	case u.Stream != "":
		line += ", which is enabled with it, nothing more to do"
	default:
		line += ", nothing to do"
	}
	return line + " (" + u.NEVRA + ")"
}

// baseText compares a package to add with what there is of its source package.
func baseText(u splitter.Use) string {
	switch {
	case u.Base == "":
		return "has nothing of its source package beside it in your base"
	case u.MatchesBase:
		return "matches your base"
	}
	return "does not match your base, which has " + u.Base
}

// printView is the view to paste: into the config of a store, or behind split.
func printView(out *output, s splitter.StreamSet, ofStore bool) {
	if s.View == splitter.KindDefault {
		return
	}
	if ofStore {
		var parts []string
		if len(s.Enable) > 0 {
			parts = append(parts, "streams: ["+quotedList(s.Enable)+"]")
		}
		if len(s.Overlays) > 0 {
			parts = append(parts, "overlay: { "+overlayText(s.Overlays)+" }")
		}
		out.printf("  views: { %s: { %s } }\n", s.View, strings.Join(parts, ", "))
		return
	}
	line := fmt.Sprintf("--view %s=%s", s.View, strings.Join(s.Spec(), ","))
	var declared []string
	for _, p := range s.Overlays {
		if !slices.Contains(declared, p.Source) {
			line += fmt.Sprintf(" --role %s=overlay", p.Source)
			declared = append(declared, p.Source)
		}
		line += fmt.Sprintf(" --overlay %s=%s:%s", s.View, p.Source, p.Glob)
	}
	out.printf("  %s\n", line)
}

// overlayText is what a view of a config overlays.
func overlayText(picks []splitter.Pick) string {
	of := map[string][]string{}
	for _, p := range picks {
		of[p.Source] = append(of[p.Source], p.Glob)
	}
	var parts []string
	for _, source := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, fmt.Sprintf("%s: [%s]", source, quotedList(of[source])))
	}
	return strings.Join(parts, ", ")
}

func quotedList(words []string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, strconv.Quote(w))
	}
	return strings.Join(quoted, ", ")
}

// setText is what to enable and to add.
func setText(s splitter.StreamSet) string {
	var parts []string
	if len(s.Enable) > 0 {
		parts = append(parts, "enable "+strings.Join(s.Enable, " and "))
	}
	for _, p := range s.Overlays {
		parts = append(parts, fmt.Sprintf("add %s of %s", p.NEVRA, p.Source))
	}
	return strings.Join(parts, ", ")
}
