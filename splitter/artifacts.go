package splitter

import (
	"cmp"
	"slices"
	"strconv"

	"flatstream/repodata/rpmver"
	"flatstream/splitter/modulemd"
)

// artifactTable holds every NEVRA that a build lists, each parsed once, and who
// lists it. Artifacts and names are numbered, so that a filter is a few slices.
type artifactTable struct {
	byNEVRA map[rpmver.NEVRA]int32
	owners  [][]*modulemd.Build // by artifact
	groups  [][]*Group          // by artifact, sorted, each once
	byName  map[string]int32    // names of binary and source artifacts
	names   []string
	ofGroup []groupArtifacts // by group
}

// groupArtifacts says which names a group lets hide others (rule 9), after its
// demodularized names are taken back. Sorted, each once.
type groupArtifacts struct{ binary, source []int32 }

func newArtifactTable(groups []*Group, w *indexWarnings) *artifactTable {
	t := &artifactTable{
		byNEVRA: map[rpmver.NEVRA]int32{},
		byName:  map[string]int32{},
		ofGroup: make([]groupArtifacts, len(groups)),
	}
	for _, g := range groups {
		freed := demodularized(g)
		for _, b := range g.Builds {
			for _, text := range b.Artifacts {
				n, err := rpmver.ParseNEVRA(text)
				if err != nil {
					w.add("bad-artifact", "%s: %s lists %v", b.Source, nsvca(b), err)
					continue
				}
				t.own(n, b, g)
				if freed[b.Arch][n.Name] {
					continue
				}
				list := &t.ofGroup[g.id].binary
				if isSourceArch(n.Arch) {
					list = &t.ofGroup[g.id].source
				}
				*list = append(*list, t.nameID(n.Name))
			}
		}
		a := &t.ofGroup[g.id]
		a.binary, a.source = sortedUnique(a.binary), sortedUnique(a.source)
	}
	return t
}

func sortedUnique(ids []int32) []int32 {
	slices.Sort(ids)
	return slices.Clip(slices.Compact(ids))
}

func isSourceArch(arch string) bool { return arch == "src" || arch == "nosrc" }

func (t *artifactTable) own(n rpmver.NEVRA, b *modulemd.Build, g *Group) {
	id, ok := t.byNEVRA[n]
	if !ok {
		id = int32(len(t.owners))
		t.byNEVRA[n] = id
		t.owners, t.groups = append(t.owners, nil), append(t.groups, nil)
	}
	if o := t.owners[id]; len(o) == 0 || o[len(o)-1] != b {
		t.owners[id] = append(o, b)
	}
	if gs := t.groups[id]; len(gs) == 0 || gs[len(gs)-1] != g {
		t.groups[id] = append(gs, g)
	}
}

func (t *artifactTable) nameID(name string) int32 {
	id, ok := t.byName[name]
	if !ok {
		id = int32(len(t.names))
		t.byName[name] = id
		t.names = append(t.names, name)
	}
	return id
}

// demodularized are the names that a group takes back, by arch: those that the
// newest build of each arch names.
func demodularized(g *Group) map[string]map[string]bool {
	newest := map[string]uint64{}
	freed := map[string]map[string]bool{}
	for _, b := range g.Builds { // newest first
		if v, ok := newest[b.Arch]; ok && v != b.Version {
			continue
		}
		newest[b.Arch] = b.Version
		for _, name := range b.Demodularized {
			if freed[b.Arch] == nil {
				freed[b.Arch] = map[string]bool{}
			}
			freed[b.Arch][name] = true
		}
	}
	return freed
}

// Owners lists the builds that list a package: sorted by stream and computed
// context, newest first. One package in several builds, even of several streams, is
// common (P10).
func (x *Index) Owners(n rpmver.NEVRA) []*modulemd.Build {
	id, ok := x.artifacts.byNEVRA[n]
	if !ok {
		return nil
	}
	return x.artifacts.owners[id]
}

// OwnerGroups lists the groups that list a package, sorted.
func (x *Index) OwnerGroups(n rpmver.NEVRA) []*Group {
	id, ok := x.artifacts.byNEVRA[n]
	if !ok {
		return nil
	}
	return x.artifacts.groups[id]
}

// warnVersions names the streams of which the version with the highest number is
// not the one built last (P4).
func (x *Index) warnVersions(w *indexWarnings) {
	for _, id := range x.streams {
		var builds []*modulemd.Build
		for _, g := range x.byStream[id] {
			builds = append(builds, g.Builds...)
		}
		highest := slices.MaxFunc(builds, func(a, b *modulemd.Build) int { return cmp.Compare(a.Version, b.Version) })
		latest := slices.MaxFunc(builds, func(a, b *modulemd.Build) int {
			return cmp.Or(cmp.Compare(versionTime(a.Version), versionTime(b.Version)), cmp.Compare(a.Version, b.Version))
		})
		if versionTime(highest.Version) != "" && versionTime(latest.Version) > versionTime(highest.Version) {
			w.add("version-order", "%s: version %d counts as the newest, but %d was built later", id, highest.Version, latest.Version)
		}
	}
}

// versionTime is the build time at the end of a version, YYYYMMDDhhmmss as the
// Module Build Service writes it behind its platform prefix; empty where there is
// none.
func versionTime(version uint64) string {
	s := strconv.FormatUint(version, 10)
	if len(s) < 14 {
		return ""
	}
	s = s[len(s)-14:]
	if s < "20150101000000" || s > "21000101000000" {
		return ""
	}
	return s
}
