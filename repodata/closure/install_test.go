package closure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// Each case says what the report tells about its first repository.
var installCases = []struct{ name, want, world string }{
	{"the shortest chain to what is missing, under its cause", `
c in app: cannot be installed
  requires nope
  nothing in app provides it
  near: nothing in any repository that was read
  2 more packages cannot be installed because of this:
    a
    b
1 repository, 3 packages: 3 problems
`, `
-- app --
package a 1-1 x86_64
  requires b, c
package b 1-1 x86_64
  requires c
package c 1-1 x86_64
  requires nope
`},
	{"a cause in a supplier, at its nearest package", `
b in app: cannot be installed
  b requires x, which x provides
  x requires z, which z provides
  z requires nix, which nothing provides
  near: nix of stream s:1 provides nix = 1-1
  1 more package cannot be installed because of this:
    a
1 repository, 2 packages: 2 problems
`, `
-- app --
package a 1-1 x86_64
  requires b
package b 1-1 x86_64
  requires a, x
-- base --
package x 1-1 x86_64
  requires z
package z 1-1 x86_64
  requires nix
-- s:1 --
package nix 1-1 x86_64
`},
	{"the two chains that collide", `
a in app: needs packages that exclude each other
  a requires c, which c provides
  c requires x, which x provides
  a requires b, which b provides
  b requires y, which y provides
  x conflicts with y < 2, which y provides
1 repository, 2 packages: 1 problem
`, `
-- app --
package a 1-1 x86_64
  requires b, c
package c 1-1 x86_64
  requires x
-- base --
package b 1-1 x86_64
  requires y
package x 1-1 x86_64
  conflicts y < 2
package y 1-1 x86_64
`},
	{"every choice collides", `
p in app: needs packages that exclude each other
  p requires d, which d provides
  p requires cap, which q1 provides
  (where there is a choice, every other collides as well: 1 way)
  d obsoletes q1, which q1 is
  1 more package cannot be installed because of this:
    r
1 repository, 5 packages: 2 problems
`, `
-- app --
package p 1-1 x86_64
  requires cap, d
package d 1-1 x86_64
  obsoletes q1
  conflicts q2
package q1 1-1 x86_64
  provides cap
package q2 1-1 x86_64
  provides cap
package r 1-1 noarch
  requires p
`},
	{"packages that need each other and cannot be together", `
a in app: needs packages that exclude each other
  a requires b, which b provides
  b requires x, which x provides
  x conflicts with a, which a provides
  1 more package cannot be installed because of this:
    b
1 repository, 2 packages: 2 problems
`, `
-- app --
package a 1-1 x86_64
  requires b
package b 1-1 x86_64
  requires x, a
-- base --
package x 1-1 x86_64
  conflicts a
`},
	{"rich requirements that cannot hold together", `
b in app: needs packages that exclude each other
  b requires f
  b requires (nope if f)
  f and (nope if f) cannot hold together
1 repository, 2 packages: 1 problem
`, `
-- app --
package b 1-1 x86_64
  requires (nope if f), f
package f 1-1 x86_64
`},
	{"a rich conflict is defused by what it names, if that can be had", `
b in app: needs packages that exclude each other
  b requires a
  b conflicts with (a unless c)
  a and (a unless c) cannot hold together
1 repository, 2 packages: 1 problem
`, `
-- app --
package b 1-1 x86_64
  conflicts (a unless c)
  requires a
package d 1-1 x86_64
  conflicts (a unless e)
  requires a
-- base --
package a 1-1 x86_64
package e 1-1 x86_64
`},
	{"a conflict with itself is none, plain or rich", `
1 repository, 3 packages: no problems
`, `
-- app --
package b 1-1 x86_64
  provides mta
  conflicts mta, b
package c 1-1 x86_64
  provides mta
  conflicts (mta or c), (mta and c), (mta unless none)
package d 1-1 x86_64
  requires mta
`},
	{"the same of what cannot be read", `
a in app: has a dependency that cannot be read
  requires (b or c and d)
  the same for 1 more package:
    b
  1 more package cannot be installed because of this:
    c
1 repository, 3 packages: 3 problems
`, `
-- app --
package a 1-1 x86_64
  requires (b or c and d)
package b 1-1 x86_64
  conflicts (b or c and d)
package c 1-1 x86_64
  requires a
`},
	{"a conflict with a path that only filelists know", `
b in app: needs packages that exclude each other
  b requires a, which a provides
  b conflicts with /usr/share/a, which a provides
1 repository, 1 package: 1 problem
`, `
-- app --
package b 1-1 x86_64
  requires a
  conflicts /usr/share/a
-- base --
package a 1-1 x86_64
  file /usr/share/a
`},
}

