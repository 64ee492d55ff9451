package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/tree"
	"flatstream/repodata"
	"flatstream/splitter"
)

// diffImpact says what the step from one snapshot to another does to builds.
func diffImpact(c *cli.Context, out *output, a, b tree.Snapshot) error {
	from, err := viewOf(c.String("view"), a)
	if err != nil {
		return err
	}
	to, err := viewOf(c.String("view"), b)
	if err != nil {
		return err
	}
	defines, err := definesFor(c, to.platform, to.arch)
	if err != nil {
		return err
	}
	builds, err := splitter.ReadBuilds(c.Context, c.String("impact"), splitter.SpecOptions{Defines: defines, Rpmspec: !c.Bool("no-rpmspec")}, func(err error) error { return err })
	if err != nil {
		return err
	}
	impact, err := splitter.Compare(c.Context, from.source, to.source, nil, builds, to.arch, out.jobs)
	if err != nil {
		return fmt.Errorf("comparing %s with %s: %w", a.Name, b.Name, err)
	}
	impact.From, impact.To, impact.View = a.Name, b.Name, to.path
	if err := out.document(impact); err != nil {
		return err
	}
	printImpact(out, impact)
	if impact.Summary.Broken > 0 {
		return errProblems
	}
	return nil
}

// builtFrom is a view of a snapshot that packages are built from.
type builtFrom struct {
	source         splitter.Source
	path           string // below the snapshot
	platform, arch string
}

// viewOf finds a view by [TARGET/ARCH/]NAME.
func viewOf(view string, s tree.Snapshot) (*builtFrom, error) {
	targets, err := targetsBelow(s.Dir, "snapshot "+s.Name)
	if err != nil {
		return nil, err
	}
	target, name := path.Split(view)
	target = strings.TrimSuffix(target, "/")
	var known []string
	for _, t := range targets {
		known = append(known, t.Name)
		if t.Name != target && (target != "" || len(targets) > 1) {
			continue
		}
		report, err := splitter.ReadReport(os.DirFS(t.Dir))
		if err != nil {
			return nil, err
		}
		for _, r := range report.Repos {
			if path.Base(r.Path) != name || r.Kind != splitter.KindDefault && r.Kind != splitter.KindView {
				continue
			}
			repo, err := repodata.Open(os.DirFS(filepath.Join(t.Dir, r.Path)))
			if err != nil {
				return nil, fmt.Errorf("view %s of snapshot %s: %w", view, s.Name, err)
			}
			below := path.Join("flat", t.Name, r.Path)
			return &builtFrom{splitter.Source{Name: below + " of " + s.Name, Repo: repo}, below, report.Platform, report.Arch}, nil
		}
		return nil, &hintedError{fmt.Sprintf("snapshot %s has no view %s", s.Name, view), "name one of the config's views, or default"}
	}
	return nil, &hintedError{fmt.Sprintf("snapshot %s has several targets, and none is named %q", s.Name, target), "write --view TARGET/ARCH/NAME with one of " + strings.Join(known, ", ")}
}

func printImpact(out *output, i *splitter.Impact) {
	for _, b := range i.Builds {
		switch b.State {
		case splitter.BuildChanged:
			out.printf("%s: its build root changes: %d added, %d removed, %d changed\n", b.Name, len(b.Added), len(b.Removed), len(b.Changed))
		case splitter.BuildMended:
			out.printf("%s: its build root can be installed again\n", b.Name)
		case splitter.BuildBroken:
			out.printf("%s: its build root cannot be installed any more\n", b.Name)
		case splitter.BuildFailing:
			out.printf("%s: its build root cannot be installed, as before\n", b.Name)
		}
		printProblems(out, b.Problems, []string{i.View})
		printSome(out, b.Changes(), "")
	}
	s := i.Summary
	out.printf("from %s to %s: %s from %s, %d the same, %d changed, %d broken, %d mended, %d failing as before\n",
		i.From, i.To, counted(s.Builds, "build"), i.View, s.Same, s.Changed, s.Broken, s.Mended, s.Failing)
}
