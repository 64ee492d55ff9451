package repodata

import (
	"bytes"
	"context"
	"io"
	"iter"
	"os"
	"testing"

	"flatstream/repodata/codec"
)

func BenchmarkScan(b *testing.B) {
	for _, typ := range []string{TypePrimary, TypeFilelists, TypeOther} {
		doc := realData(b, "c9s/AppStream", typ)
		b.Run(typ, func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
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

func BenchmarkParse(b *testing.B) {
	doc := realData(b, "c9s/AppStream", TypePrimary)
	for _, c := range []struct {
		name  string
		parts Parts
	}{{"identity", PartIdentity}, {"relations", PartRelations}, {"all", PartRelations | PartFiles}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			for b.Loop() {
				s, _ := NewScanner(bytes.NewReader(doc), TypePrimary)
				var d Decoder
				for {
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
			encoder, err := codec.NewEncoder(format)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(rec.OpenSize)
			for b.Loop() {
				dir := b.TempDir()
				w, err := NewWriter(dir, WriterOptions{Format: format, Encoder: encoder})
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
	encoder, err := codec.NewEncoder(codec.Gzip)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var writers []*Writer
		for range 2 {
			w, err := NewWriter(b.TempDir(), WriterOptions{Format: codec.Gzip, Encoder: encoder})
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
