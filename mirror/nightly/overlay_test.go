package nightly

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"flatstream/fixtures"
	"flatstream/repodata"
)

// TestViewsOverlayAndKeepTheNewest is the config's side of splitter's overlays: the
// repository is mirrored for the target whose view names it, and gives nothing else.
func TestViewsOverlayAndKeepTheNewest(t *testing.T) {
	upstream := t.TempDir()
	write(t, filepath.Join(upstream, "base"), "package lib 1-1 noarch\npackage lib 2-1 noarch\n", fixtures.Options{})
	write(t, filepath.Join(upstream, "more"), "package lib-devel 2-1 noarch\n  requires lib = 2-1\npackage other 1-1 noarch\n", fixtures.Options{})
	s := newSite(t, upstream)
	report := s.mustRun(`
repos:
  base: { baseurl: "URL/base/" }
  more: { baseurl: "URL/more/", role: overlay }
targets:
  el8: { releasever: "8", sources: base }
views:
  build: { target: el8, newest: 1, overlay: { more: [lib-d*] } }
`)
	if len(report.Repos) != 2 {
		t.Errorf("%d repositories were synced, want 2", len(report.Repos))
	}
	flat := filepath.Join(s.dir, "store/current/flat/el8/x86_64")
	for view, want := range map[string][]string{
		"views/build": {"lib-0:2-1.noarch", "lib-devel-0:2-1.noarch"},
		"default":     {"lib-0:1-1.noarch", "lib-0:2-1.noarch"},
	} {
		r, err := repodata.Open(os.DirFS(filepath.Join(flat, view)))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for p, err := range r.Packages(context.Background(), repodata.PartIdentity) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.NEVRA.String())
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", view, got, want)
		}
	}
}
