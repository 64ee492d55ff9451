package splitter

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// sameAsWhole resolves each set in parts and as a whole, and fails where the answers
// differ. limit is how many builds of a module are told apart; 0: all.
func sameAsWhole(t *testing.T, x *Index, sets [][]string, limit int) {
	t.Helper()
	whole := x.problem
	inParts := newParts(whole)
	inParts.limit = cmp.Or(limit, inParts.limit)
	for _, set := range sets {
		enabled, disabled := parseSet(t, set)
		slices.SortFunc(enabled, CompareStreamID)
		for _, opt := range []ResolveOptions{{Disabled: disabled}, {Disabled: disabled, NoDefaults: true}} {
			for _, e := range []effort{strict, lenient, loose} {
				want, wantErr := whole.search(enabled, opt, e)
				got, err := inParts.solve(enabled, opt, e)
				if !errors.Is(err, wantErr) {
					t.Errorf("%v: %v, as a whole %v", set, err, wantErr)
				}
				if wantErr == nil && !reflect.DeepEqual(got, want) {
					t.Errorf("%v, effort %d: %v without %v\nas a whole %v without %v", set, e, got.groups, got.dropped, want.groups, want.dropped)
				}
			}
		}
	}
}

// What is resolved in parts comes out as libsolv's own way does, on real files and on
// nasty ones.
func TestPartsAgreeWithTheWhole(t *testing.T) {
	for name, repos := range realFiles() {
		if testing.Short() && name != "c9s" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			x := parseRepos(t, realCase{repos: repos}.build(t), IndexOptions{})
			sets := [][]string{{}}
			for i, s := range x.Streams() {
				sets = append(sets, []string{s.String()}, []string{s.String(), x.Streams()[(i*7+1)%len(x.Streams())].String()})
			}
			sameAsWhole(t, x, sets, 0)
			sameAsWhole(t, x, sets, 3)
		})
	}
	seeds := uint64(40)
	switch {
	case testing.Short():
		seeds = 5
	case os.Getenv("FLATSTREAM_FULL") == "1":
		seeds = 2000
	}
	for seed := range seeds {
		repos, opt := randomIndex(t, seed)
		x := parseRepos(t, repos, opt)
		sameAsWhole(t, x, randomSets(x, seed), 0)
	}
}

// bigIndex is 100,000 documents of one shape.
func bigIndex(t *testing.T, line func(n int) string, rest string) *Index {
	t.Helper()
	var text strings.Builder
	for n := range 100_000 {
		text.WriteString(line(n))
	}
	x, _ := newTestIndex(t, text.String()+rest)
	return x
}

// A hundred thousand documents are resolved stream by stream in seconds, whatever
// their shape: an effort that grows with the square would take hours.
func TestHundredThousandDocuments(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	shapes := []struct {
		name, rest string
		line       func(n int) string
		picked     map[string]string
	}{
		{"many modules", "default m1:2\n", func(n int) string {
			return fmt.Sprintf("m%d:%d 1 +m%d:\n", n/4, n%4, max(0, n/40))
		}, map[string]string{"m9:3": "m9:3:m0"}},
		{"many defaults", "", func(n int) string {
			return fmt.Sprintf("m%d:%d 1\ndefault m%d:1\n", n/4, n%4, n/4)
		}, map[string]string{"m9:3": "m9:3:NoRequires"}},
		{"many builds", "default m3:1\n", func(n int) string {
			return fmt.Sprintf("m%d:1 %d +m%d:1\n", n%10, n, n/10%2)
		}, map[string]string{"m1:1": "m1:1:m0:[1]"}},
		{"many streams", "default m:7\n", func(n int) string {
			return fmt.Sprintf("m:%d 1\n", n)
		}, map[string]string{"m:99999": "m:99999:NoRequires"}},
	}
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			start := time.Now()
			x := bigIndex(t, s.line, s.rest)
			for _, id := range x.Streams() {
				g := x.Picked(id)
				if g == nil {
					t.Fatalf("%s cannot be enabled", id)
				}
				if want := s.picked[id.String()]; want != "" && g.String() != want {
					t.Errorf("%s: %s is picked, want %s", id, g, want)
				}
			}
			if d := time.Since(start); d > 60*time.Second {
				t.Errorf("it took %s", d)
			}
		})
	}
}

// Streams of one module exclude each other, each two by a rule. Where any of very many
// would do, that is refused before the rules fill the memory; the rest goes on.
func TestHugeChoiceIsRefused(t *testing.T) {
	var text strings.Builder
	for s := range 5000 {
		fmt.Fprintf(&text, "m:%d 1\n", s)
	}
	x, _ := newTestIndex(t, text.String()+"any:1 1 +m:\n")
	if _, err := x.Resolve(streamIDs(t, []string{"any:1"})); !errors.Is(err, ErrTooHard) {
		t.Errorf("any of 5,000 streams: %v", err)
	}
	if a, err := x.Resolve(streamIDs(t, []string{"m:4711"})); err != nil || activeText(a) != "m:4711:NoRequires enabled" {
		t.Errorf("one of 5,000 streams: %v, %v", a, err)
	}
}
