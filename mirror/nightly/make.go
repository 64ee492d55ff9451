package nightly

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"

	"flatstream/mirror"
	"flatstream/mirror/tree"
	"flatstream/repodata"
	"flatstream/repodata/closure"
	"flatstream/splitter"
	"flatstream/splitter/catalogue"
)

// fill builds the next snapshot: the mirror, every target, the aliases, the report.
// It returns the problems that each target will be published with.
func (n *night) fill(ctx context.Context, stage *tree.Stage) (map[build]problemKeys, error) {
	for _, sum := range n.report.Repos {
		if err := sum.Stage(ctx, stage); err != nil {
			return nil, err
		}
	}
	baselines := map[build]problemKeys{}
	for _, b := range n.builds() {
		keys, err := n.make(ctx, stage, b)
		if err != nil {
			return nil, b.in(err)
		}
		baselines[b] = keys
	}
	if err := n.placeLinks(stage); err != nil {
		return nil, err
	}
	if err := n.warnDropped(stage); err != nil {
		return nil, err
	}
	return baselines, n.writeReport(stage, baselines)
}

// make splits and verifies one target. What would get worse is held back: there
// what is published is carried over.
func (n *night) make(ctx context.Context, stage *tree.Stage, b build) (problemKeys, error) {
	plan, report, err := n.split(ctx, stage, b)
	if err != nil {
		return nil, err
	}
	verdict, err := n.verify(ctx, stage, b)
	if err != nil {
		return nil, err
	}
	t := TargetReport{Name: b.name(), Path: b.flat(), Repos: len(report.Repos), Packages: verdict.Summary.Packages, Problems: verdict.Summary.Problems, New: []NewProblem{}}
	for _, w := range report.Warnings {
		n.report.warn("%s: %s", b.flat(), w.Text)
	}
	n.warnExpired(b, n.Verify.accept(verdict, n.opt.Now))
	keys := keysOf(verdict)
	old, published, err := n.baseline(b)
	if err != nil {
		return nil, err
	}
	var before *splitter.Report
	if published {
		if before, err = splitter.ReadReport(os.DirFS(n.publishedDir(b))); err != nil {
			return nil, err
		}
		t.New = newProblems(verdict, old, firstViews(report, before))
	}
	h := holding{n, stage, b, plan, report, before}
	unfit, err := h.unfit(ctx, &t)
	if err != nil {
		return nil, err
	}
	if len(unfit) > 0 {
		if report, t.HeldBack, err = h.hold(unfit); err != nil {
			return nil, err
		}
		t.Withheld = true
		if verdict, keys, err = h.judge(ctx, t.HeldBack, old); err != nil {
			return nil, err
		}
		plan = h.shown(t.HeldBack)
	}
	if verdict != nil {
		if err := n.writePages(ctx, stage, b, old, catalogue.Input{Plan: plan, Report: report, Verdict: verdict}); err != nil {
			return nil, err
		}
	}
	if t.Changed, err = h.changed(report); err != nil {
		return nil, err
	}
	n.report.Targets = append(n.report.Targets, t)
	if n.opt.Made != nil {
		n.opt.Made(t)
	}
	return keys, nil
}

// publishedDir is where the target stands in what is published.
func (n *night) publishedDir(b build) string {
	return filepath.Join(n.Store, "current", filepath.FromSlash(b.flat()))
}

func (n *night) split(ctx context.Context, stage *tree.Stage, b build) (*splitter.Plan, *splitter.Report, error) {
	sources, err := n.sources(stage, b, splitter.RoleMerge)
	if err != nil {
		return nil, nil, err
	}
	overlaid, err := n.sources(stage, b, splitter.RoleOverlay)
	if err != nil {
		return nil, nil, err
	}
	with, err := n.suppliers(stage, b)
	if err != nil {
		return nil, nil, err
	}
	sources = slices.Concat(sources, overlaid, with)
	options := b.target.Options
	options.Jobs, options.BaseURL, options.Arch = n.opt.Jobs, n.baseURL(b), b.system()
	options.Signer, options.Program = n.signer, n.opt.Version
	for _, v := range n.Views {
		if v.Target == b.target.Name {
			options.Views = append(options.Views, splitter.View{Name: v.Name, Spec: v.Streams, Newest: v.Newest})
			options.Overlays = append(options.Overlays, v.Overlays...)
		}
	}
	options.KnownLabels = n.known
	options.Scratch = stage.Dir()
	plan, err := splitter.NewPlan(ctx, sources, options)
	if err != nil {
		return nil, nil, err
	}
	defer plan.Close()
	maps.Copy(n.labels, plan.Labels())
	if err := stage.Mkdir(b.flat()); err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(stage.Dir(), b.flat())
	report, err := splitter.Split(ctx, plan, dir, n.publishedDir(b), nil)
	return plan, report, err
}

// baseURL is what the .repo files of a target say.
func (n *night) baseURL(b build) string {
	switch {
	case n.BaseURL == "":
		return (&url.URL{Scheme: "file", Path: path.Join(n.tree.Dir(), "current", b.flat())}).String()
	case b.name() == "":
		return n.BaseURL
	}
	return n.BaseURL + "/" + b.name()
}

