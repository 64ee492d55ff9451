package splitter

import (
	"maps"
	"slices"
	"sync"
)

// parts are the modules of a large index, gathered into parts of which none requires or
// excludes anything of another: each is resolved alone, and what no enabled stream
// touches only once.
type parts struct {
	p        *moduleProblem
	of       []int32           // by module: its part
	defaults map[int32][]int32 // by part: its default streams, ascending
	order    []int32           // parts with default streams, ascending
	usual    [loose + 1]usual  // by effort
	limit    int               // builds of one module that are told apart one by one
}

// usual is what each part comes to when nothing of it is enabled. It is found when it
// is first asked for.
type usual struct {
	once sync.Once
	of   map[int32]*solution
	bad  map[int32]error // parts without a solution, which then says why
}

func newParts(p *moduleProblem) *parts {
	q := &parts{p: p, of: make([]int32, len(p.ofModule)), defaults: map[int32][]int32{}, limit: maxRivals}
	for m := range q.of {
		q.of[m] = int32(m)
	}
	for id := firstBuild; id < p.platform; id++ {
		s := &p.solvables[id]
		for _, n := range s.needs {
			if m, ok := p.moduleID[p.needs[n].module]; ok {
				q.join(s.module, m)
			}
		}
	}
	for m := range q.of {
		q.of[m] = q.root(int32(m))
	}
	for s, is := range p.isDefault {
		if is {
			part := q.of[p.moduleID[p.names[s].Module]]
			if len(q.defaults[part]) == 0 {
				q.order = append(q.order, part)
			}
			q.defaults[part] = append(q.defaults[part], int32(s))
		}
	}
	slices.Sort(q.order)
	return q
}

// root finds the part that a module belongs to so far, and shortens the way there.
func (q *parts) root(m int32) int32 {
	for q.of[m] != m {
		q.of[m] = q.of[q.of[m]]
		m = q.of[m]
	}
	return m
}

func (q *parts) join(a, b int32) {
	a, b = q.root(a), q.root(b)
	q.of[max(a, b)] = min(a, b)
}

// solve finds what is active when those streams are enabled.
func (p *moduleProblem) solve(enabled []StreamID, opt ResolveOptions, e effort) (*solution, error) {
	if p.parts == nil {
		return p.search(enabled, opt, e)
	}
	return p.parts.solve(enabled, opt, e)
}

func (q *parts) solve(enabled []StreamID, opt ResolveOptions, e effort) (*solution, error) {
	touched := map[int32][]StreamID{}
	for _, s := range enabled {
		part := q.of[q.p.moduleID[s.Module]]
		touched[part] = append(touched[part], s)
	}
	for _, module := range opt.Disabled {
		if m, ok := q.p.moduleID[module]; ok && touched[q.of[m]] == nil {
			touched[q.of[m]] = []StreamID{}
		}
	}
	all := &solution{defaults: map[StreamID]bool{}}
	if !opt.NoDefaults {
		if s, err := q.addUsual(all, touched, opt, e); err != nil {
			return s, err
		}
	}
	for _, part := range slices.Sorted(maps.Keys(touched)) {
		s, err := q.solvePart(part, touched[part], opt, e)
		if err != nil {
			return s, err
		}
		all.add(s)
	}
	slices.SortFunc(all.groups, func(a, b *Group) int { return a.id - b.id })
	slices.SortFunc(all.dropped, compareDropped)
	return all, nil
}

// addUsual adds the parts that nothing touches; with opt.near it only looks whether
// they have a solution.
func (q *parts) addUsual(all *solution, touched map[int32][]StreamID, opt ResolveOptions, e effort) (*solution, error) {
	u := &q.usual[e]
	u.once.Do(func() { u.find(q, e) })
	for _, part := range slices.Sorted(maps.Keys(u.bad)) {
		if touched[part] == nil {
			return u.of[part], u.bad[part]
		}
	}
	if opt.near {
		return nil, nil
	}
	for _, part := range q.order {
		if touched[part] == nil {
			all.add(u.of[part])
		}
	}
	return nil, nil
}

func (u *usual) find(q *parts, e effort) {
	u.of, u.bad = map[int32]*solution{}, map[int32]error{}
	for _, part := range q.order {
		s, err := q.solvePart(part, nil, ResolveOptions{}, e)
		if u.of[part] = s; err != nil {
			u.bad[part] = err
		}
	}
}

// solvePart resolves one part.
func (q *parts) solvePart(part int32, enabled []StreamID, opt ResolveOptions, e effort) (*solution, error) {
	var asked []int32
	for _, s := range enabled {
		asked = append(asked, q.p.streamID[s])
	}
	if !opt.NoDefaults {
		asked = append(asked, q.defaults[part]...)
	}
	return q.p.restrict(asked, q.limit).search(enabled, opt, e)
}

func (s *solution) add(o *solution) {
	s.groups = append(s.groups, o.groups...)
	s.dropped = append(s.dropped, o.dropped...)
	maps.Copy(s.defaults, o.defaults)
}
