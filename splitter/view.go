package splitter

import (
	"fmt"
	"slices"
	"strings"

	"flatstream/repodata/rpmver"
)

// VerdictKind says what a set of active streams does with a package.
type VerdictKind uint8

// The verdicts. Active and Plain packages are available, the others are not.
const (
	Plain    VerdictKind = iota // no document lists it and nothing hides it
	Active                      // an active build lists it
	Excluded                    // only inactive builds list it (rule 8)
	Shadowed                    // an active stream has its name (rule 9)
)

// Verdict is what happens to one package, and why.
type Verdict struct {
	Kind VerdictKind
	// Groups: for Active the active groups that list the package, for Excluded all
	// that list it (none is active), for Shadowed the first active group that has
	// the name. Sorted; not to be changed.
	Groups []*Group
	// Name is the name that hides a Shadowed package: its own, or that of one of
	// its Provides.
	Name string
	// ByProvide: Name is not the package's own.
	ByProvide bool
}

// Available says whether DNF would offer the package.
func (v Verdict) Available() bool { return v.Kind == Plain || v.Kind == Active }

// String says why, in words.
func (v Verdict) String() string {
	switch v.Kind {
	case Active:
		return "a package of " + groupNames(v.Groups)
	case Excluded:
		return "a package of " + groupNames(v.Groups) + ", not active"
	case Shadowed:
		if v.ByProvide {
			return fmt.Sprintf("hidden by %s, which has a package named %s as this one provides", groupNames(v.Groups), v.Name)
		}
		return fmt.Sprintf("hidden by %s, which has a package named %s", groupNames(v.Groups), v.Name)
	}
	return "in no module"
}

func groupNames(groups []*Group) string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.StreamID.String()
	}
	return strings.Join(slices.Compact(names), ", ")
}

// Subject is one package as filters see it: looked up once, judged many times.
type Subject struct {
	artifact int32 // -1: no build lists it
	name     int32 // -1: no artifact has its name
	source   bool
	provides []int32 // those that are names of artifacts
}

// Subject looks up a package. Only the names of its Provides matter, versioned or
// not; those that no artifact has are forgotten here.
func (x *Index) Subject(n rpmver.NEVRA, provides []string) Subject {
	t := x.artifacts
	s := Subject{artifact: -1, name: -1, source: isSourceArch(n.Arch)}
	if id, ok := t.byNEVRA[n]; ok {
		s.artifact = id
	}
	if id, ok := t.byName[n.Name]; ok {
		s.name = id
	}
	for _, p := range provides {
		if id, ok := t.byName[p]; ok && id != s.name && !slices.Contains(s.provides, id) {
			s.provides = append(s.provides, id)
		}
	}
	return s
}

// ArtifactNames is the set of the names of all listed packages: the only names of
// Provides that can hide a package. The caller owns it.
func (x *Index) ArtifactNames() map[string]bool {
	names := make(map[string]bool, len(x.artifacts.names))
	for _, n := range x.artifacts.names {
		names[n] = true
	}
	return names
}

// Modular says whether some build lists the package.
func (s Subject) Modular() bool { return s.artifact >= 0 }

// Filter judges packages for one activation. It may be used by several goroutines
// at once.
type Filter struct {
	x              *Index
	active         map[*Group]bool
	binary, source map[int32]*Group // by name: the first active group that hides it
}

// Filter prepares the rules 8 and 9 for what is active.
func (x *Index) Filter(a *Activation) *Filter { return x.filter(a, x.artifacts.ofGroup) }

// filter is [Index.Filter] where each group hides the names that it has in hides.
func (x *Index) filter(a *Activation, hides []groupArtifacts) *Filter {
	f := &Filter{x: x, active: make(map[*Group]bool, len(a.Groups)), binary: map[int32]*Group{}, source: map[int32]*Group{}}
	for _, g := range a.Groups {
		f.active[g.Group] = true
		own := hides[g.id]
		claim(f.binary, own.binary, g.Group)
		claim(f.source, own.source, g.Group)
	}
	return f
}

func claim(holder map[int32]*Group, names []int32, g *Group) {
	for _, n := range names {
		if holder[n] == nil {
			holder[n] = g
		}
	}
}

// Verdict judges a package.
func (f *Filter) Verdict(s Subject) Verdict {
	if s.artifact >= 0 {
		owners := f.x.artifacts.groups[s.artifact]
		if active := f.activeOf(owners); len(active) > 0 {
			return Verdict{Kind: Active, Groups: active}
		}
		return Verdict{Kind: Excluded, Groups: owners}
	}
	if s.name >= 0 {
		if g := f.holder(s.name, s.source); g != nil {
			return Verdict{Kind: Shadowed, Groups: []*Group{g}, Name: f.x.artifacts.names[s.name]}
		}
	}
	for _, p := range s.provides {
		if g := f.binary[p]; g != nil {
			return Verdict{Kind: Shadowed, Groups: []*Group{g}, Name: f.x.artifacts.names[p], ByProvide: true}
		}
	}
	return Verdict{}
}

func (f *Filter) holder(name int32, source bool) *Group {
	if g := f.binary[name]; g != nil || !source {
		return g
	}
	return f.source[name]
}

// activeOf is the active part of owners, without an allocation when that is all.
func (f *Filter) activeOf(owners []*Group) []*Group {
	inactive := func(g *Group) bool { return !f.active[g] }
	if !slices.ContainsFunc(owners, inactive) {
		return owners
	}
	var active []*Group
	for _, g := range owners {
		if f.active[g] {
			active = append(active, g)
		}
	}
	return active
}
