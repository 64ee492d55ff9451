package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/splitter"
)

func explainCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "why a package, capability or stream is where it is, hidden, missing or broken",
		ArgsUsage: "WHAT WORD",
		Description: "WHAT is a target, a store, STORE@SNAPSHOT, or SOURCEs, which are then split in thought: nothing is written. " +
			"WORD is a package, a NEVRA, a capability or module:stream.\n" + sourceHelp,
		Flags:  sourceFlags(),
		Action: func(c *cli.Context) error { return explain(c, out) },
	}
}

func explain(c *cli.Context, out *output) error {
	words := c.Args().Slice()
	if len(words) == 0 || len(words) == 1 && len(c.StringSlice("repo-file")) == 0 {
		return &usageError{"explain needs WHAT and WORD", "such as flatstream explain /srv/flat perl-libs"}
	}
	what, word := words[:len(words)-1], words[len(words)-1]
	var targets []place
	if len(what) == 1 {
		found, err := findTargets(what[0])
		if err != nil {
			return err
		}
		targets = found
	}
	if len(targets) == 0 {
		e, err := explainSources(c, what, word)
		if err != nil {
			return err
		}
		return printExplanation(out, e)
	}
	all := &splitter.Explanation{}
	for i, target := range targets {
		e, err := explainTarget(c, out, target, word)
		if err != nil {
			return fmt.Errorf("reading %s: %w", target.Dir, err)
		}
		if i == 0 {
			all = e
		} else {
			all.Add(e)
		}
	}
	return printExplanation(out, all)
}

// explainTarget asks one target, with those supplying it that do so for verify.
func explainTarget(c *cli.Context, out *output, target place, word string) (*splitter.Explanation, error) {
	report, err := splitter.ReadReport(os.DirFS(target.Dir))
	if err != nil {
		return nil, err
	}
	opt, cleanup, err := targetSuppliers(c, out, target, report)
	if err != nil { // what the target holds can be said all the same
		out.note("warning: %v; so it does not supply here", err)
	}
	defer cleanup()
	opt.Build, opt.Jobs = true, out.jobs
	return splitter.Explain(c.Context, os.DirFS(target.Dir), target.Name, word, opt)
}

func explainSources(c *cli.Context, what []string, word string) (*splitter.Explanation, error) {
	refs, err := sourceArgs(c, what)
	if err != nil {
		return nil, err
	}
	sources, cleanup, err := openSources(c.Context, refs, splitter.RoleMerge)
	if err != nil {
		return nil, err
	}
	defer cleanup()
	plan, err := splitter.NewPlan(c.Context, sources, splitter.Options{Link: splitter.LinkNothing})
	if err != nil {
		return nil, asUsage(err)
	}
	return splitter.ExplainPlan(c.Context, plan, word)
}

func printExplanation(out *output, e *splitter.Explanation) error {
	if err := out.document(e); err != nil {
		return err
	}
	target := ""
	within := func(t string) {
		if t != target {
			out.printf("in %s:\n", t)
			target = t
		}
	}
	for _, s := range e.Streams {
		within(s.Target)
		printStream(out, s)
	}
	for _, p := range e.Packages {
		within(p.Target)
		printPackage(out, p)
	}
	for _, m := range e.Missing {
		within(m.Target)
		out.printf("%s is listed for %s, but no source has it (%s)\n", m.NEVRA, m.Repo, missingClass[m.Class])
	}
	if e.Found() {
		return nil
	}
	hint := "name a package, a NEVRA, a capability as it is provided, or module:stream"
	if len(e.Near) > 0 {
		hint = "did you mean " + strings.Join(e.Near, " or ") + "?"
	}
	if out.json {
		return nil
	}
	text := fmt.Sprintf("nothing here is called %s or provides it, and no document lists it", e.Word)
	if n := len(e.WantedBy); n > 0 {
		text += fmt.Sprintf("; %s requires it", e.WantedBy[0])
		if n > 1 {
			text += fmt.Sprintf(", and so do %d more", n-1)
		}
		if len(e.Near) == 0 {
			hint = "flatstream explain of that package says what it breaks; another source may provide this: flatstream list --provides"
		}
	}
	return &hintedError{text, hint}
}

// missingClasses are in the order of what matters.
var missingClasses = []string{"absent", "other-arch", "source", "debug"}

var missingClass = map[string]string{
	"debug":      "debug packages have a repository of their own",
	"source":     "source packages have a repository of their own",
	"other-arch": "it is for another arch",
	"absent":     "nothing explains why",
}

func printPackage(out *output, p splitter.ExplainedPackage) {
	out.printf("%s", p.NEVRA)
	if p.Provides != "" {
		out.printf(" provides %s", p.Provides)
	}
	out.printf("\n")
	printPlaces(out, "in", p.Places)
	if len(p.Places) == 0 {
		out.printf("  in no flat repository\n")
	}
	printPlaces(out, "not in", p.Hidden)
	printPlaces(out, "in", p.Clashes)
	printLabel(out, p.Unlisted)
	for _, b := range p.Broken {
		out.printf("  %s: in %s\n", b.Sentence, strings.Join(b.Repos, ", "))
		for _, line := range b.Lines {
			out.printf("    %s\n", line)
		}
	}
}

func printLabel(out *output, u *splitter.ExplainedLabel) {
	switch {
	case u == nil:
	case u.Label == "":
		out.printf("  no label is known of it, but its release has a module marker\n")
	case len(u.Streams) == 0:
		out.printf("  its label is %s; there is no stream of that module\n", u.Label)
	default:
		out.printf("  its label is %s; of that module there are %s\n", u.Label, strings.Join(u.Streams, ", "))
	}
}

// printPlaces writes each reason once, with the repositories that it holds for.
func printPlaces(out *output, where string, places []splitter.ExplainedPlace) {
	var reasons []string
	repos := map[string][]string{}
	for _, p := range places {
		if repos[p.Reason] == nil {
			reasons = append(reasons, p.Reason)
		}
		repos[p.Reason] = append(repos[p.Reason], p.Repo)
	}
	for _, reason := range reasons {
		ids := repos[reason]
		if len(ids) == 1 {
			out.printf("  %s %s: %s\n", where, ids[0], reason)
			continue
		}
		out.printf("  %s these %d: %s\n", where, len(ids), reason)
		for _, id := range ids {
			out.printf("    %s\n", id)
		}
	}
}
