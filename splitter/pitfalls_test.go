package splitter

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/repodata"
	"flatstream/repodata/digest"
)

// TestLatestSaysThatItLoses: the newest build may be incomplete (P5), and holds not all
// that its group has (P2).
func TestLatestSaysThatItLoses(t *testing.T) {
	const archive = `
-- one --
module m:1:1:c:x86_64
  default
module m:1:2:c:x86_64
  artifact absent-0:2-1.module+el8.x86_64
package full 1-1.module+el8 x86_64
  label m:1:1:c
package half 2-1.module+el8 x86_64
  label m:1:2:c
`
	for versions, want := range map[Versions]string{VersionsDNF: "full-1-1 half-2-1", VersionsLatest: "half-2-1", VersionsAll: "full-1-1 half-2-1"} {
		p := plan(t, archive, Options{Versions: versions})
		if got, _, _ := strings.Cut(placements(p), "\n"); got != "streams/m/1: "+want+" | non-modular" {
			t.Errorf("--versions %s: %s, want %s", versions, got, want)
		}
		if said := p.warned("latest-only") != ""; said != (versions == VersionsLatest) {
			t.Errorf("--versions %s: a warning that packages are left out: %t", versions, said)
		}
	}
}

// TestOneBuildOfTwoRepositories: both say what it has (P17, P18), and what two streams
// list is in both (P10).
func TestOneBuildOfTwoRepositories(t *testing.T) {
	p := plan(t, `
-- one --
module m:1:1:c:x86_64
  default
  artifact both-0:1-1.module+el8.noarch
package a 1-1.module+el8 noarch
  label m:1:1:c
-- two --
module m:1:1:c:x86_64
module m:2:1:c:x86_64
  artifact both-0:1-1.module+el8.noarch
package b 1-1.module+el8 noarch
  label m:1:1:c
package both 1-1.module+el8 noarch
  label m:2:1:c
`, Options{})
	want := "streams/m/1: a-1-1 b-1-1 both-1-1 | non-modular\nstreams/m/2: both-1-1 | non-modular\nnon-modular:  | m:1\ndefault: a-1-1 b-1-1 both-1-1\n"
	if got := placements(p); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := p.warned("differing-document"); !strings.Contains(got, "m:1:1:c:x86_64 is in one and in two with different packages") {
		t.Errorf("the warning says %q", got)
	}
}

