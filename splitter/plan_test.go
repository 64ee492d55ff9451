package splitter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"flatstream/fixtures"
	"flatstream/repodata"
)

// small is an EL8 in miniature: a default stream without artifacts (P14), a stream
// that hides, one stream with a group per perl (P6), a package that no document lists
// (P8), and packages of other kinds that are missing (P7).
const small = `
-- baseos --
package bash 4.4-1.el8 x86_64
package perl 4:5.26-1.el8 x86_64
package perl-libs 4:5.26-1.el8 x86_64
package perl-oldies 1-1.el8 noarch
  provides perl-interpreter
package node-tools 1-1.el8 noarch
-- appstream --
module perl:5.26:1:a:x86_64
  default
module perl:5.30:2:b:x86_64
  artifact perl-libs-debuginfo-4:5.30-2.module+el8.x86_64 perl-4:5.30-2.module+el8.src perl-libs-4:5.30-2.module+el8.s390x perl-tests-4:5.30-2.module+el8.x86_64
module perl:5.30:1:b:x86_64
module dbi:1:1:c26:x86_64
  default
  requires perl:5.26
module dbi:1:1:c30:x86_64
  requires perl:5.30
module node:10:1:n:x86_64
  default
module node:12:1:n:x86_64
package perl-libs 4:5.30-1.module+el8 x86_64
  label perl:5.30:1:b
package perl-libs 4:5.30-2.module+el8 x86_64
  label perl:5.30:2:b
package perl-interpreter 4:5.30-2.module+el8 x86_64
  label perl:5.30:2:b
package dbi 1-26.module+el8 x86_64
  label dbi:1:1:c26
package dbi 1-30.module+el8 x86_64
  label dbi:1:1:c30
package node 1:10-1.module+el8 x86_64
  label node:10:1:n
package node 1:12-1.module+el8 x86_64
  label node:12:1:n
package ghost 1-1.module+el8.0.0 x86_64
`

// sourcesOf writes each file of a txtar archive as a repository.
func sourcesOf(t testing.TB, archive string) []Source {
	t.Helper()
	var sources []Source
	for _, f := range txtar.Parse([]byte(archive)).Files {
		dir := filepath.Join(t.TempDir(), f.Name)
		repo, err := fixtures.Parse(string(f.Data))
		if err != nil {
			t.Fatal(err)
		}
		if err := repo.Write(dir, fixtures.Options{}); err != nil {
			t.Fatal(err)
		}
		sources = append(sources, openDir(t, f.Name, dir))
	}
	return sources
}

func openDir(t testing.TB, name, dir string) Source {
	t.Helper()
	r, err := repodata.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return Source{Name: name, Role: RoleMerge, Repo: r, Dir: dir}
}

