package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/tree"
	"flatstream/splitter"
	"flatstream/splitter/recipe"
)

func configCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "config",
		Usage:     "what to paste into another tool so that it uses a view",
		ArgsUsage: "VIEW",
		Description: "VIEW is default, the name of a view, module:stream, or the path or id of a flat repository; where a store has " +
			"several targets, TARGET/ARCH/PATH. Addresses are those of its .repo file (base-url). Macros of the streams' " +
			"builds (buildopts) stand in what is made for mock and OBS.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "for", Usage: "`TOOL`: " + strings.Join(recipe.Tools[:], ", ")},
			&cli.StringFlag{Name: "in", Usage: "`WHAT` has the view: a target, a store, or STORE@SNAPSHOT", Value: "/srv/flatstream"},
		},
		Action: func(c *cli.Context) error { return printRecipe(c, out) },
	}
}

func printRecipe(c *cli.Context, out *output) error {
	if c.NArg() != 1 || c.String("for") == "" {
		return &usageError{"config needs one VIEW and --for TOOL", "such as flatstream config default --for dnf"}
	}
	places, err := findTargets(c.String("in"))
	if err != nil {
		return err
	}
	if len(places) == 0 {
		return &usageError{fmt.Sprintf("%s is neither a target nor a store", c.String("in")), "name one with --in"}
	}
	view, err := findView(places, c.Args().First())
	if err != nil {
		return err
	}
	root, err := filepath.Abs(c.String("in"))
	if err != nil {
		return err
	}
	if tree.IsStore(root) {
		root = filepath.Join(root, "current")
	}
	r, err := recipe.New(c.Context, os.DirFS(view.place.Dir), view.report, view.repo, root)
	if err != nil {
		return err
	}
	text, err := r.Text(c.String("for"))
	if unknown, ok := errors.AsType[*recipe.ToolError](err); ok {
		return &usageError{unknown.Error(), unknown.Hint()}
	}
	if err != nil {
		return err
	}
	if strings.HasPrefix(r.Sections[0].URL, "file:") && c.String("for") != "nginx" {
		out.note("warning: the addresses are of this machine alone: set base-url in the config, or --base-url of split")
	}
	return out.whole("config", text)
}

// viewFound is a flat repository and where it stands.
type viewFound struct {
	place  place
	report *splitter.Report
	repo   *splitter.ReportRepo
}

// findView looks for a view in targets; one of several must be named with its target.
func findView(places []place, word string) (*viewFound, error) {
	var found []viewFound
	var names, all []string
	for _, p := range places {
		report, err := splitter.ReadReport(os.DirFS(p.Dir))
		if err != nil {
			return nil, err
		}
		for _, r := range report.Repos {
			if r.Kind == splitter.KindDefault || r.Kind == splitter.KindView {
				all = append(all, path.Join(p.Name, r.Path))
			}
		}
		own := word
		if p.Name != "" {
			own = strings.TrimPrefix(word, p.Name+"/")
		}
		repo, err := recipe.Find(report, own)
		if err == nil {
			found = append(found, viewFound{p, report, repo})
			names = append(names, p.Name+"/"+repo.Path)
		}
	}
	switch len(found) {
	case 0:
		return nil, &usageError{fmt.Sprintf("there is no view %q", word), "the views are " + strings.Join(all, ", ") + "; a stream is module:stream"}
	case 1:
		return &found[0], nil
	}
	return nil, &usageError{fmt.Sprintf("%q stands in several targets", word), "name one of " + strings.Join(names, ", ")}
}