// keptSuffix ends the name of the source that holds what upstream deleted of another.
const keptSuffix = "-kept"

// sources opens the staged repositories of one role.
func (n *night) sources(stage *tree.Stage, b build, role splitter.Role) ([]splitter.Source, error) {
	var list []splitter.Source
	for _, m := range n.members[b] {
		if m.role != role {
			continue
		}
		s, err := openSource(filepath.Join(stage.Dir(), filepath.FromSlash(m.source.Path)), m.repo.Name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.source.Path, err)
		}
		s.Role, s.Origin, s.GPGCheck, s.GPGKeys = role, m.source.Path, m.source.GPGCheck, m.source.KeyPlaces()
		if m.repo.Policy == mirror.OnDemand {
			s.Promise = promiser(stage, m.source.Path, b.flat())
		}
		list = append(list, s)
		kept := mirror.KeptPath(m.source.Path)
		if k, err := openSource(filepath.Join(stage.Dir(), filepath.FromSlash(kept)), m.repo.Name+keptSuffix); err == nil && role != splitter.RoleOverlay {
			k.Role, k.Origin, k.GPGCheck, k.GPGKeys = role, kept, s.GPGCheck, s.GPGKeys
			list = append(list, k)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w", kept, err)
		}
	}
	return list, nil
}

func openSource(dir, name string) (splitter.Source, error) {
	r, err := repodata.Open(os.DirFS(dir))
	return splitter.Source{Name: name, Repo: r, Dir: dir}, err
}

// suppliers opens what only supplies a target when it is verified.
func (n *night) suppliers(stage *tree.Stage, b build) ([]splitter.Source, error) {
	with, err := n.sources(stage, b, splitter.RoleSupply)
	if err != nil {
		return nil, err
	}
	for _, dir := range n.supplyDirs() {
		s, err := openSource(dir, dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		s.Role = splitter.RoleSupply
		with = append(with, s)
	}
	return with, nil
}

// verify judges a target as it stands on disk.
func (n *night) verify(ctx context.Context, stage *tree.Stage, b build) (*closure.Report, error) {
	with, err := n.suppliers(stage, b)
	if err != nil {
		return nil, err
	}
	return splitter.Verify(ctx, os.DirFS(filepath.Join(stage.Dir(), b.flat())), splitter.VerifyOptions{Level: n.Verify.Level, With: with, Arch: b.system(), Jobs: n.opt.Jobs})
}

// placeLinks writes the aliases. One that would lead nowhere tonight, since its
// stream is gone, is left out.
func (n *night) placeLinks(stage *tree.Stage) error {
	for _, l := range n.links {
		_, err := os.Stat(filepath.Join(stage.Dir(), filepath.FromSlash(l.to)))
		if errors.Is(err, fs.ErrNotExist) {
			n.report.warn("alias %s is left out: there is no %s", l.path, l.to)
			continue
		}
		if err != nil {
			return err
		}
		if err := stage.Symlink(l.to, l.path); err != nil {
			return err
		}
	}
	return nil
}

// warnDropped names what the current snapshot has and the next one will not, since
// the config does not have it.
func (n *night) warnDropped(stage *tree.Stage) error {
	current, ok, err := n.tree.Current()
	if err != nil || !ok {
		return err
	}
	entries, err := current.Manifest()
	if err != nil {
		return err
	}
	var gone []string
	for _, e := range entries {
		dir := path.Dir(path.Dir(e.Path))
		if e.Grace || path.Base(e.Path) != "repomd.xml" || !isBelow(dir, "mirror") || slices.Contains(gone, dir) {
			continue
		}
		if _, err := os.Lstat(filepath.Join(stage.Dir(), e.Path)); errors.Is(err, fs.ErrNotExist) {
			gone = append(gone, dir)
			n.report.warn("%s is not in the config: the next snapshot is without it", dir)
		}
	}
	return nil
}

func isBelow(p, dir string) bool { return len(p) > len(dir) && p[:len(dir)+1] == dir+"/" }

// snapshotReport is the report in a snapshot. It also has the problems that each target,
// by its path, was published with: after a rollback those are the baseline again.
type snapshotReport struct {
	*Report
	Known map[string]problemKeys `json:"known"`
}

// writeReport puts the report into the snapshot, as it will be once that is current.
func (n *night) writeReport(stage *tree.Stage, baselines map[build]problemKeys) error {
	name, err := n.tree.NextName(n.opt.Now)
	if err != nil {
		return err
	}
	report := *n.report
	report.Snapshot, report.Published = name, true
	known := map[string]problemKeys{}
	for b, keys := range baselines {
		known[b.flat()] = keys
	}
	doc, err := json.MarshalIndent(snapshotReport{&report, known}, "", "  ")
	if err != nil {
		return err
	}
	if err := stage.WriteFile(reportName, append(doc, '\n')); err != nil {
		return err
	}
	return writeNightPage(stage, &report)
}
