package splitter

import (
	"context"
	"slices"

	"flatstream/repodata"
	"flatstream/repodata/closure"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// AskBuilt finds out which streams a machine must have enabled to install packages, all
// of them together, that stand in no source; and which of the other streams, enabled
// beside those, would break them.
func (a *Asker) AskBuilt(ctx context.Context, name string, packages []*repodata.Package) (*Answer, error) {
	all := &repodata.Package{NEVRA: rpmver.NEVRA{Name: "the installation of " + name, EVR: rpmver.EVR{Version: "1", Release: "1"}, Arch: "noarch"}}
	want := Wanted{Name: name}
	for _, p := range packages {
		all.Requires = append(all.Requires, repodata.Relation{Dep: rpmdep.Dep{Name: p.Name, Op: rpmdep.Equal, EVR: p.EVR}})
		for _, r := range p.Requires {
			if text := relationText(r); !providedBy(packages, r) && !slices.Contains(want.Requires, text) {
				want.Requires = append(want.Requires, text)
			}
		}
	}
	answer, err := a.answer(ctx, want, append(slices.Clone(packages), all))
	if err != nil {
		return nil, err
	}
	if len(answer.Sets) == 0 {
		answer.Problems = rootCauses(answer.Problems, all.String())
		return answer, nil
	}
	answer.Breaks, err = a.breaks(ctx, a.works[0].trial, all.String())
	return answer, err
}

func relationText(r repodata.Relation) string {
	if r.Rich {
		return r.Name
	}
	return r.Dep.String()
}

func providedBy(packages []*repodata.Package, r repodata.Relation) bool {
	return slices.ContainsFunc(packages, func(p *repodata.Package) bool {
		return slices.ContainsFunc(p.Provides, func(has repodata.Relation) bool { return !r.Rich && rpmdep.Match(has.Dep, r.Dep) }) ||
			slices.ContainsFunc(p.Files, func(f repodata.File) bool { return f.Path == r.Name })
	})
}

// breaks tries every other stream beside a set that works, or in the place of the one of
// its module.
func (a *Asker) breaks(ctx context.Context, set trial, together string) ([]Break, error) {
	var trials []trial
	var streams []StreamID
	for _, id := range a.plan.Index.Streams() {
		if !slices.Contains(set.streams, id) {
			trials, streams = append(trials, set.instead(id)), append(streams, id)
		}
	}
	outcomes, err := a.try(ctx, trials)
	if err != nil {
		return nil, err
	}
	breaks := []Break{}
	for i, o := range outcomes {
		b := Break{Stream: streams[i].String(), Problems: rootCauses(o.problems, together)}
		if o.refused != "" {
			if _, err := a.plan.Index.Resolve(streams[i : i+1]); err != nil {
				continue // no machine can have it
			}
			b.Refused = o.refused
		}
		if b.Refused != "" || len(o.problems) > 0 {
			breaks = append(breaks, b)
		}
	}
	return breaks, nil
}

// instead is the trial with a stream in the place of the one that it has of that module.
func (t trial) instead(id StreamID) trial {
	t.streams = slices.DeleteFunc(slices.Clone(t.streams), func(s StreamID) bool { return s.Module == id.Module })
	t, _ = t.with(id, "")
	return t
}

// rootCauses leaves out what only follows from the rest: that the packages cannot be
// installed all together, where one of them cannot, and that one needs another.
func rootCauses(problems []closure.Problem, together string) []closure.Problem {
	list := append([]closure.Problem{}, problems...)
	for _, follows := range []func(closure.Problem) bool{
		func(p closure.Problem) bool { return p.Package == together },
		func(p closure.Problem) bool { return p.Code == closure.Uninstallable },
	} {
		if roots := slices.DeleteFunc(slices.Clone(list), follows); len(roots) > 0 {
			list = roots
		}
	}
	return list
}