// placements writes a plan as one line per repository: path, packages (name-version
// and release's first part), and what it needs.
func placements(p *Plan) string {
	var b strings.Builder
	for _, f := range p.Repos {
		var names []string
		for _, n := range p.Packages(f) {
			release, _, _ := strings.Cut(n.Release, ".")
			names = append(names, fmt.Sprintf("%s-%s-%s", n.Name, n.Version, release))
		}
		slices.Sort(names)
		fmt.Fprintf(&b, "%s: %s", f.Path, strings.Join(names, " "))
		if len(f.Requires) > 0 {
			fmt.Fprintf(&b, " | %s", strings.ReplaceAll(strings.Join(f.Requires, " "), "flatstream-", ""))
		}
		for _, h := range f.Hidden {
			fmt.Fprintf(&b, " !%s", strings.TrimSuffix(h.NEVRA, ".el8"))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func plan(t *testing.T, archive string, opt Options) *Plan {
	t.Helper()
	p, err := NewPlan(context.Background(), sourcesOf(t, archive), opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What each repository holds, needs (P19) and hides.
func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name string
		opt  Options
		want string
	}{
		{"streams, their company and the default view", Options{}, `
streams/dbi/1: dbi-1-26 | node:10 perl:5.26 non-modular
streams/dbi/1@perl=5.30: dbi-1-30 | node:10 perl:5.30 non-modular !perl-libs-4:5.26-1.el8.x86_64 !perl-oldies-0:1-1.el8.noarch
streams/node/10: node-10-1 | dbi:1 perl:5.26 non-modular
streams/node/12: node-12-1 | dbi:1 perl:5.26 non-modular
streams/perl/5.26:  | dbi:1 node:10 non-modular
streams/perl/5.30: perl-interpreter-5.30-2 perl-libs-5.30-1 perl-libs-5.30-2 | dbi:1_perl_5.30-IDHASH node:10 non-modular !perl-libs-4:5.26-1.el8.x86_64 !perl-oldies-0:1-1.el8.noarch
non-modular: bash-4.4-1 node-tools-1-1 perl-5.26-1 perl-libs-5.26-1 perl-oldies-1-1 | dbi:1 node:10 perl:5.26
unlisted: ghost-1-1 | dbi:1 node:10 perl:5.26 non-modular
default: bash-4.4-1 dbi-1-26 node-10-1 node-tools-1-1 perl-5.26-1 perl-libs-5.26-1 perl-oldies-1-1
`},
		{"a view replaces defaults, and hides", Options{Streams: []string{"node:12"}, NoDefaultView: true, Unlisted: UnlistedDrop,
			Views: []View{{Name: "build", Spec: []string{"perl:5.30"}}, {Name: "bare", Spec: []string{"none", "node:12"}}, {Name: "less", Spec: []string{"-node"}}}}, `
streams/node/12: node-12-1 | non-modular
non-modular: bash-4.4-1 node-tools-1-1 perl-5.26-1 perl-libs-5.26-1 perl-oldies-1-1
views/build: bash-4.4-1 dbi-1-30 node-10-1 node-tools-1-1 perl-5.26-1 perl-interpreter-5.30-2 perl-libs-5.30-1 perl-libs-5.30-2 !perl-libs-4:5.26-1.el8.x86_64 !perl-oldies-0:1-1.el8.noarch
views/bare: bash-4.4-1 node-12-1 node-tools-1-1 perl-5.26-1 perl-libs-5.26-1 perl-oldies-1-1
views/less: bash-4.4-1 dbi-1-26 node-tools-1-1 perl-5.26-1 perl-libs-5.26-1 perl-oldies-1-1
`},
		{"with dependencies, newest builds only", Options{Streams: []string{"dbi", "perl:5.30"}, WithDeps: true, Versions: VersionsLatest, NoDefaultView: true, Unlisted: UnlistedKeep}, `
streams/dbi/1: dbi-1-26 | perl:5.26 non-modular
streams/dbi/1@perl=5.30: dbi-1-30 | perl:5.30 non-modular !perl-libs-4:5.26-1.el8.x86_64 !perl-oldies-0:1-1.el8.noarch
streams/perl/5.26:  | dbi:1 non-modular
streams/perl/5.30: perl-interpreter-5.30-2 perl-libs-5.30-2 | dbi:1_perl_5.30-IDHASH non-modular !perl-libs-4:5.26-1.el8.x86_64 !perl-oldies-0:1-1.el8.noarch
non-modular: bash-4.4-1 ghost-1-1 node-tools-1-1 perl-5.26-1 perl-libs-5.26-1 perl-oldies-1-1 | dbi:1 perl:5.26
`},
		{"one repository per build", Options{By: ByNSVCA, Streams: []string{"perl:5.30"}, NoDefaultView: true, Unlisted: UnlistedDrop}, `
streams/perl/5.30/2.b.x86_64: perl-interpreter-5.30-2 perl-libs-5.30-2 | perl:5.30:1:b:x86_64 non-modular !perl-libs-4:5.26-1.el8.x86_64 !perl-oldies-0:1-1.el8.noarch
streams/perl/5.30/1.b.x86_64: perl-libs-5.30-1 | perl:5.30:2:b:x86_64 non-modular !perl-libs-4:5.26-1.el8.x86_64 !perl-oldies-0:1-1.el8.noarch
non-modular: bash-4.4-1 node-tools-1-1 perl-5.26-1 perl-libs-5.26-1 perl-oldies-1-1
`},
		{"every build of a stream together", Options{Versions: VersionsAll, Streams: []string{"dbi:1"}, NoDefaultView: true, Unlisted: UnlistedDrop}, `
streams/dbi/1: dbi-1-26 dbi-1-30 | non-modular
non-modular: bash-4.4-1 node-tools-1-1 perl-5.26-1 perl-libs-5.26-1 perl-oldies-1-1 | dbi:1
`},
		{"GrobiSplitter's directories", Options{Layout: LayoutGrobiSplitter}, `
dbi:1:1:c26:x86_64: dbi-1-26 | node:10:1:n:x86_64 perl:5.26:1:a:x86_64 non-modular
dbi:1:1:c30:x86_64: dbi-1-30 | node:10:1:n:x86_64 perl:5.30:1:b:x86_64 perl:5.30:2:b:x86_64 non-modular !perl-libs-4:5.26-1.el8.x86_64 !perl-oldies-0:1-1.el8.noarch
node:10:1:n:x86_64: node-10-1 | dbi:1:1:c26:x86_64 perl:5.26:1:a:x86_64 non-modular
node:12:1:n:x86_64: node-12-1 | dbi:1:1:c26:x86_64 perl:5.26:1:a:x86_64 non-modular
perl:5.26:1:a:x86_64:  | dbi:1:1:c26:x86_64 node:10:1:n:x86_64 non-modular
perl:5.30:2:b:x86_64: perl-interpreter-5.30-2 perl-libs-5.30-2 | dbi:1:1:c30:x86_64 node:10:1:n:x86_64 perl:5.30:1:b:x86_64 non-modular !perl-libs-4:5.26-1.el8.x86_64 !perl-oldies-0:1-1.el8.noarch
perl:5.30:1:b:x86_64: perl-libs-5.30-1 | dbi:1:1:c30:x86_64 node:10:1:n:x86_64 perl:5.30:2:b:x86_64 non-modular !perl-libs-4:5.26-1.el8.x86_64 !perl-oldies-0:1-1.el8.noarch
non_modular: bash-4.4-1 ghost-1-1 node-tools-1-1 perl-5.26-1 perl-libs-5.26-1 perl-oldies-1-1
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := plan(t, small, c.opt)
			sibling := strings.TrimPrefix(repoID("dbi:1@perl=5.30"), "flatstream-")
			want := strings.ReplaceAll(strings.TrimPrefix(c.want, "\n"), "dbi:1_perl_5.30-IDHASH", sibling)
			if got := placements(p); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestPlanSaysWhatIsMissing(t *testing.T) {
	p := plan(t, small, Options{Streams: []string{"perl:5.30"}})
	want := []Missing{
		{"perl-4:5.30-2.module+el8.src", "source"},
		{"perl-libs-4:5.30-2.module+el8.s390x", "other-arch"},
		{"perl-libs-debuginfo-4:5.30-2.module+el8.x86_64", "debug"},
		{"perl-tests-4:5.30-2.module+el8.x86_64", "absent"},
	}
	if got := p.Repos[0].Missing; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPlanRefuses(t *testing.T) {
	sources := sourcesOf(t, small)
	for _, c := range []struct {
		opt        Options
		want, hint string
		usage      bool
	}{
		{Options{Streams: []string{"perl:5.3"}}, "there is no stream perl:5.3, but there is perl:5.30 (a stream is text, not a number)", "flatstream list", true},
		{Options{Streams: []string{"pearl:5.30"}}, "there is no module pearl, did you mean perl?", "flatstream list", true},
		{Options{Streams: []string{"other/perl"}}, "there is no source other", "the sources are baseos, appstream", true},
		{Options{Streams: []string{"baseos/perl"}}, "there is no module perl", "flatstream list", true},
		{Options{Views: []View{{Name: "v", Spec: []string{"node:10", "node:12"}}}}, "node:10 and node:12 cannot be enabled together", "leave one out", true},
		{Options{Views: []View{{Name: "v", Spec: []string{"perl:5.30", "none"}}}}, `"none" must come first`, "none,perl:5.30", true},
		{Options{Views: []View{{Name: "default", Spec: []string{"perl:5.30"}}}}, `view "default" is defined twice`, "name of its own", true},
		{Options{Views: []View{{Name: "v", Spec: []string{"dbi:1", "-perl"}}}}, "cannot enable dbi:1", "without -perl", false},
		{Options{Views: []View{{Name: "v", Spec: []string{"perl:"}}}}, `SPEC "perl:" names no stream`, "perl:5.26, perl:5.30", true},
		{Options{Views: []View{{Name: "v", Spec: []string{":1"}}}}, `SPEC ":1" names no module`, "module:stream", true},
		{Options{Link: "softlink"}, `--link "softlink" is not known`, "hardlink, symlink, copy, none", true},
		{Options{Layout: LayoutGrobiSplitter, Views: []View{{Name: "v", Spec: []string{"node:12"}}}}, "--layout grobisplitter has no views", "", true},
	} {
		_, err := NewPlan(context.Background(), sources, c.opt)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got error %v, want %q", c.opt, err, c.want)
			continue
		}
		var usage *UsageError
		if is := errors.As(err, &usage); is != c.usage {
			t.Errorf("%v: usage error is %v, want %v", err, is, c.usage)
		} else if is && !strings.Contains(usage.Hint(), c.hint) {
			t.Errorf("%v: hint %q, want %q", err, usage.Hint(), c.hint)
		}
	}
}

func TestPlanKeepsTwoFilesOfOneNEVRA(t *testing.T) { // P11
	p := plan(t, `
-- one --
package a 1-1 noarch
  summary the first
package b 1-1 noarch
-- two --
package a 1-1 noarch
  summary the second
package b 1-1 noarch
`, Options{})
	if got, want := placements(p), "non-modular: a-1-1 a-1-1 b-1-1\ndefault: a-1-1 a-1-1 b-1-1\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	hrefs := map[string]bool{}
	for _, place := range p.places(p.Repos[0], nil) {
		hrefs[place.href] = true
	}
	if len(hrefs) != 3 {
		t.Errorf("three packages stand at %d places: %v", len(hrefs), hrefs)
	}
	if !slices.ContainsFunc(p.Warnings, func(w Warning) bool { return w.Code == "same-nevra" }) {
		t.Errorf("no warning says that one NEVRA has two files: %v", p.Warnings)
	}
}

func TestPlanWithoutModules(t *testing.T) {
	p := plan(t, "-- one --\npackage a 1-1 noarch\npackage b 1-1.module_el8+1 noarch\n", Options{})
	want := "non-modular: a-1-1\nunlisted: b-1-1 | non-modular\ndefault: a-1-1\n"
	if got := placements(p); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if p.Warnings[0].Code != "no-modules" {
		t.Errorf("nothing says that there are no modules: %v", p.Warnings)
	}
}

// TestDebugAndSourceRepositories: their packages are placed by the documents of the
// repository that they belong to, which they do not have themselves.
func TestDebugAndSourceRepositories(t *testing.T) {
	sources := sourcesOf(t, small+`
-- debug --
package perl-libs-debuginfo 4:5.30-2.module+el8 x86_64
package bash-debuginfo 4.4-1.el8 x86_64
-- src --
package perl 4:5.30-2.module+el8 src
`)
	p, err := NewPlan(context.Background(), sources, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Repos {
		held := fmt.Sprint(p.Packages(f))
		if got, want := strings.Contains(held, "perl-libs-debuginfo"), f.Path == "streams/perl/5.30"; got != want {
			t.Errorf("%s holds the debuginfo of perl:5.30: %t", f.Path, got)
		}
		if got, want := strings.Contains(held, "perl-4:5.30-2.module+el8.src"), f.Path == "streams/perl/5.30"; got != want {
			t.Errorf("%s holds the source of perl:5.30: %t", f.Path, got)
		}
		if got, want := strings.Contains(held, "bash-debuginfo"), f.Path == "non-modular" || f.Path == "default"; got != want {
			t.Errorf("%s holds the debuginfo of bash: %t", f.Path, got)
		}
	}
}
