package splitter

import (
	"cmp"
	"slices"
	"strings"

	"flatstream/splitter/modulemd"
)

// moduleProblem is the index as libsolv sees it: one solvable per build, named
// module:stream:computedcontext, and what each requires and excludes. It does not
// change; every resolution is a [search] over it.
type moduleProblem struct {
	solvables []solvable // from 1; their numbers order as libdnf creates them
	needs     []need
	userOf    [][]int32 // by need: solvables that have it
	uses      []use     // all of them, in the order in which libsolv looks at open ones
	tooLarge  bool      // the needs have more members than we hold
	ofModule  [][]int32 // by module
	ofStream  [][]int32 // by stream
	excluders [][]int32 // by stream: solvables that exclude it
	streamID  map[StreamID]int32
	moduleID  map[string]int32
	names     []StreamID // by stream
	defaults  []StreamID // in the order in which libdnf asks for them
	rank      []int      // by group: order of their strings
	groups    []*Group
}

type solvable struct {
	build                   *modulemd.Build
	group, stream, module   int32
	needs                   []int32
	excludes                []int32 // streams
	wrongPlatform           bool
	native, lesser, foreign bool // its arch: the machine's own; also runs; does not. None: noarch
}

// use is one solvable and one of its needs.
type use struct{ solvable, need int32 }

// need is one requirement: a module and the streams that would do.
type need struct {
	text    string
	module  string
	streams []string
	clause  []int32 // its negated variable, then the solvables that meet it, ascending
}

func (n *need) members() []int32 { return n.clause[1:] }

// maxMembers bounds the memory of all needs together: solvables that meet one,
// summed up. A large real index has some 30,000.
const maxMembers = 8 << 20

func newModuleProblem(x *Index, builds []*modulemd.Build) *moduleProblem {
	p := &moduleProblem{
		solvables: make([]solvable, 1, len(builds)+1),
		streamID:  map[StreamID]int32{},
		moduleID:  map[string]int32{},
		groups:    x.groups,
	}
	for i, m := range x.modules {
		p.moduleID[m] = int32(i)
	}
	for i, s := range x.streams {
		p.streamID[s] = int32(i)
	}
	p.names = x.streams
	p.ofModule = make([][]int32, len(x.modules))
	p.ofStream = make([][]int32, len(x.streams))
	p.excluders = make([][]int32, len(x.streams))
	p.rankGroups()
	p.addSolvables(x, builds)
	p.addRequires(x)
	p.orderUses()
	p.orderDefaults(x)
	return p
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
// others, in both cases as the documents were merged.
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
			id := int32(len(p.solvables))
			s := solvable{
				build: b, group: groupOf[b],
				stream: p.streamID[StreamID{b.Name, b.Stream}], module: p.moduleID[b.Name],
			}
			s.setArch(x.arch)
			p.solvables = append(p.solvables, s)
			p.ofStream[s.stream] = append(p.ofStream[s.stream], id)
			p.ofModule[s.module] = append(p.ofModule[s.module], id)
		}
	}
}

// setArch follows libsolv's pool_setarch: what the machine can install. Without a
// machine everything can be.
func (s *solvable) setArch(machine string) {
	switch s.build.Arch {
	case "noarch", "":
	case machine:
		s.native = true
	case "i386", "i486", "i586", "i686":
		s.lesser = machine == "x86_64" || machine == ""
		s.foreign = !s.lesser
	default:
		s.foreign = machine != ""
	}
}

func (p *moduleProblem) addRequires(x *Index) {
	known := map[string]int32{}
	total := 0
	for id := int32(1); id < int32(len(p.solvables)); id++ {
		s := &p.solvables[id]
		for _, entry := range s.build.Requires {
			for _, r := range entry {
				if r.Module == PlatformModule {
					s.wrongPlatform = s.wrongPlatform || !platformFits(r.Streams, x.platform)
					continue
				}
				p.addExclusions(id, r)
				n, ok := known[needKey(r)]
				if !ok {
					n = p.addNeed(r, &total)
					known[needKey(r)] = n
				}
				if users := p.userOf[n]; len(users) == 0 || users[len(users)-1] != id {
					s.needs = append(s.needs, n)
					p.userOf[n] = append(users, id)
				}
			}
		}
	}
}

func needKey(r modulemd.Require) string {
	return r.Module + "\x00" + strings.Join(r.Streams, "\x00")
}

func platformFits(streams []string, platform string) bool {
	for _, s := range streams {
		if isExclusion(s) && s[1:] == platform {
			return false
		}
	}
	return wants(streams, platform)
}

func (p *moduleProblem) addExclusions(id int32, r modulemd.Require) {
	for _, text := range r.Streams {
		if !isExclusion(text) {
			continue
		}
		if stream, ok := p.streamID[StreamID{r.Module, text[1:]}]; ok {
			p.solvables[id].excludes = append(p.solvables[id].excludes, stream)
			p.excluders[stream] = append(p.excluders[stream], id)
		}
	}
}

func (p *moduleProblem) addNeed(r modulemd.Require, total *int) int32 {
	id := int32(len(p.needs))
	n := need{module: r.Module, streams: r.Streams, text: requireText(r), clause: []int32{-p.needVar(id)}}
	for _, members := range p.providers(r) {
		if *total += len(members); *total > maxMembers {
			p.tooLarge = true
			break
		}
		n.clause = append(n.clause, members...)
	}
	slices.Sort(n.members())
	n.clause = slices.Compact(n.clause)
	p.needs = append(p.needs, n)
	p.userOf = append(p.userOf, nil)
	return id
}

// needVar is the variable of a need; those of solvables are their numbers.
func (p *moduleProblem) needVar(need int32) int32 { return int32(len(p.solvables)) + need }

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

// orderUses sorts as libsolv's unifyrules does: the solvable with the highest
// number first, then by who meets the need.
func (p *moduleProblem) orderUses() {
	for id, s := range slices.Backward(p.solvables) {
		slices.SortStableFunc(s.needs, func(a, b int32) int {
			return slices.Compare(p.needs[a].members(), p.needs[b].members())
		})
		for _, n := range s.needs {
			p.uses = append(p.uses, use{int32(id), n})
		}
	}
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

// orderDefaults lists the default streams by the first solvable of each, which is
// the order in which libdnf asks for them; of two that conflict the later loses.
func (p *moduleProblem) orderDefaults(x *Index) {
	seen := make([]bool, len(p.names))
	for _, s := range p.solvables[1:] {
		id := p.names[s.stream]
		if !seen[s.stream] && x.defaults[id.Module] == id.Stream {
			p.defaults = append(p.defaults, id)
		}
		seen[s.stream] = true
	}
}
