package recipe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"flatstream/splitter"
)

// Place says where a view that an answer proposes would stand.
type Place struct {
	// Options of the split that writes the target, its address (without a trailing slash)
	// among them; its views are replaced.
	Options splitter.Options
	// DotRepo is the .repo file of another view of that target, for what it says about
	// signatures; empty: what the sources say.
	DotRepo string
}

// PlaceIn is where a further view of a target would stand, by the target's own report and
// the .repo file of its default view, or of another one where it has none.
func PlaceIn(target fs.FS, report *splitter.Report) (*Place, error) {
	p := &Place{Options: splitter.Options{
		Versions: splitter.Versions(report.Versions), By: splitter.By(report.By), Unlisted: splitter.Unlisted(report.Unlisting), Platform: report.Platform, Arch: report.Arch,
	}}
	for _, r := range report.Repos {
		if r.Kind != splitter.KindDefault && (r.Kind != splitter.KindView || p.DotRepo != "") {
			continue
		}
		text, err := fs.ReadFile(target, path.Join(r.Path, splitter.DotRepoName))
		if err != nil {
			return nil, err
		}
		own := sections(string(text))
		base, ok := "", false
		if len(own) > 0 {
			base, ok = strings.CutSuffix(strings.TrimSuffix(own[0].URL, "/"), "/"+r.Path)
		}
		if !ok {
			continue
		}
		p.Options.BaseURL, p.DotRepo = base, string(text)
		if r.Kind == splitter.KindDefault {
			break
		}
	}
	if p.DotRepo == "" {
		return nil, errors.New("the target has no view to begin with; split it with default/")
	}
	return p, nil
}

// ForAnswer fills in the recipes of an answer's sets for one tool: what [Recipe.Text] says
// of a target with these views, though it was not written yet. The sources are those that
// were asked.
func ForAnswer(ctx context.Context, sources []splitter.Source, a *splitter.Answer, place *Place, tool string) error {
	if len(a.Sets) == 0 {
		return nil
	}
	opt := place.Options
	opt.Views, opt.Overlays = nil, nil
	for _, s := range a.Sets {
		if s.View == splitter.KindDefault {
			continue
		}
		opt.Views = append(opt.Views, splitter.View{Name: s.View, Spec: s.Spec()})
		for _, p := range s.Overlays {
			opt.Overlays = append(opt.Overlays, splitter.Overlay{View: s.View, Source: p.Source, Globs: []string{p.Glob}})
		}
	}
	plan, err := splitter.NewPlan(ctx, sources, opt)
	if err != nil {
		return err
	}
	defer plan.Close()
	report := plan.Report()
	for i := range a.Sets {
		s := &a.Sets[i]
		view := path.Join("views", s.View)
		if s.View == splitter.KindDefault {
			view = s.View
		}
		repo, err := Find(report, view)
		if err != nil {
			return fmt.Errorf("%s: %w", s.View, err)
		}
		r := gather(report, repo, asIn(plan.DotRepo(report, repo.ID), place.DotRepo))
		for _, f := range plan.Repos {
			if f.ID != repo.ID {
				continue
			}
			for _, n := range plan.Packages(f) {
				r.names[n.Name] = true
			}
		}
		text, err := r.Text(tool)
		if err != nil {
			return err
		}
		s.Recipes = map[string]string{tool: text}
	}
	return nil
}

// asIn is a .repo file with the id, name and address of one, and the rest of another: the
// first three lines are those that differ between the views of a target.
func asIn(own, other string) string {
	const differ = 3
	lines, rest := strings.SplitAfter(own, "\n"), strings.SplitAfter(other, "\n")
	if len(lines) < differ || len(rest) < differ {
		return own
	}
	return strings.Join(lines[:differ], "") + strings.Join(rest[differ:], "")
}
