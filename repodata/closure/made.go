package closure

import (
	"fmt"
	"slices"

	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// AddMade enters packages that stand in no repository, such as a source package that
// was not built yet, under a name as [Universe.Add] has it. Of a package only NEVRA
// and relations count.
func (u *Universe) AddMade(name string, packages []*repodata.Package) (RepoID, error) {
	if slices.ContainsFunc(u.repos, func(r repository) bool { return r.name == name }) {
		return 0, fmt.Errorf("add repository %s: another has that name", name)
	}
	repo := repository{name: name, source: &repodata.Repo{MD: &repodata.RepoMD{}}, unlisted: true}
	for i, p := range packages {
		repo.packages.add(u.insert(fmt.Sprintf("%s, made, %d", name, i), p))
	}
	return u.enter(repo), nil
}

// Provider is a package that provides a capability, or owns a path.
type Provider struct {
	Package rpmver.NEVRA
	Repo    RepoID // one that has it
	Has     string // what it provides, as rpmdep writes it
	Meets   bool   // in a version that the requirement allows
}

// Providers lists who provides what a requirement names, whatever the version, in
// every repository; of a rich one what its parts name. Paths are those that primary
// lists, and those that a check had to look up.
func (u *Universe) Providers(requirement string) []Provider {
	var found []Provider
	x := u.indexed()
	for _, want := range plainParts(requirement) {
		name, ok := u.names.lookup(want.Name)
		if !ok {
			continue
		}
		for _, p := range x.of(name) {
			has := u.dep(p.name, p.version)
			for i := range u.repos {
				if u.repos[i].packages.has(p.pkg) {
					found = append(found, Provider{u.packages[p.pkg].NEVRA, RepoID(i), has.String(), rpmdep.Overlap(has, want)})
				}
			}
		}
	}
	return found
}

// plainParts lists the plain relations within a requirement; none when it does not
// parse.
func plainParts(requirement string) []rpmdep.Dep {
	if d, err := rpmdep.Parse(requirement); err == nil {
		return []rpmdep.Dep{d}
	}
	e, err := rpmdep.ParseRich(requirement)
	if err != nil {
		return nil
	}
	var parts []rpmdep.Dep
	for todo := []*rpmdep.Expr{e}; len(todo) > 0; todo = todo[1:] {
		if todo[0].Op == rpmdep.RichDep {
			parts = append(parts, todo[0].Dep)
		}
		todo = append(todo, todo[0].Args...)
	}
	return parts
}
