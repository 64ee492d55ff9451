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
		for _, p := range a.u.Providers(requirement) {
			source := slices.Index(a.ids, p.Repo)
			switch {
			case source < 0:
			case a.plan.Sources[source].Role == RoleOverlay:
				if p.Meets {
					add(t.picking(Pick{a.plan.Sources[source].Name, p.Package.String(), p.Package.Name}))
				}
			default:
				for _, id := range a.streamsFor(p.Package, source, o.filter, p.Meets) {
					add(t.with(id))
				}
			}
		}
	}
	return next
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

// describe says what a set that works consists of.
func (a *Asker) describe(t trial, o outcome) StreamSet {
	s := StreamSet{Enable: []string{}, Overlays: []Pick{}, Uses: []Use{}, Dropped: []string{}}
	s.Enable = append(s.Enable, streamTexts(t.streams)...)
	s.Overlays = append(s.Overlays, t.picks...)
	for _, requirement := range a.want.Requires {
		s.Uses = append(s.Uses, a.use(t, o, requirement))
	}
	for _, d := range o.active.Dropped {
		s.Dropped = append(s.Dropped, d.StreamID.String()+": "+d.Reason)
	}
	return s
}

// use finds the newest package in sight that meets a requirement.
func (a *Asker) use(t trial, o outcome, requirement string) Use {
	best := Use{Requirement: requirement}
	var newest rpmver.NEVRA
	for _, p := range a.u.Providers(requirement) {
		source := slices.Index(a.ids, p.Repo)
		if !p.Meets || source < 0 || newest.Name != "" && !a.better(p.Package, newest) {
			continue
		}
		stream, isDefault, seen := a.inSight(t, o, p.Package, source)
		if !seen {
			continue
		}
		newest = p.Package
		best.NEVRA, best.Source, best.Stream, best.Default = p.Package.String(), a.plan.Sources[source].Name, stream, isDefault
	}
	return best
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
		return "", false, slices.Contains(t.picks, Pick{a.plan.Sources[source].Name, n.String(), n.Name})
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
