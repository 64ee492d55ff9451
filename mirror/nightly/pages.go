package nightly

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"flatstream/mirror/tree"
	"flatstream/splitter"
	"flatstream/splitter/catalogue"
)

// writePages writes the catalogue of a target that will be published. Problems that
// what is published has, too, are marked as known, beside those of the baseline file.
func (n *night) writePages(ctx context.Context, stage *tree.Stage, b build, old problemKeys, in catalogue.Input) error {
	for _, c := range in.Verdict.Checked {
		for i := range c.Problems {
			_, had := slices.BinarySearch(old, keyOf(c.Repo, c.Problems[i]))
			c.Problems[i].Known = c.Problems[i].Known || had
		}
	}
	in.Verdict.Tally()
	dir := filepath.Join(stage.Dir(), b.flat())
	earlier, err := n.earlier(ctx, dir, b, in.Report)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		n.report.warn("%s: its pages do not say what changed: %v", b.flat(), err)
	}
	in.Earlier = earlier
	return catalogue.Write(dir, in)
}

// earlier compares a target with what was announced last, which is what is published
// unless a run was killed; nil when nothing was.
func (n *night) earlier(ctx context.Context, dir string, b build, now *splitter.Report) (*catalogue.Earlier, error) {
	told, err := n.announced()
	if err != nil || told.Name == "" {
		return nil, err
	}
	before := os.DirFS(filepath.Join(told.Dir, b.flat()))
	old, err := splitter.ReadReport(before)
	if errors.Is(err, splitter.ErrNotTarget) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	diff, err := splitter.DiffTrees(ctx, splitter.PublishedTree{FS: before, Repos: paths(old)}, splitter.PublishedTree{FS: os.DirFS(dir), Repos: paths(now)}, n.opt.Jobs)
	if err != nil {
		return nil, err
	}
	return &catalogue.Earlier{Name: told.Name, Diff: diff}, nil
}

func paths(r *splitter.Report) []string {
	list := []string{}
	for _, repo := range r.Repos {
		list = append(list, repo.Path)
	}
	return list
}

// writeNightPage puts the report into the snapshot as a page.
func writeNightPage(stage *tree.Stage, r *Report) error {
	page := catalogue.Night{Snapshot: r.Snapshot, Warnings: r.Warnings}
	for _, t := range r.Targets {
		target := catalogue.NightTarget{Name: t.Name, Path: t.Path, Repos: t.Repos, Packages: t.Packages, Problems: t.Problems, HeldBack: t.HeldBack}
		for _, p := range t.New {
			target.New = append(target.New, p.String())
		}
		for _, v := range t.Impact {
			target.Impact = append(target.Impact, catalogue.NightImpact{Line: v.String(), Builds: nightBuilds(v)})
		}
		page.Targets = append(page.Targets, target)
	}
	for _, s := range r.Repos {
		page.Repos = append(page.Repos, catalogue.NightRepo{ID: s.ID, Outcome: s.Outcome, Packages: s.Packages, Fetched: s.Fetched, Bytes: s.Bytes})
	}
	doc, err := catalogue.RenderNight(page)
	if err != nil {
		return err
	}
	return stage.WriteFile(catalogue.PageName, doc)
}

// nightBuilds are the builds that a view's change touches, those that it breaks first.
func nightBuilds(v ViewImpact) []catalogue.NightBuild {
	var builds []catalogue.NightBuild
	for _, state := range []string{splitter.BuildBroken, splitter.BuildMended, splitter.BuildChanged} {
		for _, b := range v.Builds {
			if b.State != state {
				continue
			}
			n := catalogue.NightBuild{Name: b.Name, Breaks: state == splitter.BuildBroken, Mended: state == splitter.BuildMended}
			for _, p := range b.Problems {
				n.Lines = append(n.Lines, p.Lines([]string{v.View})...)
			}
			n.Lines = append(n.Lines, b.Changes()...)
			builds = append(builds, n)
		}
	}
	return builds
}
