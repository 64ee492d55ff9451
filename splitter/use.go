package splitter

import (
	"cmp"
	"slices"
	"strings"

	"flatstream/repodata/closure"
	"flatstream/repodata/rpmver"
)

// Use says who meets a requirement: of those that do and can be seen, the newest.
type Use struct {
	Requirement string `json:"requirement"`
	NEVRA       string `json:"nevra"` // empty: a rich dependency, or rpm itself
	Source      string `json:"source"`
	Stream      string `json:"stream"`  // module:stream; empty: it is in no module
	Default     bool   `json:"default"` // the stream is active by default
	Todo        string `json:"todo"`    // what is to be done for it: nothing, enable or add
	Only        bool   `json:"only"`    // nothing else meets it, seen or not
	// Instead is the default stream in whose place Stream is to be enabled.
	Instead string `json:"instead,omitempty"`
	// Indirect: it is not wanted itself, but something that is wanted needs it.
	Indirect bool `json:"indirect,omitempty"`
	// EVR and Base are of packages to add: what in the merged sources was built from the
	// same source package, the newest in sight, if anything was.
	EVR         string `json:"evr,omitempty"`
	Base        string `json:"base,omitempty"`
	MatchesBase bool   `json:"matches_base,omitempty"` // it is the same build of that
}

// What is to be done for a requirement.
const (
	TodoNothing = "nothing"
	TodoEnable  = "enable" // the stream
	TodoAdd     = "add"    // the package, of an overlay source
)

// describe says what a set that works consists of.
func (a *Asker) describe(t trial, o outcome) StreamSet {
	s := StreamSet{Enable: []string{}, Overlays: []Pick{}, Uses: []Use{}, Dropped: []string{}}
	s.Enable = append(s.Enable, streamTexts(t.streams)...)
	for _, p := range t.picks {
		s.Overlays = append(s.Overlays, Pick{p.source, p.nevra.String(), p.nevra.Name, a.globFor(t, o, p)})
	}
	for _, requirement := range a.want.Requires {
		s.Uses = append(s.Uses, a.use(t, o, requirement))
	}
	for _, requirement := range t.why { // what is enabled though nothing wanted is in it
		u := a.use(t, o, requirement)
		u.Indirect = true
		told := func(have Use) bool { return have.Stream == u.Stream && have.NEVRA == u.NEVRA }
		if (u.Todo == TodoEnable || u.Todo == TodoAdd) && !slices.ContainsFunc(s.Uses, told) {
			s.Uses = append(s.Uses, u)
		}
	}
	for _, d := range o.active.Dropped {
		s.Dropped = append(s.Dropped, d.StreamID.String()+": "+d.Reason)
	}
	return s
}

// sourced is a provider in one of the sources, which is given by its number.
type sourced struct {
	closure.Provider
	source int
}

// providers lists those of the sources for a requirement, in the universe's order; what is
// asked about, which may provide it too, is none.
func (a *Asker) providers(requirement string) []sourced {
	var list []sourced
	for _, p := range a.u.Providers(requirement) {
		if source := slices.Index(a.ids, p.Repo); source >= 0 {
			list = append(list, sourced{p, source})
		}
	}
	return list
}

// use finds the newest package in sight that meets a requirement.
func (a *Asker) use(t trial, o outcome, requirement string) Use {
	// A rich dependency is met by what there is and is not; only what is to be done counts.
	rich := strings.HasPrefix(requirement, "(")
	best := Use{Requirement: requirement, Todo: TodoNothing, Only: !rich}
	var newest rpmver.NEVRA
	providers := slices.DeleteFunc(a.providers(requirement), func(p sourced) bool { return !p.Meets })
	for _, p := range providers {
		if newest.Name != "" && !a.better(p.Package, newest) {
			continue
		}
		stream, isDefault, seen := a.inSight(t, o, p.Package, p.source)
		if !seen || rich && !t.enables(stream) && !t.picked(a.plan.Sources[p.source].Name, p.Package) {
			continue
		}
		newest = p.Package
		best.NEVRA, best.Source, best.Stream, best.Default = p.Package.String(), a.plan.Sources[p.source].Name, stream, isDefault
	}
	for _, p := range providers {
		if !slices.Contains(a.placesOf(p.Package, p.source), cmp.Or(best.Stream, best.Source)) {
			best.Only = false
		}
	}
	switch {
	case t.enables(best.Stream):
		best.Todo = TodoEnable
		module, _, _ := strings.Cut(best.Stream, ":")
		if had := a.plan.Index.Default(module); had != "" {
			best.Instead = module + ":" + had
		}
	case t.picked(best.Source, newest):
		best.Todo, best.EVR = TodoAdd, strings.TrimPrefix(newest.EVR.String(), "0:")
	}
	return best
}

// placesOf lists the streams that a package is in; without any it is its source.
func (a *Asker) placesOf(n rpmver.NEVRA, source int) (places []string) {
	if a.plan.Sources[source].Role == RoleMerge {
		for _, i := range a.at[n] {
			if k := &a.plan.pkgs[i]; k.source == source && k.subject.Modular() {
				for _, g := range a.plan.Index.artifacts.groups[k.subject.artifact] {
					places = append(places, g.StreamID.String())
				}
			}
		}
	}
	if places == nil {
		places = []string{a.plan.Sources[source].Name}
	}
	return places
}

// better says whether a provider is newer than another, or as new and of the arch that
// is asked about.
func (a *Asker) better(n, than rpmver.NEVRA) bool {
	order := rpmver.Compare(n.EVR, than.EVR)
	return order > 0 || order == 0 && n.Arch == a.Arch() && than.Arch != n.Arch
}

// inSight says whether a package of a source can be seen in a trial, and of which
// stream it is.
func (a *Asker) inSight(t trial, o outcome, n rpmver.NEVRA, source int) (stream string, isDefault, seen bool) {
	switch a.plan.Sources[source].Role {
	case RoleOverlay:
		return "", false, t.picked(a.plan.Sources[source].Name, n)
	case RoleSupply:
		return "", false, true
	}
	for _, i := range a.at[n] {
		k := &a.plan.pkgs[i]
		v := o.filter.Verdict(k.subject)
		if k.source != source || k.unlisted() || !v.Available() {
			continue
		}
		if v.Kind == Active {
			id := v.Groups[0].StreamID
			return id.String(), o.active.isDefault(id), true
		}
		return "", false, true
	}
	return "", false, false
}
