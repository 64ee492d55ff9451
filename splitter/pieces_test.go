package splitter

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"flatstream/fixtures"
	"flatstream/repodata"
)

// What repositories have in common is compressed once, and nobody can tell: the bytes of
// a repository depend neither on what else the target holds nor on who came first.
func TestPiecesDependOnTheRepositoryAlone(t *testing.T) {
	src := t.TempDir()
	if err := fixtures.Generate(src, "bench-metadata", 1, 3000); err != nil {
		t.Fatal(err)
	}
	repo, err := repodata.Open(os.DirFS(src))
	if err != nil {
		t.Fatal(err)
	}
	files := func(opt Options) map[string]string {
		dir := t.TempDir()
		opt.Link, opt.Scratch = LinkNothing, dir
		p, err := NewPlan(context.Background(), []Source{{Name: "s", Role: RoleMerge, Repo: repo, Dir: src}}, opt)
		if err != nil {
			t.Fatal(err)
		}
		if !opt.NoDefaultView {
			shared := 0
			for _, x := range p.findPieces([]*batch{{first: flatOf(t, p, KindDefault)}, {first: flatOf(t, p, KindNonModular)}}) {
				if x.users == 2 {
					shared++
				}
			}
			if shared == 0 {
				t.Error("no piece is shared")
			}
		}
		if _, err := Split(context.Background(), p, dir, "/target", nil); err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		names, _ := filepath.Glob(filepath.Join(dir, "non-modular/repodata/*"))
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if found[filepath.Base(name)] = string(b); filepath.Ext(name) == ".gz" {
				checkOneMember(t, name, b)
			}
		}
		return found
	}
	want := files(Options{NoDefaultView: true, Jobs: 1})
	for _, jobs := range []int{1, 2} {
		got := files(Options{Jobs: jobs})
		if len(got) != len(want) || len(want) < 4 {
			t.Fatalf("%d and %d files", len(got), len(want))
		}
		for name, b := range want {
			if got[name] != b {
				t.Errorf("with %d jobs, and a default view, %s has other bytes", jobs, name)
			}
		}
	}
}

func flatOf(t *testing.T, p *Plan, kind string) *Flat {
	t.Helper()
	for _, f := range p.Repos {
		if f.Kind == kind {
			return f
		}
	}
	t.Fatalf("there is no %s", kind)
	return nil
}

// checkOneMember reads a file as a client does that knows one gzip member only.
func checkOneMember(t *testing.T, name string, b []byte) {
	t.Helper()
	rest := bytes.NewReader(b)
	r, err := gzip.NewReader(rest)
	if err == nil {
		r.Multistream(false)
		_, err = io.Copy(io.Discard, r)
	}
	if err != nil || rest.Len() > 0 {
		t.Errorf("%s: %v, and %d bytes are left", name, err, rest.Len())
	}
}
