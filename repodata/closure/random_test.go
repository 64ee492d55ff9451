package closure

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"flatstream/fixtures"
	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// randomWorld draws a repository and a supplier with up to 8 packages between
// them: few names, versions and capabilities, so that everything meets and
// collides with everything, by every kind of relation.
func randomWorld(rng *rand.Rand) (app, base string) {
	var text [2]strings.Builder
	seen := make(map[string]bool)
	for i := range 4 + rng.IntN(5) {
		repo := min(rng.IntN(3), 1)
		nevra := fmt.Sprintf("%c %s %s", "abcde"[rng.IntN(5)], []string{"1-1", "1-2", "2-1", "1:1-1"}[rng.IntN(4)],
			[]string{"x86_64", "x86_64", "i686", "noarch", "i586"}[rng.IntN(5)])
		if key := fmt.Sprint(repo, nevra); i > 0 && seen[key] {
			continue // of one name and checksum, as far as the fixtures go
		} else {
			seen[key] = true
		}
		if i == 0 {
			repo = 0
		}
		seen[fmt.Sprint(repo, nevra)] = true
		fmt.Fprintf(&text[repo], "package %s\n", nevra)
		randomRelations(rng, &text[repo])
	}
	return text[0].String(), text[1].String()
}

func randomRelations(rng *rand.Rand, b *strings.Builder) {
	for range rng.IntN(3) {
		fmt.Fprintf(b, "  provides %s\n", randomCapability(rng, "xyz"))
	}
	if rng.IntN(4) == 0 {
		fmt.Fprintf(b, "  file %s\n", []string{"/usr/bin/f", "/usr/share/g"}[rng.IntN(2)])
	}
	for range rng.IntN(3) {
		fmt.Fprintf(b, "  requires %s\n", randomRelation(rng))
	}
	for range rng.IntN(2) {
		fmt.Fprintf(b, "  conflicts %s\n", randomRelation(rng))
	}
	if rng.IntN(5) == 0 {
		fmt.Fprintf(b, "  obsoletes %s\n", randomCapability(rng, "abcdex"))
	}
}

func randomCapability(rng *rand.Rand, names string) string {
	name := names[rng.IntN(len(names))]
	if rng.IntN(2) == 0 {
		return string(name)
	}
	return fmt.Sprintf("%c %s %s", name, []string{"=", "<", ">=", "<=", ">"}[rng.IntN(5)], []string{"1", "2", "1-2", "1:1"}[rng.IntN(4)])
}

func randomRelation(rng *rand.Rand) string {
	switch rng.IntN(10) {
	case 0:
		return []string{"/usr/bin/f", "/usr/share/g"}[rng.IntN(2)]
	case 1, 2, 3:
		return randomRich(rng, 2)
	}
	return randomCapability(rng, "abcdexyz")
}

// randomRich draws from all eight operators.
func randomRich(rng *rand.Rand, depth int) string {
	leaf := func() string { return randomCapability(rng, "abcdexyz") }
	sub := func() string {
		if depth == 0 || rng.IntN(2) == 0 {
			return leaf()
		}
		return randomRich(rng, depth-1)
	}
	within := func() string {
		if rng.IntN(3) > 0 {
			return leaf()
		}
		return fmt.Sprintf("(%s %s %s)", leaf(), []string{"with", "without", "or"}[rng.IntN(3)], leaf())
	}
	switch op := []string{"and", "or", "if", "if-else", "unless", "unless-else", "with", "without"}[rng.IntN(8)]; op {
	case "with", "without":
		return fmt.Sprintf("(%s %s %s)", within(), op, within())
	case "if-else", "unless-else":
		return fmt.Sprintf("(%s %s %s else %s)", sub(), strings.TrimSuffix(op, "-else"), sub(), sub())
	default:
		return fmt.Sprintf("(%s %s %s)", sub(), op, sub())
	}
}

// judged is what Install says of a random world, and the packages it is about.
type judged struct {
	dirs     [2]string
	text     string
	own, all []*repodata.Package
	broken   []string
	result   Checked
}

