package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/mirror/serve"
	"flatstream/repodata"
	"flatstream/repodata/codec"
	"flatstream/splitter"
)

// hotPath is one of the loops that a night is made of. cost is what one byte (of
// serve: one request) took when it was committed, in steps of the calibration loop:
// a chain of multiplications, which no machine does two of at once. It is a ratio, so
// it holds on a slow machine and on a busy one.
type hotPath struct {
	name string
	cost float64
	size int // bytes, or requests
	run  func() error
}

const (
	// tooSlow is how much more than committed a path may cost. Processors differ in
	// their caches and in how fast they hash, not by this.
	tooSlow = 2.0
	// rounds is how often each path is measured; the best counts, since a neighbour
	// can only make it slower.
	rounds = 5
)

// calibrate takes n steps of FNV-1a.
func calibrate(n int) uint64 {
	h := uint64(14695981039346656037)
	for i := range n {
		h = (h ^ uint64(byte(i))) * 1099511628211
	}
	return h
}

// cpuTime is what this process took of all processors.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// best is the least time of a step of f, which takes n of them, over the rounds; it
// stops early when enough is good enough.
func best(t testing.TB, n int, enough float64, f func() error) float64 {
	t.Helper()
	least := 0.0
	for range rounds {
		runtime.GC()
		start := cpuTime()
		if err := f(); err != nil {
			t.Fatal(err)
		}
		if took := float64(cpuTime()-start) / float64(n); least == 0 || took < least {
			least = took
		}
		if least <= enough {
			break
		}
	}
	return least
}

// TestHotPathsKeepTheirSpeed fails when a hot path costs twice what it did. It is no
// benchmark: scripts/bench is. Under -short the paths only run.
func TestHotPathsKeepTheirSpeed(t *testing.T) {
	step := calibration(t)
	for _, p := range hotPaths(t) {
		enough := p.cost * step
		if testing.Short() {
			enough = 1e12
		}
		got := best(t, p.size, enough, p.run) / step
		t.Logf("%-40s %8.3f, committed %8.3f", p.name, got, p.cost)
		if got > tooSlow*p.cost && !testing.Short() {
			t.Errorf("%s costs %.3f steps of the calibration loop, %.1f times the committed %.3f; find out why (go test -bench, scripts/bench) or commit what it costs now", p.name, got, got/p.cost, p.cost)
		}
	}
}

// calibration is the time of one step of the calibration loop.
func calibration(t testing.TB) float64 {
	t.Helper()
	const steps = 20e6
	sink := uint64(0)
	step := best(t, steps, 0, func() error { sink += calibrate(steps); return nil })
	if sink == 0 {
		t.Log("no step was taken")
	}
	return step
}

// BenchmarkHotPaths is for looking at one of them: its cost in steps, as the test has it.
func BenchmarkHotPaths(b *testing.B) {
	step := calibration(b)
	for _, p := range hotPaths(b) {
		b.Run(p.name, func(b *testing.B) {
			before := cpuTime()
			for b.Loop() {
				if err := p.run(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N*p.size)/step, "steps")
		})
	}
}

func hotPaths(t testing.TB) []hotPath {
	t.Helper()
	dir := t.TempDir()
	if err := fixtures.Generate(dir, "bench-metadata", 1, 2000); err != nil {
		t.Fatal(err)
	}
	repo, err := repodata.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string][]byte{}
	for _, typ := range []string{repodata.TypePrimary, repodata.TypeFilelists, repodata.TypeOther} {
		r, err := repo.Data(typ)
		if err != nil {
			t.Fatal(err)
		}
		if docs[typ], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	primary := docs[repodata.TypePrimary]
	all := len(primary) + len(docs[repodata.TypeFilelists]) + len(docs[repodata.TypeOther])
	source := splitter.Source{Name: "s", Role: splitter.RoleMerge, Repo: repo, Dir: dir}
	target := t.TempDir()
	if err := splitInto(source, target); err != nil {
		t.Fatal(err)
	}
	return []hotPath{
		{"scan primary", 0.7, len(primary), func() error { return scan(primary, repodata.TypePrimary) }},
		{"scan filelists", 0.5, len(docs[repodata.TypeFilelists]), func() error { return scan(docs[repodata.TypeFilelists], repodata.TypeFilelists) }},
		{"scan other", 0.4, len(docs[repodata.TypeOther]), func() error { return scan(docs[repodata.TypeOther], repodata.TypeOther) }},
		{"parse primary for a plan", 1.3, len(primary), func() error { return parsePrimary(primary, repodata.PartIdentity) }},
		{"parse primary for verify", 2.7, len(primary), func() error { return parsePrimary(primary, repodata.PartRelations|repodata.PartFiles) }},
		{"read and hash a metadata file", 1.4, len(primary), func() error { return readAll(repo, repodata.TypePrimary) }},
		{"spool and write all three", 4.2, all, func() error { return rewrite(repo, t.TempDir()) }},
		{"plan", 1.2, all, func() error {
			_, err := splitter.NewPlan(context.Background(), []splitter.Source{source}, splitter.Options{Link: splitter.LinkNothing})
			return err
		}},
		{"split", 8, all, func() error { return splitInto(source, t.TempDir()) }},
		{"verify, level closure", 2.8, all, func() error { return verifySource(source, splitter.LevelClosure) }},
		{"verify, level install", 2.8, all, func() error { return verifySource(source, splitter.LevelInstall) }},
		{"verify of a split target", 3.5, all, func() error { return verifyTargetIn(target) }},
		serving(t),
	}
}

