package splitter

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"flatstream/repodata/rpmver"
)

// shape writes modules.yaml files as one kind of distribution has them.
type shape struct {
	name, platform string
	write          func(r *rand.Rand) []string // one for each repository
}

func shapes() []shape {
	return []shape{
		{"fedora", "f31", fedoraModules},
		{"rhel-history", "el8", historyModules},
		{"static", "el9", staticModules},
		{"version-1", "el8", versionOneModules},
	}
}

// docText is one stream document; each line of requires is an entry of dependencies.
type docText struct {
	name, stream, context string
	version               uint64
	static                bool
	requires, artifacts   []string
}

func (d docText) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\ndocument: modulemd\nversion: 2\ndata:\n  name: %s\n  stream: %q\n  version: %d\n  context: %s\n", d.name, d.stream, d.version, d.context)
	if d.static {
		b.WriteString("  static_context: true\n")
	}
	b.WriteString("  arch: x86_64\n  summary: s\n  description: d\n  license: {module: [MIT]}\n  dependencies:\n")
	for _, entry := range d.requires {
		fmt.Fprintf(&b, "  - requires: {%s}\n", entry)
	}
	b.WriteString("  artifacts:\n    rpms:\n")
	for _, a := range d.artifacts {
		fmt.Fprintf(&b, "    - %s\n", a)
	}
	return b.String() + "...\n"
}

// artifactsOf are a package of the build alone, one that all builds of the module have
// and one that those of two modules have.
func artifactsOf(name string, version uint64, context string) []string {
	return []string{
		fmt.Sprintf("%s-0:%d-1.%s.x86_64", name, version, context),
		fmt.Sprintf("%s-libs-0:1-1.noarch", name),
		fmt.Sprintf("shared-%c-0:%d-1.x86_64", name[0], version%3),
	}
}

func defaultText(module, stream string) string {
	return fmt.Sprintf("---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: %s\n  stream: %q\n...\n", module, stream)
}

// fedoraModules: one file for several releases, platforms listed, excluded or left
// open, and streams that were expanded over those of the modules they require.
func fedoraModules(r *rand.Rand) []string {
	platforms := []string{"[f29]", "[f30]", "[f31]", "[f31]", "[f30, f31]", "[f29, f30]", "[-f29]", "[-f31]", "[]", "[f31, f32, f33]"}
	names := []string{"nodejs", "perl", "perl-bootstrap", "libgit2", "bat", "rust"}
	streams := []string{"latest", "5.30", "0.27", "rolling", "1.x"}
	file := func() string {
		var b strings.Builder
		for _, name := range names {
			for _, stream := range streams[:1+r.IntN(4)] {
				version := uint64(3020190304180825 + r.IntN(4)*10000000000)
				for n := range 1 + r.IntN(3) {
					requires := "platform: " + platforms[r.IntN(len(platforms))]
					if other := names[r.IntN(len(names))]; other != name && r.IntN(2) == 0 {
						requires += fmt.Sprintf(", %s: [%s]", other, []string{streams[r.IntN(4)], "", "-" + streams[r.IntN(4)], streams[0] + ", " + streams[1]}[r.IntN(4)])
					}
					context := fmt.Sprintf("%08x", r.Uint32())
					b.WriteString(docText{name: name, stream: stream, context: context, version: version, requires: []string{requires},
						artifacts: artifactsOf(name, version, "c"+context)}.String())
					version += uint64(n * r.IntN(2))
				}
			}
			if r.IntN(3) > 0 {
				b.WriteString(defaultText(name, streams[r.IntN(3)]))
			}
		}
		return b.String()
	}
	return []string{file(), file()}
}

// historyModules: each stream built anew for every minor release, with versions of 15
// and of 19 digits, contexts of each release, and platforms that name a release.
func historyModules(r *rand.Rand) []string {
	type stream struct{ name, stream, requires string }
	streams := []stream{
		{"perl", "5.24", ""}, {"perl", "5.26", ""}, {"perl", "5.30", ""},
		{"perl-DBI", "1.641", ", perl: [5.24]"}, {"perl-DBI", "1.641", ", perl: [5.26]"}, {"perl-DBI", "1.641", ", perl: [5.30]"},
		{"httpd", "2.4", ""}, {"nginx", "1.14", ""}, {"nginx", "1.16", ""},
		{"php", "7.2", ", httpd: [2.4], nginx: []"}, {"php", "7.2", ", httpd: [2.4], nginx: [1.14]"}, {"php", "7.3", ", httpd: [2.4], nginx: [1.16]"},
		{"freeradius", "3.0", ", perl: [-5.24]"}, {"virt", "rhel", ""}, {"container-tools", "rhel8", ""},
	}
	var files [2]strings.Builder
	for minor := range 11 {
		for i, s := range streams {
			if r.IntN(4) == 0 {
				continue
			}
			platform := "el8"
			if r.IntN(12) == 0 {
				platform = fmt.Sprintf("el8.%d.0", minor)
			}
			version := uint64(8_000_020_190_000_000_000+minor*10_000_000_000_000) + uint64(minor)*100_000_000 + uint64(r.IntN(1000))
			if r.IntN(3) == 0 {
				version = 820_190_000_000_000 + uint64(minor)*100_000_000 + uint64(r.IntN(1000))
			}
			context := fmt.Sprintf("%08x", uint32(minor)<<24|uint32(i))
			doc := docText{name: s.name, stream: s.stream, context: context, version: version,
				requires: []string{"platform: [" + platform + "]" + s.requires}, artifacts: artifactsOf(s.name, version, "m"+context)}
			files[r.IntN(8)/7].WriteString(doc.String())
		}
	}
	for _, d := range [][2]string{{"perl", "5.26"}, {"perl-DBI", "1.641"}, {"httpd", "2.4"}, {"nginx", "1.14"}, {"php", "7.2"}, {"freeradius", "3.0"}, {"virt", "rhel"}, {"container-tools", "rhel8"}} {
		files[0].WriteString(defaultText(d[0], d[1]))
	}
	return []string{files[0].String(), files[1].String()}
}

