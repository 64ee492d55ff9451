package closure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flatstream/fixtures"
	"flatstream/repodata"
)

const baseText = `
package a 1-1 x86_64
  file /usr/share/a
package b 1-1 x86_64
  requires a, /usr/share/a
package c 1-1 x86_64
  requires nope
`

// moved writes a repository again with every package somewhere else, as a flat
// repository is made of its source.
func moved(t *testing.T, r *repodata.Repo) *repodata.Repo {
	t.Helper()
	dir := t.TempDir()
	w, err := repodata.NewWriter(dir, repodata.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{repodata.TypePrimary, repodata.TypeFilelists, repodata.TypeOther} {
		if err := w.Packages(typ, 3, elements(r, typ)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return openDir(t, dir)
}

func elements(r *repodata.Repo, typ string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for e, err := range r.Elements(context.Background(), typ) {
			raw := e.Raw
			if err == nil && typ == repodata.TypePrimary {
				raw = e.WithLocation("http://example.org/os/", "elsewhere/"+e.PkgID+".rpm")
			}
			if !yield(raw, err) {
				return
			}
		}
	}
}

// A package in several repositories is one package, wherever its file lies.
func TestSharedPackages(t *testing.T) {
	u := NewUniverse()
	source := openText(t, baseText, fixtures.Options{})
	for i, r := range []*repodata.Repo{source, moved(t, source), moved(t, source)} {
		if _, err := u.Add(context.Background(), fmt.Sprint("r", i), r); err != nil {
			t.Fatal(err)
		}
	}
	if len(u.packages) != 3 {
		t.Errorf("%d packages were indexed, want 3", len(u.packages))
	}
	for _, c := range check(t, u, Check{Repo: 0}, Check{Repo: 1}, Check{Repo: 2, Suppliers: []RepoID{0}}).Checked {
		if got := brief(c); got != "c: nope\n" || len(c.Warnings) != 0 {
			t.Errorf("%s: %q %v", c.Repo, got, c.Warnings)
		}
	}
}

// The fixtures make the pkgid of the NEVRA, so that another a has a's.
func TestDifferingPackage(t *testing.T) {
	u := NewUniverse()
	add(t, u, "source", baseText, fixtures.Options{})
	other := add(t, u, "other", "package a 1-1 x86_64\n  requires nor-this\n", fixtures.Options{})
	got := check(t, u, Check{Repo: other}, Check{Repo: 0})
	if b := brief(got.Checked[0]); b != "a: nor-this\n" {
		t.Errorf("the other a is not checked as it stands there: %q", b)
	}
	want := Warning{WarnOtherMetadata, "a-0:1-1.x86_64 has the checksum of a-0:1-1.x86_64 in source and is described in another way"}
	if w := got.Checked[0].Warnings; len(w) != 1 || w[0] != want {
		t.Errorf("warnings: %v", w)
	}
	if b := brief(got.Checked[1]); b != "c: nope\n" || len(got.Checked[1].Warnings) != 0 {
		t.Errorf("the source is touched: %q %v", b, got.Checked[1].Warnings)
	}
}

// A path that was looked up in vain is looked up again in what is added later.
func TestLookUpAfterAdd(t *testing.T) {
	u := NewUniverse()
	app := add(t, u, "app", "package b 1-1 x86_64\n  requires /usr/share/a\n", fixtures.Options{})
	if got := brief(check(t, u, Check{Repo: app}).Checked[0]); got != "b: /usr/share/a\n" {
		t.Fatalf("alone: %q", got)
	}
	base := add(t, u, "base", "package a 1-1 x86_64\n  file /usr/share/a\n", fixtures.Options{})
	if got := brief(check(t, u, Check{Repo: app, Suppliers: []RepoID{base}}).Checked[0]); got != "" {
		t.Errorf("with its owner: %q", got)
	}
}

// Whose packages are all in other repositories need not be asked for its files.
func TestTellers(t *testing.T) {
	u := NewUniverse()
	for i, body := range []string{
		"package a 1-1 x86_64\npackage b 1-1 x86_64\npackage c 1-1 x86_64\n", // all of the next two
		"package a 1-1 x86_64\npackage b 1-1 x86_64\n",
		"package c 1-1 x86_64\n",
		"package c 1-1 x86_64\npackage d 1-1 x86_64\n",
	} {
		add(t, u, fmt.Sprint("r", i), body, fixtures.Options{})
	}
	add(t, u, "silent", "package d 1-1 x86_64\n", fixtures.Options{NoFilelists: true})
	got := u.tellers()
	slices.Sort(got)
	if !slices.Equal(got, []int{1, 3, 4}) { // the last one to say that it is silent
		t.Errorf("asked are %v", got)
	}
}

func TestNoFilelists(t *testing.T) {
	u := NewUniverse()
	base := add(t, u, "base", "package a 1-1 x86_64\n  file /usr/share/a\n", fixtures.Options{NoFilelists: true})
	app := add(t, u, "app", "package b 1-1 x86_64\n  requires /usr/share/a\n", fixtures.Options{})
	got := check(t, u, Check{Repo: app, Suppliers: []RepoID{base}}).Checked[0]
	want := Warning{WarnNoFilelists, "base has no file lists, so that who owns /usr/share/a there is not known"}
	if brief(got) != "b: /usr/share/a\n" || len(got.Warnings) != 1 || got.Warnings[0] != want {
		t.Errorf("%q %v", brief(got), got.Warnings)
	}
}

// What cannot be read is an error that names the repository, never a repository
// without problems.
func TestDamage(t *testing.T) {
	for _, typ := range []string{repodata.TypePrimary, repodata.TypeFilelists} {
		t.Run(typ, func(t *testing.T) {
			dir := t.TempDir()
			repo, err := fixtures.Parse("package b 1-1 x86_64\n  requires /usr/share/a\n")
			if err != nil {
				t.Fatal(err)
			}
			if err := repo.Write(dir, fixtures.Options{MetadataOnly: true}); err != nil {
				t.Fatal(err)
			}
			files, _ := filepath.Glob(dir + "/repodata/*-" + typ + ".xml.gz")
			text, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(files[0], bytes.Replace(text, text[len(text)/2:len(text)/2+4], []byte{0, 0, 0, 0}, 1), 0o644); err != nil {
				t.Fatal(err)
			}
			u := NewUniverse()
			id, err := u.Add(context.Background(), "app", openDir(t, dir))
			if err == nil {
				_, err = u.Closure(context.Background(), []Check{{Repo: id}}, Options{})
			}
			if err == nil || !strings.Contains(err.Error(), "repository app") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	u := NewUniverse()
	id := add(t, u, "app", "package b 1-1 x86_64\n", fixtures.Options{})
	if _, err := u.Add(context.Background(), "app", openText(t, baseText, fixtures.Options{})); err == nil {
		t.Error("two repositories of one name")
	}
	if _, err := u.Closure(context.Background(), []Check{{Repo: id, Suppliers: []RepoID{7}}}, Options{}); err == nil {
		t.Error("a supplier that was not added")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := u.Closure(ctx, []Check{{Repo: id}}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A repository with the primary of another is not parsed again, but its own file is
// read: the same name in repomd.xml proves nothing about what is on the disk.
func TestSamePrimaryIsStillRead(t *testing.T) {
	u := NewUniverse()
	for i := range 2 {
		add(t, u, fmt.Sprint("r", i), baseText, fixtures.Options{})
	}
	for _, c := range check(t, u, Check{Repo: 0}, Check{Repo: 1}).Checked {
		if got := brief(c); got != "c: nope\n" || c.Packages != 3 {
			t.Errorf("%s: %d packages, %q", c.Repo, c.Packages, got)
		}
	}
	dir := writeText(t, baseText, fixtures.Options{})
	damaged := openDir(t, dir)
	rec, _ := damaged.MD.Record(repodata.TypePrimary)
	name := filepath.Join(dir, rec.Location)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Add(context.Background(), "damaged", damaged); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a damaged primary is taken for its twin: %v", err)
	}
}
