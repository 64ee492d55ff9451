package closure

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"flatstream/repodata"
)

// c9s reads CentOS Stream 9's AppStream and an older BaseOS.
func c9s(t testing.TB) (*Universe, []Check) {
	t.Helper()
	u := NewUniverse()
	for _, name := range []string{"AppStream", "BaseOS"} {
		r, err := repodata.Open(os.DirFS(data(t, "c9s/"+name)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Add(context.Background(), name, r); err != nil {
			t.Fatal(err)
		}
	}
	return u, []Check{{Repo: 0, Suppliers: []RepoID{1}}, {Repo: 1}}
}

// TestC9SAgainstLibsolv compares every unmet requirement, plain and rich, of
// 17,649 packages with what libsolv finds.
func TestC9SAgainstLibsolv(t *testing.T) {
	const python = "/usr/bin/python3" // the one that the distribution's solv belongs to
	u, checks := c9s(t)
	if err := exec.Command(python, "-c", "import solv").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("libsolv's python module is missing (python3-solv)")
		}
		t.Skip("libsolv's python module is not installed (python3-solv)")
	}
	args := []string{"testdata/closure.py"}
	for _, name := range []string{"AppStream", "BaseOS"} {
		for _, typ := range []string{"primary", "filelists"} {
			files, _ := filepath.Glob(data(t, "c9s/"+name) + "/repodata/*-" + typ + ".xml.gz")
			args = append(args, files...)
		}
	}
	cmd := exec.Command(python, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Rich   int
		Broken map[string][]string
	}
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	if len(want.Broken) < 1000 || want.Rich < 500 {
		t.Fatalf("libsolv found %d broken packages, %d rich requirements: not what this data has", len(want.Broken), want.Rich)
	}

	requirements := 0
	for _, p := range check(t, u, checks[0]).Checked[0].Problems {
		if p.Code != MissingRequirement || !slices.Equal(p.Requirements, want.Broken[p.Package]) {
			t.Errorf("%s lacks %q; libsolv: %q", p.Package, p.Requirements, want.Broken[p.Package])
		}
		delete(want.Broken, p.Package)
		requirements += len(p.Requirements)
	}
	for p, lacks := range want.Broken {
		t.Errorf("%s is fine; libsolv: it lacks %q", p, lacks)
	}
	t.Logf("%d unmet requirements agree, %d rich requirements were solved", requirements, want.Rich)
}

// The number of workers does not show in the result.
func TestJobs(t *testing.T) {
	u, checks := c9s(t)
	var first []byte
	for _, jobs := range []int{1, 2, 7} {
		r, err := u.Closure(context.Background(), checks, Options{Jobs: jobs})
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if !bytes.Equal(got, first) {
			t.Errorf("%d workers report something else than 1", jobs)
		}
	}
}

// BenchmarkC9S is reading and checking 18,774 packages, 60 MB of primary.
func BenchmarkC9S(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		u, checks := c9s(b)
		check(b, u, checks...)
	}
}

// BenchmarkDelta is 150 further checks over a universe that is indexed.
func BenchmarkDelta(b *testing.B) {
	u, checks := c9s(b)
	all := slices.Repeat(checks[1:], 150)
	b.ResetTimer()
	for b.Loop() {
		check(b, u, all...)
	}
}