func judgeRandom(t *testing.T, rng *rand.Rand) *judged {
	t.Helper()
	app, base := randomWorld(rng)
	w := &judged{text: "-- app --\n" + app + "-- base --\n" + base}
	u := NewUniverse()
	c := Check{Suppliers: []RepoID{1}}
	for i, body := range []string{app, base} {
		w.dirs[i] = writeText(t, body, fixtures.Options{})
		r := openDir(t, w.dirs[i])
		if _, err := u.Add(context.Background(), []string{"app", "base"}[i], r); err != nil {
			t.Fatal(err)
		}
		for p, err := range r.Packages(context.Background(), repodata.PartRelations|repodata.PartAllFiles) {
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				w.own = append(w.own, p)
			}
			w.all = append(w.all, p)
		}
	}
	w.result = install(t, u, c).Checked[0]
	for _, p := range w.result.Problems {
		w.broken = append(w.broken, p.Package)
	}
	slices.Sort(w.broken)
	w.broken = slices.Compact(w.broken)
	return w
}

func install(t testing.TB, u *Universe, checks ...Check) *Report {
	t.Helper()
	r, err := u.Install(context.Background(), checks, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// worlds says how many random worlds to look at.
func worlds(some, all int) int {
	if os.Getenv("FLATSTREAM_FULL") == "1" {
		return all
	}
	return some
}

// TestInstallRandom judges random worlds by trying every set of packages, and by
// libsolv, all in one process.
func TestInstallRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(46, 8))
	codes, fine := make(map[Code]int), 0
	var all []*judged
	var dirs []string
	for i := range worlds(400, 10_000) {
		w := judgeRandom(t, rng)
		all = append(all, w)
		dirs = append(dirs, strings.Join(w.dirs[:], ","))
		if want := bruteForce(w.own, w.all); !slices.Equal(w.broken, want) {
			t.Fatalf("world %d: broken are %q, trying all sets says %q\n%s", i, w.broken, want, w.text)
		}
		for _, p := range w.result.Problems {
			codes[p.Code]++
			if (p.Code == Uninstallable || p.Code == Conflict) && len(p.Chain) == 0 {
				t.Errorf("world %d: no chain: %+v\n%s", i, p, w.text)
			}
		}
		fine += len(w.own) - len(w.broken)
	}
	if fine < 300 || codes[Conflict] < 40 || codes[Uninstallable] < 40 || codes[MissingRequirement] < 100 {
		t.Errorf("the worlds are one-sided: %d fine, %v", fine, codes)
	}
	t.Logf("%d packages in %d worlds can be installed; problems: %v", fine, len(all), codes)
	for i, want := range libsolvInstall(t, 1, dirs...) {
		if !slices.Equal(all[i].broken, want.Broken) {
			t.Fatalf("world %d: broken are %q, libsolv says %q\n%s", i, all[i].broken, want.Broken, all[i].text)
		}
	}
}

// bruteForce lists the packages that no consistent set contains.
func bruteForce(own, all []*repodata.Package) []string {
	in := make(map[*repodata.Package]bool)
	for bits := range 1 << len(all) {
		var set []*repodata.Package
		for i, p := range all {
			if bits>>i&1 == 1 {
				set = append(set, p)
			}
		}
		if consistent(set, all) {
			for _, p := range set {
				in[p] = true
			}
		}
	}
	broken := []string{}
	for _, p := range own {
		if !in[p] {
			broken = append(broken, p.NEVRA.String())
		}
	}
	slices.Sort(broken)
	return broken
}

// consistent is verify's definition, word by word.
func consistent(set, all []*repodata.Package) bool {
	for _, p := range set {
		for _, r := range p.Requires {
			if !relationHolds(r, set) {
				return false
			}
		}
		for _, r := range p.Conflicts {
			others := slices.DeleteFunc(slices.Clone(set), func(q *repodata.Package) bool { return q == p })
			if !r.Rich && relationHolds(r, others) || r.Rich && forbidden(p, r.Name, set, all) {
				return false
			}
		}
		for _, q := range set {
			if p != q && (clashByName(p, q) || obsoletes(p, q)) {
				return false
			}
		}
	}
	return true
}

