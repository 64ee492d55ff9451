package splitter

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"flatstream/splitter/modulemd"
)

// moduleProblem is the index as libsolv sees it: one solvable per build, named
// module:stream:computedcontext, and what each requires and excludes. It does not
// change; every resolution is a [search] over it.
type moduleProblem struct {
	solvables   []solvable // by id, which order as libdnf creates them
	platform    int32      // the last id
	needs       []need
	ofModule    [][]int32 // by module: builds that can be chosen, ascending
	ofStream    [][]int32 // by stream: the same
	allOfStream [][]int32 // by stream: builds that cannot be chosen too
	excluders   [][]int32 // by stream: builds that exclude it
	streamID    map[StreamID]int32
	moduleID    map[string]int32
	names       []StreamID // by stream
	isDefault   []bool     // by stream: it is its module's default
	rank        []int      // by group: order of their strings
	groups      []*Group
	packages    ruleSet        // what the builds say, when nothing is disabled; of a large index none
	whole       *moduleProblem // what this is a part of, nil when nothing
	parts       *parts         // of a large index, which is not resolved as a whole
	tooLarge    bool           // more rules than we hold
	membership  int            // of all needs together
	idle        sync.Pool      // searches that have ended
}

// The ids of solvables: 1 is the system itself, which is always there, then come
// the builds, then the platform.
const (
	systemSolvable int32 = 1
	firstBuild     int32 = 2
)

type solvable struct {
	build                 *modulemd.Build
	group, stream, module int32
	arch                  archScore
	needs                 []int32 // sorted by who meets them
	excludes              []int32 // streams
	wrongPlatform         bool    // it requires another platform
	excludesPlatform      bool    // it excludes ours
}

// need is one requirement: a module and the streams that would do.
type need struct {
	text    string
	module  string
	streams []string
	members []int32 // the solvables that meet it, ascending
}

// maxMembers bounds the memory of all needs together: solvables that meet one,
// summed up. A large real index has some 30,000.
const maxMembers = 8 << 20

func newModuleProblem(x *Index, builds []*modulemd.Build) *moduleProblem {
	p := &moduleProblem{
		solvables:   make([]solvable, firstBuild, len(builds)+3),
		ofModule:    make([][]int32, len(x.modules)),
		ofStream:    make([][]int32, len(x.streams)),
		allOfStream: make([][]int32, len(x.streams)),
		excluders:   make([][]int32, len(x.streams)),
		isDefault:   make([]bool, len(x.streams)),
		streamID:    map[StreamID]int32{},
		moduleID:    map[string]int32{},
		names:       x.streams,
		groups:      x.groups,
	}
	for i, m := range x.modules {
		p.moduleID[m] = int32(i)
	}
	for i, s := range x.streams {
		p.streamID[s] = int32(i)
		p.isDefault[i] = x.defaults[s.Module] == s.Stream
	}
	p.rankGroups()
	p.addSolvables(x, builds)
	p.addRequires(x)
	switch {
	case p.tooLarge:
	case len(builds) > maxWhole || p.mostBuilds() > maxRivals:
		p.parts = newParts(p)
	default:
		var ok bool
		p.packages, ok = p.packageRules(func(int32) bool { return false })
		p.tooLarge = !ok
	}
	return p
}

// mostBuilds is the number of builds of the module that has most of them.
func (p *moduleProblem) mostBuilds() int {
	most := 0
	for _, builds := range p.ofModule {
		most = max(most, len(builds))
	}
	return most
}

func (p *moduleProblem) rankGroups() {
	order := slices.Clone(p.groups)
	slices.SortStableFunc(order, func(a, b *Group) int { return cmp.Compare(a.String(), b.String()) })
	p.rank = make([]int, len(order))
	for i, g := range order {
		p.rank[g.id] = i
	}
}

// addSolvables numbers the builds: those with a static context first, then the
// others, in both cases as the documents were merged. libsolv does not even look at
// builds that the machine cannot run.
func (p *moduleProblem) addSolvables(x *Index, builds []*modulemd.Build) {
	groupOf := map[*modulemd.Build]int32{}
	for _, g := range x.groups {
		for _, b := range g.Builds {
			groupOf[b] = int32(g.id)
		}
	}
	for _, static := range []bool{true, false} {
		for _, b := range builds {
			if b.Static != static {
				continue
			}
			p.addSolvable(solvable{
				build: b, group: groupOf[b], arch: scoreArch(b.Arch, x.arch),
				stream: p.streamID[StreamID{b.Name, b.Stream}], module: p.moduleID[b.Name],
				excludesPlatform: b.Name == PlatformModule,
			})
		}
	}
	p.platform = int32(len(p.solvables))
	p.solvables = append(p.solvables, solvable{arch: archNone})
}

