package splitter

import (
	"context"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"flatstream/fixtures"
)

// manyFacts is a perl that was written with care and documents around it that were
// not: one cut its number, one stream ends, one says how to build with it.
const manyFacts = `---
document: modulemd
version: 2
data:
  name: perl
  stream: "5.30"
  version: 1
  context: p
  arch: x86_64
  summary: s
  description: d
  license: {module: [MIT]}
  dependencies: [{requires: {platform: [el8]}}]
  demodularized: {rpms: [perl-old, perl-gone]}
  buildopts:
    rpms:
      macros: |
        %with_tests 1
        %_vendor flat
---
document: modulemd
version: 2
data:
  name: dbi
  stream: "1"
  version: 1
  context: d
  arch: x86_64
  summary: s
  description: d
  license: {module: [MIT]}
  dependencies: [{requires: {perl: [5.3], platform: [el8]}}]
---
document: modulemd
version: 1
data:
  name: old
  stream: f28
  version: 1
  context: o
  arch: x86_64
  eol: 2019-05-28
  summary: s
  description: d
  license: {module: [MIT]}
---
document: modulemd-obsoletes
version: 1
data:
  module: perl
  stream: "5.30"
  modified: 2021-05-01T00:00Z
  eol_date: 2022-06-01T00:00Z
  message: |
    upstream
    stopped
  obsoleted_by: {module: perl, stream: "5.32"}
`

// sourceWith is one repository with the packages of a text and these modules.
func sourceWith(t *testing.T, modules, text string) Source {
	t.Helper()
	repo, err := fixtures.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	repo.ModulesText = modules
	dir := t.TempDir()
	if err := repo.Write(dir, fixtures.Options{}); err != nil {
		t.Fatal(err)
	}
	return openDir(t, "one", dir)
}

func TestFactsOfStreams(t *testing.T) {
	p := planOf(t, []Source{sourceWith(t, manyFacts, "package a 1-1 noarch\n")}, Options{})
	for id, want := range map[string]StreamFacts{
		"flatstream-perl:5.30": {
			Obsoletes:     []Obsolete{{"", "2022-06-01T00:00Z", "upstream\nstopped\n", "perl:5.32"}},
			Macros:        []string{"%with_tests 1\n%_vendor flat"},
			Demodularized: []string{"perl-gone", "perl-old"},
		},
		"flatstream-dbi:1":   {Damaged: []Damaged{{"perl:5.3", "perl:5.30"}}},
		"flatstream-old:f28": {EOL: "2019-05-28"},
	} {
		repo, ok := p.Report().Repo(id)
		if !ok || !reflect.DeepEqual(repo.StreamFacts, want) {
			t.Errorf("%s: %+v, want %+v", id, repo, want)
		}
	}
	for code, want := range map[string]string{
		"stream-eol":       "the documents of 1 stream name the end of its life: old:f28 (2019-05-28)",
		"stream-obsolete":  "1 document announced that a stream ends: perl:5.30 ends 2022-06-01T00:00Z: upstream stopped; use perl:5.32",
		"damaged-requires": "dbi:1 requires perl:5.3, but there is perl:5.30; tell whoever made the repository",
		"cannot-enable":    "; there is no perl:5.3, but perl:5.30: most likely a zero was lost in writing",
	} {
		if got := p.warned(code); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q, want it to end %q", code, got, want)
		}
	}
	_, err := NewPlan(context.Background(), p.Sources, Options{Views: []View{{Name: "v", Spec: []string{"dbi:1"}}}})
	if _, ok := errors.AsType[*Conflict](err); !ok || !strings.Contains(err.Error(), "no perl:5.3, but perl:5.30") {
		t.Errorf("the view fails with %v", err)
	}
}

// TestDamagedRequires: only a number is taken for one that lost its zeros (P21).
func TestDamagedRequires(t *testing.T) {
	x, _ := newTestIndex(t, `
		perl:5.30 1
		perl:2.0 1
		perl:5.100 1
		perl:5 1
		m:cut 1 +perl:5.3
		m:whole 1 +perl:2
		m:twice 1 +perl:5.1
		m:right 1 +perl:5
		m:absent 1 +perl:7.1
		m:text 1 +perl:5.3x`)
	for stream, want := range map[string]string{"cut": "5.30", "whole": "2.0", "twice": "5.100", "right": "", "absent": "", "text": ""} {
		got := ""
		for _, d := range x.damaged(x.Groups(StreamID{"m", stream})[0].Builds[0]) {
			got += strings.TrimPrefix(d.Meant, "perl:")
		}
		if got != want {
			t.Errorf("m:%s: meant is %q, want %q", stream, got, want)
		}
	}
}

