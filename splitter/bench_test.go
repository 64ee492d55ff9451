package splitter

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"flatstream/fixtures"
	"flatstream/repodata"
)

// BenchmarkSplitC9S is what `split --link none` does over CentOS Stream 9's BaseOS
// and AppStream: 18,774 packages into 17 repositories.
func BenchmarkSplitC9S(b *testing.B) {
	sources := c9s(b)
	opt := Options{Link: LinkNothing}
	b.Run("plan", func(b *testing.B) {
		for b.Loop() {
			if _, err := NewPlan(context.Background(), sources, opt); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("split", func(b *testing.B) { benchmarkSplit(b, sources, opt) })
}

// benchmarkSplit plans and splits; taking the target away again is not counted.
func benchmarkSplit(b *testing.B, sources []Source, opt Options) {
	top := b.TempDir()
	for b.Loop() {
		p, err := NewPlan(context.Background(), sources, opt)
		if err != nil {
			b.Fatal(err)
		}
		dst := filepath.Join(top, "target")
		if err := os.Mkdir(dst, 0o755); err != nil {
			b.Fatal(err)
		}
		if _, err := Split(context.Background(), p, dst, dst, nil); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := os.RemoveAll(dst); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// c9s opens the real repositories, or skips.
func c9s(b *testing.B) []Source {
	data := os.Getenv("FLATSTREAM_DATA")
	if data == "" {
		data = "../../shared/data"
	}
	var sources []Source
	for _, name := range []string{"BaseOS", "AppStream"} {
		dir, err := filepath.Abs(filepath.Join(data, "c9s", name))
		if err != nil {
			b.Fatal(err)
		}
		repo, err := repodata.Open(os.DirFS(dir))
		if err != nil {
			b.Skipf("the real repositories are not here: %v", err)
		}
		sources = append(sources, Source{Name: name, Role: RoleMerge, Repo: repo, Dir: dir})
	}
	return sources
}

// BenchmarkSplitBuilds writes 500 repositories of 20 small packages in
// GrobiSplitter's layout, package files linked: the cost of a repository.
func BenchmarkSplitBuilds(b *testing.B) {
	dir := b.TempDir()
	if err := fixtures.Generate(dir, "bench-rpms", 1, 10000); err != nil {
		b.Fatal(err)
	}
	repo, err := repodata.Open(os.DirFS(dir))
	if err != nil {
		b.Fatal(err)
	}
	sources := []Source{{Name: "builds", Role: RoleMerge, Repo: repo, Dir: dir}}
	benchmarkSplit(b, sources, Options{Layout: LayoutGrobiSplitter})
}
