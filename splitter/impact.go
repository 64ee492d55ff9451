package splitter

import (
	"context"
	"fmt"
	"strings"

	"flatstream/repodata"
	"flatstream/repodata/closure"
	"flatstream/repodata/digest"
	"flatstream/repodata/rpmver"
)

// Impact says what the step from one state of a repository to another does to builds.
// Its JSON form is part of the interface.
type Impact struct {
	Schema  int           `json:"schema"`
	From    string        `json:"from"` // snapshots
	To      string        `json:"to"`
	View    string        `json:"view"`   // below the snapshot
	Builds  []BuildImpact `json:"builds"` // that are not the same, in the order asked
	Summary ImpactSummary `json:"summary"`
}

// ImpactSummary counts builds by what happens to them.
type ImpactSummary struct {
	Builds  int `json:"builds"`
	Same    int `json:"same"`
	Changed int `json:"changed"` // the build root has other packages
	Broken  int `json:"broken"`  // it cannot be installed any more
	Mended  int `json:"mended"`  // it can be again
	Failing int `json:"failing"` // it could not be, and cannot be
}

// BuildImpact is one build whose root is not the same.
type BuildImpact struct {
	Name     string            `json:"name"`
	State    string            `json:"state"`    // changed, broken, mended or failing
	Added    []string          `json:"added"`    // NEVRA of the build root; of changed ones
	Removed  []string          `json:"removed"`  //
	Changed  []PackageChange   `json:"changed"`  //
	Problems []closure.Problem `json:"problems"` // of broken and failing ones
}

// Changes are the packages that a build root gets, loses, or has in another version, a line
// each.
func (b *BuildImpact) Changes() []string {
	var lines []string
	for _, n := range b.Added {
		lines = append(lines, "+ "+n)
	}
	for _, n := range b.Removed {
		lines = append(lines, "- "+n)
	}
	for _, p := range b.Changed {
		lines = append(lines, fmt.Sprintf("%s.%s %s -> %s", p.Name, p.Arch, strings.Join(p.From, " "), strings.Join(p.To, " ")))
	}
	return lines
}

// The states of a build.
const (
	BuildChanged = "changed"
	BuildBroken  = "broken"
	BuildMended  = "mended"
	BuildFailing = "failing"
)

// Compare asks of each build which root it gets from two states of one repository, such
// as a view of two snapshots. The root holds what the build requires and all that this
// needs, also from the sources with, on a machine of that arch; where packages of different
// names would do, one is taken, the same each time ([closure.Universe.Systems]).
func Compare(ctx context.Context, from, to Source, with []Source, wanted []Wanted, arch string, jobs int) (*Impact, error) {
	u := closure.NewUniverse()
	var checks [2]closure.Check
	var supplier closure.RepoID
	builds, err := addBuilds(u, wanted)
	if err != nil {
		return nil, err
	}
	var others []closure.RepoID
	for _, s := range with {
		id, err := u.Add(ctx, s.Name, s.Repo)
		if err != nil {
			return nil, err
		}
		others = append(others, id)
	}
	for i, s := range []Source{from, to} {
		id := supplier
		if i == 0 || s.Name != from.Name {
			if id, err = u.Add(ctx, s.Name, s.Repo); err != nil {
				return nil, err
			}
		}
		supplier = id
		checks[i] = closure.Check{Repo: builds, Suppliers: append([]closure.RepoID{id}, others...), Arches: arches(arch)}
	}
	var roots [2]map[rpmver.NEVRA][]rpmver.NEVRA
	var reports [2]*closure.Report
	for i, check := range checks {
		if roots[i], reports[i], err = u.Systems(ctx, check, closure.Options{Jobs: jobs}); err != nil {
			return nil, err
		}
	}
	impact := &Impact{Schema: 1, Builds: []BuildImpact{}}
	problems := problemsByPackage(reports[1])
	for i, w := range wanted {
		n := buildName(i)
		before, could := roots[0][n]
		after, can := roots[1][n]
		b := BuildImpact{Name: w.Name, Added: []string{}, Removed: []string{}, Changed: []PackageChange{}, Problems: []closure.Problem{}}
		b.compare(before, after, could, can)
		if !can {
			b.Problems = append(b.Problems, problems[n.String()]...)
		}
		impact.add(b)
	}
	return impact, nil
}

// buildName is what a build is called in the universe, by its number.
func buildName(i int) rpmver.NEVRA {
	return rpmver.NEVRA{Name: fmt.Sprintf("build %d", i), EVR: rpmver.EVR{Version: "1", Release: "1"}, Arch: "noarch"}
}

func addBuilds(u *closure.Universe, wanted []Wanted) (closure.RepoID, error) {
	var packages []*repodata.Package
	for i, w := range wanted {
		p, err := w.asPackage(buildName(i))
		if err != nil {
			return 0, fmt.Errorf("%s: %w", w.Name, err)
		}
		packages = append(packages, p)
	}
	return u.AddMade("what is built", packages)
}

// asPackage is a package that requires what a build needs.
func (w Wanted) asPackage(n rpmver.NEVRA) (p *repodata.Package, err error) {
	p = &repodata.Package{NEVRA: n}
	if p.Requires, err = repodata.ParseRelations(w.Requires); err != nil {
		return nil, err
	}
	p.Conflicts, err = repodata.ParseRelations(w.Conflicts)
	return p, err
}

func problemsByPackage(r *closure.Report) map[string][]closure.Problem {
	m := map[string][]closure.Problem{}
	for _, c := range r.Checked {
		for _, p := range c.Problems {
			m[p.Package] = append(m[p.Package], p)
		}
	}
	return m
}

func (b *BuildImpact) compare(before, after []rpmver.NEVRA, could, can bool) {
	switch {
	case could && can:
		d := inventoryOf(before).Diff(inventoryOf(after))
		if b.Added, b.Removed, b.Changed = d.Added, d.Removed, d.Changed; !d.Empty() {
			b.State = BuildChanged
		}
	case could:
		b.State = BuildBroken
	case can:
		b.State = BuildMended
	default:
		b.State = BuildFailing
	}
}

func inventoryOf(packages []rpmver.NEVRA) *Inventory {
	inv := &Inventory{Packages: map[rpmver.NEVRA]digest.Checksum{}}
	for _, n := range packages {
		inv.Packages[n] = digest.Checksum{}
	}
	return inv
}

// add counts a build, and keeps it unless nothing happens to it.
func (i *Impact) add(b BuildImpact) {
	s := &i.Summary
	s.Builds++
	count := map[string]*int{"": &s.Same, BuildChanged: &s.Changed, BuildBroken: &s.Broken, BuildMended: &s.Mended, BuildFailing: &s.Failing}
	*count[b.State]++
	if b.State != "" {
		i.Builds = append(i.Builds, b)
	}
}
