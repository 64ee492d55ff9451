package closure

import (
	"context"
	"slices"
	"strings"

	"flatstream/repodata/rpmver"
)

// Systems finds for each package of one repository a system that it can be installed
// in: itself and all that it needs, the newest builds first as an installer would take
// them, the same on every run. The package itself is left out, and so are packages that
// cannot be installed: the report says why, as [Universe.Install] does.
//
// It is one system of many, and need not be the one that DNF would choose among
// packages of different names that provide the same.
func (u *Universe) Systems(ctx context.Context, check Check, opt Options) (map[rpmver.NEVRA][]rpmver.NEVRA, *Report, error) {
	report, err := u.Install(ctx, []Check{check}, opt)
	if err != nil {
		return nil, nil, err
	}
	j := u.newBench().newView(check).newJudge(u.graphed(opt.Jobs), maxEffort)
	j.reach()
	j.findCauses()
	systems := make(map[rpmver.NEVRA][]rpmver.NEVRA, len(j.targets))
	s := j.newSystem()
	for _, p := range j.targets {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if !j.alive.has(p) {
			continue
		}
		system, err := s.of(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		if system != nil {
			systems[u.packages[p].NEVRA] = system
		}
	}
	return systems, report, nil
}

// of is a system with p, without it; nil when there is none. It grows in s, which is
// empty before and after.
func (s *system) of(ctx context.Context, p int32) ([]rpmver.NEVRA, error) {
	defer s.takeBack(0)
	j := s.judge
	var members []int32
	if s.add(p) {
		members = s.members
	} else {
		f := j.newProblem([]int32{p})
		if answer, err := f.solve(ctx, p); err != nil || answer != 1 {
			return nil, err
		}
		members = slices.DeleteFunc(slices.Clone(f.packages), func(q int32) bool { return !f.chosen(q) })
	}
	list := []rpmver.NEVRA{}
	for _, q := range j.neededBy(p, members) {
		if q != p {
			list = append(list, j.packages[q].NEVRA)
		}
	}
	slices.SortFunc(list, func(a, b rpmver.NEVRA) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(list), nil
}

// neededBy lists p and what it needs of a system's members, directly or not: a search
// may have put in more.
func (j *judge) neededBy(p int32, members []int32) []int32 {
	in := make(set, len(j.available))
	for _, q := range members {
		in.add(q)
	}
	needed := []int32{p}
	in.remove(p)
	for i := 0; i < len(needed); i++ {
		for _, r := range j.obliges(needed[i]) {
			leaves := []int32{r}
			if rich := j.all[r].rich; rich != nil {
				leaves = rich.formula.wanted(nil)
			}
			for _, leaf := range leaves {
				for _, q := range j.providers.of(leaf) {
					if in.has(q) {
						in.remove(q)
						needed = append(needed, q)
					}
				}
			}
		}
	}
	return needed
}
