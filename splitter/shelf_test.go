package splitter

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flatstream/fixtures"
	"flatstream/repodata"
)

// nightShelf is a shelf of the fixtures' first night.
func nightShelf(t *testing.T) *Shelf {
	t.Helper()
	night, err := fixtures.NightOne()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := night.Write(dir, fixtures.Options{}); err != nil {
		t.Fatal(err)
	}
	var sources []Source
	for _, name := range []string{"baseos", "appstream"} {
		at := filepath.Join(dir, name)
		repo, err := repodata.Open(os.DirFS(at))
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, Source{Name: name, Role: RoleMerge, Repo: repo, Dir: at})
	}
	s, err := OpenShelf(t.Context(), sources, ShelfOptions{}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// What verifying a set finds is what verifying it as a repository of its own finds.
func TestShelfVerifiesAsVerifyDoes(t *testing.T) {
	s := nightShelf(t)
	for _, specs := range []string{"default", "default nodejs:12", "none", "none perl:5.30", "default perl:5.24"} {
		set, err := s.Set(strings.Fields(specs))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if _, err := s.Write(t.Context(), set, dir); err != nil {
			t.Fatal(err)
		}
		got, err := s.Verify(t.Context(), set)
		if err != nil {
			t.Fatal(err)
		}
		repo, err := repodata.Open(os.DirFS(dir))
		if err != nil {
			t.Fatal(err)
		}
		want, err := VerifySources(t.Context(), []Source{{Name: set.ID(), Repo: repo}}, VerifyOptions{Arch: s.arch})
		if err != nil {
			t.Fatal(err)
		}
		var a, b strings.Builder
		if err := errors.Join(got.Text(&a, true), want.Text(&b, true)); err != nil {
			t.Fatal(err)
		}
		if problems(a.String()) != problems(b.String()) || got.Summary != want.Summary {
			t.Errorf("%s: the shelf says\n%s\nand the repository\n%s", specs, a.String(), b.String())
		}
	}
}

// problems leaves out what came near, which a shelf finds among more packages.
func problems(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "  near: ") && !strings.HasPrefix(line, "  twin: ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestShelfRefusesInWords(t *testing.T) {
	s := nightShelf(t)
	var unknown *UnknownError
	if _, err := s.Set([]string{"default", "nodjs:12"}); !errors.As(err, &unknown) || !strings.Contains(unknown.Text, "nodejs") {
		t.Errorf("an unknown module: %v", err)
	}
	var conflict *Conflict
	if _, err := s.Set([]string{"default", "-virt", "virt-devel:rhel"}); !errors.As(err, &conflict) {
		t.Errorf("an impossible set: %v", err)
	}
	var usage *UsageError
	if _, err := s.Set([]string{"default", "nodejs:10", "nodejs:12"}); !errors.As(err, &usage) {
		t.Errorf("two streams of one module: %v", err)
	}
}
