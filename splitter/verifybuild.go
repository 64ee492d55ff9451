package splitter

import (
	"fmt"
	"slices"
	"strings"

	"flatstream/repodata/closure"
	"flatstream/repodata/rpmver"
)

// build asks about the source packages of a flat repository, and those of a stream that
// its documents list and only a supplying source has. Source packages of streams are
// checked with their streams, not in views.
func (v *verifying) build(repo *ReportRepo) (*closure.Build, error) {
	own := closure.Sources{Repo: v.ids[repo.ID]}
	b := &closure.Build{}
	switch repo.Kind {
	case KindDefault, KindView:
		b.Suppliers = v.with
		if base, ok := v.ids[repoID(KindNonModular)]; ok { // of them, the view's
			own.Only = func(n rpmver.NEVRA) bool { return v.u.Has(base, n) }
		}
		b.Sources = []closure.Sources{own}
		return b, nil
	case KindStream:
		listed := listedSources(repo)
		for _, id := range v.with {
			b.Sources = append(b.Sources, closure.Sources{Repo: id, Only: func(n rpmver.NEVRA) bool { return listed[n] }})
		}
	}
	b.Sources = append(b.Sources, own)
	return b, v.supplyBuild(b, repo)
}

// supplyBuild says what the systems have in which the packages of a repository are built.
func (v *verifying) supplyBuild(b *closure.Build, repo *ReportRepo) (err error) {
	needs := repo.Build
	if needs == nil {
		needs = v.defaultNeeds()
	}
	b.Asks = needs.Streams
	requires := slices.DeleteFunc(slices.Clone(needs.Requires), isID(repo.ID))
	if b.Suppliers, err = v.suppliers(repo.ID, requires); err != nil {
		return err
	}
	b.Hidden, err = v.hidden(repo.ID, needs.Hidden)
	return err
}

// defaultNeeds is the default view, made of its parts, or what stands for it.
func (v *verifying) defaultNeeds() *BuildNeeds {
	if v.report.Build != nil {
		return v.report.Build
	}
	base, ok := v.report.Repo(repoID(KindNonModular))
	if !ok {
		return &BuildNeeds{}
	}
	return &BuildNeeds{Requires: append(slices.Clone(base.Requires), base.ID), Hidden: base.Hidden}
}

// listedSources are the source packages that a stream's documents list and the target
// does not have.
func listedSources(repo *ReportRepo) map[rpmver.NEVRA]bool {
	listed := map[rpmver.NEVRA]bool{}
	for _, m := range repo.Missing {
		if n, err := rpmver.ParseNEVRA(m.NEVRA); err == nil && isSourceArch(n.Arch) {
			listed[n] = true
		}
	}
	return listed
}

// buildWith asks about the source packages of sources that only supply, as far as no
// stream lists them: they are built in the default view.
func (v *verifying) buildWith() ([]closure.Check, error) {
	listed := map[rpmver.NEVRA]bool{}
	for i := range v.report.Repos {
		if v.report.Repos[i].Kind == KindStream {
			for n := range listedSources(&v.report.Repos[i]) {
				listed[n] = true
			}
		}
	}
	var checks []closure.Check
	for i, id := range v.with {
		b := &closure.Build{Alone: true, Sources: []closure.Sources{{Repo: id, Only: func(n rpmver.NEVRA) bool { return !listed[n] }}}}
		if err := v.supplyBuild(b, &ReportRepo{ID: v.With[i].Name}); err != nil {
			return nil, err
		}
		checks = append(checks, closure.Check{Repo: id, Arches: arches(v.Arch), Build: b})
	}
	return checks, nil
}

// The codes of the warnings about what is built.
const (
	warnBuildAbsent  = "build-stream-absent" // buildrequires name a stream that no document has
	warnBuildRefused = "build-streams-clash" // they name streams that DNF cannot enable together
)

// warnBuild says where a document's buildrequires cannot be had, so that what follows
// from that is not blamed on the packages.
func (v *verifying) warnBuild(found *closure.Report) {
	for i := range found.Checked {
		c := &found.Checked[i]
		repo, ok := v.report.Repo(c.Repo)
		if !ok || repo.Build == nil || c.Sources == 0 {
			continue
		}
		if absent := repo.Build.Absent; len(absent) > 0 {
			c.Warn(warnBuildAbsent, fmt.Sprintf("its packages are built with %s, which no source has", strings.Join(absent, " and ")))
		}
		if repo.Build.Refused != "" {
			c.Warn(warnBuildRefused, fmt.Sprintf("its packages are built with %s, which cannot be enabled together: %s", strings.Join(repo.Build.Streams, " and "), repo.Build.Refused))
		}
	}
}
