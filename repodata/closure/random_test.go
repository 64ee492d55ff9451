package closure

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"flatstream/fixtures"
	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
)

// randomWorld draws a repository and a supplier with up to 8 packages between
// them: few names, versions and capabilities, so that everything meets and
// collides with everything, by every kind of relation. Some are source packages,
// some are there twice, and some do not provide their own names.
func randomWorld(rng *rand.Rand) (app, base string) {
	var text [2]strings.Builder
	seen := make(map[string]bool)
	for i := range 4 + rng.IntN(5) {
		repo := min(i, rng.IntN(3), 1)
		nevra := fmt.Sprintf("%c %s %s", "abcde"[rng.IntN(5)], []string{"1-1", "1-2", "2-1", "1:1-1"}[rng.IntN(4)],
			[]string{"x86_64", "x86_64", "i686", "noarch", "i586", "src"}[rng.IntN(6)])
		fmt.Fprintf(&text[repo], "package %s\n", nevra)
		if seen[fmt.Sprint(repo, nevra)] {
			fmt.Fprintf(&text[repo], "  href again-%d.rpm\n", i) // which also gives it a checksum of its own
		}
		seen[fmt.Sprint(repo, nevra)] = true
		if rng.IntN(100) == 0 {
			text[repo].WriteString("  bare\n")
		}
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
	for range max(0, rng.IntN(6)-3) {
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
		return randomRich(rng, 1+rng.IntN(3))
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
	c := Check{Suppliers: []RepoID{1}, Build: &Build{Suppliers: []RepoID{1}, Sources: []Sources{{Repo: 0}}}}
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
			if isSource(p.Arch) {
				p.Provides, p.Files, p.Obsoletes = nil, nil, nil
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
	for i := range worlds(420, 10_000) {
		w := judgeRandom(t, rng)
		all = append(all, w)
		dirs = append(dirs, strings.Join(w.dirs[:], ","))
		if want := bruteForce(w.own, w.all); !slices.Equal(w.broken, want) {
			t.Fatalf("world %d: broken are %q, trying all sets says %q\n%s", i, w.broken, want, w.text)
		}
		for _, p := range w.result.Problems {
			codes[p.Code]++
			needsChain := p.Code == Uninstallable || p.Code == Conflict
			if needsChain && (len(p.Chain) == 0 || p.Chain[0][0] == ' ') || len(p.Requirements) == 0 && p.Code != Conflict {
				t.Errorf("world %d: not explained: %+v\n%s", i, p, w.text)
			}
		}
		fine += len(w.own) - len(w.broken)
	}
	if fine < 300 || codes[Conflict] < 50 || codes[Uninstallable] < 40 || codes[MissingRequirement] < 100 {
		t.Errorf("the worlds are one-sided: %d fine, %v", fine, codes)
	}
	t.Logf("%d packages in %d worlds can be installed; problems: %v", fine, len(all), codes)
	odd := 0
	for i, want := range libsolvInstall(t, 1, dirs...) {
		if all[i].odd() {
			odd++
			continue
		}
		judged := len(want.Broken) + len(want.Fine)
		if !slices.Equal(all[i].broken, slices.Compact(want.Broken)) || judged != len(all[i].own) {
			t.Fatalf("world %d: broken are %q, libsolv says %q\n%s", i, all[i].broken, want.Broken, all[i].text)
		}
	}
	if len(all)-odd < 300 {
		t.Errorf("libsolv was asked about %d worlds only", len(all)-odd)
	}
}

// odd reports whether libsolv's shortcuts show in a world: it simplifies a rich
// conflict by what nothing provides before it spares a package the conflict with
// itself, so that what it spares hangs on how the conflict is written.
func (w *judged) odd() bool {
	if strings.Contains(w.text, "  bare\n") {
		return true // libsolv has every package provide its name
	}
	for _, p := range w.all {
		for _, r := range p.Conflicts {
			if e, err := rpmdep.ParseRich(r.Name); r.Rich && err == nil {
				own := anyLeaf(e, func(l *rpmdep.Expr) bool { return alone(l, p) })
				none := anyLeaf(e, func(l *rpmdep.Expr) bool { return !holds(l, w.all) })
				if own && none {
					return true
				}
			}
		}
	}
	return false
}

func anyLeaf(e *rpmdep.Expr, is func(*rpmdep.Expr) bool) bool {
	switch e.Op {
	case rpmdep.RichDep, rpmdep.RichWith, rpmdep.RichWithout:
		return is(e)
	}
	return slices.ContainsFunc(e.Args, func(a *rpmdep.Expr) bool { return anyLeaf(a, is) })
}

// installVerdict is libsolv's about the packages of one world.
type installVerdict struct{ Broken, Fine []string }

// libsolvInstall asks python3-solv which packages can be installed: one of every so
// many in the first repository of each world.
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
