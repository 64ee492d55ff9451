package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/tree"
	"flatstream/splitter"
)

func diffCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "what changed between two snapshots: packages, streams, default streams",
		ArgsUsage: "STORE [A [B]]",
		Description: "Compares every repository of snapshot A with the same one of B, the mirror's and the flat ones: packages that came, " +
			"went, or have another version, streams and their builds, and default streams. B is the current one when it is not named, " +
			"and A the one before B. --verbose shows the packages of flat repositories too, which are the mirror's. With --impact it says " +
			"instead which of your builds get another build root, or none any more; the exit status is 3 when one breaks.\n" + snapshotHelp,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "impact", Usage: "compare the build roots of the spec files and source packages below `DIR`, or of a file with lines NAME: RELATION, RELATION"},
			&cli.StringFlag{Name: "view", Value: "default", Usage: "with --impact: `NAME` of the view that packages are built from, TARGET/ARCH/NAME where a store has several targets"},
			defineFlag(), noRpmspecFlag(),
		},
		Action: func(c *cli.Context) error { return diff(c, out) },
	}
}

func diff(c *cli.Context, out *output) error {
	store, words, err := storeArgs(c, 0, 2)
	if err != nil {
		return err
	}
	return withStore(store, func(t *tree.Tree) error {
		a, b, err := t.Pair(words)
		if err != nil {
			return err
		}
		if c.String("impact") != "" {
			return diffImpact(c, out, a, b)
		}
		d, err := diffSnapshots(c, out, a, b)
		if err != nil {
			return err
		}
		printDiff(out, d)
		return out.document(d)
	})
}

func diffSnapshots(c *cli.Context, out *output, a, b tree.Snapshot) (d *splitter.TreesDiff, err error) {
	var sides [2]splitter.PublishedTree
	for i, s := range []tree.Snapshot{a, b} {
		if sides[i].Repos, err = s.Repositories(); err != nil {
			return nil, err
		}
		root, err := os.OpenRoot(s.Dir)
		if err != nil {
			return nil, fmt.Errorf("open snapshot %s: %w", s.Name, err)
		}
		defer func() { err = errors.Join(err, root.Close()) }()
		sides[i].FS = root.FS()
	}
	if d, err = splitter.DiffTrees(c.Context, sides[0], sides[1], out.jobs); err != nil {
		return nil, fmt.Errorf("comparing %s with %s: %w", a.Name, b.Name, err)
	}
	d.From, d.To = a.Name, b.Name
	return d, nil
}

func printDiff(out *output, d *splitter.TreesDiff) {
	for i := range d.Repos {
		printRepoDiff(out, &d.Repos[i])
	}
	out.printf("from %s to %s: %d of %s changed\n", d.From, d.To, len(d.Repos), counted(len(d.Repos)+d.Unchanged, "repository"))
}

func printRepoDiff(out *output, r *splitter.RepoDiff) {
	state := ""
	if r.State != splitter.RepoChanged {
		state = r.State + ", "
	}
	out.printf("%s: %s%d added, %d removed, %d changed\n", r.Path, state, len(r.Added), len(r.Removed), len(r.Changed))
	for _, s := range r.Streams.Added {
		out.printf("  new stream %s\n", s)
	}
	for _, s := range r.Streams.Removed {
		out.printf("  stream %s is gone\n", s)
	}
	for _, s := range r.Streams.Changed {
		out.printf("  stream %s: %s\n", s.Stream, strings.Join(signed(s.Added, s.Removed), ", "))
	}
	for _, m := range r.Defaults {
		out.printf("  default stream of %s: %s, was %s\n", m.Module, orNone(m.To), orNone(m.From))
	}
	lines := signed(r.Added, r.Removed)
	for _, p := range r.Changed {
		line := fmt.Sprintf("%s.%s %s -> %s", p.Name, p.Arch, strings.Join(p.From, " "), strings.Join(p.To, " "))
		if slices.Equal(p.From, p.To) {
			line = fmt.Sprintf("%s.%s %s has other bytes", p.Name, p.Arch, strings.Join(p.To, " "))
		}
		lines = append(lines, line)
	}
	most := maxShown
	if strings.HasPrefix(r.Path, "flat/") || r.State != splitter.RepoChanged {
		most = 0
	}
	for i, line := range lines {
		if i == most && !out.verbose {
			if most > 0 {
				out.printf("  and %d more; --verbose shows them all\n", len(lines)-i)
			}
			break
		}
		out.printf("  %s\n", line)
	}
}

// signed writes what came and what went, as a person reads it.
func signed(added, removed []string) (lines []string) {
	for _, s := range added {
		lines = append(lines, "+ "+s)
	}
	for _, s := range removed {
		lines = append(lines, "- "+s)
	}
	return lines
}

func orNone(stream string) string {
	if stream == "" {
		return "none"
	}
	return stream
}
