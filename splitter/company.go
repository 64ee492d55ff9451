package splitter

import (
	"cmp"
	"slices"
	"strings"
)

// company is what a client of one repository needs besides it (P19).
type company struct {
	ids      []string // repository ids: streams sorted, then non-modular
	declared []string // of those, streams that own requires, directly or not
}

// needs turns the active groups into repository ids, own among them: under --by nsvca
// its other builds are company too. Streams that --streams left out have none.
func (p *Plan) needs(a *Activation, own *Group) company {
	required := requiredBy(a, own)
	var c company
	for _, g := range a.Groups {
		for _, f := range p.reposOf(g.Group) {
			c.ids = append(c.ids, f.ID)
			if required[g.Group] {
				c.declared = append(c.declared, f.ID)
			}
		}
	}
	slices.Sort(c.ids)
	slices.Sort(c.declared)
	c.ids = append(slices.Compact(c.ids), repoID(KindNonModular))
	c.declared = slices.Compact(c.declared)
	return c
}

// requiredBy walks what own requires, and what that requires.
func requiredBy(a *Activation, own *Group) map[*Group]bool {
	found := map[*Group]bool{}
	for queue := []*Group{own}; own != nil && len(queue) > 0; queue = queue[1:] {
		for _, g := range a.Requires(queue[0]) {
			if !found[g] {
				found[g] = true
				queue = append(queue, g)
			}
		}
	}
	return found
}

// groupRepos says which repositories are made of a group: those of the group alone,
// and those of a whole stream.
type groupRepos struct {
	of       map[*Group][]*Flat
	ofStream map[StreamID][]*Flat
	seen     int // how many of Plan.Repos are in the maps
}

// reposOf finds the repositories made of a group, among those planned so far.
func (p *Plan) reposOf(g *Group) []*Flat {
	p.findRepos()
	x := &p.groupRepos
	return slices.Concat(x.of[g], x.ofStream[g.StreamID])
}

// findRepos takes the repositories in that were planned since it was called last.
// Until there are more, reposOf may be called from several goroutines.
func (p *Plan) findRepos() {
	x := &p.groupRepos
	if x.seen == len(p.Repos) {
		return
	}
	if x.of == nil {
		x.of, x.ofStream = map[*Group][]*Flat{}, map[StreamID][]*Flat{}
	}
	for _, f := range p.Repos[x.seen:] {
		if f.Group != nil {
			x.of[f.Group] = append(x.of[f.Group], f)
		} else if id := (StreamID{f.Module, f.Stream}); f.Kind == KindStream {
			x.ofStream[id] = append(x.ofStream[id], f)
		}
	}
	x.seen = len(p.Repos)
}

// connect records what a stream's repository needs, and what it hides there. Where
// DNF could not enable it (a is nil) that is the non-modular packages alone.
func (p *Plan) connect(f *Flat, a *Activation) {
	if a == nil {
		f.Requires = []string{repoID(KindNonModular)}
		return
	}
	own := f.Group
	if own == nil {
		own = a.Active(f.Module)[0].Group
	}
	c := p.needs(a, own)
	f.Requires = slices.DeleteFunc(c.ids, isID(f.ID))
	f.Declared = c.declared
	f.Hidden = p.hidden(p.hiding(a))
}

func isID(id string) func(string) bool { return func(s string) bool { return s == id } }

// hiding is the filter of what is active, for no other packages than those that some
// stream could hide. There are few of them, and hundreds of streams are active.
func (p *Plan) hiding(a *Activation) *Filter { return p.Index.filter(a, p.hides) }

// hides leaves, of the names that each group lets hide others, those that a package
// of the sources has.
func (x *Index) hides(shadowable map[int32][]int32) []groupArtifacts {
	list := slices.Clone(x.artifacts.ofGroup)
	none := func(name int32) bool { return len(shadowable[name]) == 0 }
	for i, own := range list {
		list[i] = groupArtifacts{slices.DeleteFunc(slices.Clone(own.binary), none), slices.DeleteFunc(slices.Clone(own.source), none)}
	}
	return list
}

// hidden lists the non-modular packages that the active streams hide (rule 9).
func (p *Plan) hidden(filter *Filter) []Hidden {
	list := []Hidden{}
	add := func(held map[int32]*Group) {
		for name := range held {
			for _, i := range p.shadowable[name] {
				k := &p.pkgs[i]
				if v := filter.Verdict(k.subject); v.Kind == Shadowed {
					list = append(list, Hidden{k.NEVRA.String(), v.Groups[0].StreamID.String()})
				}
			}
		}
	}
	add(filter.binary)
	add(filter.source)
	slices.SortFunc(list, func(a, b Hidden) int { return cmp.Or(strings.Compare(a.NEVRA, b.NEVRA), strings.Compare(a.By, b.By)) })
	return slices.Compact(list)
}