func TestInstall(t *testing.T) {
	for _, tt := range installCases {
		t.Run(tt.name, func(t *testing.T) {
			u, c := world(t, tt.world)
			var b strings.Builder
			if err := install(t, u, c).Text(&b, true); err != nil {
				t.Fatal(err)
			}
			got := strings.NewReplacer("-0:1-1.x86_64", "", "-0:1-1.noarch", "").Replace(b.String())
			if got != tt.want[1:] {
				t.Errorf("got\n%swant%s", got, tt.want)
			}
		})
	}
}

// The fixtures know what is broken in what they generate: nothing that others need.
func TestInstallGenerated(t *testing.T) {
	for seed := range uint64(4) {
		g := fixtures.NewUniverse(seed, 500)
		dir := t.TempDir()
		if err := g.Write(dir, fixtures.Options{MetadataOnly: true}); err != nil {
			t.Fatal(err)
		}
		u := NewUniverse()
		id, err := u.Add(context.Background(), "app", openDir(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		problems := install(t, u, Check{Repo: id}).Checked[0].Problems
		if len(problems) != len(g.Unmet) || len(problems) < 40 {
			t.Errorf("seed %d: %d problems, want %d", seed, len(problems), len(g.Unmet))
		}
		for _, p := range problems {
			if len(g.Unmet[p.Package]) != len(p.Requirements) || p.Code != MissingRequirement {
				t.Errorf("seed %d: %+v, want %v", seed, p, g.Unmet[p.Package])
			}
		}
	}
}

// The distribution that verify is timed on is broken where its generator broke it.
func TestInstallWide(t *testing.T) {
	dir := t.TempDir()
	if err := fixtures.Wide(1, 2000, 100).Write(dir, fixtures.Options{MetadataOnly: true}); err != nil {
		t.Fatal(err)
	}
	u := NewUniverse()
	id, err := u.Add(context.Background(), "wide", openDir(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	got := install(t, u, Check{Repo: id}).Checked[0]
	if got.Packages != 2040 || len(got.Problems) != 20 {
		t.Errorf("%d problems of %d packages, want 20 of 2,040", len(got.Problems), got.Packages)
	}
	for _, p := range got.Problems {
		if p.Code != MissingRequirement || !strings.HasPrefix(p.Requirements[0], "nothing-") {
			t.Errorf("%+v", p)
		}
	}
}

// made is a package for tests that build many.
func made(name, arch string) *repodata.Package {
	return &repodata.Package{
		NEVRA:    rpmver.NEVRA{Name: name, EVR: rpmver.ParseEVR("1-1"), Arch: arch},
		Provides: []repodata.Relation{{Dep: rpmdep.Dep{Name: name}}},
	}
}

func related(names ...string) []repodata.Relation {
	var list []repodata.Relation
	for _, n := range names {
		list = append(list, repodata.Relation{Dep: rpmdep.Dep{Name: n}, Rich: n[0] == '('})
	}
	return list
}

// judgeMade returns the problems of a repository of these packages.
func judgeMade(t *testing.T, opt Options, packages ...*repodata.Package) []Problem {
	t.Helper()
	u := NewUniverse()
	r := repository{name: "app", source: openText(t, "", fixtures.Options{})}
	for i, p := range packages {
		r.packages.add(u.insert(fmt.Sprint(i), p))
	}
	got, err := u.Install(context.Background(), []Check{{Repo: u.enter(r)}}, opt)
	if err != nil {
		t.Fatal(err)
	}
	return got.Checked[0].Problems
}

// deep makes packages with rich relations nested so many times, by each operator that
// nests.
func deep(n int) []*repodata.Package {
	nest := func(open, core, shut string) string { return strings.Repeat(open, n) + core + strings.Repeat(shut, n) }
	var list []*repodata.Package
	for i, text := range []string{
		nest("(nope or ", "rich0", ")"), nest("(rich1 and ", "rich0", ")"), nest("(", "rich0", " or nope)"),
		nest("(rich0 if ", "rich0", ")"), nest("(", "rich0", " unless nope)"), nest("(nope if nope else ", "rich0", ")"),
		nest("(rich1 and ", "nope", ")"), nest("(", "nope", " unless nope)"),
	} {
		p := made(fmt.Sprint("rich", i), "noarch")
		p.Requires = related(text)
		list = append(list, p)
	}
	defused := made("defused", "noarch")
	defused.Conflicts = related(nest("(nope and ", "rich0", ")"), nest("(nope or ", "nope", ")"))
	return append(list, defused)
}

// pigeons makes packages of which the first n each need a place for every one of n
// pigeons, in n-1 holes: a proof that this cannot be takes exponential time.
func pigeons(n int) (list []*repodata.Package) {
	for i := range n {
		p := made(fmt.Sprint("all", i), "noarch")
		for k := range n {
			p.Requires = append(p.Requires, related(fmt.Sprint("pigeon", k))...)
		}
		list = append(list, p)
	}
	for i := range n * (n - 1) {
		p := made(fmt.Sprint("place", i), "noarch")
		p.Provides = append(p.Provides, related(fmt.Sprint("pigeon", i/(n-1)), fmt.Sprint("hole", i%(n-1)))...)
		p.Conflicts = related(fmt.Sprint("hole", i%(n-1)))
		list = append(list, p)
	}
	return list
}

// What would take years is given up, and not called installable.
func TestInstallUndecided(t *testing.T) {
	start := time.Now()
	got := judgeMade(t, Options{Effort: 4}, pigeons(13)...)
	if len(got) != 13 {
		t.Errorf("%d problems, want 13", len(got))
	}
	for _, p := range got {
		if p.Code != Undecided {
			t.Errorf("%+v", p)
		}
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("it took %s", took)
	}
}

// Input that is made to be slow is not, and deep input does not overflow.
func TestInstallHostile(t *testing.T) {
	many := func(n int, f func(i int) *repodata.Package) (list []*repodata.Package) {
		for i := range n {
			list = append(list, f(i))
		}
		return list
	}
	wide := made("wide", "noarch")
	for i := range 100_000 {
		wide.Provides = append(wide.Provides, related(fmt.Sprint("cap", i))...)
	}
	needs := made("needs", "noarch")
	needs.Requires = related("cap0", "cap99999")
	for _, tt := range []struct {
		name     string
		want     int // problems
		packages []*repodata.Package
	}{
		{"100,000 provides of one package", 0, []*repodata.Package{wide, needs}},
		{"rich requirements nested 1,000 deep, of which two cannot be met", 2, deep(1000)},
		{"one nested 100,000 deep, which is refused", 1, deep(100_000)[:1]},
		{"a circle of 20,000", 0, many(20_000, func(i int) *repodata.Package {
			p := made(fmt.Sprint("p", i), "noarch")
			p.Requires = related(fmt.Sprint("p", (i+1)%20_000))
			return p
		})},
		{"a chain of 20,000 to what is missing", 20_000, many(20_000, func(i int) *repodata.Package {
			p := made(fmt.Sprint("p", i), "noarch")
			p.Requires = related(fmt.Sprint("p", i+1))
			return p
		})},
		{"3,000 that exclude each other and meet the same", 0, many(3000, func(i int) *repodata.Package {
			p := made(fmt.Sprint("p", i), "noarch")
			p.Provides = append(p.Provides, related("cap")...)
			p.Conflicts, p.Requires = related("cap"), related("cap")
			return p
		})},
		{"10,000 that need what 10,000 broken ones provide", 20_000, many(20_000, func(i int) *repodata.Package {
			p := made(fmt.Sprint("p", i), "noarch")
			if p.Requires = related("cap"); i < 10_000 {
				p.Requires = related("nope")
				p.Provides = append(p.Provides, related("cap")...)
			}
			return p
		})},
		{"7 pigeons in 6 holes", 7, pigeons(7)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			got := judgeMade(t, Options{}, tt.packages...)
			if len(got) != tt.want {
				t.Errorf("%d problems, want %d", len(got), tt.want)
			}
			for _, p := range got {
				if len(p.Chain) > 2*maxChain+2 {
					t.Fatalf("a chain of %d lines", len(p.Chain))
				}
			}
			t.Logf("%s", time.Since(start).Round(time.Millisecond))
		})
	}
}

// What a search finds is a system in which everything holds, whatever it went
// through to get there.
func TestSystems(t *testing.T) {
	u, checks := c9s(t)
	if err := u.lookUpAll(context.Background(), 0); err != nil {
		t.Fatal(err)
	}
	u.resolve(0)
	j := u.newBench().newView(checks[0]).newJudge(u.graphed(0), maxEffort)
	j.reach()
	j.findCauses()
	s := j.newSystem()
	for _, p := range j.targets {
		if j.alive.has(p) {
			s.add(p)
		}
	}
	for _, p := range s.members {
		s.in.remove(p)
		s.count(p, -1)
		if s.collides(p) {
			t.Errorf("%s collides", u.name(p))
		}
		s.in.add(p)
		s.count(p, 1)
		for _, r := range u.obliges(p) {
			if !s.met(r) {
				t.Errorf("%s lacks %s", u.name(p), u.text(r))
			}
		}
	}
	if len(s.members) < 4000 {
		t.Errorf("only %d members", len(s.members))
	}
}

// Beside other checks and under another name a repository gets the same verdict.
func TestInstallManyChecks(t *testing.T) {
	u, c := world(t, installCases[3].world)
	alone := install(t, u, c)
	many := install(t, u, slices.Repeat([]Check{c}, 20)...)
	for _, checked := range many.Checked {
		a, _ := json.Marshal(alone.Checked[0])
		b, _ := json.Marshal(checked)
		if string(a) != string(b) {
			t.Errorf("got\n%s\nwant\n%s", b, a)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := u.Install(ctx, []Check{c}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := u.Install(context.Background(), []Check{{Repo: 99}}, Options{}); err == nil {
		t.Error("a repository that was not added")
	}
}
