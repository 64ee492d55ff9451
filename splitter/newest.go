package splitter

import (
	"slices"

	"flatstream/repodata/rpmver"
)

// keepNewest leaves of every name.arch the n newest EVRs, as reposync's
// --newest-only does for n of 1; all packages of one EVR stay or go together. It runs
// after hiding, so that a hidden package never pushes out a visible one.
func (p *Plan) keepNewest(members []int32, n int) []int32 {
	type key struct{ name, arch string }
	versions := map[key][]rpmver.EVR{}
	for _, m := range members {
		k := &p.pkgs[m]
		versions[key{k.Name, k.Arch}] = append(versions[key{k.Name, k.Arch}], k.EVR)
	}
	oldest := map[key]rpmver.EVR{}
	for k, evrs := range versions {
		slices.SortFunc(evrs, func(a, b rpmver.EVR) int { return rpmver.Compare(b, a) })
		evrs = slices.CompactFunc(evrs, func(a, b rpmver.EVR) bool { return rpmver.Compare(a, b) == 0 })
		oldest[k] = evrs[min(n, len(evrs))-1]
	}
	return slices.DeleteFunc(members, func(m int32) bool {
		k := &p.pkgs[m]
		return rpmver.Compare(k.EVR, oldest[key{k.Name, k.Arch}]) < 0
	})
}
