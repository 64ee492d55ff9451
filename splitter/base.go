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

// worked is a trial that works, and what became of it.
type worked struct {
	trial
	outcome
}

// sibling is a package that was built from the source package of a picked one.
type sibling struct {
	rpmver.NEVRA
	source    int // of Plan.Sources
	sourceRPM string
}

// finish says of the packages to add whether they are the same build as what is there,
// puts the sets first of which more are, and gives each a view of its own.
func (a *Asker) finish(ctx context.Context, answer *Answer) error {
	siblings, err := a.siblings(ctx)
	if err != nil {
		return err
	}
	unfit := make([]int, len(a.works))
	order := make([]int, len(a.works))
	for i, w := range a.works {
		order[i] = i
		for k := range answer.Sets[i].Uses {
			if u := &answer.Sets[i].Uses[k]; u.Todo == TodoAdd {
				a.compareBase(u, w, siblings)
				unfit[i] += bit(!u.MatchesBase)
			}
		}
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(unfit[x], unfit[y]) })
	sets, works := answer.Sets, a.works
	answer.Sets, a.works = []StreamSet{}, nil
	for n, i := range order {
		s := sets[i]
		switch {
		case len(s.Enable)+len(s.Overlays) == 0:
			s.View = KindDefault
		case n == 0:
			s.View = "build"
		default:
			s.View = fmt.Sprintf("build-%d", n+1)
		}
		answer.Sets, a.works = append(answer.Sets, s), append(a.works, works[i])
	}
	return nil
}

// siblings lists, by the name of each source package that picked packages are of, what
// the other sources have of it. Without picks nothing is read.
func (a *Asker) siblings(ctx context.Context) (map[string][]sibling, error) {
	found := map[string][]sibling{}
	for _, w := range a.works {
		for _, p := range w.picks {
			found[sourceName(a.offered(p).sourceRPM)] = nil
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
			name := sourceName(k.SourceRPM)
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
	for _, s := range siblings[sourceName(own.sourceRPM)] {
		consider(s)
	}
	matches := base.sourceRPM == own.sourceRPM
	if base.Name == "" {
		for _, d := range own.exact {
			for _, p := range a.u.Providers(d.String()) {
				if source := slices.Index(a.ids, p.Repo); p.Meets && source >= 0 && a.plan.Sources[source].Role != RoleOverlay {
					consider(sibling{p.Package, source, ""})
				}
			}
		}
		matches = base.EVR == own.EVR
	}
	if base.Name != "" {
		u.Base, u.MatchesBase = base.String(), matches
	}
}

// sourceName is the name of the package in the file name of a source package; empty where
// it is none.
func sourceName(file string) string {
	for range 2 {
		i := strings.LastIndexByte(file, '-')
		if i < 0 {
			return ""
		}
		file = file[:i]
	}
	return file
}
