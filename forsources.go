package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/mirror"
	"flatstream/splitter"
	"flatstream/splitter/recipe"
)

// forSources opens the sources of --store, or those that are named, and says where a view
// of them would stand.
func forSources(c *cli.Context, words []string) (_ []splitter.Source, place *recipe.Place, cleanup func(), err error) {
	if c.String("store") != "" {
		return storeSources(c, words)
	}
	if c.IsSet("target") {
		return nil, nil, nil, &usageError{"--target is of a store", "give --store DIR with it"}
	}
	refs, err := sourceArgs(c, words)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(refs) == 0 {
		return nil, nil, nil, &usageError{"for needs sources to look in", "name them, or --store DIR"}
	}
	place = &recipe.Place{Options: splitter.Options{
		BaseURL:  cmp.Or(strings.TrimSuffix(c.String("base-url"), "/"), servedURL),
		Platform: c.String("platform"), Arch: c.String("arch"), Jobs: c.Int("jobs"),
	}}
	if err := place.Options.Check(); err != nil {
		return nil, nil, nil, asUsage(err)
	}
	sources, cleanup, err := openSources(c.Context, refs, splitter.RoleMerge)
	return sources, place, cleanup, err
}

// storeSources opens what a target of --store was split from, each in its role there.
func storeSources(c *cli.Context, words []string) ([]splitter.Source, *recipe.Place, func(), error) {
	store := c.String("store")
	if len(words) > 0 || len(c.StringSlice("repo-file")) > 0 {
		return nil, nil, nil, &usageError{strings.Join(append(words, c.StringSlice("repo-file")...), ", ") + " would be a source beside --store", "give --store or sources, not both"}
	}
	targets, err := findTargets(store)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(targets) == 0 {
		return nil, nil, nil, noStore(store + " is not a store of flatstream")
	}
	target, err := oneTarget(targets, c.String("target"))
	if err != nil {
		return nil, nil, nil, err
	}
	report, err := splitter.ReadReport(os.DirFS(target.Dir))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("reading %s: %w", target.Dir, err)
	}
	var refs []mirror.Source
	for _, s := range report.Sources {
		refs = append(refs, target.source(s))
	}
	sources, cleanup, err := openSources(c.Context, refs, splitter.RoleMerge)
	for i := range sources {
		sources[i].Role = cmp.Or(report.Sources[i].Role, splitter.RoleMerge)
	}
	if err != nil || c.String("for") == "" {
		return sources, nil, cleanup, err
	}
	place, err := recipe.PlaceIn(os.DirFS(target.Dir), report)
	if err != nil {
		cleanup()
		return nil, nil, nil, fmt.Errorf("reading %s: %w", target.Dir, err)
	}
	place.Options.Jobs = c.Int("jobs")
	place.Options.BaseURL = cmp.Or(strings.TrimSuffix(c.String("base-url"), "/"), place.Options.BaseURL)
	return sources, place, cleanup, nil
}

// oneTarget finds the target that is meant; without a name there must be but one.
func oneTarget(targets []place, name string) (place, error) {
	var known []string
	for _, t := range targets {
		known = append(known, t.Name)
	}
	i := slices.Index(known, name)
	switch {
	case i >= 0:
		return targets[i], nil
	case name == "" && len(targets) == 1:
		return targets[0], nil
	case name == "":
		return place{}, &usageError{fmt.Sprintf("there are %d targets, and none is named", len(targets)), "add --target with one of " + strings.Join(known, ", ")}
	}
	return place{}, &hintedError{fmt.Sprintf("there is no target %q", name), "the targets are " + strings.Join(known, ", ")}
}
