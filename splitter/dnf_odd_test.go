package splitter

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"flatstream/repodata/rpmver"
)

// TestNamelessBuildsAgainstDNF: documents without version, context or arch are builds
// to DNF, in each module one or two.
func TestNamelessBuildsAgainstDNF(t *testing.T) {
	r := oracleRepo{name: "r"}
	for module, builds := range map[string][]string{
		"a": {"context: c"},
		"b": {"version: 3, arch: x86_64"},
		"c": {"version: 3"},
		"d": {""},
		"e": {"version: 3", "version: 4"},
		"f": {"version: 3, arch: x86_64", "version: 3, context: k, arch: x86_64"},
		"g": {"version: 3, static_context: true, arch: x86_64"},
		"h": {"version: 0, context: c, arch: x86_64"},
		"i": {`version: 3, context: "", arch: x86_64`},
	} {
		for n, names := range builds {
			r.modules = fmt.Appendf(r.modules, "---\ndocument: modulemd\nversion: 2\ndata: {name: %s, stream: \"1\", %s, summary: s, description: d, license: {module: [MIT]}, artifacts: {rpms: [\"%[1]s-0:1-%[3]d.x86_64\"]}}\n...\n",
				module, strings.Trim(names+", dependencies: [{requires: {platform: [el8]}}]", ", "), n)
		}
		if module > "c" {
			r.modules = append(r.modules, defaultText(module, "1")...)
		}
		for _, release := range []string{"0", "1", "2"} {
			r.packages = append(r.packages, oraclePackage{NEVRA: rpmver.NEVRA{Name: module, EVR: rpmver.EVR{Version: "1", Release: release}, Arch: "x86_64"}})
		}
	}
	repos := []oracleRepo{r}
	x := parseRepos(t, repos, IndexOptions{Platform: "el8", Arch: "x86_64"})
	sets := [][]string{{}}
	for _, s := range x.Streams() {
		sets = append(sets, []string{s.String()})
	}
	if agree := compareWithDNF(t, repos, x, sets); agree != 10 {
		t.Errorf("%d of %d sets agree with DNF, want 10", agree, len(sets))
	}
}

// TestConflictingProfilesAgainstDNF: where two repositories' defaults, equally new, give
// one stream different profiles, DNF cannot merge them and has no default of any module.
func TestConflictingProfilesAgainstDNF(t *testing.T) {
	for _, c := range []struct {
		name         string
		older, newer string // of module a, in the repositories a and b
		conflict     bool
	}{
		{"differ", `stream: "1", profiles: {"1": [p]}`, `stream: "1", profiles: {"1": [q]}`, true},
		{"one more", `stream: "1", profiles: {"1": [p]}`, `stream: "1", profiles: {"1": [p, q]}`, true},
		{"one has none", `stream: "1", profiles: {"1": []}`, `stream: "1", profiles: {"1": [p]}`, true},
		{"another order", `stream: "1", profiles: {"1": [p, q]}`, `stream: "1", profiles: {"1": [q, p]}`, false},
		{"newer", `stream: "1", profiles: {"1": [p]}`, `stream: "1", modified: 202001010000, profiles: {"1": [q]}`, false},
		{"older", `stream: "1", modified: 202001010000, profiles: {"1": [p]}`, `stream: "1", profiles: {"1": [q]}`, false},
		{"other streams", `stream: "1", profiles: {"1": [p]}`, `stream: "1", profiles: {"2": [q]}`, false},
		{"a stream that is not default", `profiles: {"2": [p]}`, `stream: "1", profiles: {"2": [q]}`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var repos []oracleRepo
			for name, defaults := range map[string]string{"a": c.older, "b": c.newer} {
				module := docText{name: name, stream: "1", context: "c", version: 1, requires: []string{"platform: [el8]"}, artifacts: []string{name + "-0:1-1.x86_64"}}.String()
				r := oracleRepo{name: name, modules: []byte(module + defaultText("b", "1") +
					"---\ndocument: modulemd-defaults\nversion: 1\ndata: {module: a, " + defaults + "}\n...\n")}
				r.packages = artifactPackages(t, r.modules)
				repos = append(repos, r)
			}
			slices.SortFunc(repos, func(a, b oracleRepo) int { return strings.Compare(a.name, b.name) })
			x := parseRepos(t, repos, IndexOptions{Platform: "el8", Arch: "x86_64"})
			if lost := x.Default("b") == ""; lost != c.conflict {
				t.Errorf("the default of b is lost: %v, want %v", lost, c.conflict)
			}
			compareWithDNF(t, repos, x, [][]string{{}, {"a:1"}})
		})
	}
}
