package closure

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
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
// 17,649 packages with what libsolv finds: over BaseOS, where no rich one is
// unmet, and alone.
func TestC9SAgainstLibsolv(t *testing.T) {
	u, checks := c9s(t)
	alone := Check{Repo: checks[0].Repo}
	for name, c := range map[string]Check{"over BaseOS": checks[0], "alone": alone} {
		t.Run(name, func(t *testing.T) {
			repos := []string{"AppStream", "BaseOS"}[:1+len(c.Suppliers)]
			want := libsolv(t, repos...)
			requirements, rich := 0, 0
			for _, p := range check(t, u, c).Checked[0].Problems {
				if p.Code != MissingRequirement || !slices.Equal(asLibsolvWrites(p.Requirements), want.Broken[p.Package]) {
					t.Errorf("%s lacks %q; libsolv: %q", p.Package, p.Requirements, want.Broken[p.Package])
				}
				delete(want.Broken, p.Package)
				requirements += len(p.Requirements)
				for _, r := range p.Requirements {
					if r[0] == '(' {
						rich++
					}
				}
			}
			for p, lacks := range want.Broken {
				t.Errorf("%s is fine; libsolv: it lacks %q", p, lacks)
			}
			t.Logf("%d unmet requirements agree, %d of them rich, of %d rich ones", requirements, rich, want.Rich)
		})
	}
}

// asLibsolvWrites drops the parentheses around a single name.
func asLibsolvWrites(requirements []string) []string {
	list := slices.Clone(requirements)
	for i, r := range list {
		if e, err := rpmdep.ParseRich(r); err == nil && e.Op == rpmdep.RichDep {
			list[i] = e.Dep.String()
		}
	}
	slices.Sort(list)
	return list
}

type libsolvVerdict struct {
	Rich   int                 // requirements that were solved
	Broken map[string][]string // package: requirements
}

const python = "/usr/bin/python3" // the one that the distribution's solv belongs to

func needLibsolv(t *testing.T) {
	t.Helper()
	if err := exec.Command(python, "-c", "import solv").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("libsolv's python module is missing (python3-solv)")
		}
		t.Skip("libsolv's python module is not installed (python3-solv)")
	}
}

// libsolv asks python3-solv about c9s's repositories: the first over the others.
func libsolv(t *testing.T, repos ...string) libsolvVerdict {
	t.Helper()
	needLibsolv(t)
	args := []string{"testdata/closure.py"}
	for _, name := range repos {
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
	var v libsolvVerdict
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Broken) < 1000 || v.Rich < 500 {
		t.Fatalf("libsolv found %d broken packages, %d rich requirements: not what this data has", len(v.Broken), v.Rich)
	}
	return v
}

// TestC9SInstallAgainstLibsolv compares the verdict on every package, or on some of
// them unless FLATSTREAM_FULL is 1.
func TestC9SInstallAgainstLibsolv(t *testing.T) {
	u, checks := c9s(t)
	dirs := []string{data(t, "c9s/AppStream"), data(t, "c9s/BaseOS")}
	for i, c := range []Check{checks[0], {Repo: checks[0].Repo}} {
		broken := make(map[string]bool)
		for _, p := range install(t, u, c).Checked[0].Problems {
			broken[p.Package] = true
		}
		if want := []int{5008, 16800}[i]; len(broken) != want {
			t.Errorf("%d packages cannot be installed, want %d", len(broken), want)
		}
		v := libsolvInstall(t, worlds(15, 1), strings.Join(dirs[:len(dirs)-i], ","))[0]
		for _, p := range v.Broken {
			if !broken[p] {
				t.Errorf("%s is fine; libsolv cannot install it", p)
			}
		}
		for _, p := range v.Fine {
			if broken[p] {
				t.Errorf("%s is broken; libsolv can install it", p)
			}
		}
		t.Logf("libsolv agrees on %d broken packages and %d others", len(v.Broken), len(v.Fine))
	}
}

// The number of workers does not show in the result.
func TestJobs(t *testing.T) {
	u, checks := c9s(t)
	var first []byte
	for _, jobs := range []int{1, 2, 7} {
		r, err := u.Install(context.Background(), checks, Options{Jobs: jobs})
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

// BenchmarkInstall is the same at the stronger level.
func BenchmarkInstall(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		u, checks := c9s(b)
		install(b, u, checks[0])
	}
}

// BenchmarkAgain is what a flat repository costs whose packages are known already.
func BenchmarkAgain(b *testing.B) {
	u, _ := c9s(b)
	r, err := repodata.Open(os.DirFS(data(b, "c9s/AppStream")))
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		if _, err := u.Add(context.Background(), fmt.Sprint("again", n), r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDelta is 150 further checks over a universe that is indexed; each is judged
// from nothing.
func BenchmarkDelta(b *testing.B) {
	u, checks := c9s(b)
	all := slices.Repeat(checks[1:], 150)
	b.ResetTimer()
	for b.Loop() {
		install(b, u, all...)
	}
}
