package splitter

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"flatstream/repodata"
)

// splitInto carries a plan out and returns the directory.
func splitInto(t testing.TB, sources []Source, opt Options) (string, *Report, error) {
	t.Helper()
	p, err := NewPlan(context.Background(), sources, opt)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "target")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	report, err := Split(context.Background(), p, dir, dir, nil)
	return dir, report, err
}

func openTarget(t testing.TB, dir, path string) *repodata.Repo {
	t.Helper()
	r, err := repodata.Open(os.DirFS(filepath.Join(dir, path)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// elements reads every package element of one type, by pkgid, without <location>.
func elements(t testing.TB, r *repodata.Repo, typ string) map[string]string {
	t.Helper()
	location := regexp.MustCompile(`<location [^>]*/>`)
	all := map[string]string{}
	for e, err := range r.Elements(context.Background(), typ) {
		if err != nil {
			t.Fatal(err)
		}
		all[e.PkgID] = location.ReplaceAllString(string(e.Raw), "<location/>")
	}
	return all
}

func TestSplitKeepsElementsByteForByte(t *testing.T) {
	sources := sourcesOf(t, small)
	for _, link := range []Link{LinkHard, LinkSymbol, LinkCopy, LinkNothing} {
		dir, report, err := splitInto(t, sources, Options{Link: link})
		if err != nil {
			t.Fatal(err)
		}
		for _, typ := range elementTypes {
			upstream := elements(t, sources[0].Repo, typ)
			for id, raw := range elements(t, sources[1].Repo, typ) {
				upstream[id] = raw
			}
			for _, repo := range report.Repos {
				made := elements(t, openTarget(t, dir, repo.Path), typ)
				if len(made) != repo.Packages {
					t.Errorf("--link %s: %s of %s has %d packages, the report says %d", link, typ, repo.Path, len(made), repo.Packages)
				}
				for id, raw := range made {
					if raw != upstream[id] {
						t.Errorf("--link %s: %s of %s is another element:\n%s\nupstream's:\n%s", link, typ, repo.Path, raw, upstream[id])
					}
				}
			}
		}
	}
}

// TestSplitFilesCanBeReached: what <location> says is the package, whatever the link.
func TestSplitFilesCanBeReached(t *testing.T) {
	sources := sourcesOf(t, small)
	for _, link := range []Link{LinkHard, LinkSymbol, LinkCopy, LinkNothing} {
		dir, report, err := splitInto(t, sources, Options{Link: link})
		if err != nil {
			t.Fatal(err)
		}
		for _, repo := range report.Repos {
			base := filepath.Join(dir, repo.Path)
			for p, err := range openTarget(t, dir, repo.Path).Packages(context.Background(), repodata.PartIdentity) {
				if err != nil {
					t.Fatal(err)
				}
				b, err := os.ReadFile(filepath.Join(base, p.Location))
				if err != nil {
					t.Fatalf("--link %s: %v", link, err)
				}
				if int64(len(b)) != p.Size {
					t.Errorf("--link %s: %s has %d bytes, its element says %d", link, p.Location, len(b), p.Size)
				}
				info, err := os.Lstat(filepath.Join(base, p.Location))
				if err != nil {
					t.Fatal(err)
				}
				links := info.Sys().(*syscall.Stat_t).Nlink
				if got := kindOf(info.Mode(), links); link != LinkNothing && got != link {
					t.Errorf("--link %s made a %s of %s", link, got, p.Location)
				}
			}
		}
	}
}

func kindOf(mode fs.FileMode, links uint64) Link {
	switch {
	case mode&fs.ModeSymlink != 0:
		return LinkSymbol
	case links > 1:
		return LinkHard
	}
	return LinkCopy
}

// tree reads every file below dir.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		files[rel] = info.Mode().String() + " " + string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestSplitSameBytesWithOneProcessorAndUmask(t *testing.T) {
	sources := sourcesOf(t, small)
	opt := Options{Link: LinkCopy, BaseURL: "http://example.org/flat", Views: []View{{Name: "build", Spec: []string{"perl:5.30"}}}}
	first, _, err := splitInto(t, sources, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer syscall.Umask(syscall.Umask(0o077))
	second, _, err := splitInto(t, sources, opt)
	if err != nil {
		t.Fatal(err)
	}
	one, two := tree(t, first), tree(t, second)
	if len(one) == 0 || len(one) != len(two) {
		t.Fatalf("%d and %d files", len(one), len(two))
	}
	for name, content := range one {
		if two[name] != content {
			t.Errorf("%s differs", name)
		}
	}
}

func TestSplitNamesTheFileThatIsNotThere(t *testing.T) {
	sources := sourcesOf(t, small)
	err := os.Remove(filepath.Join(sources[1].Dir, "Packages/n/node-12-1.module+el8.x86_64.rpm"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = splitInto(t, sources, Options{})
	var bad *LinkError
	if !errors.As(err, &bad) || !strings.HasSuffix(bad.File, "node-12-1.module+el8.x86_64.rpm") || !strings.Contains(bad.Hint(), "--link none") {
		t.Errorf("got %v", err)
	}
}

func TestSplitWithoutFilelistsOfOneSource(t *testing.T) {
	sources := sourcesOf(t, "-- one --\npackage a 1-1 noarch\n  file /opt/a\n-- two --\npackage b&c 2:1-1 noarch\n  file /opt/b\n")
	bare := sources[1].Repo.MD.Records[:0]
	for _, rec := range sources[1].Repo.MD.Records {
		if rec.Type == repodata.TypePrimary {
			bare = append(bare, rec)
		}
	}
	sources[1].Repo.MD.Records = bare
	dir, _, err := splitInto(t, sources, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for p, err := range openTarget(t, dir, "default").Packages(context.Background(), repodata.PartAllFiles) {
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p.NEVRA.String())
		for _, f := range p.Files {
			paths = append(paths, f.Path)
		}
	}
	if got := strings.Join(paths, " "); got != "a-0:1-1.noarch /opt/a b&c-2:1-1.noarch" {
		t.Errorf("got %s", got)
	}
}

func TestDotRepoHasWhatTheRepositoryNeeds(t *testing.T) { // P27
	sources := sourcesOf(t, small)
	for i := range sources {
		sources[i].GPGCheck, sources[i].GPGKeys = true, []string{"file:///etc/key-" + sources[i].Name}
	}
	dir, _, err := splitInto(t, sources, Options{BaseURL: "http://example.org/flat"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "streams/node/12/flatstream.repo"))
	if err != nil {
		t.Fatal(err)
	}
	want := `[flatstream-node:12]
name=node:12 as a flat repository
baseurl=http://example.org/flat/streams/node/12/
enabled=1
gpgcheck=1
gpgkey=file:///etc/key-baseos file:///etc/key-appstream
module_hotfixes=1

`
	if !bytes.HasPrefix(got, []byte("[flatstream-dbi:1]\n")) || !bytes.Contains(got, []byte(want)) {
		t.Errorf("got\n%s\nwant it to begin with dbi:1 and to hold\n%s", got, want)
	}
	hides, err := os.ReadFile(filepath.Join(dir, "streams/perl/5.30/flatstream.repo"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "excludepkgs=perl-libs-4:5.26-1.el8.x86_64 perl-oldies-0:1-1.el8.noarch\n"; !bytes.HasSuffix(hides, []byte(want)) {
		t.Errorf("got\n%s\nwant it to end\n%s", hides, want)
	}
	all, err := os.ReadFile(filepath.Join(dir, DotRepoName))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(all, []byte("enabled=1\n")); n != 1 {
		t.Errorf("%d sections of the whole file are enabled, want default alone:\n%s", n, all)
	}
}

// TestDotReposOfDefaultsAreOneFile: what is installed beside one default stream is what is
// installed beside the next, and hundreds of these files would be most of a target.
func TestDotReposOfDefaultsAreOneFile(t *testing.T) {
	dir, _, err := splitInto(t, sourcesOf(t, small), Options{Jobs: 1})
	if err != nil {
		t.Fatal(err)
	}
	stat := func(path string) os.FileInfo {
		t.Helper()
		info, err := os.Stat(filepath.Join(dir, path, DotRepoName))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	if !os.SameFile(stat("streams/node/10"), stat("streams/dbi/1")) {
		t.Error("two default streams have .repo files of their own")
	}
	if os.SameFile(stat("streams/node/10"), stat("streams/node/12")) {
		t.Error("node:12 has the .repo file of node:10")
	}
}

func TestVerifyTargetUsesWhatIsOnDisk(t *testing.T) {
	sources := sourcesOf(t, `
-- one --
module m:1:1:c:x86_64
package m 1-1.module+el8 noarch
  label m:1:1:c
  requires base, gone >= 2
package base 1-1 noarch
package base2 1-1 noarch
  provides gone = 1
`)
	dir, _, err := splitInto(t, sources, Options{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := Verify(context.Background(), os.DirFS(dir), VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, c := range report.Checked {
		for _, p := range c.Problems {
			found = append(found, c.Repo+" "+p.Key())
		}
	}
	if got, want := strings.Join(found, "; "), "flatstream-m:1 missing-requirement m.noarch gone >= 2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := os.RemoveAll(filepath.Join(dir, "non-modular")); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(context.Background(), os.DirFS(dir), VerifyOptions{}); err == nil || !strings.Contains(err.Error(), "non-modular") {
		t.Errorf("a target without a repository of its report: %v", err)
	}
}

func TestExplain(t *testing.T) {
	sources := sourcesOf(t, small)
	dir, _, err := splitInto(t, sources, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ word, want string }{
		{"perl-oldies", "perl-oldies-0:1-1.el8.noarch in non-modular,default not in dbi:1_perl_5.30,perl:5.30"},
		{"perl-interpreter", "perl-interpreter-4:5.30-2.module+el8.x86_64 in perl:5.30 not in default; perl-oldies-0:1-1.el8.noarch in non-modular,default not in dbi:1_perl_5.30,perl:5.30"},
		{"node-1:12-1.module+el8.x86_64", "node-1:12-1.module+el8.x86_64 in node:12 not in default"},
		{"ghost", "ghost-0:1-1.module+el8.0.0.x86_64 in unlisted not in default"},
		{"perl-tests", "missing perl-tests-4:5.30-2.module+el8.x86_64 absent"},
		{"node:12", "stream streams/node/12"},
		{"nodee", "near node"},
	} {
		e, err := Explain(context.Background(), os.DirFS(dir), "", c.word, VerifyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := summarise(e); got != c.want {
			t.Errorf("explain %s: got\n%s\nwant\n%s", c.word, got, c.want)
		}
	}
}

func summarise(e *Explanation) string {
	var parts []string
	short := func(places []ExplainedPlace) string {
		var ids []string
		for _, p := range places {
			id := strings.TrimPrefix(p.Repo, "flatstream-")
			if i := strings.LastIndexByte(id, '-'); i > 0 && len(id)-i == 9 {
				id = id[:i]
			}
			ids = append(ids, id)
		}
		return strings.Join(ids, ",")
	}
	for _, s := range e.Streams {
		parts = append(parts, "stream "+s.Path)
	}
	for _, p := range e.Packages {
		parts = append(parts, p.NEVRA+" in "+short(p.Places)+" not in "+short(p.Hidden))
	}
	for _, m := range e.Missing {
		parts = append(parts, "missing "+m.NEVRA+" "+m.Class)
	}
	for _, n := range e.Near[:min(1, len(e.Near))] {
		parts = append(parts, "near "+n)
	}
	return strings.Join(parts, "; ")
}

func TestListAndProviders(t *testing.T) {
	sources := sourcesOf(t, small)
	l, err := List(context.Background(), sources)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range l.Modules {
		for _, s := range m.Streams {
			got = append(got, m.Name+":"+s.Name+map[bool]string{true: "[d]"}[s.Default])
		}
	}
	if text := strings.Join(got, " "); text != "dbi:1[d] node:10[d] node:12 perl:5.26[d] perl:5.30" {
		t.Errorf("got %s", text)
	}
	perl := l.Modules[2].Streams[1]
	if b := perl.Builds[0]; b.Artifacts != 6 || b.Present != 2 || b.Missing != 4 {
		t.Errorf("perl:5.30: %+v", b)
	}
	for word, want := range map[string]int{"perl-interpreter": 2, "node": 2, "node = 1:12": 1, "nobody": 0} {
		found, err := Providers(context.Background(), sources, word)
		if err != nil || len(found) != want {
			t.Errorf("%s: %v, %v, want %d", word, found, err, want)
		}
	}
}
