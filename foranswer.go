package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"flatstream/repodata/closure"
	"flatstream/splitter"
)

// printAnswer says which streams it takes, then who meets what.
func printAnswer(out *output, a *splitter.Answer, ofStore bool) error {
	if err := out.document(a); err != nil {
		return err
	}
	for i, s := range a.Sets {
		if i == 1 {
			out.printf("or as well, of the same size:\n")
		}
		printSet(out, a, s)
		printView(out, s, ofStore)
	}
	for _, b := range a.Breaks {
		out.printf("with %s enabled it cannot be installed\n", b.Stream)
		printProblems(out, b.Problems)
	}
	if len(a.Sets) > 0 {
		return nil
	}
	out.printf("%s: no set of streams makes what it needs installable\n", a.Wanted.Name)
	if c := a.Closest; c != nil && len(c.Enable)+len(c.Overlays) > 0 {
		out.printf("what comes closest: %s; but then\n", setText(*c))
	}
	printProblems(out, a.Problems)
	for _, r := range a.Refused {
		out.printf("  %s\n", r)
	}
	if a.GaveUp {
		out.printf("  not every set was tried: there are too many\n")
	}
	return errProblems
}

// printProblems says what keeps a build root from being installed.
func printProblems(out *output, problems []closure.Problem) {
	for _, p := range problems {
		printSome(out, append(slices.Clone(p.Requirements), p.Chain...), "")
		for _, n := range p.Near {
			out.printf("  near: %s of %s %s\n", n.NEVRA, n.Repo, n.Reason)
		}
	}
}

func printSet(out *output, a *splitter.Answer, s splitter.StreamSet) {
	if len(s.Enable)+len(s.Overlays) == 0 {
		out.printf("%s: nothing to enable\n", a.Wanted.Name)
	} else {
		out.printf("%s: %s\n", a.Wanted.Name, setText(s))
	}
	for _, d := range s.Dropped {
		out.printf("  drops the default stream %s\n", d)
	}
	for _, u := range s.Uses {
		if u.NEVRA == "" || u.Stream == "" && !out.verbose && !overlaid(s, u) {
			continue
		}
		out.printf("  %s: %s%s\n", u.Requirement, u.NEVRA, origin(u))
	}
}

// printView is the view to paste: into the config of a store, or behind split.
func printView(out *output, s splitter.StreamSet, ofStore bool) {
	if ofStore && len(s.Enable)+len(s.Overlays) > 0 {
		var parts []string
		if len(s.Enable) > 0 {
			parts = append(parts, "streams: ["+quotedList(s.Enable)+"]")
		}
		if len(s.Overlays) > 0 {
			parts = append(parts, "overlay: { "+overlayText(s.Overlays)+" }")
		}
		out.printf("  views: { build: { %s } }\n", strings.Join(parts, ", "))
		return
	}
	if len(s.Enable) > 0 {
		out.printf("  --view build=%s\n", strings.Join(s.Enable, ","))
	}
	for _, p := range s.Overlays {
		out.printf("  --role %s=overlay --overlay build=%s:%s\n", p.Source, p.Source, p.Name)
	}
}

// overlayText is what a view of a config overlays.
func overlayText(picks []splitter.Pick) string {
	of := map[string][]string{}
	for _, p := range picks {
		of[p.Source] = append(of[p.Source], p.Name)
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

func overlaid(s splitter.StreamSet, u splitter.Use) bool {
	for _, p := range s.Overlays {
		if p.Source == u.Source {
			return true
		}
	}
	return false
}

func origin(u splitter.Use) string {
	switch {
	case u.Stream == "":
		return " of " + u.Source
	case u.Default:
		return " in " + u.Stream + ", a default stream"
	}
	return " in " + u.Stream
}