func (p *moduleProblem) addSolvable(s solvable) {
	id := int32(len(p.solvables))
	p.solvables = append(p.solvables, s)
	p.allOfStream[s.stream] = append(p.allOfStream[s.stream], id)
	if s.arch != archForeign {
		p.ofStream[s.stream] = append(p.ofStream[s.stream], id)
		p.ofModule[s.module] = append(p.ofModule[s.module], id)
	}
}

func (p *moduleProblem) addRequires(x *Index) {
	known := map[string]int32{}
	for id := firstBuild; id < p.platform; id++ {
		s := &p.solvables[id]
		for _, entry := range s.build.Requires {
			for _, r := range entry {
				if r.Module == PlatformModule {
					s.wrongPlatform = s.wrongPlatform || !wants(r.Streams, x.platform)
					s.excludesPlatform = s.excludesPlatform || excludes(r.Streams, x.platform)
					continue
				}
				p.addExclusions(id, r)
				n, ok := known[needKey(r)]
				if !ok {
					n = p.addNeed(r)
					known[needKey(r)] = n
				}
				if !slices.Contains(s.needs, n) {
					s.needs = append(s.needs, n)
				}
			}
		}
		slices.SortStableFunc(s.needs, func(a, b int32) int {
			return slices.Compare(p.needs[a].members, p.needs[b].members)
		})
	}
}

func needKey(r modulemd.Require) string {
	return r.Module + "\x00" + strings.Join(r.Streams, "\x00")
}

func excludes(streams []string, stream string) bool {
	return slices.ContainsFunc(streams, func(s string) bool { return isExclusion(s) && s[1:] == stream })
}

func (p *moduleProblem) addExclusions(id int32, r modulemd.Require) {
	for _, text := range r.Streams {
		if !isExclusion(text) || p.solvables[id].arch == archForeign {
			continue
		}
		if stream, ok := p.streamID[StreamID{r.Module, text[1:]}]; ok {
			p.solvables[id].excludes = append(p.solvables[id].excludes, stream)
			p.excluders[stream] = append(p.excluders[stream], id)
		}
	}
}

func (p *moduleProblem) addNeed(r modulemd.Require) int32 {
	n := need{module: r.Module, streams: r.Streams, text: requireText(r)}
	for _, members := range p.providers(r) {
		if p.membership += len(members); p.membership > maxMembers {
			p.tooLarge = true
			break
		}
		n.members = append(n.members, members...)
	}
	slices.Sort(n.members)
	n.members = slices.Compact(n.members)
	p.needs = append(p.needs, n)
	return int32(len(p.needs) - 1)
}

// providers lists the solvables that meet a requirement, stream by stream.
func (p *moduleProblem) providers(r modulemd.Require) [][]int32 {
	var lists [][]int32
	named := false
	for _, s := range r.Streams {
		if isExclusion(s) {
			continue
		}
		named = true
		if stream, ok := p.streamID[StreamID{r.Module, s}]; ok {
			lists = append(lists, p.ofStream[stream])
		}
	}
	if module, ok := p.moduleID[r.Module]; ok && !named {
		lists = append(lists, p.ofModule[module])
	}
	return lists
}

// requireText writes a requirement for people.
func requireText(r modulemd.Require) string {
	var any, not []string
	for _, s := range r.Streams {
		if isExclusion(s) {
			not = append(not, r.Module+":"+s[1:])
		} else {
			any = append(any, r.Module+":"+s)
		}
	}
	text := strings.Join(any, " or ")
	if len(any) == 0 {
		text = "some stream of " + r.Module
	}
	if len(not) > 0 {
		text += " (not " + strings.Join(not, ", ") + ")"
	}
	return text
}

// prefer prunes candidates as libsolv's policy_filter_unwanted does: those for a
// lesser arch when there is one for a better; then of each group the newest build,
// of equally new ones the first. They come sorted bytewise by module:stream:context.
func (p *moduleProblem) prefer(candidates []int32) []int32 {
	if len(candidates) < 2 {
		return candidates
	}
	best := archNone
	for _, v := range candidates {
		if a := p.solvables[v].arch; a > archNone && (best == archNone || a < best) {
			best = a
		}
	}
	candidates = slices.DeleteFunc(candidates, func(v int32) bool {
		return p.solvables[v].arch > archNone && p.solvables[v].arch != best
	})
	slices.SortFunc(candidates, func(a, b int32) int {
		sa, sb := &p.solvables[a], &p.solvables[b]
		return cmp.Or(cmp.Compare(p.rank[sa.group], p.rank[sb.group]),
			cmp.Compare(sb.build.Version, sa.build.Version), cmp.Compare(a, b))
	})
	return slices.CompactFunc(candidates, func(a, b int32) bool { return p.solvables[a].group == p.solvables[b].group })
}
