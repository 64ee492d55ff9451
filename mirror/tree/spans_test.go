package tree

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"flatstream/repodata/digest"
)

// TestSpansOfRandomManifests holds what Spans says of each snapshot against its whole
// manifest; some cannot be read, some are the same file as the one before.
func TestSpansOfRandomManifests(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		root := t.TempDir()
		var snapshots []Snapshot
		want := map[string]map[string]Entry{}
		damaged := 0
		for n := range 12 {
			s := Snapshot{Name: fmt.Sprint(n), Dir: filepath.Join(root, fmt.Sprint(n))}
			snapshots = append(snapshots, s)
			if err := os.Mkdir(s.Dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if n > 0 && rnd.IntN(4) == 0 {
				if err := os.Link(filepath.Join(root, fmt.Sprint(n-1), ManifestName), filepath.Join(s.Dir, ManifestName)); err != nil {
					t.Fatal(err)
				}
				if have, ok := want[fmt.Sprint(n-1)]; ok {
					want[s.Name] = have
				} else {
					damaged++
				}
				continue
			}
			var entries []Entry
			kept := map[string]Entry{}
			for i := range 30 {
				e := Entry{Path: fmt.Sprintf("d%d/f%02d", i/10, i), Size: 1, Grace: rnd.IntN(9) == 0,
					Checksum: digest.Checksum{Algo: "sha256", Hex: fmt.Sprintf("%064d", rnd.IntN(2))}}
				if rnd.IntN(3) == 0 {
					continue
				}
				if entries = append(entries, e); !e.Grace {
					kept[e.Path] = e
				}
			}
			var text bytes.Buffer
			if err := writeManifest(&text, entries); err != nil {
				t.Fatal(err)
			}
			switch rnd.IntN(6) {
			case 0:
				text.WriteString("file\tx\t-\tz\n")
				damaged++
			case 1:
				text.Truncate(text.Len() - 1)
				damaged++
			default:
				want[s.Name] = kept
			}
			if err := os.WriteFile(filepath.Join(s.Dir, ManifestName), text.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		spans, read, failed := Spans(snapshots)
		if len(failed) != damaged || len(read) != len(want) {
			t.Fatalf("seed %d: %d read and %d failed, want %d and %d", seed, len(read), len(failed), len(want), damaged)
		}
		for n, s := range read {
			got := map[string]Entry{}
			for _, span := range spans {
				if span.From <= n && n < span.To {
					got[span.Path] = span.Entry
				}
			}
			if !maps.Equal(got, want[s.Name]) {
				t.Errorf("seed %d, snapshot %s: %v, want %v", seed, s.Name, got, want[s.Name])
			}
		}
	}
}
