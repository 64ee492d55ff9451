package splitter

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"flatstream/fixtures"
	"flatstream/repodata"
)

// TestBlameReplays goes through random histories of a repository: what blame tells,
// carried out night by night from nothing, must give what each night's repository has of
// the word. Some nights change nothing, and one cannot be read. It must be the same when it
// is known which package files are where, and few nights are read.
func TestBlameReplays(t *testing.T) {
	histories := 12
	if os.Getenv("FLATSTREAM_FULL") == "1" {
		histories = 300
	}
	for seed := range uint64(histories) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		nights, moments := randomNights(t, rnd, 8)
		damaged := 1 + rnd.IntN(6)
		if err := os.RemoveAll(filepath.Join(moments[damaged].dir, "mirror/r/repodata")); err != nil {
			t.Fatal(err)
		}
		var all []Moment
		var held []Held
		for i, m := range moments {
			all = append(all, m.Moment)
			for _, digits := range m.files {
				held = append(held, Held{"mirror/r", digits, i, i + 1})
			}
		}
		for _, word := range []string{"p0", "p1.x86_64", "p2", "cap0", "cap1 >= 2", "cap2"} {
			got, err := Blame(context.Background(), all, nil, word, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Skipped) != 1 || got.Skipped[0].Snapshot != fmt.Sprint(damaged) {
				t.Fatalf("seed %d: skipped %v, want %d", seed, got.Skipped, damaged)
			}
			replay(t, fmt.Sprintf("seed %d: %s", seed, word), got, nights, damaged, word)
			again, err := Blame(context.Background(), all, held, word, 2)
			if err != nil || !reflect.DeepEqual(again, got) {
				t.Fatalf("seed %d: %s: %+v, %v; with the files known it was\n%+v", seed, word, again, err, got)
			}
		}
	}
}

type nightAt struct {
	Moment
	dir   string
	files []string // digits of its packages
}

// randomNights writes repositories; each holds some versions of some packages, of which
// one version differs from the next in what it provides.
func randomNights(t *testing.T, rnd *rand.Rand, n int) (nights [][]fixtures.Package, moments []nightAt) {
	var now []fixtures.Package
	for i := range n {
		if i == 0 || rnd.IntN(3) > 0 {
			now = nil
			for name := range 3 {
				for version := 1; version < 4; version++ {
					if rnd.IntN(3) == 0 {
						now = append(now, fixtures.Package{Name: fmt.Sprintf("p%d", name), Version: fmt.Sprint(version), Release: "1", Arch: "x86_64",
							Provides: []fixtures.Relation{{Name: fmt.Sprintf("cap%d", (name+version)%3), Op: "=", EVR: fmt.Sprint(version)}}})
					}
				}
			}
		}
		nights = append(nights, now)
		moments = append(moments, writeNight(t, i, now))
	}
	return nights, moments
}

// writeNight writes a snapshot with one repository.
func writeNight(t *testing.T, i int, packages []fixtures.Package) nightAt {
	t.Helper()
	dir := t.TempDir()
	if err := (&fixtures.Repo{Packages: packages}).Write(filepath.Join(dir, "mirror/r"), fixtures.Options{MetadataOnly: true, Revision: fmt.Sprint(i)}); err != nil {
		t.Fatal(err)
	}
	repo, err := repodata.Open(os.DirFS(filepath.Join(dir, "mirror/r")))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for p, err := range repo.Packages(context.Background(), repodata.PartIdentity) {
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, p.PkgID.Hex)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(fmt.Sprint(i))))
	return nightAt{Moment{Name: fmt.Sprint(i), FS: os.DirFS(dir), Repos: map[string]string{"mirror/r": sum},
		Problems: func() (known, withheld map[string][]string, err error) { return nil, nil, nil }}, dir, files}
}

// has lists what a night has of a word, by the words' own definition here.
func has(night []fixtures.Package, word string) map[string]bool {
	set := map[string]bool{}
	for _, p := range night {
		c := p.Provides[0]
		name, atLeast, _ := strings.Cut(word, " >= ")
		if p.Name == strings.TrimSuffix(word, ".x86_64") || c.Name == name && c.EVR >= atLeast {
			set[p.NEVRA()] = true
		}
	}
	return set
}

func replay(t *testing.T, what string, got *Blamed, nights [][]fixtures.Package, damaged int, word string) {
	state, before := map[string]bool{}, map[string]bool{}
	for i, night := range nights {
		if i == damaged {
			continue
		}
		events, lost := 0, false
		for _, e := range got.Events {
			if e.Snapshot != fmt.Sprint(i) {
				continue
			}
			events++
			name := strings.TrimSuffix(e.What, ".x86_64")
			switch e.Kind {
			case BlameAppeared:
				state[e.What] = true
			case BlameGone:
				delete(state, e.What)
			case BlameChanged:
				for _, evr := range e.From {
					delete(state, name+"-"+evr+".x86_64")
				}
				for _, evr := range e.To {
					state[name+"-"+evr+".x86_64"] = true
				}
			case BlameLost:
				lost = true
			default:
				t.Errorf("%s: night %d: %+v", what, i, e)
			}
		}
		want := has(night, word)
		if !maps.Equal(state, want) {
			t.Fatalf("%s: night %d: replayed %v, want %v", what, i, slices.Sorted(maps.Keys(state)), slices.Sorted(maps.Keys(want)))
		}
		if events > 0 && maps.Equal(want, before) {
			t.Errorf("%s: night %d: %d events, and nothing changed", what, i, events)
		}
		if lose := strings.HasPrefix(word, "cap") && len(before) > 0 && len(want) == 0; lost != lose {
			t.Errorf("%s: night %d: lost its provider: %t, want %t", what, i, lost, lose)
		}
		before = want
	}
}
