package nightly

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"flatstream/mirror/tree"
	"flatstream/repodata/closure"
	"flatstream/splitter"
)

// What is held back as one. A view refers to no other repository and none refers to it,
// so each can stay at yesterday's while the others go on. All that is in no view is one
// unit: a stream requires other streams and non-modular, as they were split together.
const (
	restUnit    = "streams" // streams/, non-modular/ and unlisted/
	wholeTarget = "all"
)

// unitOf names the unit of a repository: its path for a view.
func unitOf(r *splitter.ReportRepo) string {
	if isView(r) {
		return r.Path
	}
	return restUnit
}

func isView(r *splitter.ReportRepo) bool {
	return r.Kind == splitter.KindView || r.Kind == splitter.KindDefault
}

// firstViews are the ids of views that the published target does not have.
func firstViews(now, before *splitter.Report) map[string]bool {
	first := map[string]bool{}
	for i := range now.Repos {
		r := &now.Repos[i]
		if _, had := before.Repo(r.ID); isView(r) && !had {
			first[r.ID] = true
		}
	}
	return first
}

// holding is a target that was split and may be held back, in parts or as a whole.
type holding struct {
	n      *night
	stage  *tree.Stage
	b      build
	plan   *splitter.Plan
	report *splitter.Report // of the split
	before *splitter.Report // of what is published; nil: nothing is
}

// dir is where the target stands in the stage.
func (h *holding) dir() string { return filepath.Join(h.stage.Dir(), filepath.FromSlash(h.b.flat())) }

// hold puts what is published in the place of each unit that has an unfit repository, by
// id. It returns what the target then holds, and the units.
func (h *holding) hold(unfit map[string]bool) (*splitter.Report, []string, error) {
	units, all := map[string]bool{}, map[string]bool{}
	for i := range h.report.Repos {
		r := &h.report.Repos[i]
		all[unitOf(r)] = true
		if unfit[r.ID] {
			units[unitOf(r)] = true
		}
	}
	whole, err := h.keyChanged()
	if err != nil {
		return nil, nil, err
	}
	if whole || len(units) == len(all) {
		return h.before, []string{wholeTarget}, h.carry("")
	}
	var held []string
	for unit := range units {
		held = append(held, unit)
		dirs := []string{unit}
		if unit == restUnit {
			dirs = []string{"streams", "non-modular", "unlisted"}
		}
		for _, dir := range dirs {
			if err := h.carry(dir); err != nil {
				return nil, nil, err
			}
		}
	}
	slices.Sort(held)
	merged := h.merge(units)
	return merged, held, h.plan.Restate(h.dir(), merged)
}

// carry puts a published directory of the target in the place of what was made.
func (h *holding) carry(dir string) error {
	if err := os.RemoveAll(filepath.Join(h.dir(), filepath.FromSlash(dir))); err != nil {
		return err
	}
	at := strings.TrimSuffix(h.b.flat()+"/"+dir, "/")
	h.stage.Forget(at)
	return h.stage.Carry(at)
}

// keyChanged says whether the target is signed by another key than the published one:
// then its parts cannot stand side by side, since clients find one key at its top.
func (h *holding) keyChanged() (bool, error) {
	made, err1 := readIfThere(filepath.Join(h.dir(), splitter.KeyName))
	had, err2 := readIfThere(filepath.Join(h.n.publishedDir(h.b), splitter.KeyName))
	return !bytes.Equal(made, had), errors.Join(err1, err2)
}

func readIfThere(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// merge is the report of a target whose units are partly those that are published.
func (h *holding) merge(held map[string]bool) *splitter.Report {
	merged := *h.report
	merged.Repos = nil
	rest := h.report
	if held[restUnit] {
		rest = h.before
	}
	for _, r := range rest.Repos {
		if !isView(&r) {
			merged.Repos = append(merged.Repos, r)
		}
	}
	for _, r := range h.report.Repos {
		if !isView(&r) {
			continue
		}
		if had, ok := h.before.Repo(r.ID); ok && held[unitOf(&r)] {
			r = *had
		}
		merged.Repos = append(merged.Repos, r)
	}
	return &merged
}

// judge verifies what will be published in the place of what was. Of a target that is held
// back as a whole there is no verdict, since nothing of it is new.
func (h *holding) judge(ctx context.Context, held []string, old problemKeys) (*closure.Report, problemKeys, error) {
	if slices.Equal(held, []string{wholeTarget}) {
		return nil, old, nil
	}
	verdict, err := h.n.verify(ctx, h.stage, h.b)
	if err != nil {
		return nil, nil, err
	}
	h.n.Verify.accept(verdict, h.n.opt.Now)
	return verdict, keysOf(verdict), nil
}

// shown is the plan without the repositories that are held back: it does not say what
// those hold.
func (h *holding) shown(held []string) *splitter.Plan {
	shown := *h.plan
	shown.Repos = slices.DeleteFunc(slices.Clone(shown.Repos), func(f *splitter.Flat) bool {
		r, _ := h.report.Repo(f.ID) // the report is the plan's
		return slices.Contains(held, unitOf(r))
	})
	return &shown
}

// changed lists the repositories of the target that clients will find new, other than
// they were announced, or gone.
func (h *holding) changed(now *splitter.Report) ([]string, error) {
	told, err := h.n.announced()
	if err != nil {
		return nil, err
	}
	if told.Name == "" {
		return paths(now), nil
	}
	dir := filepath.Join(told.Dir, filepath.FromSlash(h.b.flat()))
	had := map[string]bool{}
	if before, err := splitter.ReadReport(os.DirFS(dir)); err == nil {
		for _, r := range before.Repos {
			had[r.Path] = true
		}
	} else if !errors.Is(err, splitter.ErrNotTarget) {
		return nil, err
	}
	changed := []string{}
	for _, r := range now.Repos {
		name := filepath.Join(filepath.FromSlash(r.Path), "repodata", "repomd.xml")
		made, err1 := readIfThere(filepath.Join(h.dir(), name))
		old, err2 := readIfThere(filepath.Join(dir, name))
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		if !had[r.Path] || !bytes.Equal(made, old) {
			changed = append(changed, r.Path)
		}
		delete(had, r.Path)
	}
	for gone := range had {
		changed = append(changed, gone)
	}
	slices.Sort(changed)
	return changed, nil
}
