package repodata

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"flatstream/fixtures"
)

// What a spooled primary says in parallel is what the repository says in order, and
// whoever stops early or is told to stop leaves nothing behind.
func TestSpoolPackagesProviding(t *testing.T) {
	dir := t.TempDir()
	if err := fixtures.Generate(dir, "bench-metadata", 1, 3*spoolChunk+7); err != nil {
		t.Fatal(err)
	}
	r, err := Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	spool, err := r.Spool(ctx, TypePrimary, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the spool has a name: %v, %v", entries, err)
	}
	names := map[string]bool{"package-000300": true, "libpackage-000301-0.so.0()(64bit)": true}
	for _, jobs := range []int{1, 2, 5} {
		var want []*Package
		for p, err := range r.PackagesProviding(ctx, names) {
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, p)
		}
		n := 0
		for p, err := range spool.PackagesProviding(ctx, names, jobs) {
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprintf("%+v", p) != fmt.Sprintf("%+v", want[n]) {
				t.Fatalf("%d jobs, package %d: %+v, want %+v", jobs, n, p, want[n])
			}
			n++
		}
		if n != len(want) {
			t.Errorf("%d jobs: %d packages of %d", jobs, n, len(want))
		}
		for range spool.PackagesProviding(ctx, names, jobs) {
			break
		}
	}
	ended, end := context.WithCancel(ctx)
	end()
	var got error
	for _, err := range spool.PackagesProviding(ended, names, 2) {
		got = err
	}
	if !errors.Is(got, context.Canceled) {
		t.Errorf("cancelled, it ends with %v", got)
	}
}

// The place in another file is only a guess: the checksum decides, and of several
// elements with one checksum the first counts.
func TestSpoolFind(t *testing.T) {
	id := func(c byte) (id [16]byte) { id[0] = c; return id }
	hex := func(c string) string { return c + "000000000000000000000000000000" }
	once := &Spool{spans: []spoolSpan{{id: id(2)}, {id: id(1)}, {id: id(3)}}}
	twice := &Spool{spans: []spoolSpan{{id: id(1)}, {id: id(1)}}, twice: true}
	for _, c := range []struct {
		s         *Spool
		id        string
		guess, at int
		found     bool
	}{
		{once, hex("02"), 0, 0, true}, {once, hex("01"), 0, 1, true}, {once, hex("03"), 9, 2, true}, {once, hex("04"), 1, 0, false},
		{twice, hex("01"), 1, 0, true}, {once, "no checksum", 0, 0, false},
	} {
		if at, found := c.s.Find(c.id, c.guess); at != c.at || found != c.found {
			t.Errorf("Find(%s, %d) = %d, %t, want %d, %t", c.id, c.guess, at, found, c.at, c.found)
		}
	}
}
