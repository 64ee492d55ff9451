package splitter

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
)

// asking is what one search is asked.
type asking struct {
	enabled []StreamID
	opt     ResolveOptions
	effort  effort
}

// searched is all that a search says, for comparison.
func searched(p *moduleProblem, q asking) string {
	s, err := p.search(q.enabled, q.opt, q.effort)
	if s == nil {
		return fmt.Sprint(err)
	}
	return fmt.Sprint(s.groups, s.defaults, s.dropped, s.reasons, err)
}

// A search that begins with the memory of one that has ended answers as one with memory
// of its own does, whatever was asked before, and by whom at the same time.
func TestSearchesForgetTheOnesBefore(t *testing.T) {
	seeds := uint64(10)
	switch {
	case testing.Short():
		seeds = 4
	case os.Getenv("FLATSTREAM_FULL") == "1":
		seeds = 1000
	}
	for seed := range seeds {
		repos, opt := randomIndex(t, seed)
		x := parseRepos(t, repos, opt)
		r := rand.New(rand.NewPCG(seed, 5))
		var asked []asking
		for _, set := range randomSets(x, seed) {
			enabled, disabled := parseSet(t, set)
			asked = append(asked, asking{enabled, ResolveOptions{Disabled: disabled, NoDefaults: r.IntN(3) == 0}, effort(r.IntN(3))})
		}
		for _, g := range x.AllGroups() {
			asked = append(asked, asking{[]StreamID{g.StreamID}, ResolveOptions{Force: g}, effort(r.IntN(3))})
		}
		want := make([]string, len(asked))
		for i, q := range asked {
			want[i] = searched(parseRepos(t, repos, opt).problem, q)
		}
		var work sync.WaitGroup
		for n := range uint64(4) {
			work.Go(func() {
				order := rand.New(rand.NewPCG(seed, n)).Perm(len(asked))
				for _, i := range append(order, order...) {
					if got := searched(x.problem, asked[i]); got != want[i] {
						t.Errorf("seed %d: %v: %s\nwith memory of its own %s", seed, asked[i], got, want[i])
					}
				}
			})
		}
		work.Wait()
	}
}
