package closure

import (
	"cmp"
	"fmt"
	"slices"

	"flatstream/repodata/rpmver"
)

// Build asks of source packages whether what they need to be built can be installed.
// What such a package requires are its BuildRequires, what it conflicts with its
// BuildConflicts; it is not installed itself, provides nothing and is in nobody's way.
//
// The systems that it is built in have the arches of the check; the repository itself
// supplies them, as a module is built with what was built of it before. What a package
// only finds out to require while it is built (%generate_buildrequires) no metadata
// has: a warning says which packages do that.
type Build struct {
	Suppliers []RepoID // beside the repository itself
	Hidden    []Hidden // what the suppliers have and do not supply
	Sources   []Sources
	Asks      []string // module:stream that a module is built with, for hints
	Alone     bool     // binary packages are not checked
}

// Sources names source packages.
type Sources struct {
	Repo RepoID                  // that has them, whoever is checked
	Only func(rpmver.NEVRA) bool // whether a source package of it is meant; nil: all are
}

// repos lists every id that a check mentions.
func (c *Check) repos() []RepoID {
	all := append([]RepoID{c.Repo}, c.Suppliers...)
	if c.Part != nil {
		for _, m := range c.Part.Members {
			all = append(all, m.Repo)
		}
	}
	if c.Build != nil {
		all = append(all, c.Build.Suppliers...)
		for _, s := range c.Build.Sources {
			all = append(all, s.Repo)
		}
	}
	return all
}

// parts lists what checks ask, the binary and the source packages of each apart.
func parts(checks []Check) []Check {
	var all []Check
	for _, c := range checks {
		if c.Build == nil || !c.Build.Alone {
			all = append(all, c)
		}
		if c.Build != nil {
			c.Suppliers, c.Hidden, c.Asks, c.building = c.Build.Suppliers, c.Build.Hidden, c.Build.Asks, true
			all = append(all, c)
		}
	}
	return all
}

// whole puts what was found of the parts together again, and drops a part that stood
// alone and has no packages.
func whole(parts []Check, found []Checked) []Checked {
	checked := []Checked{}
	for i, c := range parts {
		part := found[i]
		if !c.building {
			checked = append(checked, part)
			continue
		}
		if c.Build.Alone && part.Packages == 0 {
			continue
		}
		if c.Build.Alone {
			checked = append(checked, Checked{Repo: part.Repo, Suppliers: []string{}, Problems: []Problem{}, Warnings: []Warning{}})
		}
		all := &checked[len(checked)-1]
		all.Sources, all.BuildSuppliers = part.Packages, part.Suppliers
		all.Join(part.Problems)
		all.Warnings = append(all.Warnings, part.Warnings...)
		slices.SortFunc(all.Warnings, compareWarnings)
		all.Warnings = slices.Compact(all.Warnings)
	}
	return checked
}

// aimAtSources makes targets of source packages. They join what is available, which
// they neither provide for nor exclude from.
func (v *view) aimAtSources(b *Build) {
	v.build = b
	for _, s := range b.Sources {
		for id := range v.repos[s.Repo].packages.all {
			if n := v.packages[id].NEVRA; isSource(n.Arch) && (s.Only == nil || s.Only(n)) && !v.available.has(id) {
				v.available.add(id)
				v.targets = append(v.targets, id)
			}
		}
	}
	slices.Sort(v.targets)
}

// Has reports whether a repository has a package. An id that is not of this universe has
// none.
func (u *Universe) Has(id RepoID, n rpmver.NEVRA) bool {
	return u.known(id) == nil && slices.ContainsFunc(u.namedAs(n.Name), func(p int32) bool {
		return u.packages[p].NEVRA == n && u.repos[id].packages.has(p)
	})
}

// dynamicBuildRequires is what rpmbuild makes source packages require whose spec has
// %generate_buildrequires.
const dynamicBuildRequires = "rpmlib(DynamicBuildRequires)"

// unseen warns of source packages some of whose requirements no metadata has.
func (v *view) unseen() []Warning {
	if v.build == nil {
		return nil
	}
	var names []string
	for _, p := range v.targets {
		if slices.ContainsFunc(v.requires(p), func(r int32) bool { return v.names.text(v.all[r].name) == dynamicBuildRequires }) {
			names = append(names, v.name(p))
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.SortFunc(names, cmp.Compare)
	return []Warning{{WarnDynamicBuild, fmt.Sprintf(
		"%s: more of what it requires comes up while it is built (%%generate_buildrequires) and cannot be seen here", andMore(names))}}
}

// andMore names the first of several, and counts the others.
func andMore(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return fmt.Sprintf("%s (and %d more)", names[0], len(names)-1)
}
