package splitter

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flatstream/repodata/rpmver"
)

// randomModules writes small, nasty modules.yaml files: several contexts, static and
// not, also of one stream, alternatives, any, exclusions, several entries of
// dependencies, cycles, other platforms and arches, missing modules, conflicting
// defaults, builds spread over several repositories, and one name with two contents.
type randomModules struct {
	*rand.Rand
	platform, arch string
	modules        []string
	streams        []string
	long           []uint64 // versions as the build service writes them (P4)
	wild           bool     // rare shapes are common
}

func (r *randomModules) pick(from []string) string { return from[r.IntN(len(from))] }

// rarely is true once in n times, in a wild index three times as often.
func (r *randomModules) rarely(n int) bool {
	if r.wild {
		n = (n + 2) / 3
	}
	return r.IntN(n) == 0
}

func (r *randomModules) platforms() string {
	if !r.rarely(12) {
		return r.platform
	}
	return r.pick([]string{"el9", "el9", "", "el9, " + r.platform, "-" + r.platform, "-el9", "f33", "hybrid-" + r.platform})
}

// dependencies writes one entry, sometimes two, which are ANDed.
func (r *randomModules) dependencies(own string) string {
	var b strings.Builder
	entries := 1
	if r.rarely(10) {
		entries = 2
	}
	for range entries {
		fmt.Fprintf(&b, "  - requires:\n")
		fmt.Fprintf(&b, "      platform: [%s]\n", r.platforms())
		seen := map[string]bool{}
		if !r.rarely(30) {
			seen[own] = true
		}
		for range r.IntN(3) {
			m := r.pick(r.modules)
			if r.rarely(25) {
				m = "missing"
			}
			if seen[m] {
				continue
			}
			seen[m] = true
			fmt.Fprintf(&b, "      %s: [%s]\n", m, strings.Join(r.alternatives(), ", "))
		}
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

// repo writes one repository's modules.yaml.
func (r *randomModules) repo(name string, builds int) []byte {
	var b strings.Builder
	seen := map[string]bool{}
	for range builds {
		r.build(&b, name, seen)
	}
	for _, m := range r.modules {
		for range max(0, r.IntN(8)-1) / 2 { // none, one, two or three
			r.defaults(&b, m)
		}
		if r.rarely(15) {
			fmt.Fprintf(&b, "---\ndocument: modulemd-obsoletes\nversion: 1\ndata:\n  modified: 2020-05-01T00:00Z\n  module: %s\n  stream: %q\n  message: gone\n  eol_date: 2020-06-01T00:00Z\n...\n",
				m, r.pick(r.streams))
		}
	}
	return []byte(b.String())
}

func (r *randomModules) defaults(b *strings.Builder, module string) {
	fmt.Fprintf(b, "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: %s\n", module)
	if r.IntN(3) > 0 {
		fmt.Fprintf(b, "  modified: %d\n", 201901010000+r.IntN(3))
	}
	if r.IntN(6) > 0 {
		fmt.Fprintf(b, "  stream: %q\n", r.pick(r.streams))
	}
	b.WriteString("...\n")
}

// build writes one document. It lists two packages of its own and two that others of
// the module list too.
func (r *randomModules) build(b *strings.Builder, repo string, seen map[string]bool) {
	m, s := r.pick(r.modules), r.pick(r.streams)
	version := uint64(1 + r.IntN(4))
	if r.rarely(8) {
		version = r.long[r.IntN(len(r.long))]
	}
	context := r.pick([]string{"aaaa", "bbbb", "cccc"})
	arch := r.arch
	if r.rarely(12) {
		arch = r.pick([]string{"noarch", "aarch64", "i686", "x86_64", "s390x"})
	}
	key := fmt.Sprint(m, s, version, context, arch)
	if seen[key] && r.IntN(3) > 0 { // else a repeated document with other content
		return
	}
	seen[key] = true
	fmt.Fprintf(b, "---\ndocument: modulemd\nversion: 2\ndata:\n  name: %s\n  stream: %q\n  version: %d\n  context: %s\n  arch: %s\n", m, s, version, context, arch)
	if r.IntN(5) == 0 {
		b.WriteString("  static_context: true\n")
	}
	b.WriteString("  summary: s\n  description: d\n  license: {module: [MIT]}\n")
	if !r.rarely(40) {
		b.WriteString("  dependencies:\n" + r.dependencies(m))
	}
	if r.IntN(8) == 0 {
		b.WriteString("  demodularized:\n    rpms: [shared-" + m + ", " + m + "]\n")
	}
	fmt.Fprintf(b, "  artifacts:\n    rpms:\n    - %s-0:%s-%d.%s.%s.%s\n    - shared-%s-0:1-%d.%s\n    - source-%s-0:1-%d.src\n...\n",
		m, strings.ReplaceAll(s, "-", "_"), version, context, repo, r.pick([]string{arch, arch, "noarch", "i686"}),
		m, r.IntN(3), r.arch, m, r.IntN(3))
}

// randomIndex makes one: every second is wild, every tenth large, and of every third
// the repositories are loaded in the other order.
func randomIndex(t testing.TB, seed uint64) ([]oracleRepo, IndexOptions) {
	r := &randomModules{Rand: rand.New(rand.NewPCG(seed, 86)), wild: seed%2 == 1}
	r.platform = r.pick([]string{"el8", "el8", "f33"})
	r.arch = "x86_64"
	if r.rarely(12) {
		r.arch = r.pick([]string{"aarch64", "i686", "ppc64le"})
	}
	r.long = []uint64{820190227201610, 8000020190227201610, 8010020190227201610}
	modules, builds := 3+r.IntN(5), 6+r.IntN(14)
	if seed%10 == 9 {
		modules, builds = 10+r.IntN(12), 60+r.IntN(100)
	}
	for i := range modules {
		r.modules = append(r.modules, string(rune('a'+i))+r.pick([]string{"", "x", "A"}))
	}
	r.streams = []string{"1", "10", "9"}[:2+r.IntN(2)]
	if r.rarely(4) {
		r.streams = append(r.streams, "1.2", "rhel-8", "hel-8")
	}
	names := []string{"a", "b", "c"}
	if seed%3 == 2 { // DNF loads them by name: the other order
		names = []string{"c", "b", "a"}
	}
	repos := []oracleRepo{{name: names[0], modules: r.repo("a", builds)}}
	for i, name := range names[1:][:r.IntN(3)] {
		repos = append(repos, oracleRepo{name: name, modules: r.repo([]string{"b", "c"}[i], builds/2)})
	}
	slices.SortFunc(repos, func(a, b oracleRepo) int { return cmp.Compare(a.name, b.name) })
	plain := oracleRepo{name: "zz-plain"}
	for i := range repos {
		repos[i].packages = artifactPackages(t, repos[i].modules)
	}
	for _, m := range r.modules {
		plain.packages = append(plain.packages, []oraclePackage{
			{rpmver.NEVRA{Name: m, EVR: rpmver.EVR{Version: "0", Release: "1"}, Arch: r.arch}, nil},
			{rpmver.NEVRA{Name: "shared-" + m, EVR: rpmver.EVR{Version: "0", Release: "1"}, Arch: "src"}, nil},
			{rpmver.NEVRA{Name: "source-" + m, EVR: rpmver.EVR{Version: "0", Release: "1"}, Arch: "src"}, nil},
			{rpmver.NEVRA{Name: "source-" + m, EVR: rpmver.EVR{Version: "0", Release: "1"}, Arch: "x86_64"}, nil},
			{rpmver.NEVRA{Name: "like-" + m, EVR: rpmver.EVR{Version: "0", Release: "1"}, Arch: "noarch"}, []string{"shared-" + m + " = 3"}},
		}...)
	}
	return append(repos, plain), IndexOptions{Platform: r.platform, Arch: r.arch}
}

// randomSets asks for the default view, each stream alone, some sets of two or three,
// and some with a module disabled.
func randomSets(x *Index, seed uint64) [][]string {
	r := rand.New(rand.NewPCG(seed, 87))
	sets := [][]string{{}}
	for i, s := range x.Streams() {
		sets = append(sets, []string{s.String()})
		for _, o := range x.Streams()[i+1:] {
			if o.Module == s.Module || r.IntN(4) > 0 {
				continue
			}
			set := []string{s.String(), o.String()}
			if third := x.Streams()[r.IntN(len(x.Streams()))].String(); r.IntN(3) == 0 && !slices.Contains(set, third) {
				set = append(set, third)
			}
			if other := x.Modules()[r.IntN(len(x.Modules()))]; r.IntN(6) == 0 && other != s.Module && other != o.Module {
				set = []string{s.String(), "-" + other}
			}
			sets = append(sets, set)
		}
	}
	for _, m := range x.Modules()[:min(8, len(x.Modules()))] {
		sets = append(sets, []string{"-" + m})
	}
	if len(sets) > 80 {
		r.Shuffle(len(sets), func(i, j int) { sets[i], sets[j] = sets[j], sets[i] })
		sets = sets[:80]
	}
	return sets
}

// TestRandomIndexesAgainstDNF puts generated modules to DNF. FLATSTREAM_RANDOM is the
// number of indexes, FLATSTREAM_SEED the first.
func TestRandomIndexesAgainstDNF(t *testing.T) {
	number := func(name string, otherwise string) uint64 {
		n, err := strconv.ParseUint(cmp.Or(os.Getenv(name), otherwise), 10, 32)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	few := "4"
	if os.Getenv("FLATSTREAM_FULL") == "1" {
		few = "60"
	}
	count, start := number("FLATSTREAM_RANDOM", few), number("FLATSTREAM_SEED", "0")
	total, agree := 0, 0
	for seed := start; seed < start+count; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			repos, opt := randomIndex(t, seed)
			x := parseRepos(t, repos, opt)
			sets := randomSets(x, seed)
			total += len(sets)
			agree += compareWithDNF(t, repos, x, sets)
		})
	}
	t.Logf("random: %d of %d sets agree with DNF", agree, total)
}
