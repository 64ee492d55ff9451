package splitter

import (
	"context"
	"fmt"
	"slices"

	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// offer is a package that an overlay source has.
type offer struct {
	rpmver.NEVRA
	sourceRPM string
	exact     []rpmdep.Dep
}

func readOffers(ctx context.Context, s Source) ([]offer, error) {
	var list []offer
	for k, err := range s.Repo.Packages(ctx, repodata.PartRelations) {
		if err != nil {
			return nil, fmt.Errorf("reading packages of %s: %w", s.Name, err)
		}
		list = append(list, offer{k.NEVRA, k.SourceRPM, exactRequires(k)})
	}
	return list, nil
}

// offered finds a package of an overlay source.
func (a *Asker) offered(p pick) offer {
	for i, s := range a.plan.Sources {
		if s.Name != p.source {
			continue
		}
		for _, o := range a.overlaid[i] {
			if o.NEVRA == p.nevra {
				return o
			}
		}
	}
	return offer{NEVRA: p.nevra}
}

// globFor is by what an overlay takes a package: its name, unless the view would take
// another build by that, the newest one whose exact requires are there ([Plan.overlay]).
func (a *Asker) globFor(t trial, o outcome, p pick) string {
	source := slices.IndexFunc(a.plan.Sources, func(s Source) bool { return s.Name == p.source })
	for _, other := range a.overlaid[source] {
		if other.Name == p.nevra.Name && other.Arch == p.nevra.Arch && rpmver.Compare(other.EVR, p.nevra.EVR) > 0 && a.fits(t, o, p, other) {
			return p.nevra.String()
		}
	}
	return p.nevra.Name
}

// fits says whether what a build requires by exact version is there, were it in the place
// of a picked one.
func (a *Asker) fits(t trial, o outcome, instead pick, other offer) bool {
	met := func(d rpmdep.Dep) bool {
		for _, p := range a.providers(d.String()) {
			if !p.Meets {
				continue
			}
			name := a.plan.Sources[p.source].Name
			if name == instead.source && p.Package == other.NEVRA {
				return true
			}
			if _, _, seen := a.inSight(t, o, p.Package, p.source); seen && (pick{name, p.Package}) != instead {
				return true
			}
		}
		return false
	}
	return !slices.ContainsFunc(other.exact, func(d rpmdep.Dep) bool { return !met(d) })
}