// staticModules: static contexts, several that require the same, beside older builds
// of the same streams without.
func staticModules(r *rand.Rand) []string {
	var b strings.Builder
	contexts := []string{"rhel9", "9", "10", "rhel9_1", "AppStream"}
	for _, name := range []string{"nodejs", "php", "ruby", "maven", "postgresql"} {
		for _, stream := range []string{"18", "8.1", "3.8"}[:1+r.IntN(3)] {
			for n := range 1 + r.IntN(5) {
				version := uint64(9_010_020_220_000_000_000 + r.IntN(5))
				static := r.IntN(4) > 0
				context := contexts[r.IntN(len(contexts))]
				if !static {
					context = fmt.Sprintf("%08x", r.Uint32())
				}
				var entries []string
				for range 1 + r.IntN(5)/4 {
					requires := "platform: [" + []string{"el9", "el9", "el9", "", "el8"}[r.IntN(5)] + "]"
					if name != "nodejs" && r.IntN(3) == 0 {
						requires += ", nodejs: [" + []string{"18", "", "8.1", "-18", "18, 8.1"}[r.IntN(5)] + "]"
					}
					entries = append(entries, requires)
				}
				b.WriteString(docText{name: name, stream: stream, context: context, version: version, static: static, requires: entries,
					artifacts: artifactsOf(name, version, fmt.Sprintf("n%d.%s", n, context))}.String())
			}
		}
		if r.IntN(2) == 0 {
			b.WriteString(defaultText(name, "18"))
		}
	}
	return []string{b.String()}
}

// versionOneModules: documents of modulemd version 1, beside those of version 2.
func versionOneModules(r *rand.Rand) []string {
	var b strings.Builder
	names := []string{"meson", "ninja", "postgresql", "dwm"}
	for _, name := range names {
		for _, stream := range []string{"master", "9.6", "6"}[:1+r.IntN(3)] {
			version := uint64(20180816151613 + r.IntN(3))
			requires := "platform: el8"
			if other := names[r.IntN(4)]; other != name {
				requires += ", " + other + ": " + []string{"master", "9.6", "6"}[r.IntN(3)]
			}
			if r.IntN(4) == 0 {
				requires = ""
			}
			doc := docText{name: name, stream: stream, context: "06d0a27d", version: version, requires: []string{requires}, artifacts: artifactsOf(name, version, "v1")}.String()
			if r.IntN(3) > 0 {
				doc = strings.Replace(strings.Replace(doc, "version: 2\n", "version: 1\n", 1), "  dependencies:\n  - requires:", "  dependencies:\n    requires:", 1)
			}
			b.WriteString(doc)
		}
		if r.IntN(2) == 0 {
			b.WriteString(defaultText(name, "master"))
		}
	}
	return []string{b.String()}
}

// TestShapesAgainstDNF puts files as distributions have them to DNF, more of them with
// FLATSTREAM_FULL=1.
func TestShapesAgainstDNF(t *testing.T) {
	seeds, most := uint64(1), 8
	if os.Getenv("FLATSTREAM_FULL") == "1" {
		seeds, most = 25, 80
	}
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			total, agree := 0, 0
			for seed := range seeds {
				var repos []oracleRepo
				plain := oracleRepo{name: "zz-plain"}
				for i, text := range s.write(rand.New(rand.NewPCG(seed, 31))) {
					repos = append(repos, oracleRepo{name: string(rune('a' + i)), modules: []byte(text), packages: artifactPackages(t, []byte(text))})
					plain.packages = bystanders(repos[i].packages)
				}
				for c := 'a'; c <= 'z'; c++ {
					n := rpmver.NEVRA{Name: "shared-" + string(c), EVR: rpmver.EVR{Version: "9", Release: "1"}, Arch: "x86_64"}
					plain.packages = append(plain.packages, oraclePackage{NEVRA: n})
				}
				repos = append(repos, plain)
				x := parseRepos(t, repos, IndexOptions{Platform: s.platform, Arch: "x86_64"})
				sets := randomSets(x, seed)
				sets = sets[:min(most, len(sets))]
				total += len(sets)
				agree += compareWithDNF(t, repos, x, sets)
			}
			t.Logf("%s: %d of %d sets agree with DNF", s.name, agree, total)
		})
	}
}
