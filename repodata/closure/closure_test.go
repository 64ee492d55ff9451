package closure

import (
	"slices"
	"strings"
	"testing"

	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// Each case says what is broken in its first repository, then what there is.
var closureCases = []struct{ name, want, world string }{
	{"a provide without a version meets every version", "", `
-- app --
package b 1-1 x86_64
  requires cap >= 5
-- base --
package a 1-1 x86_64
  provides cap
`},
	{"no self-provide is made up", "b: a\n", `
-- app --
package b 1-1 x86_64
  requires a
-- base --
package a 1-1 x86_64
  bare
`},
	{"an own provide meets an own requirement, an own config() too", "c: config(c) = 1-1\n", `
-- app --
package b 1-1 x86_64
  provides libb.so()(64bit), config(b) = 1-1
  requires libb.so()(64bit), config(b) = 1-1
package c 1-1 x86_64
  requires config(c) = 1-1
`},
	{"a file in primary, another only in filelists, a directory, a ghost", "b: /usr/share/none\n", `
-- app --
package b 1-1 x86_64
  requires /usr/bin/x, /usr/share/x, /usr/lib/d, /run/g, /usr/share/none
-- base --
package a 1-1 x86_64
  file /usr/bin/x /usr/share/x
  dir /usr/lib/d
  ghost /run/g
`},
	{"/bin is not /usr/bin", "b: /bin/x\n", `
-- app --
package b 1-1 x86_64
  requires /bin/x
-- base --
package a 1-1 x86_64
  file /usr/bin/x
`},
	{"a repository that does not supply does not count", "b: a\n", `
-- app --
package b 1-1 x86_64
  requires a
-- other:1 --
package a 1-1 x86_64
`},
	{"only the first repository is checked", "", `
-- app --
package b 1-1 x86_64
-- base --
package a 1-1 x86_64
  requires nothing-has-this
`},
	{"foreign arches and source packages neither supply nor are checked", "b: arm; src\n", `
-- app --
package b 1-1 x86_64
  requires i686, noarch, arm, src
package s 1-1 src
  requires nope
package f 1-1 aarch64
  requires nope
-- base --
package i686 1-1 i686
package noarch 1-1 noarch
package arm 1-1 aarch64
package src 1-1 src
`},
	{"rpm meets rpmlib() and cannot be without it", "b: (nope if rpmlib(FileDigests))\n", `
-- app --
package b 1-1 x86_64
  requires (rpmlib(FileDigests) and b), (nope if rpmlib(FileDigests))
`},
	{"if: what need not be there does not force", "", `
-- app --
package b 1-1 x86_64
  requires (nope if a)
-- base --
package a 1-1 x86_64
`},
	{"if: the package itself is there", "b: (nope if b); (nope if cap)\n", `
-- app --
package b 1-1 x86_64
  provides cap
  requires (nope if b), (nope if cap), (b if b)
`},
	{"if else", "b: (nope if a else nope)\n", `
-- app --
package b 1-1 x86_64
  requires (nope if a else nope), (a if nope else a), (nope if nope else a)
-- base --
package a 1-1 x86_64
`},
	{"unless: a provider that does not bring the exception", "b: (nope unless a); (x unless x)\n", `
-- app --
package b 1-1 x86_64
  requires (x unless y), (x unless x), (nope unless a)
-- base --
package a 1-1 x86_64
  provides x, y
package c 1-1 x86_64
  provides x
`},
	{"unless: the only provider brings the exception", "b: (x unless y)\n", `
-- app --
package b 1-1 x86_64
  requires (x unless y), (x unless y else x)
-- base --
package a 1-1 x86_64
  provides x, y
`},
	{"with: one package has both; without: it lacks the other", "b: (x > 1 with x < 3); (y without z)\n", `
-- app --
package b 1-1 x86_64
  requires (x >= 1 with x < 2), (x > 1 with x < 3), (x > 1 and x < 3), (y without z), (y without w)
-- base --
package a 1-1 x86_64
  provides x = 1, y, z
package c 1-1 x86_64
  provides x = 3
`},
	{"a path that only filelists know, within a rich one", "b: (/usr/share/n or nope)\n", `
-- app --
package b 1-1 x86_64
  requires (/usr/share/x or nope), (/usr/share/n or nope)
-- base --
package a 1-1 x86_64
  file /usr/share/x
`},
	{"what does not parse, or what rpm refuses", "bad-dependency b: ((a if b) with c); (a and b or c)\n", `
-- app --
package b 1-1 x86_64
  requires ((a if b) with c), b
  conflicts (a and b or c)
`},
	{"the same NEVRA twice is one entry", "a: nope; nor-this\n", `
-- app --
package a 1-1 x86_64
  requires nope
package a 1-1 x86_64
  requires nor-this
`},
}

func TestClosure(t *testing.T) {
	for _, tt := range closureCases {
		t.Run(tt.name, func(t *testing.T) {
			u, c := world(t, tt.world)
			if got := brief(check(t, u, c).Checked[0]); got != tt.want {
				t.Errorf("broken are\n%swant\n%s", got, tt.want)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	u, c := world(t, `
-- app --
package b 1-1 x86_64
package s 1-1 src
package f 1-1 aarch64
package g 1-1 aarch64
`)
	got := check(t, u, c).Checked[0]
	want := []Warning{
		{WarnForeignArch, "2 packages of arch aarch64 not checked: such a system does not install them"},
		{WarnSource, "1 package of arch src not checked: what they require is needed to build them"},
	}
	if len(got.Problems) != 0 || got.Packages != 1 || len(got.Warnings) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got.Warnings[i] != want[i] {
			t.Errorf("warning %d is %v, want %v", i, got.Warnings[i], want[i])
		}
	}
}

// createrepo_c leaves rpmlib() out of primary; other makers do not.
func TestRPMLib(t *testing.T) {
	p := &repodata.Package{NEVRA: rpmver.NEVRA{Name: "b", EVR: rpmver.ParseEVR("1-1"), Arch: "x86_64"}}
	for _, s := range []string{
		"rpmlib(CompressedFileNames) <= 3.0.4-1",
		"rpmlib(PayloadIsXz) <= 5.2-1",
		"rpmlib(FileDigests) <= 4.6.0-1",
		"rpmlib(FileDigests) >= 4.7",
		"rpmlib(CaretInVersions) <= 4.15.0-1",
	} {
		d, err := rpmdep.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		p.Requires = append(p.Requires, repodata.Relation{Dep: d})
	}
	u := NewUniverse()
	r := repository{name: "app"}
	r.packages.add(u.insert("1", p))
	got := check(t, u, Check{Repo: u.enter(r)}).Checked[0]
	if len(got.Problems) != 0 {
		t.Errorf("problems: %+v", got.Problems)
	}
	want := []Warning{
		{WarnRPMLib, "rpmlib(CaretInVersions) <= 4.15.0-1 is required, which rpm 4.14 (EL8) does not have"},
		{WarnRPMLib, "rpmlib(FileDigests) >= 4.7 is required, which rpm 4.14 (EL8) does not have"},
	}
	if !slices.Equal(got.Warnings, want) {
		t.Errorf("warnings: %+v", got.Warnings)
	}
}

func TestOtherArch(t *testing.T) {
	u, c := world(t, `
-- app --
package b 1-1 aarch64
  requires a
package x 1-1 x86_64
  requires nope
-- base --
package a 1-1 i686
`)
	c.Arches = Arches("aarch64")
	if got := brief(check(t, u, c).Checked[0]); got != "b: a\n" {
		t.Errorf("on aarch64: %q", got)
	}
}

// A hidden package of one supplier does not supply; from another supplier it
// does, and the checked repository's own is never hidden.
func TestHidden(t *testing.T) {
	u, c := world(t, `
-- app --
package b 1-1 x86_64
  requires a, b
-- non-modular --
package a 1-1 x86_64
package b 1-1 x86_64
-- extra --
package a 1-1 x86_64
`)
	a := u.packages[1].NEVRA
	if a.Name != "a" {
		t.Fatalf("expected a, found %s", a)
	}
	hide := func(r RepoID) Hidden { return Hidden{Repo: r, Package: a, By: "a:2"} }
	c.Hidden = []Hidden{hide(1), {Repo: 1, Package: u.packages[0].NEVRA}}
	if got := brief(check(t, u, c).Checked[0]); got != "" {
		t.Errorf("hidden in one of two suppliers: %q", got)
	}
	c.Hidden = append(c.Hidden, hide(2))
	r := check(t, u, c)
	if got := brief(r.Checked[0]); got != "b: a\n" {
		t.Fatalf("hidden in both: %q", got)
	}
	if near := r.Checked[0].Problems[0].Near; len(near) != 1 || !strings.HasSuffix(near[0].Reason, "hidden by a:2") {
		t.Errorf("near: %+v", near)
	}
}