// TestModulesStayInAdvisoriesWithModulemd: else DNF ignores the advisories of modules that
// are not active, and in a flat repository none is (P26). Records of other kinds stay with
// the mirror.
func TestModulesStayInAdvisoriesWithModulemd(t *testing.T) {
	sources := nightOne(t)
	for _, s := range sources {
		product, err := os.ReadFile(filepath.Join(s.Dir, "repodata/repomd.xml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.Dir, "repodata/productid"), product, 0o644); err != nil {
			t.Fatal(err)
		}
		s.Repo.MD.Records = append(s.Repo.MD.Records, repodata.Record{Type: "productid", Location: "repodata/productid",
			Checksum: digest.OfBytes(product), Size: int64(len(product)), OpenSize: -1})
	}
	for _, modulemd := range []bool{false, true} {
		dir, report, err := splitInto(t, sources, Options{Link: LinkNothing, Modulemd: modulemd})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range report.Repos {
			repo := openTarget(t, dir, r.Path)
			for _, rec := range repo.MD.Records {
				if known := []string{"primary", "filelists", "other", "updateinfo", "group", "group_gz", "modules"}; !slices.Contains(known, rec.Type) {
					t.Errorf("%s has a record %s", r.Path, rec.Type)
				}
			}
			if r.Path != "streams/nodejs/12" {
				continue
			}
			data, err := repo.Data(repodata.TypeUpdateinfo)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(data)
			if err != nil {
				t.Fatal(err)
			}
			if has := strings.Contains(string(text), "<module "); has != modulemd || !strings.Contains(string(text), `name="nodejs"`) {
				t.Errorf("--modulemd %t: <module> is there: %t, in\n%s", modulemd, has, text)
			}
		}
	}
}

// TestTranslationsAreCarried: beside the stream that they are about (P23), for --modulemd.
func TestTranslationsAreCarried(t *testing.T) {
	for _, c := range []struct {
		data    string
		carried bool
	}{
		{"module: perl\n  stream: \"5.30\"\n  modified: 201805231425\n  translations: {ja: {summary: j}}", true},
		{"module: perl\n  stream: 5.30\n  modified: 201805231425", false},
		{"module: perl\n  stream: 5.30\n  modified: 201805231425\n  translations: {ja: {summary: [a]}}", false},
		{"module: perl\n  stream: 5.30\n  translations: {}", false},
		{"module: perl\n  stream: 5.30\n  modified: 1\n  translations: {}\n  unknown: {}", false},
		{"module: perl\n  stream: 5.30\n  modified: 1\n  translations: {}", true},
		{"module: perl\n  stream: 5.30\n  modified: 1\n  translations: {de: {description: d, profiles: {p: 5}}, fr: {}}", true},
		{"module: perl\n  stream: 5.30\n  modified: 1\n  translations: {de: {odd: d}}", false},
		{"module: perl\n  stream: 5.30\n  modified: 1\n  translations: {de: ~}", false},
	} {
		text := manyFacts + "---\ndocument: modulemd-translations\nversion: 1\ndata:\n  " + c.data + "\n"
		p := planOf(t, []Source{sourceWith(t, text, "package a 1-1 noarch\n")}, Options{Modulemd: true})
		checkModules(t, p)
		for _, f := range p.Repos {
			if carries := strings.Contains(string(p.filteredModules(f)), "modulemd-translations"); f.Kind == KindStream && carries != (c.carried && f.Module == "perl") {
				t.Errorf("%s: %s carries the translations: %t", c.data, f.Path, carries)
			}
		}
	}
}

// TestSharedFilesStayAsTheyAre: a hard link is the source's file, so neither a split nor
// the next one onto the same target, nor one that fails, may change its bytes, mode, time
// or owner (P28).
func TestSharedFilesStayAsTheyAre(t *testing.T) {
	sources := sourcesOf(t, small)
	facts := func() (all []string) {
		for _, s := range sources {
			names, err := filepath.Glob(filepath.Join(s.Dir, "Packages/*/*.rpm"))
			if err != nil || len(names) == 0 {
				t.Fatal(names, err)
			}
			for _, name := range names {
				b, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				info, err := os.Stat(name)
				if err != nil {
					t.Fatal(err)
				}
				st := info.Sys().(*syscall.Stat_t)
				all = append(all, fmt.Sprint(name, info.Mode(), info.ModTime(), st.Uid, st.Gid, st.Ino, len(b), string(b)))
			}
		}
		return all
	}
	for i, s := range sources {
		names, _ := filepath.Glob(filepath.Join(s.Dir, "Packages/*/*.rpm"))
		for _, name := range names {
			then := time.Unix(fixtures.Epoch+int64(i)*1000, 5)
			if err := os.Chmod(name, 0o640); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(name, then, then); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := facts()
	dir, _, err := splitInto(t, sources, Options{Link: LinkHard})
	if err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(t.TempDir(), "next")
	if err := os.Mkdir(next, 0o755); err != nil {
		t.Fatal(err)
	}
	p := planOf(t, sources, Options{Link: LinkHard, Streams: []string{"node"}})
	if _, err := Split(context.Background(), p, next, dir, nil); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := os.RemoveAll(next); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(next, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Split(cancelled, planOf(t, sources, Options{Link: LinkHard}), next, dir, nil); err == nil {
		t.Fatal("a split that was cancelled says that it is done")
	}
	if got := facts(); !slices.Equal(got, want) {
		t.Error("a package of the sources is not what it was")
	}
}
