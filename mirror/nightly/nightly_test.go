package nightly

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/mirror"
	"flatstream/mirror/tree"
	"flatstream/splitter"
)

// site is an upstream, a config and the store that it names.
type site struct {
	*fixtures.Server
	t     *testing.T
	dir   string
	clock time.Time
}

func newSite(t *testing.T, upstream string) *site {
	t.Helper()
	server, err := fixtures.Serve(upstream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return &site{server, t, t.TempDir(), time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)}
}

// nights writes both days of the fixtures' upstream.
func nights(t *testing.T) (one, two string) {
	t.Helper()
	one, two = t.TempDir(), t.TempDir()
	for dir, night := range map[string]func() (*fixtures.Night, error){one: fixtures.NightOne, two: fixtures.NightTwo} {
		n, err := night()
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Write(dir, fixtures.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return one, two
}

// write makes a repository of text below a directory.
func write(t *testing.T, dir, text string, opt fixtures.Options) string {
	t.Helper()
	r, err := fixtures.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Write(dir, opt); err != nil {
		t.Fatal(err)
	}
	return dir
}

const plain = `
package bash 5.2-1 x86_64
package jq 1.6-1 x86_64
  requires bash
`

// two is a config of both repositories of the fixtures' upstream.
const two = `
repos:
  baseos:    { baseurl: "URL/baseos/", retries: 1 }
  appstream: { baseurl: "URL/appstream/", retries: 1 }
`

// one is a config of one repository.
const one = `
repos:
  r: { baseurl: "URL/", retries: 1 }
`

func (s *site) config(text string) *Config {
	s.t.Helper()
	file := filepath.Join(s.dir, "flatstream.yaml")
	text = strings.ReplaceAll("store: store\n"+text, "URL", s.URL)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	c, err := ReadConfig(file)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// run is one night; each is a day after the last.
func (s *site) run(config string) (*Report, error) {
	s.t.Helper()
	s.clock = s.clock.Add(24 * time.Hour)
	s.Reset()
	return Run(context.Background(), s.config(config), Options{Now: s.clock, Version: "test"})
}

func (s *site) mustRun(config string) *Report {
	s.t.Helper()
	r, err := s.run(config)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *site) current(elem ...string) string {
	return filepath.Join(append([]string{s.dir, "store", "current"}, elem...)...)
}

// published is a digest of all that current has, and fails when it is not whole.
func (s *site) published() string {
	s.t.Helper()
	t, err := tree.Open(filepath.Join(s.dir, "store"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer t.Close()
	now, ok, err := t.Current()
	if err != nil {
		s.t.Fatal(err)
	}
	if !ok {
		return ""
	}
	if err := now.Check(); err != nil {
		s.t.Fatal(err)
	}
	return digestOf(s.t, now.Dir)
}

func digestOf(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name) // name is below dir
		fmt.Fprintf(h, "%q %x\n", rel, sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func (s *site) leftovers() []string {
	found, _ := filepath.Glob(filepath.Join(s.dir, "store", "snapshots", ".*")) // the pattern is well-formed
	return found
}

func TestThreeNights(t *testing.T) {
	first, second := nights(t)
	s := newSite(t, first)
	r := s.mustRun(two)
	if !r.Published || r.Withheld() || r.Snapshot == "" || !slices.Equal(r.Changed, []string{"baseos", "appstream"}) {
		t.Errorf("night 1: %+v", r)
	}
	if r.Targets[0].Problems == 0 || len(r.Targets[0].New) != 0 {
		t.Errorf("the first run accepts what it finds: %+v", r.Targets[0])
	}
	before := s.published()

	again := s.mustRun(two)
	if again.Published || again.Snapshot != r.Snapshot || s.published() != before {
		t.Errorf("unchanged: %+v", again)
	}
	if asked := s.Requests(); len(asked) != 2 || !asked[0].Conditional || !asked[1].Conditional {
		t.Errorf("an unchanged night asks %+v", asked)
	}
	if len(again.Targets) != 1 || again.Targets[0].Problems != r.Targets[0].Problems {
		t.Errorf("an unchanged night forgets what it published: %+v", again.Targets)
	}

	if err := s.Switch(second); err != nil {
		t.Fatal(err)
	}
	if r := s.mustRun(two); !r.Published || r.Withheld() || s.published() == before {
		t.Errorf("night 2: %+v", r)
	}
	if left := s.leftovers(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A published snapshot's report names that snapshot.
func TestReportStandsInTheSnapshot(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), plain, fixtures.Options{}))
	r := s.mustRun(one)
	b, err := os.ReadFile(s.current("report.json"))
	if err != nil || !strings.Contains(string(b), `"snapshot": "`+r.Snapshot+`"`) || !strings.Contains(string(b), `"published": true`) {
		t.Errorf("%v in %s", err, b)
	}
	b, err = os.ReadFile(s.current("flat", "default", "flatstream.repo"))
	if err != nil || !strings.Contains(string(b), "baseurl=file://"+filepath.Join(s.dir, "store", "current", "flat", "default")+"/\n") {
		t.Errorf("%v in %s", err, b)
	}
}

func TestWhatSplitsAgainThoughUpstreamIsUnchanged(t *testing.T) {
	dir := write(t, t.TempDir(), plain, fixtures.Options{})
	for name, change := range map[string]func(*site) string{
		"another config":  func(*site) string { return one + "views:\n  none: { streams: [none] }\n" },
		"another comment": func(*site) string { return one + "# never mind\n" },
		"a sync alone": func(s *site) string {
			tr, err := tree.Open(filepath.Join(s.dir, "store"))
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			unlock, err := tr.Lock()
			if err != nil {
				t.Fatal(err)
			}
			defer unlock()
			extra := mirror.Source{Name: "extra", URLs: []string{dir}}
			if _, err := mirror.SyncAll(context.Background(), []mirror.Source{extra}, tr, mirror.Options{}, false, 0); err != nil {
				t.Fatal(err)
			}
			return one
		},
		"a lost memory": func(s *site) string {
			if err := os.Remove(filepath.Join(s.dir, "store", "state", memoryName)); err != nil {
				t.Fatal(err)
			}
			return one
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, dir)
			s.mustRun(one)
			r := s.mustRun(change(s))
			if !r.Published || len(r.Changed) > 0 {
				t.Errorf("%+v", r)
			}
			if name == "a sync alone" && !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "mirror/extra") }) {
				t.Errorf("nothing says that mirror/extra is gone: %v", r.Warnings)
			}
		})
	}
}

