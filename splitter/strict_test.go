package splitter

import (
	"path/filepath"
	"slices"
	"testing"
)

// oddModules are three documents that libmodulemd rejects for three reasons, and a
// good one. The names of the rejected ones' packages are plain, and one is hidden.
const oddModules = `---
document: modulemd
version: 2
data: {name: good, stream: "1", version: 1, context: g, arch: x86_64, summary: s, description: d, license: {module: [MIT]}, dependencies: [{requires: {platform: [el8]}}],
  artifacts: {rpms: ["good-0:1-1.x86_64", "shared-0:1-1.x86_64"]}}
---
document: modulemd-defaults
version: 1
data: {module: good, stream: "1", profiles: {}}
---
document: modulemd
version: 2
data: {name: bare, stream: "1", version: 1, context: b, arch: x86_64, summary: s, description: d, license: {module: [MIT]}, dependencies: [{requires: {platform: [el8]}}],
  artifacts: {rpms: ["bare-1-1.x86_64"]}}
---
document: modulemd
version: 2
data: {name: vast, stream: "1", version: 1, context: v, arch: x86_64, summary: s, description: d, license: {module: [MIT]}, dependencies: [{requires: {platform: [el8]}}],
  components: {rpms: {vast: {rationale: r, buildorder: 18446744073709551615}}}, artifacts: {rpms: ["vast-0:1-1.module+el8.x86_64", "shared-0:2-1.x86_64"]}}
---
document: modulemd
version: 2
data: {name: mute, stream: "1", version: 1, context: m, arch: x86_64, description: d, license: {module: [MIT]}, dependencies: [{requires: {platform: [el8]}}],
  artifacts: {rpms: ["mute-0:1-1.x86_64"]}}
`

// TestStrictDNFIsDNF: the default view is what DNF makes available, packages of
// rejected documents included.
func TestStrictDNFIsDNF(t *testing.T) {
	repo := oracleRepo{name: "odd", modules: []byte(oddModules)}
	for _, text := range []string{"good-0:1-1.x86_64", "shared-0:1-1.x86_64", "shared-0:2-1.x86_64", "bare-0:1-1.x86_64", "vast-0:1-1.module+el8.x86_64", "mute-0:1-1.x86_64", "plain-0:1-1.noarch"} {
		repo.packages = append(repo.packages, oraclePackage{NEVRA: parseTestNEVRA(t, text)})
	}
	dir := filepath.Join(t.TempDir(), repo.name)
	repo.write(t, dir)
	view := func(opt Options) []string {
		opt.Link = LinkNothing
		p := planOf(t, []Source{openDir(t, repo.name, dir)}, opt)
		for _, f := range p.Repos {
			if f.Kind == KindDefault {
				var list []string
				for _, n := range p.Packages(f) {
					list = append(list, n.String())
				}
				return slices.Sorted(slices.Values(list))
			}
		}
		return nil
	}
	answer := askDNF(t, []oracleRepo{repo}, "el8", [][]string{{}})[0]
	slices.Sort(answer.Available)
	if got := view(Options{StrictDNF: true}); !slices.Equal(got, answer.Available) || len(got) != 6 {
		t.Errorf("--strict-dnf has\n%v\nDNF has\n%v", got, answer.Available)
	}
	if got := view(Options{}); slices.Equal(got, answer.Available) {
		t.Errorf("without it there should be a difference: %v", got)
	}
}
