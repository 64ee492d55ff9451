package splitter

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"flatstream/fixtures"
)

// TestBlameOfDamage flips single bits of a primary, and cuts it off, everywhere: nothing
// of what the damaged file says may be told. Where only that file knows what a night had,
// the night is skipped, by the file's name, and the others are told as if it had not been;
// where the files of its packages were also in other nights, those tell of it.
func TestBlameOfDamage(t *testing.T) {
	step := 11 // bits
	switch {
	case os.Getenv("FLATSTREAM_FULL") == "1":
		step = 1
	case testing.Short():
		step = 331
	}
	one := fixtures.Package{Name: "lib", Version: "1", Release: "1", Arch: "x86_64", Provides: []fixtures.Relation{{Name: "capability"}}}
	two, other := one, one
	two.Version, other.Name = "2", "other"
	for _, c := range []struct {
		name   string
		nights [][]fixtures.Package
		alone  bool // what the damaged night, the second, has is in no other
	}{
		{"alone", [][]fixtures.Package{{one}, {two, other}, {one, other}}, true},
		{"shared", [][]fixtures.Package{{one}, {one, two}, {two, other}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var moments []nightAt
			for i, packages := range c.nights {
				moments = append(moments, writeNight(t, i, packages))
			}
			const damaged = 1
			healthy := blameNights(t, moments, -1)
			without := blameNights(t, moments, damaged)
			names, err := filepath.Glob(filepath.Join(moments[damaged].dir, "mirror/r/repodata/*primary.xml.gz"))
			if err != nil || len(names) != 1 {
				t.Fatal(names, err)
			}
			good, err := os.ReadFile(names[0])
			if err != nil {
				t.Fatal(err)
			}
			for bit := 1 - len(good); bit < 8*len(good); bit += step { // below zero: bytes that are cut off
				bad := bytes.Clone(good[:len(good)+min(bit, 0)])
				if bit >= 0 {
					bad[bit/8] ^= 1 << (bit % 8)
				}
				if err := os.WriteFile(names[0], bad, 0o644); err != nil {
					t.Fatal(err)
				}
				got := blameNights(t, moments, -1)
				skipped := got.Skipped
				switch {
				case len(skipped) == 0 && !c.alone:
					if !reflect.DeepEqual(got, healthy) {
						t.Fatalf("damage %d: %+v, want\n%+v", bit, got, healthy)
					}
					continue
				case len(skipped) != 1 || skipped[0].Snapshot != "1" || !strings.Contains(skipped[0].Reason, "mirror/r: read repodata/"+filepath.Base(names[0])):
					t.Fatalf("damage %d: skipped %+v, want night 1 for %s", bit, skipped, names[0])
				}
				if got.Skipped = []Skipped{}; !reflect.DeepEqual(got, without) {
					t.Fatalf("damage %d: %+v, want\n%+v", bit, got, without)
				}
			}
		})
	}
}

// blameNights asks for the history of a capability, of all nights but one.
func blameNights(t testing.TB, moments []nightAt, leftOut int) *Blamed {
	t.Helper()
	var all []Moment
	var held []Held
	for i, m := range moments {
		if i == leftOut {
			continue
		}
		for _, digits := range m.files {
			held = append(held, Held{"mirror/r", digits, len(all), len(all) + 1})
		}
		all = append(all, m.Moment)
	}
	got, err := Blame(context.Background(), all, held, "capability", 1)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
