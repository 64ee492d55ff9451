package closure

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"flatstream/repodata"
	"flatstream/repodata/rpmver"
)

// TestSystemsOfRandomWorlds wants of each package that can be installed a system in
// which everything holds, and none of the others.
func TestSystemsOfRandomWorlds(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	found, larger := 0, 0
	for range worlds(150, 3000) {
		w := judgeRandom(t, rng)
		u := NewUniverse()
		for i, dir := range w.dirs {
			if _, err := u.Add(context.Background(), []string{"app", "base"}[i], openDir(t, dir)); err != nil {
				t.Fatal(err)
			}
		}
		systems, _, err := u.Systems(context.Background(), Check{Suppliers: []RepoID{1}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range w.own {
			system, ok := systems[p.NEVRA]
			if isSource(p.Arch) || twice(w.all, p.NEVRA) {
				continue
			}
			if ok == slices.Contains(w.broken, p.NEVRA.String()) {
				t.Fatalf("%s has a system: %v, and is broken: %v\n%s", p.NEVRA, ok, !ok, w.text)
			}
			if !ok {
				continue
			}
			set := []*repodata.Package{p}
			for _, q := range w.all {
				if q != p && slices.Contains(system, q.NEVRA) {
					set = append(set, q)
				}
			}
			if len(set) != len(system)+1 {
				continue // two packages have one NEVRA
			}
			if !consistent(set, w.all) {
				t.Fatalf("the system of %s does not hold together: %v\n%s", p.NEVRA, system, w.text)
			}
			if found++; len(system) > 0 {
				larger++
			}
		}
	}
	if larger < 20 {
		t.Errorf("only %d of %d systems have more than one package", larger, found)
	}
}

func twice(all []*repodata.Package, n rpmver.NEVRA) bool {
	count := 0
	for _, p := range all {
		if p.NEVRA == n {
			count++
		}
	}
	return count > 1
}