func TestOneBrokenRepositoryPublishesNothing(t *testing.T) {
	first, second := nights(t)
	s := newSite(t, first)
	s.mustRun(two)
	before := s.published()
	if err := os.RemoveAll(filepath.Join(second, "baseos", "repodata")); err != nil {
		t.Fatal(err)
	}
	if err := s.Switch(second); err != nil {
		t.Fatal(err)
	}
	r, err := s.run(two)
	failed, ok := errors.AsType[*SyncError](err)
	if !ok || len(failed.Failed) != 1 || failed.All != 2 || !strings.Contains(err.Error(), "sync baseos: ") || !strings.Contains(err.Error(), "404") {
		t.Errorf("error %v", err)
	}
	if r.Repos[0].Outcome != mirror.Failed || r.Repos[1].Outcome != mirror.Changed || r.Published {
		t.Errorf("the others are fetched all the same: %+v", r)
	}
	if s.published() != before || len(s.leftovers()) > 0 {
		t.Errorf("current is another one, or %v is left behind", s.leftovers())
	}
	b, err := os.ReadFile(filepath.Join(s.dir, "store", "state", reportName))
	if err != nil || !strings.Contains(string(b), `"error": "1 of 2 repositories failed`) {
		t.Errorf("state: %v in %s", err, b)
	}
}

// broken is plain with a package that nothing can install.
const broken = plain + `
package frob 1-1 x86_64
  requires libfrob.so.1
`

func TestNewProblemsAreWithheld(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), plain, fixtures.Options{Revision: "1"}))
	s.mustRun(one)
	flat := digestOf(t, s.current("flat"))
	bad := write(t, t.TempDir(), broken, fixtures.Options{Revision: "2", Time: fixtures.Epoch + 1})
	if err := s.Switch(bad); err != nil {
		t.Fatal(err)
	}
	for night := range 2 { // withheld stays withheld
		r := s.mustRun(one)
		if !r.Withheld() || r.Published != (night == 0) || len(r.Targets[0].New) == 0 || !strings.Contains(r.Targets[0].New[0].String(), "libfrob.so.1") {
			t.Errorf("night %d: %+v", night, r)
		}
		if digestOf(t, s.current("flat")) != flat {
			t.Errorf("night %d: flat is not yesterday's", night)
		}
		s.published()
	}
	if _, err := os.Stat(s.current("mirror", "r", "Packages", "f", "frob-1-1.x86_64.rpm")); err != nil {
		t.Error("the mirror is held back too: ", err)
	}
	warn := one + "verify: { on-problems: warn }\n"
	if r := s.mustRun(warn); !r.Published || r.Withheld() || len(r.Targets[0].New) == 0 {
		t.Errorf("warn: %+v", r)
	}
	if r := s.mustRun(one); !r.Published || r.Withheld() || len(r.Targets[0].New) > 0 {
		t.Errorf("what was published is the baseline: %+v", r)
	}
	if digestOf(t, s.current("flat")) == flat {
		t.Error("flat is still the old one")
	}
}