func relationHolds(r repodata.Relation, set []*repodata.Package) bool {
	if r.Rich {
		e, err := rpmdep.ParseRich(r.Name)
		return err == nil && holds(e, set)
	}
	return slices.ContainsFunc(set, func(p *repodata.Package) bool { return alone(&rpmdep.Expr{Dep: r.Dep}, p) })
}

// forbidden reports whether a rich conflict of p hits: a term of it holds that is
// more than p itself.
func forbidden(p *repodata.Package, text string, set, all []*repodata.Package) bool {
	e, err := rpmdep.ParseRich(text)
	if err != nil {
		return false
	}
	for _, t := range terms(e, true, all) {
		if len(t) == 1 && t[p] {
			continue
		}
		hit := true
		for q, present := range t {
			hit = hit && present == slices.Contains(set, q)
		}
		if hit {
			return true
		}
	}
	return false
}

// combination says which packages are there and which are not.
type combination map[*repodata.Package]bool

// terms is the disjunctive form of e, or of its negation, over packages.
func terms(e *rpmdep.Expr, yes bool, all []*repodata.Package) []combination {
	arg := func(i int, yes bool) []combination { return terms(e.Args[i], yes, all) }
	both := func(a, b []combination) (found []combination) {
		for _, x := range a {
		pairs:
			for _, y := range b {
				joined := maps.Clone(x)
				for p, present := range y {
					if there, ok := joined[p]; ok && there != present {
						continue pairs
					}
					joined[p] = present
				}
				found = append(found, joined)
			}
		}
		return found
	}
	either := func(a, b []combination) []combination { return append(slices.Clone(a), b...) }
	if !yes {
		both, either = either, both
	}
	switch e.Op {
	case rpmdep.RichAnd:
		return both(arg(0, yes), arg(1, yes))
	case rpmdep.RichOr:
		return either(arg(0, yes), arg(1, yes))
	case rpmdep.RichIf:
		return either(arg(0, yes), arg(1, !yes))
	case rpmdep.RichUnless:
		return both(arg(0, yes), arg(1, !yes))
	case rpmdep.RichIfElse:
		return both(either(arg(0, yes), arg(1, !yes)), either(arg(2, yes), arg(1, yes)))
	case rpmdep.RichUnlessElse:
		return either(both(arg(0, yes), arg(1, !yes)), both(arg(2, yes), arg(1, yes)))
	}
	if yes {
		var found []combination
		for _, p := range all {
			if alone(e, p) {
				found = append(found, combination{p: true})
			}
		}
		return found
	}
	none := combination{}
	for _, p := range all {
		if alone(e, p) {
			none[p] = false
		}
	}
	return []combination{none}
}

func clashByName(p, q *repodata.Package) bool {
	wide := func(p *repodata.Package) bool { return p.Arch == "x86_64" }
	sideBySide := p.Arch != "noarch" && q.Arch != "noarch" && wide(p) != wide(q) && rpmver.Compare(p.EVR, q.EVR) == 0
	return p.Name == q.Name && !sideBySide
}

func obsoletes(p, q *repodata.Package) bool {
	return slices.ContainsFunc(p.Obsoletes, func(r repodata.Relation) bool {
		return rpmdep.Match(rpmdep.Dep{Name: q.Name, Op: rpmdep.Equal, EVR: q.EVR}, r.Dep)
	})
}

// installVerdict is libsolv's about one world.
type installVerdict struct {
	Asked  int
	Broken []string
}

// libsolvInstall asks python3-solv which packages cannot be installed: of every
// so many in the first repository of each world.
func libsolvInstall(t *testing.T, every int, worlds ...string) []installVerdict {
	t.Helper()
	needLibsolv(t)
	var verdicts []installVerdict
	for part := range slices.Chunk(worlds, 500) {
		cmd := exec.Command(python, append([]string{"testdata/install.py", fmt.Sprint(every)}, part...)...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var v []installVerdict
		if err := json.Unmarshal(out, &v); err != nil || len(v) != len(part) {
			t.Fatalf("%d verdicts on %d worlds: %v", len(v), len(part), err)
		}
		verdicts = append(verdicts, v...)
	}
	return verdicts
}
