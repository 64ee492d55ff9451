package nightly

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"flatstream/repodata/buildreq"
	"flatstream/splitter"
)

// Words of on-impact.
const (
	impactHold = "hold"
	impactWarn = "warn"
)

// ViewImpact is what publishing a view would do to the builds that verify's impact names,
// or does. From is the published snapshot, To is "staged".
type ViewImpact struct {
	Repo string `json:"repo"` // id of the view
	*splitter.Impact
}

// String is one line for people.
func (v ViewImpact) String() string {
	s := v.Summary
	line := fmt.Sprintf("%s: of %d build roots %d change, %d break", v.Repo, s.Builds, s.Changed, s.Broken)
	if s.Mended > 0 {
		line += fmt.Sprintf(", %d can be installed again", s.Mended)
	}
	var broken []string
	for _, b := range v.Builds {
		if b.State == splitter.BuildBroken {
			broken = append(broken, b.Name)
		}
	}
	const most = 10
	switch {
	case len(broken) > most:
		line += fmt.Sprintf(": %s and %d more", strings.Join(broken[:most], ", "), len(broken)-most)
	case len(broken) > 0:
		line += ": " + strings.Join(broken, ", ")
	}
	return line
}

// unfit lists the repositories that are to be held back: those with new problems, and
// the views in which build roots break that can be installed from what is published. It
// fills in the report's Impact.
func (h *holding) unfit(ctx context.Context, t *TargetReport) (map[string]bool, error) {
	ids := map[string]bool{}
	for _, p := range t.New {
		if h.n.Verify.OnProblems == "keep-old" {
			ids[p.Repo] = true
		}
	}
	if h.n.Verify.Impact == "" || h.before == nil {
		return ids, nil
	}
	opt := splitter.SpecOptions{Defines: buildreq.System(h.report.Platform, h.report.Arch), Rpmspec: h.n.Verify.ImpactRpmspec}
	wanted, err := splitter.ReadBuilds(ctx, h.n.Verify.Impact, opt, func(err error) error {
		hint := ""
		if _, ok := errors.AsType[*splitter.NeedsRpmspecError](err); ok {
			hint = "; impact-rpmspec: true would ask rpmspec, which runs what the spec says"
		}
		h.n.report.warn("%s: %v; so it is not known what the night does to it%s", h.b.flat(), err, hint)
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("impact: %w", err)
	}
	for i := range h.report.Repos {
		r := &h.report.Repos[i]
		had, published := h.before.Repo(r.ID)
		if !isView(r) || !published || ids[r.ID] || !h.n.Verify.concerns(r) {
			continue
		}
		impact, err := h.compare(ctx, had.Path, r.Path, wanted)
		if err != nil {
			return nil, err
		}
		if impact == nil {
			continue
		}
		t.Impact = append(t.Impact, ViewImpact{r.ID, impact})
		if impact.Summary.Broken > 0 && h.n.Verify.OnImpact == impactHold {
			ids[r.ID] = true
		}
	}
	return ids, nil
}

// concerns says whether builds are made from a view.
func (v *VerifyConfig) concerns(r *splitter.ReportRepo) bool {
	return len(v.ImpactViews) == 0 || slices.Contains(v.ImpactViews, path.Base(r.Path))
}

// compare asks what a view does to builds; nil when it is as it is published, or no build
// notices.
func (h *holding) compare(ctx context.Context, had, now string, wanted []splitter.Wanted) (*splitter.Impact, error) {
	at := h.b.flat() + "/" + now
	from, err := openSource(filepath.Join(h.n.publishedDir(h.b), filepath.FromSlash(had)), at+" as published")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from.Name, err)
	}
	to, err := openSource(filepath.Join(h.dir(), filepath.FromSlash(now)), at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	if bytes.Equal(from.Repo.MD.Raw, to.Repo.MD.Raw) {
		return nil, nil
	}
	with, err := h.n.suppliers(h.stage, h.b)
	if err != nil {
		return nil, err
	}
	impact, err := splitter.Compare(ctx, from, to, with, wanted, h.b.system(), h.n.opt.Jobs)
	if err != nil {
		return nil, fmt.Errorf("%s: what it does to builds: %w", at, err)
	}
	current, _, err := h.n.tree.Current()
	impact.From, impact.To, impact.View = current.Name, "staged", at
	if s := impact.Summary; s.Same+s.Failing == s.Builds {
		return nil, err
	}
	return impact, err
}

// impactSum tells whether the files below verify's impact are what they were.
func (c *Config) impactSum() (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(c.Verify.Impact, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := os.Stat(name)
		if err != nil { // a link that leads nowhere
			return nil
		}
		fmt.Fprintf(h, "%q %d %d\n", name, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	return fmt.Sprintf("%x", h.Sum(nil)), err
}