// TestReportSaysWhyBuildsStandTogether: the choice of each stream repository.
func TestReportSaysWhyBuildsStandTogether(t *testing.T) {
	sources := sourcesOf(t, small+"module lost:1:1:l:x86_64\n  requires gone:1\n")
	for _, c := range []struct {
		opt  Options
		want string
	}{
		{Options{}, "streams/dbi/1 picked perl:5.26, streams/dbi/1@perl=5.30 further perl:5.30, streams/lost/1 refused gone:1, streams/node/10 picked, streams/node/12 picked, streams/perl/5.26 picked, streams/perl/5.30 picked"},
		{Options{Versions: VersionsLatest, Streams: []string{"perl:5.30"}}, "streams/perl/5.30 picked -perl:5.30:1:b:x86_64"},
		{Options{Versions: VersionsAll, Streams: []string{"dbi"}}, "streams/dbi/1 mixed"},
	} {
		var got []string
		for _, r := range planOf(t, sources, c.opt).Report().Repos {
			if r.Kind == KindStream {
				words := append([]string{r.Path, string(r.Choice)}, r.Depends...)
				for _, b := range r.LeftOut {
					words = append(words, "-"+b)
				}
				got = append(got, strings.Join(words, " "))
			}
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%+v: got\n%s\nwant\n%s", c.opt, text, c.want)
		}
	}
}

func TestListSaysWhatDNFPicks(t *testing.T) {
	l, err := List(context.Background(), sourcesOf(t, small))
	if err != nil {
		t.Fatal(err)
	}
	dbi := l.Modules[0].Streams[0]
	if want := []ListGroup{{"perl:[5.26]", 1, true}, {"perl:[5.30]", 1, false}}; !slices.Equal(dbi.Groups, want) {
		t.Errorf("groups of dbi:1 are %v, want %v", dbi.Groups, want)
	}
}

// TestExplainUnlisted: its label, and which streams of that module there are.
func TestExplainUnlisted(t *testing.T) {
	for _, opt := range []Options{{}, {Unlisted: UnlistedDrop}, {Unlisted: UnlistedKeep}} {
		dir, _, err := splitInto(t, sourcesOf(t, lossy), opt)
		if err != nil {
			t.Fatal(err)
		}
		for word, want := range map[string]ExplainedLabel{
			"ruby":                       {"ruby:2.5:1:r", []string{}},
			"postgresql-12-1.el8.x86_64": {"postgresql:12:1:p", []string{"postgresql:12"}},
		} {
			e, err := Explain(context.Background(), os.DirFS(dir), "", word, VerifyOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if opt.Unlisted == UnlistedDrop && word != "ruby" {
				continue // a package that is nowhere is found by its name alone
			}
			if len(e.Packages) != 1 || e.Packages[0].Unlisted == nil || !reflect.DeepEqual(*e.Packages[0].Unlisted, want) {
				t.Errorf("--unlisted %s: explain %s says %+v", opt.Unlisted, word, e.Packages)
			}
			kept := opt.Unlisted == UnlistedKeep
			toDefault := func(p ExplainedPlace) bool { return p.Repo == "flatstream-default" }
			if slices.ContainsFunc(e.Packages[0].Hidden, toDefault) == kept {
				t.Errorf("--unlisted %s: %s is kept out of %+v", opt.Unlisted, word, e.Packages[0].Hidden)
			}
		}
	}
}

// TestExplainClashes: which modules ship one name in a view (P12).
func TestExplainClashes(t *testing.T) {
	dir, report, err := splitInto(t, sourcesOf(t, "-- one --\nmodule a:1:1:a:x86_64\n  default\nmodule b:1:1:b:x86_64\n  default\npackage both 1-1 noarch\n  label a:1:1:a\npackage both 2-1 noarch\n  label b:1:1:b\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	clash := Warning{"name-clash", "default: 1 package name shipped by more than one module, of which the highest version is installed: both (a, b)"}
	if !slices.Contains(report.Warnings, clash) {
		t.Errorf("warnings are %v", report.Warnings)
	}
	e, err := Explain(context.Background(), os.DirFS(dir), "", "both", VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []ExplainedPlace{{"flatstream-default", "the modules a, b ship both; the highest version is installed"}}
	for _, p := range e.Packages {
		if !slices.Equal(p.Clashes, want) {
			t.Errorf("%s: %v, want %v", p.NEVRA, p.Clashes, want)
		}
	}
	if len(e.Packages) != 2 {
		t.Errorf("found %d packages", len(e.Packages))
	}
}

// TestReportCountsEverySource: those that only supply or overlay, too.
func TestReportCountsEverySource(t *testing.T) {
	sources := sourcesOf(t, "-- one --\npackage a 1-1 noarch\n-- two --\npackage b 1-1 noarch\npackage c 1-1 noarch\n-- three --\npackage d 1-1 noarch\n")
	sources[1].Role, sources[2].Role = RoleSupply, RoleOverlay
	var got []int
	for _, s := range planOf(t, sources, Options{}).Report().Sources {
		got = append(got, s.Packages)
	}
	if want := []int{1, 2, 1}; !slices.Equal(got, want) {
		t.Errorf("packages of the sources: %v, want %v", got, want)
	}
}
