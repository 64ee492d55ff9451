package splitter

import (
	"slices"
	"strings"

	"flatstream/repodata/closure"
	"flatstream/repodata/rpmver"
)

// remedies lists the trials that are one step larger and may do better: a stream
// whose package would meet what is missing, another stream in place of one that hides
// such a package, or such a package of an overlay source.
func (a *Asker) remedies(t trial, o outcome) []trial {
	var next []trial
	add := func(larger trial, ok bool) {
		if ok {
			next = append(next, larger)
		}
	}
	for _, requirement := range causesOf(o.problems) {
		providers := a.providers(requirement)
		for _, p := range providers {
			if s := a.plan.Sources[p.source]; s.Role == RoleOverlay {
				if p.Meets && !a.outdone(p, providers) {
					add(t.picking(s.Name, p.Package, requirement))
				}
				continue
			}
			for _, id := range a.streamsFor(p.Package, p.source, o.filter, p.Meets) {
				add(t.with(id, requirement))
			}
		}
	}
	return next
}

// outdone says whether the same build stands there for the very arch that is asked about,
// and does as well: of a library for two arches.
func (a *Asker) outdone(p sourced, providers []sourced) bool {
	return p.Package.Arch != a.Arch() && p.Package.Arch != "noarch" && slices.ContainsFunc(providers, func(o sourced) bool {
		return o.Meets && o.Repo == p.Repo && o.Package.Arch == a.Arch() && o.Package.Name == p.Package.Name && o.Package.EVR == p.Package.EVR
	})
}

// streamsFor lists the streams that would bring a package to sight, or, when it does
// not help (meets is false), take it out of the way.
func (a *Asker) streamsFor(n rpmver.NEVRA, source int, filter *Filter, meets bool) []StreamID {
	var ids []StreamID
	for _, i := range a.at[n] {
		if a.plan.pkgs[i].source != source {
			continue
		}
		v := filter.Verdict(a.plan.pkgs[i].subject)
		switch {
		case v.Kind == Excluded && meets:
			for _, g := range v.Groups {
				ids = append(ids, g.StreamID)
			}
		case v.Kind == Shadowed && meets, v.Kind == Active:
			for _, g := range v.Groups {
				ids = append(ids, a.others(g.StreamID)...)
			}
		}
	}
	return ids
}

// others lists the other streams of a stream's module.
func (a *Asker) others(id StreamID) []StreamID {
	return slices.DeleteFunc(slices.Clone(a.plan.Index.Streams()), func(s StreamID) bool { return s.Module != id.Module || s == id })
}

// causesOf lists the requirements that stand in what was found: those of the build
// itself, and those along the chains.
func causesOf(problems []closure.Problem) []string {
	var list []string
	for _, p := range problems {
		list = append(list, p.Requirements...)
		for _, line := range p.Chain {
			if _, requirement, ok := strings.Cut(line, "requires "); ok {
				list = append(list, requirement)
			}
		}
		for _, n := range p.Near {
			list = append(list, n.Requirement)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