func scan(doc []byte, typ string) error {
	s, err := repodata.NewScanner(bytes.NewReader(doc), typ)
	for err == nil {
		_, err = s.Next()
	}
	if err == io.EOF {
		return nil
	}
	return err
}

func parsePrimary(doc []byte, parts repodata.Parts) error {
	s, err := repodata.NewScanner(bytes.NewReader(doc), repodata.TypePrimary)
	if err != nil {
		return err
	}
	d := repodata.Decoder{Apart: parts != repodata.PartIdentity} // as the verifier has it
	for n := 1; ; n++ {
		if n%100 == 0 {
			d.Reset()
		}
		e, err := s.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			_, err = d.Package(e, parts)
		}
		if err != nil {
			return err
		}
	}
}

func readAll(repo *repodata.Repo, typ string) error {
	r, err := repo.Data(typ)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(struct{ io.Writer }{io.Discard}, r)
	return err
}

// rewrite is a split without its decisions.
func rewrite(repo *repodata.Repo, dir string) error {
	w, err := repodata.NewWriter(dir, repodata.WriterOptions{Format: codec.Gzip})
	if err != nil {
		return err
	}
	for _, typ := range []string{repodata.TypePrimary, repodata.TypeFilelists, repodata.TypeOther} {
		s, err := repo.Spool(context.Background(), typ, dir)
		if err != nil {
			return err
		}
		defer s.Close()
		positions := make([]int, s.Len())
		for i := range positions {
			positions[i] = i
		}
		err = w.Packages(typ, s.Len(), func(yield func([]byte, error) bool) {
			for e, err := range s.Elements(positions) {
				if !yield(e.Raw, err) {
					return
				}
			}
		})
		if err != nil {
			return err
		}
	}
	_, err = w.Close()
	return err
}

func splitInto(source splitter.Source, dir string) error {
	p, err := splitter.NewPlan(context.Background(), []splitter.Source{source}, splitter.Options{Link: splitter.LinkNothing, Scratch: dir})
	if err != nil {
		return err
	}
	_, err = splitter.Split(context.Background(), p, dir, dir, nil)
	return err
}

func verifySource(source splitter.Source, level splitter.Level) error {
	_, err := splitter.VerifySources(context.Background(), []splitter.Source{source}, splitter.VerifyOptions{Level: level})
	return err
}

// verifyTargetIn reads each repository of a target, most packages twice.
func verifyTargetIn(dir string) error {
	_, err := splitter.Verify(context.Background(), os.DirFS(dir), splitter.VerifyOptions{})
	return err
}

// serving is a request for repomd.xml, without the network.
func serving(t testing.TB) hotPath {
	dir := t.TempDir()
	name := filepath.Join(dir, "repomd.xml")
	if err := os.WriteFile(name, bytes.Repeat([]byte("x"), 3000), 0o644); err != nil {
		t.Fatal(err)
	}
	h, err := serve.Handler(serve.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	const requests = 2000
	old := time.Now().Add(2500 * time.Millisecond) // a younger file is not kept in memory
	request := httptest.NewRequest(http.MethodGet, "/repomd.xml", nil)
	return hotPath{"serve a small file", 1800, requests, func() error {
		time.Sleep(time.Until(old))
		for range requests {
			w := answer{http.Header{}, 0}
			if h.ServeHTTP(&w, request); w.size != 3000 {
				return fmt.Errorf("%d bytes of 3000", w.size)
			}
		}
		return nil
	}}
}

// answer counts what is answered.
type answer struct {
	header http.Header
	size   int
}

func (a *answer) Header() http.Header { return a.header }
func (a *answer) WriteHeader(int)     {}

func (a *answer) Write(p []byte) (int, error) {
	a.size += len(p)
	return len(p), nil
}
