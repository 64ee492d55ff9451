package repodata

import (
	"bytes"
	"context"
	"io"
	"iter"
	"os"
	"syscall"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/repodata/codec"
)

// shaped are the open files of 4,000 packages of real shape: more files and changelogs
// per package than the real data at hand has.
func shaped(b *testing.B) func(typ string) []byte {
	dir := b.TempDir()
	if err := fixtures.Generate(dir, "bench-metadata", 1, 4000); err != nil {
		b.Fatal(err)
	}
	r, err := Open(os.DirFS(dir))
	if err != nil {
		b.Fatal(err)
	}
	return func(typ string) []byte {
		d, err := r.Data(typ)
		if err != nil {
			b.Fatal(err)
		}
		defer d.Close()
		doc, err := io.ReadAll(d)
		if err != nil {
			b.Fatal(err)
		}
		return doc
	}
}

// overBoth runs a benchmark over the real data, where it is, and over made ones.
func overBoth(b *testing.B, run func(b *testing.B, data func(typ string) []byte)) {
	b.Run("Real", func(b *testing.B) {
		run(b, func(typ string) []byte { return realData(b, "c9s/AppStream", typ) })
	})
	b.Run("Shape", func(b *testing.B) { run(b, shaped(b)) })
}

// perCore reports, when the benchmark ends, how many bytes a second of processor time
// moved: on a busy machine the clock tells little.
func perCore(b *testing.B, size int) (report func()) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	cpu := func() time.Duration {
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			b.Fatal(err)
		}
		return time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	start := cpu()
	return func() { b.ReportMetric(float64(size)*float64(b.N)/(cpu()-start).Seconds()/1e6, "MB/core-s") }
}

func BenchmarkScan(b *testing.B) { overBoth(b, benchmarkScan) }

func benchmarkScan(b *testing.B, data func(typ string) []byte) {
	for _, typ := range []string{TypePrimary, TypeFilelists, TypeOther} {
		doc := data(typ)
		b.Run(typ, func(b *testing.B) {
			defer perCore(b, len(doc))()
			for b.Loop() {
				s, err := NewScanner(bytes.NewReader(doc), typ)
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = s.Next()
				}
				if err != io.EOF {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) { overBoth(b, benchmarkParse) }

func benchmarkParse(b *testing.B, data func(typ string) []byte) {
	doc := data(TypePrimary)
	for _, c := range []struct {
		name  string
		parts Parts
		apart bool
	}{{"plan", PartIdentity, false}, {"shared", PartRelations | PartFiles, false}, {"verify", PartRelations | PartFiles, true}} {
		b.Run(c.name, func(b *testing.B) {
			defer perCore(b, len(doc))()
			for b.Loop() {
				s, _ := NewScanner(bytes.NewReader(doc), TypePrimary)
				d := Decoder{Apart: c.apart}
				for n := 1; ; n++ {
					if n%100 == 0 {
						d.Reset() // as often as the verifier does
					}
					e, err := s.Next()
					if err == io.EOF {
						break
					}
					if err == nil {
						_, err = d.Package(e, c.parts)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkFileOwners(b *testing.B) {
	r := openReal(b, "c9s/BaseOS")
	rec, _ := r.MD.Record(TypeFilelists)
	b.SetBytes(rec.OpenSize)
	for b.Loop() {
		for _, err := range r.FileOwners(context.Background(), map[string]bool{"/usr/bin/zstd": true}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkData is decompression and both hashes alone.
func BenchmarkData(b *testing.B) {
	r := openReal(b, "c9s/AppStream")
	rec, _ := r.MD.Record(TypePrimary)
	b.SetBytes(rec.OpenSize)
	for b.Loop() {
		d, err := r.Data(TypePrimary)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{d}, make([]byte, scanBuffer)); err != nil {
			b.Fatal(err)
		}
		d.Close()
	}
}

func BenchmarkSpool(b *testing.B) {
	r := openReal(b, "c9s/AppStream")
	rec, _ := r.MD.Record(TypePrimary)
	b.SetBytes(rec.OpenSize)
	for b.Loop() {
		s, err := r.Spool(context.Background(), TypePrimary, b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

// BenchmarkWrite writes primary from a spool, every location replaced.
func BenchmarkWrite(b *testing.B) {
	r := openReal(b, "c9s/AppStream")
	s, err := r.Spool(context.Background(), TypePrimary, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	rec, _ := r.MD.Record(TypePrimary)
	for _, format := range []codec.Format{codec.None, codec.Gzip, codec.Zstd} {
		b.Run(format.String(), func(b *testing.B) {
			scratch, err := NewScratch(format)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(rec.OpenSize)
			for b.Loop() {
				dir := b.TempDir()
				w, err := NewWriter(dir, WriterOptions{Format: format, Scratch: scratch})
				if err != nil {
					b.Fatal(err)
				}
				if err := w.Packages(TypePrimary, s.Len(), relocated(s, allOf(s))); err != nil {
					b.Fatal(err)
				}
				os.RemoveAll(dir)
			}
		})
	}
}

func allOf(s *Spool) []int {
	all := make([]int, s.Len())
	for i := range all {
		all[i] = i
	}
	return all
}

func relocated(s *Spool, positions []int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var buf []byte
		for e, err := range s.Elements(positions) {
			if err == nil {
				buf = e.AppendWithLocation(buf[:0], "", "Packages/x.rpm")
			}
			if !yield(buf, err) {
				return
			}
		}
	}
}

// BenchmarkCopyTwice is the work of a split without its decisions: three files
// spooled, primary parsed, and everything written to two repositories.
func BenchmarkCopyTwice(b *testing.B) {
	r := openReal(b, "c9s/AppStream")
	scratch, err := NewScratch(codec.Gzip)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var writers []*Writer
		for range 2 {
			w, err := NewWriter(b.TempDir(), WriterOptions{Format: codec.Gzip, Scratch: scratch})
			if err != nil {
				b.Fatal(err)
			}
			writers = append(writers, w)
		}
		for _, typ := range []string{TypePrimary, TypeFilelists, TypeOther} {
			s, err := r.Spool(context.Background(), typ, b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			if typ == TypePrimary {
				parseAll(b, s)
			}
			for _, w := range writers {
				elements := relocated(s, allOf(s))
				if typ != TypePrimary {
					elements = untouched(s)
				}
				if err := w.Packages(typ, s.Len(), elements); err != nil {
					b.Fatal(err)
				}
			}
			s.Close()
		}
	}
}

func parseAll(b *testing.B, s *Spool) {
	var d Decoder
	for e, err := range s.Elements(allOf(s)) {
		if err == nil {
			_, err = d.Package(e, PartRelations)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func untouched(s *Spool) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for e, err := range s.Elements(allOf(s)) {
			if !yield(e.Raw, err) {
				return
			}
		}
	}
}
