package closure

import (
	"cmp"
	"slices"
	"strings"

	"flatstream/repodata/rpmver"
)

// graph is the universe's relations the other way round: built once for all
// checks, and again when something was added.
type graph struct {
	meets        lists   // by package: the requirements and exclusions that it meets
	needed       lists   // by requirement: the packages that it obliges
	excluders    lists   // by requirement: the packages that cannot be beside what meets it
	wants, lacks lists   // by literal: the rich requirements that it can meet, or break
	rank         []int32 // by package: the lower, the better among those that meet the same
}

// lists is a list for each number, side by side.
type lists struct{ start, items []int32 }

func (l lists) of(i int32) []int32 { return l.items[l.start[i]:l.start[i+1]] }

// newLists builds n lists of pairs (list, item), which pairs yields twice in the
// same order.
func newLists(n int, pairs func(yield func(list, item int32))) lists {
	l := lists{start: make([]int32, n+2)}
	pairs(func(list, _ int32) { l.start[list+2]++ })
	for i := 2; i < len(l.start); i++ {
		l.start[i] += l.start[i-1]
	}
	l.items = make([]int32, l.start[n+1])
	pairs(func(list, item int32) {
		l.items[l.start[list+1]] = item
		l.start[list+1]++
	})
	return l
}

// graphed builds the graph when something has changed.
func (u *Universe) graphed(jobs int) *graph {
	if u.graph != nil {
		return u.graph
	}
	u.spare()
	g := &graph{}
	build := []func(){
		func() { g.meets = newLists(len(u.packages), u.eachMeets) },
		func() { g.needed = newLists(len(u.all), u.eachOf(u.obliges)) },
		func() { g.excluders = newLists(len(u.all), u.eachOf(u.excludes)) },
		func() { g.wants = newLists(len(u.all), u.eachLiteral(have)) },
		func() { g.lacks = newLists(len(u.all), u.eachLiteral(lack)) },
		func() { g.rank = u.ranks() },
	}
	parallel(jobs, len(build), func(i int) { build[i]() })
	u.graph = g
	return g
}

func (u *Universe) eachMeets(yield func(p, r int32)) {
	for r := range int32(len(u.all)) {
		for _, p := range u.providers.of(r) {
			yield(p, r)
		}
	}
}

// eachOf yields every requirement in the run of every package.
func (u *Universe) eachOf(run func(p int32) []int32) func(func(r, p int32)) {
	return func(yield func(r, p int32)) {
		for p := range u.packages {
			for _, r := range run(int32(p)) {
				yield(r, int32(p))
			}
		}
	}
}

// eachLiteral yields every literal of that kind with the rich requirement it is in.
func (u *Universe) eachLiteral(kind formulaKind) func(func(leaf, r int32)) {
	return func(yield func(leaf, r int32)) {
		for r := range u.all {
			if rich := u.all[r].rich; rich != nil {
				for _, leaf := range rich.formula.literals(kind, nil) {
					yield(leaf, int32(r))
				}
			}
		}
	}
}

// literals appends the leaves of f's literals of one kind.
func (f *formula) literals(kind formulaKind, leaves []int32) []int32 {
	if f.kind == kind {
		return append(leaves, f.leaf)
	}
	for _, a := range f.args {
		leaves = a.literals(kind, leaves)
	}
	return leaves
}

// ranks orders packages by what an installer would try first: short names, the
// newest build, the widest arch. It decides nothing but how soon a proof is found.
func (u *Universe) ranks() []int32 {
	var names []string
	for word := range int32(u.words.len()) {
		if len(u.named.of(word)) > 0 {
			names = append(names, u.words.text(word))
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
	rank := make([]int32, len(u.packages))
	next := int32(0)
	for _, name := range names {
		for _, p := range u.newestFirst(name) {
			rank[p] = next
			next++
		}
	}
	return rank
}

func (u *Universe) newestFirst(name string) []int32 {
	builds := slices.Clone(u.namedAs(name))
	slices.SortFunc(builds, func(a, b int32) int {
		p, q := &u.packages[a], &u.packages[b]
		return cmp.Or(rpmver.Compare(q.EVR, p.EVR), strings.Compare(q.Arch, p.Arch), cmp.Compare(a, b))
	})
	return builds
}