// A baseline says nothing of a target that the current snapshot does not have.
func TestATargetThatIsNotPublishedIsAFirstOne(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), plain, fixtures.Options{Revision: "1"}))
	named := one + "targets: { el8: { sources: [r] } }\n"
	s.mustRun(named)
	s.mustRun(one)
	if err := s.Switch(write(t, t.TempDir(), broken, fixtures.Options{Revision: "2", Time: fixtures.Epoch + 1})); err != nil {
		t.Fatal(err)
	}
	if r := s.mustRun(named); r.Withheld() || !r.Published {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(s.current("flat", "el8", "x86_64", "default", "repodata", "repomd.xml")); err != nil {
		t.Error(err)
	}
}

func TestVerifyWith(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "r"), broken, fixtures.Options{})
	supply := write(t, filepath.Join(dir, "s"), "package libfrob 1-1 x86_64\n  provides libfrob.so.1\n", fixtures.Options{})
	const r = "repos:\n  r: { baseurl: URL/r/ }\n"
	for name, config := range map[string]string{
		"none":           r,
		"role":           r + "  s: { baseurl: URL/s/, role: supply }\n",
		"repository":     r + "  s: { baseurl: URL/s/ }\ntargets: { t: { sources: [r] } }\nverify: { with: s }\n",
		"directory":      r + "verify: { with: [" + supply + "] }\n",
		"with of source": r + "verify: { with: r }\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, dir)
			report := s.mustRun(config)
			none := strings.HasPrefix(name, "none") || name == "with of source"
			if got := report.Targets[0].Problems; (got > 0) != none {
				t.Errorf("%d problems", got)
			}
			flat, _ := filepath.Glob(s.current("flat", "*", "Packages", "l", "*"))
			if more, _ := filepath.Glob(s.current("flat", "*", "*", "*", "Packages", "l", "*")); len(flat)+len(more) > 0 {
				t.Errorf("what supplies is split: %v", append(flat, more...))
			}
		})
	}
}

