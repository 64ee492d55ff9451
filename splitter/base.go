package splitter

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"flatstream/repodata"
	"flatstream/repodata/rpmver"
)

// worked is a trial that works, what became of it, and the set that it is told as.
type worked struct {
	trial
	outcome
	set   StreamSet
	unfit int // how many packages to add are another build than what is there
}

// sibling is a package that was built from the source package of a picked one.
type sibling struct {
	rpmver.NEVRA
	source    int // of Plan.Sources
	sourceRPM string
}

// finish says of the packages to add whether they are the same build as what is there,
// puts the sets first of which more are, and gives each a view of its own.
func (a *Asker) finish(ctx context.Context) ([]StreamSet, error) {
	siblings, err := a.siblings(ctx)
	if err != nil {
		return nil, err
	}
	for i := range a.works {
		w := &a.works[i]
		for k := range w.set.Uses {
			if u := &w.set.Uses[k]; u.Todo == TodoAdd {
				a.compareBase(u, *w, siblings)
				w.unfit += bit(!u.MatchesBase)
			}
		}
	}
	slices.SortStableFunc(a.works, func(x, y worked) int { return cmp.Compare(x.unfit, y.unfit) })
	sets := []StreamSet{}
	for n, w := range a.works {
		switch {
		case len(w.set.Enable)+len(w.set.Overlays) == 0:
			w.set.View = KindDefault
		case n == 0:
			w.set.View = "build"
		default:
			w.set.View = fmt.Sprintf("build-%d", n+1)
		}
		sets = append(sets, w.set)
	}
	return sets, nil
}

// siblings lists, by the name of each source package that picked packages are of, what
// the other sources have of it. Without picks nothing is read.
func (a *Asker) siblings(ctx context.Context) (map[string][]sibling, error) {
	found := map[string][]sibling{}
	for _, w := range a.works {
		for _, p := range w.picks {
			found[beforeEVR(a.offered(p).sourceRPM)] = nil
		}
	}
	delete(found, "")
	for i, s := range a.plan.Sources {
		if s.Role == RoleOverlay || len(found) == 0 {
			continue
		}
		for k, err := range s.Repo.Packages(ctx, repodata.PartIdentity) {
			if err != nil {
				return nil, fmt.Errorf("reading packages of %s: %w", s.Name, err)
			}
			name := beforeEVR(k.SourceRPM)
			if _, asked := found[name]; asked {
				found[name] = append(found[name], sibling{k.NEVRA, i, k.SourceRPM})
			}
		}
	}
	return found, nil
}

// compareBase finds the newest package in sight of the same source package; where there is
// none, what the package to add requires by exact version.
func (a *Asker) compareBase(u *Use, w worked, siblings map[string][]sibling) {
	i := slices.IndexFunc(w.picks, func(p pick) bool { return p.source == u.Source && p.nevra.String() == u.NEVRA })
	if i < 0 {
		return
	}
	own := a.offered(w.picks[i])
	var base sibling
	consider := func(s sibling) {
		if _, _, seen := a.inSight(w.trial, w.outcome, s.NEVRA, s.source); seen && (base.Name == "" || a.better(s.NEVRA, base.NEVRA)) {
			base = s
		}
	}
	for _, s := range siblings[beforeEVR(own.sourceRPM)] {
		consider(s)
	}
	matches := base.sourceRPM == own.sourceRPM
	if base.Name == "" {
		for _, d := range own.exact {
			for _, p := range a.providers(d.String()) {
				if p.Meets && a.plan.Sources[p.source].Role != RoleOverlay {
					consider(sibling{p.Package, p.source, ""})
				}
			}
		}
		matches = base.EVR == own.EVR
	}
	if base.Name != "" {
		u.Base, u.MatchesBase = base.String(), matches
	}
}

// beforeEVR is what stands before the last two dashes: the name in NAME-EVR, and in the
// file name of a source package. It is empty where there are not as many.
func beforeEVR(text string) string {
	for range 2 {
		i := strings.LastIndexByte(text, '-')
		if i < 0 {
			return ""
		}
		text = text[:i]
	}
	return text
}
