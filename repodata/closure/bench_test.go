package closure

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"

	"flatstream/fixtures"
	"flatstream/repodata"
)

// What one more repository costs must not depend on how many packages the others have:
// with a thousand repositories that would be most of a verify.
func TestOneMoreCheckNeedsLittleMemory(t *testing.T) {
	dir := t.TempDir()
	if err := fixtures.Generate(dir, "bench-metadata", 1, 2000); err != nil {
		t.Fatal(err)
	}
	r, err := repodata.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	u := NewUniverse()
	base, err := u.Add(context.Background(), "base", r)
	if err != nil {
		t.Fatal(err)
	}
	var checks []Check
	for p, err := range r.Packages(context.Background(), repodata.PartIdentity) {
		if err != nil {
			t.Fatal(err)
		}
		part := &Part{Name: fmt.Sprint(len(checks)), Members: []Member{{base, p.PkgID.Hex}}}
		checks = append(checks, Check{Part: part, Suppliers: []RepoID{base}})
	}
	for name, judge := range map[string]func(context.Context, []Check, Options) (*Report, error){"closure": u.Closure, "install": u.Install} {
		allocated := func(n int) uint64 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := judge(context.Background(), checks[:n], Options{Jobs: 1}); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		allocated(10) // what is made once
		few, many := allocated(100), allocated(1100)
		if each := (many - few) / 1000; each > 32<<10 {
			t.Errorf("%s: each further check allocates %d bytes; the universe has %d packages and %d requirements", name, each, len(u.packages), len(u.all))
		} else {
			t.Logf("%s: %d bytes", name, each)
		}
	}
}
