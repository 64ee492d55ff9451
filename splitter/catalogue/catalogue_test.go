package catalogue

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flatstream/fixtures"
	"flatstream/repodata"
	"flatstream/repodata/closure"
	"flatstream/splitter"
)

// source writes a repository's metadata and opens it.
func source(t testing.TB, name string, write func(dir string, opt fixtures.Options) error) splitter.Source {
	t.Helper()
	return sourceWith(t, name, fixtures.Options{MetadataOnly: true}, write)
}

func sourceWith(t testing.TB, name string, opt fixtures.Options, write func(dir string, opt fixtures.Options) error) splitter.Source {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := write(dir, opt); err != nil {
		t.Fatal(err)
	}
	r, err := repodata.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return splitter.Source{Name: name, Role: splitter.RoleMerge, Repo: r, Dir: dir}
}

// made splits sources into a new target, verifies it, and writes its pages.
func made(t testing.TB, opt splitter.Options, sources ...splitter.Source) (string, Input) {
	t.Helper()
	ctx := context.Background()
	opt.Link = cmp.Or(opt.Link, splitter.LinkNothing)
	plan, err := splitter.NewPlan(ctx, sources, opt)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	report, err := splitter.Split(ctx, plan, dir, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	verdict, err := splitter.Verify(ctx, os.DirFS(dir), splitter.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	in := Input{Plan: plan, Report: report, Verdict: verdict}
	if err := Write(dir, in); err != nil {
		t.Fatal(err)
	}
	return dir, in
}

// small is the fixtures' first night: 7 modules, packages that are hidden, absent and
// cannot be installed.
func small(t testing.TB) (string, Input) {
	t.Helper()
	night, err := fixtures.NightOne()
	if err != nil {
		t.Fatal(err)
	}
	return made(t, splitter.Options{BaseURL: "http://mirror.example.org/flat", Views: []splitter.View{{Name: "perl-build", Spec: []string{"perl:5.30"}}}},
		source(t, "baseos", night.BaseOS.Write), source(t, "appstream", night.AppStream.Write))
}

func read(t testing.TB, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// pagesOf lists a target's pages.
func pagesOf(t testing.TB, dir string) []string {
	t.Helper()
	list := []string{PageName}
	err := fs.WalkDir(os.DirFS(dir), DirName, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestPagesAnswerWhatPeopleAsk(t *testing.T) {
	dir, _ := small(t)
	for _, c := range []struct{ question, page, answer string }{
		{"which perl streams are there", "index.html", `<a href="./catalogue/streams/perl/5.30.html">`},
		{"which one is the default", "index.html", `5.26</a> <span class="badge good">default</span>`},
		{"how do I install it", "catalogue/streams/perl/5.30.html", "http://mirror.example.org/flat/streams/perl/5.30/flatstream.repo\nsudo dnf install perl<"},
		{"what is the profile of an empty stream", "catalogue/streams/perl/5.26.html", "no packages of its own"},
		{"who needs it", "catalogue/streams/perl/5.30.html", "<title>perl-DBI:1.641"},
		{"is all well", "index.html", "4 problems"},
		{"what is broken, and why", "catalogue/default.html", "nothing in flatstream-default provides it"},
		{"why is perl 5.26 not in my view", "catalogue/packages/p.html", `perl-4:5.26.3-416.el8.x86_64 is not in <a href="../views/perl-build.html">view perl-build</a>: <a href="../streams/perl/5.30.html">hidden by perl:5.30</a>`},
		{"what became of ruby-libs", "catalogue/packages/r.html", `<a href="../unlisted.html">unlisted</a>`},
	} {
		if page := read(t, dir, c.page); !strings.Contains(page, c.answer) {
			t.Errorf("%s: %s lacks %q", c.question, c.page, c.answer)
		}
	}
}

func TestSameInputSameBytesAndNewFiles(t *testing.T) {
	dir, in := small(t)
	before := map[string]string{}
	kept := t.TempDir() // as an earlier snapshot keeps its pages
	for i, name := range pagesOf(t, dir) {
		before[name] = read(t, dir, name)
		if err := os.Link(filepath.Join(dir, name), filepath.Join(kept, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := Write(dir, in); err != nil {
		t.Fatal(err)
	}
	for i, name := range pagesOf(t, dir) {
		if read(t, dir, name) != before[name] {
			t.Errorf("%s is another the second time", name)
		}
		a, _ := os.Stat(filepath.Join(dir, name))
		b, _ := os.Stat(filepath.Join(kept, fmt.Sprint(i)))
		if os.SameFile(a, b) {
			t.Errorf("%s is still the file that an earlier snapshot shares", name)
		}
		if a.Mode().Perm() != 0o644 {
			t.Errorf("%s has mode %v", name, a.Mode())
		}
	}
	in.Verdict = nil
	if err := Write(dir, in); err != nil {
		t.Fatal(err)
	}
	if page := read(t, dir, PageName); !strings.Contains(page, "not yet") || strings.Contains(page, "installable") {
		t.Error("without a verdict the page claims one")
	}
}

func TestFirstPageIsSmall(t *testing.T) {
	shape := fixtures.Shape{Seed: 7, Packages: 20_000, Builds: 200, Small: true}
	if testing.Short() {
		shape.Packages, shape.Builds = 800, 40
	}
	src := source(t, "large", shape.Write)
	plan, err := splitter.NewPlan(context.Background(), []splitter.Source{src}, splitter.Options{Link: splitter.LinkNothing})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := Write(dir, Input{Plan: plan, Report: plan.Report()}); err != nil {
		t.Fatal(err)
	}
	page := read(t, dir, PageName)
	if n := strings.Count(page, `class="stream"`); n != shape.Builds/2 {
		t.Fatalf("%d streams", n)
	}
	t.Logf("%d streams and %d packages: %d bytes, in %d pages", shape.Builds/2, shape.Packages, len(page), len(pagesOf(t, dir)))
	if len(page) > 300_000 {
		t.Errorf("the first page has %d bytes, over 300,000", len(page))
	}
}

// TestBrokenNightFits: what a broken night found must not make a page too large.
func TestBrokenNightFits(t *testing.T) {
	dir, in := small(t)
	verdict := &closure.Report{}
	broken := 5000
	if testing.Short() {
		broken = 300
	}
	for _, repo := range in.Report.Repos {
		c := closure.Checked{Repo: repo.ID, Packages: broken}
		for i := range broken {
			c.Problems = append(c.Problems, closure.Problem{Code: closure.MissingRequirement,
				Package: fmt.Sprintf("package-%04d-0:1-1.x86_64", i), Requirements: []string{fmt.Sprintf("capability-%d", i)}})
		}
		verdict.Checked = append(verdict.Checked, c)
	}
	verdict.Tally()
	in.Verdict = verdict
	if err := Write(dir, in); err != nil {
		t.Fatal(err)
	}
	for _, name := range pagesOf(t, dir) {
		if n := len(read(t, dir, name)); n > 300_000 {
			t.Errorf("%s has %d bytes", name, n)
		}
	}
}

func TestGrobiSplittersLayoutHasNoFurtherDirectory(t *testing.T) {
	night, err := fixtures.NightOne()
	if err != nil {
		t.Fatal(err)
	}
	dir, _ := made(t, splitter.Options{Layout: splitter.LayoutGrobiSplitter}, source(t, "appstream", night.AppStream.Write))
	if _, err := os.Stat(filepath.Join(dir, DirName)); err == nil {
		t.Error("there is a directory that is no repository")
	}
	if page := read(t, dir, PageName); !strings.Contains(page, `href="./nodejs:10:`) {
		t.Error("index.html does not lead to the repositories")
	}
}

// hostile are names that would do harm in a page that trusted them.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `javascript:alert(1)`, `'onmouseover='alert(1)`,
	"</style><script>alert(1)</script>", "gnp\u202eexe.rpm", "a\u2066b\u200fc", "../../../etc/passwd", "{{.Plan}}", "`${alert(1)}`", "%3Cscript%3E", "x?y#z&lt;",
}

// ofHostileNames makes a target of them, as names of whatever has one.
func ofHostileNames(t *testing.T) string {
	t.Helper()
	repo := &fixtures.Repo{}
	for i, name := range hostile {
		word := strings.NewReplacer(" ", "", "?", "", "#", "", "/", "").Replace(name) // what a package may be called
		m := fixtures.Module{Name: name, Stream: hostile[(i+1)%len(hostile)], Version: 1, Context: "c", Arch: "x86_64", Summary: hostile[(i+2)%len(hostile)],
			Profiles: []fixtures.Profile{{Name: "common", Names: []string{name, "a;rm -rf ~"}}}}
		m.Artifacts = []string{word + "-0:1-1.x86_64"} // some of them absent
		repo.Modules = append(repo.Modules, m)
		repo.Defaults = append(repo.Defaults, fixtures.Default{Module: m.Name, Stream: m.Stream})
		repo.Packages = append(repo.Packages, fixtures.Package{Name: "p" + word, Version: "1", Release: "1", Arch: "x86_64", Href: fmt.Sprintf("p%d.rpm", i),
			Requires: []fixtures.Relation{{Name: "needs" + name}}}, // and all of them broken
			fixtures.Package{Name: word, Version: "1", Release: "2", Arch: "x86_64", Href: fmt.Sprintf("q%d.rpm", i)})
	}
	dir, in := made(t, splitter.Options{}, source(t, "hostile", repo.Write))
	if n := len(in.Report.Repos); n < len(hostile)/2 {
		t.Fatalf("only %d repositories: the names were refused before they came here", n)
	}
	return dir
}

func TestHostileNamesAreInert(t *testing.T) {
	dir := ofHostileNames(t)
	for _, name := range pagesOf(t, dir) {
		page := read(t, dir, name)
		checkPage(t, dir, name, page) // one script, one style, no handlers, no links elsewhere
		if strings.ContainsAny(page, "\u202e\u2066\u200f") {
			t.Errorf("%s: a mark of direction got through", name)
		}
		if strings.Contains(page, "dnf install a;rm") {
			t.Errorf("%s: the command runs a name", name)
		}
	}
}

func TestInertReplacesWhatCommands(t *testing.T) {
	for in, want := range map[string]string{
		"plain\n": "plain\n", "ü → ✓": "ü → ✓", "a\x1b[2Jb": "a\ufffd[2Jb", "a\u202eb": "a\ufffdb", "a\u009bb": "a\ufffdb", "a\xffb": "a\ufffdb", "\u061c": "\ufffd",
	} {
		if got := inert([]byte(in)); !bytes.Equal(got, []byte(want)) {
			t.Errorf("inert(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPagesSayWhatEnds(t *testing.T) {
	repo := &fixtures.Repo{}
	repo.Modules = []fixtures.Module{{Name: "nodejs", Stream: "10", Version: 1, Context: "c", Arch: "x86_64"}}
	repo.ModulesText = "---\ndocument: modulemd-obsoletes\nversion: 1\ndata:\n  modified: 2021-05-01T00:00Z\n  module: nodejs\n  stream: \"10\"\n  eol_date: 2021-04-30T00:00Z\n  message: upstream is done with it\n  obsoleted_by:\n    module: nodejs\n    stream: \"12\"\n...\n"
	dir, _ := made(t, splitter.Options{}, source(t, "ending", repo.Write))
	for name, want := range map[string]string{
		PageName: `<span class="badge warn">ends 2021-04-30</span>`, "catalogue/streams/nodejs/10.html": "<li>The stream ends 2021-04-30T00:00Z: upstream is done with it; use nodejs:12</li>",
	} {
		page := read(t, dir, name)
		checkPage(t, dir, name, page)
		if !strings.Contains(page, want) {
			t.Errorf("%s lacks %q", name, want)
		}
	}
	if !strings.Contains(read(t, dir, PageName), `data-only="ends"`) {
		t.Error("the streams that end cannot be filtered")
	}
}

func TestPagesSayWhatChanged(t *testing.T) {
	dir, in := small(t)
	in.Earlier = &Earlier{Name: "20260101T030000Z", Diff: &splitter.TreesDiff{Repos: []splitter.RepoDiff{
		{Path: "streams/perl/5.30", State: splitter.RepoChanged, Added: []string{"perl-new-0:1-1.noarch"}, Changed: []splitter.PackageChange{{Name: "perl", Arch: "x86_64", From: []string{"0:1-1"}, To: []string{"0:2-1"}}}},
		{Path: "streams/perl/5.24", State: splitter.RepoAdded}, {Path: "streams/old/1", State: splitter.RepoRemoved},
	}}}
	if err := Write(dir, in); err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string][]string{
		PageName:                           {"2 repositories", "streams/old/1 <span", "Changed since 20260101T030000Z", `<span class="badge">new</span>`},
		"catalogue/streams/perl/5.30.html": {"perl-new-0:1-1.noarch", "perl.x86_64: 0:1-1 → 0:2-1"},
		"catalogue/default.html":           {"<p>Nothing.</p>"},
	} {
		page := read(t, dir, name)
		checkPage(t, dir, name, page)
		for _, want := range wants {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
	}
}

func TestPageOfTheNight(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"flat/el8/x86_64", "mirror", "report.json"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b, err := RenderNight(Night{Snapshot: "20260102T030000Z", Warnings: []string{hostile[0]}, Repos: []NightRepo{{ID: hostile[1], Outcome: "changed", Fetched: 2, Bytes: 1_500_000}},
		Targets: []NightTarget{{Name: "el8/x86_64", Path: "flat/el8/x86_64", Repos: 3, Problems: 2, New: []string{hostile[4]}, HeldBack: []string{"default"}}}})
	if err != nil {
		t.Fatal(err)
	}
	checkPage(t, dir, PageName, string(b))
	for _, want := range []string{"2 January 2026, 03:00 UTC", "What would have got worse stayed as it was: default of el8/x86_64. All else", "2 problems, 1 new", "1.5 MB", "withheld"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestEveryPageIsReachedAndWhole(t *testing.T) {
	dir, _ := small(t)
	reached := map[string]bool{PageName: true}
	for queue := []string{PageName}; len(queue) > 0; queue = queue[1:] {
		for _, to := range checkPage(t, dir, queue[0], read(t, dir, queue[0])) {
			if strings.HasSuffix(to, ".html") && !reached[to] {
				reached[to] = true
				queue = append(queue, to)
			}
		}
	}
	for _, name := range pagesOf(t, dir) {
		if !reached[name] {
			t.Errorf("no page leads to %s", name)
		}
	}
	if all := pagesOf(t, dir); len(all) < 30 || !slices.Contains(all, "catalogue/views/perl-build.html") {
		t.Errorf("pages: %q", all)
	}
}
