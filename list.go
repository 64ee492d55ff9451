package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"flatstream/splitter"
)

func listCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:        "list",
		Usage:       "modules, streams and builds of repositories, or who provides something",
		ArgsUsage:   "SOURCE...",
		Description: "Shows every stream, the [d]efault one marked, with its builds and what it requires; --verbose shows each build.\n" + sourceHelp,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "provides", Usage: "say instead which package, stream and source provides `CAP`: a capability, a path or a package's name"},
		}, sourceFlags()...),
		Action: func(c *cli.Context) error { return list(c, out) },
	}
}

func list(c *cli.Context, out *output) error {
	refs, err := sourceArgs(c, c.Args().Slice())
	if err != nil {
		return err
	}
	if len(refs) == 0 {
		return &usageError{"list needs a SOURCE", sourceHelp}
	}
	sources, cleanup, err := openSources(c.Context, refs, splitter.RoleMerge)
	if err != nil {
		return err
	}
	defer cleanup()
	if what := c.String("provides"); what != "" {
		found, err := splitter.Providers(c.Context, sources, what)
		if err != nil {
			return asUsage(err)
		}
		return printProviders(out, what, found)
	}
	listing, err := splitter.List(c.Context, sources)
	if err != nil {
		return err
	}
	return printListing(out, listing)
}

func printProviders(out *output, what string, found []splitter.Provider) error {
	if err := out.document(map[string]any{"schema": 1, "what": what, "providers": found}); err != nil {
		return err
	}
	for _, p := range found {
		home := "non-modular"
		if len(p.Streams) > 0 {
			home = "stream " + strings.Join(p.Streams, ", ")
		}
		out.printf("%s of %s, %s\n  provides %s\n", p.NEVRA, p.Source, home, p.Provides)
	}
	if len(found) == 0 {
		out.printf("nothing provides %s\n", what)
	}
	return nil
}

func printListing(out *output, l *splitter.Listing) error {
	for _, w := range l.Warnings {
		out.note("warning: %s", w.Text)
	}
	if err := out.document(l); err != nil {
		return err
	}
	if out.json || out.quiet {
		return nil
	}
	if len(l.Modules) == 0 {
		out.printf("no modules: every package is non-modular\n")
		return nil
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "STREAM\tBUILDS\tPACKAGES\tMISSING\tREQUIRES")
	for _, m := range l.Modules {
		for _, s := range m.Streams {
			listRow(table, m, s, out.verbose)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	out.printf("%s", text.String())
	out.printf("[d]: default stream; MISSING: in no source given, often debug and source packages\n")
	return nil
}

func listRow(table *tabwriter.Writer, m splitter.ListModule, s splitter.ListStream, verbose bool) {
	name := m.Name + ":" + s.Name
	if s.Default {
		name += " [d]"
	}
	present, missing := 0, 0
	for _, b := range s.Builds {
		present += b.Present
		missing += b.Missing
	}
	requires := listRequires(s)
	fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\n", name, len(s.Builds), present, missing, requires[0])
	for _, or := range requires[1:] {
		fmt.Fprintf(table, "\t\t\t\tor %s\n", or)
	}
	for _, note := range factLines(s.StreamFacts, verbose) {
		fmt.Fprintf(table, "\t\t\t\t%s\n", note)
	}
	for _, b := range s.Builds {
		if verbose {
			fmt.Fprintf(table, "  %d:%s:%s\t\t%d\t%d\n", b.Version, b.Context, b.Arch, b.Present, b.Missing)
		}
	}
}

// listRequires has a line for each group, that which DNF picks first.
func listRequires(s splitter.ListStream) []string {
	var picked, others []string
	for i, group := range s.Requires {
		text := strings.Join(group, " ")
		if text == "" && len(s.Requires) > 1 {
			text = "nothing"
		}
		switch {
		case text == "":
		case len(s.Requires) > 1 && s.Groups[i].Picked:
			picked = append(picked, text+" (DNF picks this)")
		default:
			others = append(others, text)
		}
	}
	if all := append(picked, others...); len(all) > 0 {
		return all
	}
	return []string{"-"}
}
