package closure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"flatstream/fixtures"
	"flatstream/repodata/rpmver"
)

// What came near says why it does not do, in each way in which it may not.
func TestNearSaysWhy(t *testing.T) {
	u, c := world(t, `
-- app:1 --
package a 1-1 x86_64
  requires cap
-- base --
package hidden 1-1 x86_64
  provides cap = 1
package foreign 1-1 s390x
  provides cap = 1
package other 1-1 x86_64
  provides cap = 1
`)
	c.Repo, c.Suppliers = 0, []RepoID{1}
	u.Label(0, "app:1")
	base := RepoID(1)
	names := func(fragments ...string) []string {
		t.Helper()
		for _, p := range install(t, u, c).Checked[0].Problems {
			var got []string
			for _, n := range p.Near {
				got = append(got, n.NEVRA[:strings.IndexByte(n.NEVRA, '-')]+" "+n.where()+" "+n.Reason)
			}
			if slices.Equal(got, fragments) {
				return got
			}
			t.Errorf("near: %q, want %q", got, fragments)
		}
		return nil
	}
	hide := func(name string) {
		c.Hidden = append(c.Hidden, Hidden{base, rpmver.NEVRA{Name: name, EVR: rpmver.ParseEVR("1-1"), Arch: "x86_64"}, "perl:5.30"})
	}
	hide("hidden")
	hide("other")
	names("hidden in base provides cap = 1, and is hidden by perl:5.30", "other in base provides cap = 1, and is hidden by perl:5.30",
		"foreign in base provides cap = 1, for s390x")
	add(t, u, "odd", "package unlisted 1-1 x86_64\n  provides cap\n", fixtures.Options{})
	u.Remark(2, "it is unlisted")
	for i, stream := range []string{"perl:5.32", "perl:5.26", "node:1"} {
		u.Label(add(t, u, "s"+stream, fmt.Sprintf("package s%d 1-1 x86_64\n  provides cap\n", i), fixtures.Options{}), stream)
	}
	c.Asks = []string{"perl:5.26"}
	names("s0 of stream perl:5.32 provides cap; the module's requires name perl:5.26", "s1 of stream perl:5.26 provides cap; the module requires it",
		"s2 of stream node:1 provides cap; the module does not require node", "unlisted in odd provides cap; it is unlisted",
		"hidden in base provides cap = 1, and is hidden by perl:5.30")
}

// Without hiding, the newer build outside the stream wins, and takes from others what
// they need.
func TestPlainWay(t *testing.T) {
	u, c := world(t, `
-- app:1 --
package perl 1-1 x86_64
package perl-libs 1-1 i686
package dbi 1-1 noarch
  requires perl = 1-1
package dbi-extra 1-1 noarch
  requires dbi
package fine 9-1 noarch
  requires outside
-- non-modular --
package perl 2-1 x86_64
package perl-libs 2-1 x86_64
package fine 2-1 x86_64
package outside 2-1 x86_64
`)
	c.Repo, c.Suppliers, c.Plain = 0, []RepoID{1}, true
	u.Label(0, "app:1")
	hidden := func(name string) Hidden {
		return Hidden{1, rpmver.NEVRA{Name: name, EVR: rpmver.ParseEVR("2-1"), Arch: "x86_64"}, "app:1"}
	}
	c.Hidden = []Hidden{hidden("perl"), hidden("perl-libs"), hidden("fine")}
	got := install(t, u, c).Checked[0]
	want := []Warning{
		{WarnPlainBroken, "to tools that hide nothing, dbi-0:1-1.noarch cannot be installed (nor can 1 more package): dbi-0:1-1.noarch requires perl = 1-1, which nothing provides"},
		{WarnPlainNewer, "to tools that hide nothing, perl-0:2-1.x86_64 of non-modular is newer than perl-0:1-1.x86_64"},
	}
	if !slices.Equal(got.Warnings, want) || len(got.Problems) > 0 {
		t.Errorf("got %q and %v, want %q", got.Warnings, got.Problems, want)
	}
	c.Hidden = nil
	c.Plain = false
	if got := install(t, u, c).Checked[0].Warnings; len(got) > 0 {
		t.Errorf("not asked for: %q", got)
	}
}

