package splitter

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flatstream/repodata/rpmfile"
	"flatstream/repodata/rpmver"
)

// lossy is an AppStream that lost the documents of ruby and of an old build of
// postgresql, and a BaseOS that lost nothing. Only php still has its release marker.
const lossy = `
-- baseos --
package bash 4.4-1.el8 x86_64
package nodejs-docs 1-1.el8 noarch
package secret 1-1.el8 noarch
  label secret:1:1:a
-- appstream --
module nodejs:12:2:n:x86_64
module postgresql:12:2:p:x86_64
package nodejs 12-1.module+el8 x86_64
  label nodejs:12:2:n
package postgresql 12-2.module+el8 x86_64
  label postgresql:12:2:p
package postgresql 12-1.el8 x86_64
  label postgresql:12:1:p
package ruby 2.5-1.el8 x86_64
  label ruby:2.5:1:r
package httpd 2.4-1.el8 x86_64
`

func planOf(t *testing.T, sources []Source, opt Options) *Plan {
	t.Helper()
	p, err := NewPlan(context.Background(), sources, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// unlistedNames are the packages of unlisted/.
func unlistedNames(p *Plan) string {
	var names []string
	for _, f := range p.Repos {
		if f.Kind == KindUnlisted {
			for _, n := range p.Packages(f) {
				names = append(names, n.Name+"-"+n.Version+"-"+strings.TrimSuffix(n.Release, ".el8"))
			}
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestLabelsFindTheUnlisted(t *testing.T) { // P8
	marked := strings.Replace(lossy, "package httpd 2.4-1.el8 x86_64", "package php 7-1.module_el8 x86_64", 1)
	unnamed := strings.Replace(lossy, "package postgresql 12-1.el8 x86_64", "package pg-extra 12-1.el8 x86_64", 1)
	plain := strings.NewReplacer("  label ruby:2.5:1:r\n", "", "  label postgresql:12:1:p\n", "").Replace(lossy)
	for _, c := range []struct {
		name, archive, want string
		labels              Labels
		opened              int
	}{
		{"a name that a document lists leads to the rest of its source", lossy, "postgresql-12-1 ruby-2.5-1", "", 3},
		{"a release marker does so, too", marked, "php-7-1.module_el8 postgresql-12-1 ruby-2.5-1", "", 3},
		{"where nothing tells of a loss, nothing is opened", unnamed, "", "", 0},
		{"what is called as a package of a module is opened, and is none", plain, "", "", 1},
		{"every label", lossy, "postgresql-12-1 ruby-2.5-1 secret-1-1", LabelsAll, 8},
		{"no label", marked, "php-7-1.module_el8", LabelsNone, 0},
	} {
		p := planOf(t, sourcesOf(t, c.archive), Options{Labels: c.labels})
		if got := unlistedNames(p); got != c.want {
			t.Errorf("%s: unlisted are %s, want %s", c.name, got, c.want)
		}
		if opened := p.Labels(); len(opened) != c.opened {
			t.Errorf("%s: opened %d files, want %d: %v", c.name, len(opened), c.opened, opened)
		}
		for _, f := range p.Repos {
			for _, n := range p.Packages(f) {
				if f.Kind != KindUnlisted && strings.Contains(" "+c.want+" ", " "+n.Name+"-") && n.Release != "2.module+el8" {
					t.Errorf("%s: %s leaks into %s", c.name, n, f.Path)
				}
			}
		}
	}
}

// TestLabelsAreRemembered: what is known is not opened again, and what is no longer
// there is forgotten.
func TestLabelsAreRemembered(t *testing.T) {
	sources := sourcesOf(t, lossy)
	first := planOf(t, sources, Options{})
	known := first.Labels()
	for _, s := range sources {
		if err := os.RemoveAll(filepath.Join(s.Dir, "Packages")); err != nil {
			t.Fatal(err)
		}
	}
	remembered := maps.Clone(known)
	remembered["gone"] = "x:1:1:a"
	again := planOf(t, sources, Options{KnownLabels: remembered})
	if got, want := unlistedNames(again), unlistedNames(first); got != want {
		t.Errorf("unlisted are %s, want %s", got, want)
	}
	if !maps.Equal(again.Labels(), known) {
		t.Errorf("remembers %v, want %v", again.Labels(), known)
	}
	if again.warned("labels-unread") != "" {
		t.Error(again.warned("labels-unread"))
	}
}

// warned is the text of the warnings with a code.
func (p *Plan) warned(code string) string {
	var texts []string
	for _, w := range p.Warnings {
		if w.Code == code {
			texts = append(texts, w.Text)
		}
	}
	return strings.Join(texts, "\n")
}

func TestLabelsThatCannotBeRead(t *testing.T) {
	path := func(s Source, name string) string {
		found, _ := filepath.Glob(filepath.Join(s.Dir, "Packages/*", name))
		return found[0]
	}
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, s []Source)
		want  string
	}{
		{"damaged", func(t *testing.T, s []Source) {
			if err := os.WriteFile(path(s[1], "postgresql-12-1*"), []byte("no package"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "appstream: the labels of 1 package could not be read"},
		{"another package", func(t *testing.T, s []Source) {
			b, err := os.ReadFile(path(s[1], "ruby-2.5-1*"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path(s[1], "postgresql-12-1*"), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}, "is ruby-0:2.5-1.el8.x86_64, the metadata says postgresql-0:12-1.el8.x86_64"},
		{"metadata alone, and nothing tells of a loss", func(t *testing.T, s []Source) {
			if err := os.RemoveAll(filepath.Join(s[1].Dir, "Packages")); err != nil {
				t.Fatal(err)
			}
		}, ""},
		{"a URL, and nothing tells of a loss", func(t *testing.T, s []Source) { s[1].Dir, s[1].URL = "", "http://example.org/" }, ""},
	} {
		sources := sourcesOf(t, lossy)
		c.spoil(t, sources)
		p := planOf(t, sources, Options{Link: LinkNothing})
		if got := p.warned("labels-unread"); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: warning %q, want %q", c.name, got, c.want)
		}
	}
	sources := sourcesOf(t, strings.Replace(lossy, "ruby 2.5-1.el8", "ruby 2.5-1.module_el8", 1))
	sources[1].Dir, sources[1].URL = "", "http://example.org/"
	p := planOf(t, sources, Options{Link: LinkNothing})
	if got := p.warned("labels-unread"); !strings.HasPrefix(got, "appstream is a URL") {
		t.Errorf("a URL that lost documents: warning %q", got)
	}
}

// TestSignalsThatDisagree: document, label and release marker (P8, P9), one warning
// for each way, however many packages there are.
func TestSignalsThatDisagree(t *testing.T) {
	const archive = `
-- one --
module m:1:2:a:x86_64
  artifact earlier-0:1-1.module+el8.noarch stranger-0:1-1.module+el8.noarch bare-0:1-1.module+el8.noarch
module m:2:2:a:x86_64
  noartifacts
package m 1-1.module+el8 noarch
  label m:1:2:a
package earlier 1-1.module+el8 noarch
  label m:1:1:a
package stranger 1-1.module+el8 noarch
  label other:1:1:a
package bare 1-1.module+el8 noarch
package forgotten 1-1.module+el8 noarch
  label m:2:2:a
package odd 1-1.module+el8 noarch
  label m:1
package quiet1 1-1 noarch
  label gone:1:1:a
package quiet2 1-1 noarch
  label gone:1:1:a
package quiet3 1-1 noarch
  label gone:1:1:a
package quiet4 1-1 noarch
  label gone:1:1:a
package marked 1-1.module+el8 noarch
package plain 1-1 noarch
`
	p := planOf(t, sourcesOf(t, archive), Options{Labels: LabelsAll})
	for code, want := range map[string]string{
		"label-other-stream":   "the label names another stream than the document that lists the package: 1 package (stranger-0:1-1.module+el8.noarch (other:1:1:a, listed by m:1))",
		"label-not-listed":     "1 package (forgotten-0:1-1.module+el8.noarch (m:2:2:a))",
		"listed-without-label": "1 package (bare-0:1-1.module+el8.noarch)",
		"bad-label":            `1 package (odd-0:1-1.module+el8.noarch ("m:1"))`,
		"label-without-marker": "4 packages (quiet1-0:1-1.noarch (gone:1:1:a), quiet2-0:1-1.noarch (gone:1:1:a), quiet3-0:1-1.noarch (gone:1:1:a) and 1 more)",
		"marker-without-label": "1 package (marked-0:1-1.module+el8.noarch)",
		"label-other-build":    "1 package (earlier-0:1-1.module+el8.noarch (m:1:1:a))",
		"unlisted":             "7 modular packages (forgotten-0:1-1.module+el8.noarch, odd-0:1-1.module+el8.noarch, quiet1-0:1-1.noarch and 4 more): 6 by label, 1 by release alone",
	} {
		got := p.warned(code)
		if !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
	quiet := planOf(t, sourcesOf(t, "-- one --\nmodule m:1:2:a:x86_64\npackage m 1-1.module+el8 noarch\n  label m:1:2:a\npackage n 1-1 noarch\n"), Options{Labels: LabelsAll})
	if len(quiet.Warnings) != 0 {
		t.Errorf("warnings about nothing: %v", quiet.Warnings)
	}
}

// TestStrictDNF: what libmodulemd rejects is no module, and its packages are plain,
// whatever their label and release say (P22).
func TestStrictDNF(t *testing.T) {
	sources := func() []Source {
		return sourcesOf(t, "-- one --\nmodule m:1:1:a:x86_64\n  artifact m-1-1.module+el8.noarch\nmodule n:1:1:a:x86_64\npackage m 1-1.module+el8 noarch\n  label gone:1:1:a\npackage n 1-1.module+el8 noarch\n  label n:1:1:a\n")
	}
	lenient, strict := planOf(t, sources(), Options{}), planOf(t, sources(), Options{StrictDNF: true})
	if got, want := placements(lenient), "streams/m/1: m-1-1 | non-modular\nstreams/n/1: n-1-1 | non-modular\nnon-modular: \ndefault: \n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, want := placements(strict), "streams/n/1: n-1-1 | non-modular\nnon-modular: m-1-1\ndefault: m-1-1\n"; got != want {
		t.Errorf("--strict-dnf: got\n%swant\n%s", got, want)
	}
	if got := strict.warned("strict-dnf"); !strings.Contains(got, "left out 1 document that DNF cannot read") || !strings.Contains(got, "m:1:1:a:x86_64") {
		t.Errorf("warning %q", got)
	}
}

// BenchmarkLabels reads the labels of the real headers of a CentOS 8 host.
func BenchmarkLabels(b *testing.B) {
	s := Source{Name: "host", Dir: b.TempDir()}
	var list []pkg
	archive := tar.NewReader(bytes.NewReader(dataFile(b, "rpms/centos8-header-only-rpms.tar.xz")))
	for {
		entry, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			b.Fatal(err)
		}
		h, err := rpmfile.Read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			b.Fatal(err)
		}
		href := filepath.Base(entry.Name)
		if err := os.WriteFile(filepath.Join(s.Dir, href), data, 0o644); err != nil {
			b.Fatal(err)
		}
		list = append(list, pkg{NEVRA: rpmver.NEVRA{Name: h.Name, EVR: h.EVR, Arch: h.Arch}, pkgid: href, href: href, subject: Subject{artifact: -1, name: -1}})
	}
	for b.Loop() {
		p := &Plan{Sources: []Source{s}, pkgs: slices.Clone(list), Options: Options{Labels: LabelsAll}}
		p.Index, _ = NewIndex(nil, IndexOptions{})
		if err := p.readLabels(context.Background()); err != nil {
			b.Fatal(err)
		}
		labelled := 0
		for _, label := range p.Labels() {
			if label != "" {
				labelled++
			}
		}
		if len(p.Labels()) != 517 || labelled != 21 {
			b.Fatalf("%d labels read, %d of them say something", len(p.Labels()), labelled)
		}
	}
}
