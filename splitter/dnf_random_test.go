package splitter

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"flatstream/repodata/rpmver"
)

// randomModules writes small, nasty modules.yaml files: several contexts, static
// and not, alternatives, any, exclusions, other platforms, missing modules,
// conflicting defaults, builds spread over two repositories.
type randomModules struct {
	*rand.Rand
	modules []string
	streams []string
}

func (r *randomModules) pick(from []string) string { return from[r.IntN(len(from))] }

func (r *randomModules) requires(own string) string {
	var b strings.Builder
	platform := "el8"
	if r.IntN(12) == 0 {
		platform = "el9"
	}
	fmt.Fprintf(&b, "      platform: [%s]\n", platform)
	seen := map[string]bool{own: true}
	for range r.IntN(3) {
		m := r.pick(r.modules)
		if r.IntN(25) == 0 {
			m = "missing"
		}
		if seen[m] {
			continue
		}
		seen[m] = true
		fmt.Fprintf(&b, "      %s: [%s]\n", m, strings.Join(r.alternatives(), ", "))
	}
	return b.String()
}

func (r *randomModules) alternatives() []string {
	switch r.IntN(7) {
	case 0:
		return nil
	case 1:
		return []string{strconv.Quote("-" + r.pick(r.streams))}
	case 2:
		a, b := r.pick(r.streams), r.pick(r.streams)
		if a != b {
			return []string{strconv.Quote(a), strconv.Quote(b)}
		}
	}
	return []string{strconv.Quote(r.pick(r.streams))}
}

// repo writes one repository's modules.yaml. Each build lists two packages of its
// own and one that others of the module list too.
func (r *randomModules) repo(name string, builds int) []byte {
	var b strings.Builder
	seen := map[string]bool{}
	for range builds {
		m, s := r.pick(r.modules), r.pick(r.streams)
		version := 1 + r.IntN(4)
		context := r.pick([]string{"aaaa", "bbbb", "cccc"})
		static := r.IntN(5) == 0
		key := fmt.Sprint(m, s, version, context)
		if seen[key] && r.IntN(3) > 0 { // else a repeated document with other content
			continue
		}
		seen[key] = true
		arch := "x86_64"
		if r.IntN(12) == 0 {
			arch = r.pick([]string{"noarch", "aarch64"})
		}
		fmt.Fprintf(&b, "---\ndocument: modulemd\nversion: 2\ndata:\n  name: %s\n  stream: %q\n  version: %d\n  context: %s\n  arch: %s\n", m, s, version, context, arch)
		if static {
			b.WriteString("  static_context: true\n")
		}
		b.WriteString("  summary: s\n  description: d\n  license: {module: [MIT]}\n  dependencies:\n  - requires:\n")
		b.WriteString(r.requires(m))
		if r.IntN(8) == 0 {
			b.WriteString("  demodularized:\n    rpms: [shared-" + m + ", " + m + "]\n")
		}
		fmt.Fprintf(&b, "  artifacts:\n    rpms:\n    - %s-0:%s-%d.%s.%s.x86_64\n    - shared-%s-0:1-%d.x86_64\n    - source-%s-0:1-%d.src\n...\n",
			m, strings.ReplaceAll(s, "-", "_"), version, context, name, m, r.IntN(3), m, r.IntN(3))
	}
	for _, m := range r.modules {
		for range max(0, r.IntN(8)-1) / 2 { // none, one, two or three
			fmt.Fprintf(&b, "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: %s\n", m)
			if r.IntN(3) > 0 {
				fmt.Fprintf(&b, "  modified: %d\n", 201901010000+r.IntN(2))
			}
			if r.IntN(6) > 0 {
				fmt.Fprintf(&b, "  stream: %q\n", r.pick(r.streams))
			}
			b.WriteString("...\n")
		}
	}
	return []byte(b.String())
}

func randomIndex(t *testing.T, seed uint64) []oracleRepo {
	r := &randomModules{Rand: rand.New(rand.NewPCG(seed, 86))}
	for i := range 3 + r.IntN(5) {
		r.modules = append(r.modules, string(rune('a'+i))+r.pick([]string{"", "x", "A"}))
	}
	r.streams = []string{"1", "10", "9"}[:2+r.IntN(2)]
	if r.IntN(4) == 0 {
		r.streams = append(r.streams, "1.2", "rhel-8")
	}
	repos := []oracleRepo{{name: "a", modules: r.repo("a", 6+r.IntN(14))}}
	for _, name := range []string{"b", "c"}[:r.IntN(3)] {
		repos = append(repos, oracleRepo{name: name, modules: r.repo(name, 3+r.IntN(8))})
	}
	plain := oracleRepo{name: "zz-plain"}
	for i := range repos {
		repos[i].packages = artifactPackages(t, repos[i].modules)
	}
	for _, m := range r.modules {
		plain.packages = append(plain.packages, []oraclePackage{
			{rpmver.NEVRA{Name: m, EVR: rpmver.EVR{Version: "0", Release: "1"}, Arch: "x86_64"}, nil},
			{rpmver.NEVRA{Name: "shared-" + m, EVR: rpmver.EVR{Version: "0", Release: "1"}, Arch: "src"}, nil},
			{rpmver.NEVRA{Name: "source-" + m, EVR: rpmver.EVR{Version: "0", Release: "1"}, Arch: "src"}, nil},
			{rpmver.NEVRA{Name: "source-" + m, EVR: rpmver.EVR{Version: "0", Release: "1"}, Arch: "x86_64"}, nil},
			{rpmver.NEVRA{Name: "like-" + m, EVR: rpmver.EVR{Version: "0", Release: "1"}, Arch: "noarch"}, []string{"shared-" + m + " = 3"}},
		}...)
	}
	return append(repos, plain)
}

// TestRandomIndexesAgainstDNF puts generated modules to DNF: the default view, each
// stream alone, and some pairs. FLATSTREAM_RANDOM is the number of indexes.
func TestRandomIndexesAgainstDNF(t *testing.T) {
	count, err := strconv.Atoi(cmp.Or(os.Getenv("FLATSTREAM_RANDOM"), "5"))
	if err != nil {
		t.Fatal(err)
	}
	start, _ := strconv.Atoi(os.Getenv("FLATSTREAM_SEED"))
	total, agree := 0, 0
	for seed := range count {
		seed += start
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			repos := randomIndex(t, uint64(seed))
			x := parseRepos(t, repos, IndexOptions{Platform: "el8", Arch: "x86_64"})
			sets := [][]string{{}}
			for i, s := range x.Streams() {
				sets = append(sets, []string{s.String()})
				for _, o := range x.Streams()[i+1:] {
					if o.Module != s.Module && (i+len(o.Module)+len(sets))%4 == 0 {
						sets = append(sets, []string{s.String(), o.String()})
					}
				}
			}
			total += len(sets)
			agree += compareWithDNF(t, repos, x, sets)
		})
	}
	t.Logf("%d of %d sets agree with DNF", agree, total)
}