// A requirement that only an undeclared default stream meets is a warning, whatever
// kind of requirement it is.
func TestUndeclaredDefault(t *testing.T) {
	u, _ := world(t, `
-- app:1 --
package udica 1-1 noarch
  requires python3, (python3 or nope), (sh if python3)
-- non-modular --
package sh 1-1 noarch
-- python --
package python36 1-1 noarch
  provides python3
`)
	u.Label(2, "python36:3.6")
	c := Check{Repo: 0, Suppliers: []RepoID{1, 2}, Optional: []RepoID{2}}
	got := install(t, u, c).Checked[0]
	want := "udica-0:1-1.noarch requires (python3 or nope), which only a default stream provides that the module does not require (and so for 1 more requirement)"
	if len(got.Warnings) != 1 || got.Warnings[0] != (Warning{WarnUndeclared, want}) || len(got.Problems) > 0 {
		t.Errorf("got %q and %v, want %s", got.Warnings, got.Problems, want)
	}
	c.Optional = nil
	if got := install(t, u, c).Checked[0].Warnings; len(got) > 0 {
		t.Errorf("it is declared: %q", got)
	}
}

// Source packages are judged in their own systems: they provide nothing, are in nobody's
// way, and what they conflict with must not be there.
func TestBuild(t *testing.T) {
	u, _ := world(t, `
-- app:1 --
package fine 1-1 src
  requires gcc, own >= 1
  conflicts old
package own 1-1 x86_64
  requires runtime
package broken 1-1 src
  requires nope
package barred 1-1 src
  requires gcc
  conflicts gcc < 9
package deep 1-1 src
  requires half
package own 9-9 nosrc
package two 1-1 src
  requires fine, (gcc if old)
-- runtime --
package runtime 1-1 x86_64
-- build --
package gcc 8-1 x86_64
  requires runtime
package old 1-1 x86_64
package half 1-1 x86_64
  requires nope
`)
	c := Check{Repo: 0, Suppliers: []RepoID{1}, Build: &Build{Suppliers: []RepoID{1, 2}, Sources: []Sources{{Repo: 0}}}}
	report := install(t, u, c)
	var b strings.Builder
	if err := report.Text(&b, true); err != nil {
		t.Fatal(err)
	}
	want := `barred-0:1-1.src in app:1: needs packages that exclude each other
  barred-0:1-1.src requires gcc, which gcc-0:8-1.x86_64 provides
  barred-0:1-1.src conflicts with gcc < 9, which gcc-0:8-1.x86_64 provides
broken-0:1-1.src in app:1: cannot be built
  requires nope
  nothing in app:1, runtime or build provides it
  near: nothing in any repository that was read
two-0:1-1.src in app:1: cannot be built
  requires fine
  nothing in app:1, runtime or build provides it
  near: nothing in any repository that was read
deep-0:1-1.src in app:1: cannot be built
  deep-0:1-1.src requires half, which half-0:1-1.x86_64 provides
  half-0:1-1.x86_64 requires nope, which nothing provides
1 repository, 1 package, 6 source packages: 4 problems
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	if got := report.Checked[0].BuildSuppliers; !slices.Equal(got, []string{"runtime", "build"}) {
		t.Errorf("supplied by %q", got)
	}
	c.Build.Alone = true
	c.Build.Sources[0].Only = func(n rpmver.NEVRA) bool { return n.Name == "fine" }
	alone := install(t, u, c).Checked
	if len(alone) != 1 || alone[0].Packages != 0 || alone[0].Sources != 1 || len(alone[0].Problems) > 0 {
		t.Errorf("%+v", alone)
	}
	c.Build.Sources = nil
	if got, err := u.Closure(context.Background(), []Check{c}, Options{}); err != nil || len(got.Checked) > 0 {
		t.Errorf("%+v %v", got, err)
	}
}

// createrepo_c leaves rpmlib(...) out of its metadata; who keeps it says more.
func TestDynamicBuildRequires(t *testing.T) {
	u := NewUniverse()
	p := made("p", "src")
	p.Requires = related(dynamicBuildRequires)
	r := repository{name: "app", source: openText(t, "", fixtures.Options{})}
	r.packages.add(u.insert("p", p))
	got := install(t, u, Check{Repo: u.enter(r), Build: &Build{Sources: []Sources{{Repo: 0}}}}).Checked[0]
	want := Warning{WarnDynamicBuild, "p-0:1-1.src: more of what it requires comes up while it is built (%generate_buildrequires) and cannot be seen here"}
	if len(got.Warnings) != 1 || got.Warnings[0] != want || len(got.Problems) > 0 {
		t.Errorf("%+v", got)
	}
}