func TestTargetsArchesAndAliases(t *testing.T) {
	dir := t.TempDir()
	for _, arch := range []string{"x86_64", "aarch64"} {
		for _, release := range []string{"8", "8.10"} {
			write(t, filepath.Join(dir, release, "r", arch, "debug"), fmt.Sprintf("package bash-debuginfo %s-1 %s\n", release, arch), fixtures.Options{})
			write(t, filepath.Join(dir, release, "r", arch), fmt.Sprintf("package bash %s-1 %s\npackage docs 1-1 noarch\n", release, arch), fixtures.Options{})
		}
	}
	write(t, filepath.Join(dir, "8/src"), "package bash 8-1 src\n", fixtures.Options{})
	s := newSite(t, dir)
	s.mustRun(`
base-url: http://mirror.example.org/flat/
repos:
  debug: { baseurl: "URL/$releasever/r/$basearch/debug/", role: mirror }
  src: { baseurl: "URL/$releasever/src/", role: mirror, path: $releasever/src/r }
  r: { baseurl: "URL/$releasever/r/$basearch/" }
  p: { baseurl: "URL/$releasever/r/$basearch/", path: "own/$releasever-$basearch", role: supply }
targets:
  el8:   { releasever: 8, arches: [x86_64, aarch64], sources: [r, debug, src], alias: { koji/latest/$arch/RHEL-8-001: default } }
  el810: { releasever: 8.10, arches: [x86_64], sources: [r, p], alias: fixed/el810 }
views:
  empty: { target: el8, streams: [none] }
`)
	for _, want := range []string{
		"mirror/8/x86_64/r/Packages/b/bash-8-1.x86_64.rpm", "mirror/8/aarch64/r/Packages/b/bash-8-1.aarch64.rpm",
		"mirror/8.10/x86_64/r/Packages/b/bash-8.10-1.x86_64.rpm", "mirror/own/8.10-x86_64/repodata/repomd.xml",
		"flat/el8/x86_64/default/Packages/b/bash-8-1.x86_64.rpm", "flat/el8/aarch64/views/empty/repodata/repomd.xml",
		"koji/latest/x86_64/RHEL-8-001/Packages/b/bash-8-1.x86_64.rpm", "koji/latest/aarch64/RHEL-8-001/repodata/repomd.xml",
		"mirror/8/x86_64/debug/Packages/b/bash-debuginfo-8-1.x86_64.rpm", "mirror/8/aarch64/debug/repodata/repomd.xml", "mirror/8/src/r/Packages/b/bash-8-1.src.rpm",
		"fixed/el810/default/Packages/b/bash-8.10-1.x86_64.rpm",
	} {
		if _, err := os.Stat(s.current(want)); err != nil {
			t.Error(err)
		}
	}
	if to, err := os.Readlink(s.current("koji/latest/x86_64/RHEL-8-001")); to != "../../../flat/el8/x86_64/default" {
		t.Errorf("the alias leads to %q, %v", to, err)
	}
	for _, gone := range []string{"flat/el8/x86_64/default/Packages/b/bash-debuginfo-8-1.x86_64.rpm", "flat/el8/x86_64/default/Packages/b/bash-8-1.src.rpm"} {
		if _, err := os.Stat(s.current(gone)); err == nil {
			t.Errorf("%s is there, though its repository is only mirrored", gone)
		}
	}
	if _, err := os.Stat(s.current("flat/el810/x86_64/views")); err == nil {
		t.Error("a view of el8 stands in el810")
	}
	b, err := os.ReadFile(s.current("flat/el8/aarch64/default/flatstream.repo"))
	if err != nil || !strings.Contains(string(b), "baseurl=http://mirror.example.org/flat/el8/aarch64/default/\n") {
		t.Errorf("%v in %s", err, b)
	}
	s.published()
	again := s.mustRun(one[:0] + strings.Replace(string(mustRead(t, filepath.Join(s.dir, "flatstream.yaml"))), "store: store\n", "", 1))
	if again.Published || len(s.Requests()) != 7 {
		t.Errorf("%d requests, %+v", len(s.Requests()), again)
	}
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A fixed link is in the snapshot whatever the umask, and goes with its stream.
func TestAnAliasToNothingIsAWarning(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), plain, fixtures.Options{}))
	r := s.mustRun(one + "targets: { t: { sources: [r], alias: { perl: streams/perl/5.30 } } }\n")
	if _, err := os.Lstat(s.current("perl")); err == nil || len(r.Warnings) == 0 || !strings.Contains(r.Warnings[len(r.Warnings)-1], "alias perl") {
		t.Errorf("%v, %v", err, r.Warnings)
	}
}

func TestAttackPathTraversalByModuleName(t *testing.T) {
	for name, want := range map[string]string{
		"../../x":                 "",
		"/etc/passwd":             "",
		"a\\nb":                   "",
		".hidden":                 "",
		strings.Repeat("x", 3000): "over",
		strings.Repeat("x", 300):  "over",
	} {
		t.Run(fmt.Sprintf("%.12s", name), func(t *testing.T) {
			repo, err := fixtures.Parse(plain)
			if err != nil {
				t.Fatal(err)
			}
			repo.ModulesText = fmt.Sprintf("---\ndocument: modulemd\nversion: 2\ndata:\n  name: \"%s\"\n  stream: \"1\"\n  version: 1\n  context: \"1\"\n"+
				"  arch: x86_64\n  summary: s\n  description: d\n  license: { module: [MIT] }\n  artifacts: { rpms: [\"jq-0:1.6-1.x86_64\"] }\n...\n", name)
			dir := t.TempDir()
			if err := repo.Write(dir, fixtures.Options{}); err != nil {
				t.Fatal(err)
			}
			s := newSite(t, dir)
			r, err := s.run(one)
			if want != "" {
				if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 2000 || s.published() != "" {
					t.Errorf("%v, %+v", err, r)
				}
			} else if err != nil {
				t.Error(err)
			}
			mustStayInside(t, s)
		})
	}
}

// mustStayInside looks for anything that a name put outside its place.
func mustStayInside(t *testing.T, s *site) {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "store" && e.Name() != "flatstream.yaml" {
			t.Errorf("%s stands beside the store", e.Name())
		}
	}
	if s.published() == "" {
		return
	}
	report, err := splitter.ReadReport(os.DirFS(s.current("flat")))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Repos {
		if err := tree.CheckPath(r.Path); err != nil || strings.Contains(r.Path, "/.") {
			t.Errorf("%q: %v", r.Path, err)
		}
		text := mustRead(t, s.current("flat", r.Path, "flatstream.repo"))
		for line := range strings.Lines(string(text)) {
			if line != "\n" && !strings.HasPrefix(line, "[") && !strings.Contains(line, "=") {
				t.Errorf("a name breaks the .repo file: %q", line)
			}
		}
	}
}
