package splitter

import (
	"fmt"
	"slices"
)

// Every two builds of a module exclude each other, so that a module of n builds makes
// n²/2 rules. A large real index is below these limits and is resolved as libsolv does,
// as a whole; for a larger one each resolution looks only at what it can reach.
const (
	maxWhole  = 4000 // builds of an index that is resolved as a whole
	maxRivals = 400  // builds of one module that are told apart one by one
)

// restrict is the part of the problem that can matter when some streams are asked for:
// their builds, and all that could meet what one of these requires. No search chooses
// anything else, and what is never chosen draws no conclusion, so that the part has the
// same solution as the whole (the test compares them). Of a module with more than limit such builds, of those that differ in
// nothing but their version only the one is kept that libsolv would prefer.
func (p *moduleProblem) restrict(asked []int32, limit int) *moduleProblem {
	ids := p.thin(p.reachable(asked), limit)
	q := &moduleProblem{
		whole: p, groups: p.groups, rank: p.rank, tooLarge: p.tooLarge,
		solvables: make([]solvable, firstBuild, len(ids)+3),
		streamID:  map[StreamID]int32{}, moduleID: map[string]int32{},
	}
	m := moving{from: p, to: q, needs: map[int32]int32{}, builds: make(map[int32]int32, len(ids)), streams: map[int32]int32{}}
	for _, id := range ids {
		m.build(id)
	}
	q.platform = int32(len(q.solvables))
	q.solvables = append(q.solvables, p.solvables[p.platform])
	for i, id := range ids {
		m.relations(firstBuild+int32(i), id)
	}
	return q
}

// reachable lists, ascending, the builds of the streams and all that could meet what
// one of them requires. Builds for a foreign arch count as jobs and lead nowhere.
func (p *moduleProblem) reachable(streams []int32) []int32 {
	var found []int32
	seen, seenNeed := map[int32]bool{}, map[int32]bool{}
	add := func(ids []int32) {
		for _, id := range ids {
			if !seen[id] {
				seen[id] = true
				found = append(found, id)
			}
		}
	}
	for _, s := range streams {
		add(p.allOfStream[s])
	}
	for i := 0; i < len(found); i++ {
		s := &p.solvables[found[i]]
		if s.arch == archForeign {
			continue
		}
		for _, n := range s.needs {
			if !seenNeed[n] {
				seenNeed[n] = true
				add(p.needs[n].members)
			}
		}
	}
	slices.Sort(found)
	return found
}

// thin leaves out builds of modules that have more than limit.
func (p *moduleProblem) thin(ids []int32, limit int) []int32 {
	count := map[int32]int{}
	for _, id := range ids {
		count[p.solvables[id].module]++
	}
	best := map[string]int32{} // by kind
	for _, id := range ids {
		if count[p.solvables[id].module] <= limit {
			continue
		}
		kind := p.kind(id)
		if other, ok := best[kind]; !ok || p.solvables[id].build.Version > p.solvables[other].build.Version {
			best[kind] = id
		}
	}
	kept := map[int32]bool{}
	for _, id := range best {
		kept[id] = true
	}
	return slices.DeleteFunc(ids, func(id int32) bool { return count[p.solvables[id].module] > limit && !kept[id] })
}

// kind is all of a build that counts here but its version.
func (p *moduleProblem) kind(id int32) string {
	s := &p.solvables[id]
	return fmt.Sprint(s.group, s.arch, s.wrongPlatform, s.excludesPlatform, s.needs, s.excludes)
}

// moving copies solvables from one problem into another, with new numbers in the old
// order.
type moving struct {
	from, to               *moduleProblem
	builds, needs, streams map[int32]int32 // old number to new
}

func (m *moving) build(id int32) {
	q, s := m.to, m.from.solvables[id]
	name := m.from.names[s.stream]
	module, ok := q.moduleID[name.Module]
	if !ok {
		module = int32(len(q.ofModule))
		q.moduleID[name.Module] = module
		q.ofModule = append(q.ofModule, nil)
	}
	stream, ok := m.streams[s.stream]
	if !ok {
		stream = int32(len(q.names))
		m.streams[s.stream] = stream
		q.streamID[name] = stream
		q.names = append(q.names, name)
		q.isDefault = append(q.isDefault, m.from.isDefault[s.stream])
		q.ofStream, q.allOfStream, q.excluders = append(q.ofStream, nil), append(q.allOfStream, nil), append(q.excluders, nil)
	}
	s.module, s.stream = module, stream
	to := int32(len(q.solvables))
	m.builds[id] = to
	q.addSolvable(s)
}

// relations copies what a build requires and excludes.
func (m *moving) relations(to, id int32) {
	q, s := m.to, &m.to.solvables[to]
	if s.arch == archForeign {
		s.needs, s.excludes = nil, nil
		return
	}
	old := m.from.solvables[id]
	s.needs, s.excludes = nil, nil
	for _, n := range old.needs {
		number, ok := m.needs[n]
		if !ok {
			number = int32(len(q.needs))
			m.needs[n] = number
			q.needs = append(q.needs, m.need(n))
		}
		s.needs = append(s.needs, number)
	}
	for _, stream := range old.excludes {
		if moved, ok := m.streams[stream]; ok {
			s.excludes = append(s.excludes, moved)
			q.excluders[moved] = append(q.excluders[moved], to)
		}
	}
	slices.SortStableFunc(s.needs, func(a, b int32) int { return slices.Compare(q.needs[a].members, q.needs[b].members) })
}

func (m *moving) need(n int32) need {
	moved := m.from.needs[n]
	moved.members = nil
	for _, id := range m.from.needs[n].members {
		if to, ok := m.builds[id]; ok {
			moved.members = append(moved.members, to)
		}
	}
	return moved
}
