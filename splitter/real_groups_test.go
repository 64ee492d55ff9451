package splitter

import (
	"slices"
	"strings"
	"testing"

	"flatstream/repodata/rpmver"
)

// What real files taught: many builds are few groups (P1), a package may exist in an
// older build of its group only (P2), and the highest version of a stream leaves out
// whole groups (P3).
func TestRealGroups(t *testing.T) {
	x := parseRepos(t, realIndex(t, "el8"), IndexOptions{})
	builds, onlyOld := 0, 0
	for _, g := range x.AllGroups() {
		builds += len(g.Builds)
		newest, old := map[string]bool{}, map[string]bool{}
		for _, b := range g.Builds {
			names := old
			if b.Version == g.Builds[0].Version {
				names = newest
			}
			for _, text := range b.Artifacts {
				n, err := rpmver.ParseNEVRA(text)
				if err != nil {
					t.Fatal(err)
				}
				names[n.Name+"."+n.Arch] = true
			}
		}
		for name := range old {
			if !newest[name] {
				onlyOld++
			}
		}
	}
	if groups := len(x.AllGroups()); groups*2 > builds || onlyOld == 0 {
		t.Errorf("%d builds in %d groups, %d packages in older builds only", builds, groups, onlyOld)
	}
	php := x.Groups(StreamID{"php", "7.2"})
	if len(php) != 2 || php[0].Context != "httpd:[2.4];nginx" || php[1].Context != "httpd:[2.4];nginx:[1.14]" {
		t.Errorf("php:7.2 has the groups %v", php)
	}
}

// An incomplete newest build (P5), two versions of one package in one document (P13),
// and packages of other arches in the list of x86_64 (P15): a view offers all of it.
func TestViewOffersWhatBuildsList(t *testing.T) {
	p := plan(t, `
-- r --
module m:1:1:c:x86_64
  default
  artifact full-0:1-1.module+el8.x86_64
module m:1:2:c:x86_64
  artifact half-0:2-1.module+el8.x86_64
package full 1-1.module+el8 x86_64
  label m:1:1:c
package half 1-1.module+el8 x86_64
  label m:1:2:c
package half 2-1.module+el8 x86_64
  label m:1:2:c
package half 2-1.module+el8 i686
  label m:1:2:c
package half-doc 2-1.module+el8 noarch
  label m:1:2:c
package full 1-0.el8 x86_64
`, Options{})
	var got []string
	for _, f := range p.Repos {
		if f.Kind == KindDefault {
			for _, n := range p.Packages(f) {
				got = append(got, n.String())
			}
		}
	}
	slices.Sort(got)
	const want = "full-0:1-1.module+el8.x86_64 half-0:1-1.module+el8.x86_64 half-0:2-1.module+el8.i686 half-0:2-1.module+el8.x86_64 half-doc-0:2-1.module+el8.noarch"
	if strings.Join(got, " ") != want {
		t.Errorf("the default view has %s\nwant %s", got, want)
	}
}

// A name may hold a "/", which else ends a SPEC's source.
func TestSpecWithSlash(t *testing.T) {
	const archive = "-- r --\nmodule m:x/y:1:c:x86_64\nmodule a/b:1:1:c:x86_64\n"
	for spec, want := range map[string]string{"m:x/y": "m:x/y", "r/m:x/y": "m:x/y", "a/b:1": "a/b:1", "r/a/b:1": "a/b:1"} {
		p := plan(t, archive, Options{Views: []View{{Name: "v", Spec: []string{spec}}}})
		v := p.Repos[len(p.Repos)-1]
		if len(v.Builds) != 1 || v.Builds[0].Name+":"+v.Builds[0].Stream != want {
			t.Errorf("%s gives %v", spec, v.Builds)
		}
	}
}
