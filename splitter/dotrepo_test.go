package splitter

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDescribeIsOneLine: a stream's name comes from upstream, and must not write keys
// of its own into a .repo file, nor command a terminal that shows it.
func TestDescribeIsOneLine(t *testing.T) {
	r := &ReportRepo{Kind: KindStream, Module: "m", Stream: "1\nenabled=1\u009b2J\u202e\x1b"}
	if got, want := describe(r), "m:1_enabled=1_2J__ as a flat repository"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestBaseURLIsOneURL: baseurl is a list to DNF, which begins the next URL at a comma,
// so that a group named by two modules was not to be found.
func TestBaseURLIsOneURL(t *testing.T) {
	r := &Report{Repos: []ReportRepo{{ID: "i", Kind: KindStream, Path: "streams/m/1@dbi=1.641,perl=5.24"}}}
	text := newDotRepos(r, "file:///t", trust{}).of("i")
	if want := "baseurl=file:///t/streams/m/1@dbi=1.641%2Cperl=5.24/\n"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
}

// TestFilesThatAreAlikeAreOne: what hides a package is never taken for a section, so that
// only files that are alike share an inode.
func TestFilesThatAreAlikeAreOne(t *testing.T) {
	r := &Report{}
	for i := range 70 {
		r.Repos = append(r.Repos, ReportRepo{ID: fmt.Sprint(i), Kind: KindStream, Path: fmt.Sprint(i)})
	}
	r.Repos[1].Hidden = []Hidden{{NEVRA: "A"}}
	r.Repos[32].Requires = []string{"1", "65"} // as bytes a blank and an A
	r.Repos[65].Requires = []string{"1", "32"}
	d, dir := newDotRepos(r, "file:///t", trust{}), t.TempDir()
	stat := func(id string) os.FileInfo {
		name := filepath.Join(dir, id)
		if _, err := os.Lstat(name); err != nil {
			if err := d.write(id, "", name, &bytes.Buffer{}); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != d.of(id) {
			t.Errorf("%s says\n%s\nwant\n%s (%v)", id, got, d.of(id), err)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	for i := range r.Repos {
		stat(fmt.Sprint(i))
	}
	if !os.SameFile(stat("32"), stat("65")) || os.SameFile(stat("1"), stat("32")) || os.SameFile(stat("2"), stat("3")) {
		t.Error("32 and 65 are one file, and no others")
	}
}
