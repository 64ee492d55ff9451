package repodata

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"flatstream/repodata/codec"
	"flatstream/repodata/digest"
)

func TestSpoolFindsEveryElement(t *testing.T) {
	r := openReal(t, "c9s/BaseOS")
	for _, typ := range []string{TypePrimary, TypeFilelists, TypeOther} {
		dir := t.TempDir()
		s, err := r.Spool(context.Background(), typ, dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: %s is left in the directory", typ, left[0])
		}
		i := 0
		var buf []byte
		for want, err := range r.Elements(context.Background(), typ) {
			if err != nil {
				t.Fatal(err)
			}
			found := s.Lookup(strings.ToUpper(want.PkgID))
			if len(found) != 1 || found[0] != i {
				t.Fatalf("%s: %s is at %v, want %d", typ, want.PkgID, found, i)
			}
			got, err := s.Read(i, buf)
			if err != nil || !bytes.Equal(got.Raw, want.Raw) || got.PkgID != want.PkgID || got.Loc != want.Loc {
				t.Fatalf("%s: element %d is %+v, %v", typ, i, got, err)
			}
			if span := s.Span(i); span.End-span.Start != len(want.Raw) {
				t.Errorf("%s: element %d lies at %v", typ, i, span)
			}
			buf = got.Raw
			i++
		}
		if i != s.Len() {
			t.Errorf("%s: %d elements, want %d", typ, s.Len(), i)
		}
		if s.Lookup("00000000000000000000000000000000") != nil || s.Lookup("x") != nil {
			t.Errorf("%s: an unknown id is found", typ)
		}
	}
}

// Elements reads windows; any order must give what Read gives.
func TestSpoolReadsInAnyOrder(t *testing.T) {
	s, err := openReal(t, "c9s/BaseOS").Spool(context.Background(), TypePrimary, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	backwards := allOf(s)
	slices.Reverse(backwards)
	sparse := []int{0, 1, 2, 50, 51, 900, 901, 900, 3, s.Len() - 1}
	for _, order := range [][]int{allOf(s), backwards, sparse, nil} {
		n := 0
		for got, err := range s.Elements(order) {
			if err != nil {
				t.Fatal(err)
			}
			want, err := s.Read(order[n], nil)
			if err != nil || !bytes.Equal(got.Raw, want.Raw) || got.PkgID != want.PkgID {
				t.Fatalf("position %d is read as %s, want %s (%v)", order[n], got.PkgID, want.PkgID, err)
			}
			n++
		}
		if n != len(order) {
			t.Errorf("%d elements, want %d", n, len(order))
		}
	}
}

// One pkgid at two places (P11) is found at both.
func TestSpoolKeepsDuplicates(t *testing.T) {
	r, err := Open(smallRepo(t, codec.Gzip))
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Spool(context.Background(), TypePrimary, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if found := s.Lookup("119e3eae36a33d4d22a597d3669020e2d1ba1129899768829cb25a76f75a353f"); !slices.Equal(found, []int{0, 1}) {
		t.Errorf("found at %v, want both places", found)
	}
}

func elementsOf(raw ...string) func(func([]byte, error) bool) {
	return func(yield func([]byte, error) bool) {
		for _, r := range raw {
			if !yield([]byte(r), nil) {
				return
			}
		}
	}
}

// Nothing is half there, and nothing depends on clock or umask.
func TestWriterIsDeterministic(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	var first []byte
	scratch, err := NewScratch(codec.Zstd)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		dir := t.TempDir()
		w, err := NewWriter(dir, WriterOptions{Format: codec.Zstd, Scratch: scratch, Revision: "7", Timestamp: 42})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Data(TypeGroup, "comps.xml", strings.NewReader("<comps/>")); err != nil {
			t.Fatal(err)
		}
		if err := w.Packages(TypePrimary, 1, elementsOf(minimalPackage(""))); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, repomdPath)); err == nil {
			t.Error("there is a repomd.xml before the end")
		}
		md, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = md.Raw
		}
		if !bytes.Equal(first, md.Raw) || md.Records[0].Type != TypePrimary || md.Records[1].Timestamp != 42 {
			t.Errorf("the second time it is\n%s\nwas\n%s", md.Raw, first)
		}
		checkTree(t, dir, md)
	}
}

func checkTree(t *testing.T, dir string, md *RepoMD) {
	t.Helper()
	if info, _ := os.Stat(filepath.Join(dir, "repodata")); info.Mode().Perm() != 0o755 {
		t.Errorf("repodata has mode %v", info.Mode())
	}
	names, _ := os.ReadDir(filepath.Join(dir, "repodata"))
	if len(names) != len(md.Records)+1 {
		t.Errorf("%d files for %d records", len(names), len(md.Records))
	}
	for _, name := range names {
		if info, _ := name.Info(); info.Mode().Perm() != 0o644 {
			t.Errorf("%s has mode %v", name.Name(), info.Mode())
		}
	}
	for _, rec := range md.Records {
		b, err := os.ReadFile(filepath.Join(dir, rec.Location))
		if err != nil || digest.OfBytes(b) != rec.Checksum || int64(len(b)) != rec.Size || !strings.Contains(rec.Location, rec.Checksum.Hex+"-") {
			t.Errorf("record %+v is not true: %v", rec, err)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	broken := errors.New("source broke")
	for name, c := range map[string]struct {
		do   func(w *Writer) error
		want string
	}{
		"fewer packages": {func(w *Writer) error { return w.Packages(TypePrimary, 2, elementsOf("<package/>")) }, "2 packages were announced and 1 came"},
		"more packages":  {func(w *Writer) error { return w.Packages(TypePrimary, 0, elementsOf("<package/>")) }, "0 packages were announced and 1 came"},
		"a broken source": {func(w *Writer) error {
			return w.Packages(TypePrimary, 1, func(yield func([]byte, error) bool) { yield(nil, broken) })
		}, "source broke"},
		"another type": {func(w *Writer) error { return w.Packages(TypeModules, 0, elementsOf()) }, "package elements"},
		"a type twice": {func(w *Writer) error {
			return errors.Join(w.Packages(TypePrimary, 0, elementsOf()), w.Packages(TypePrimary, 0, elementsOf()))
		}, `"primary" already`},
		"a name that leaves": {func(w *Writer) error { return w.Data("x", "../x", strings.NewReader("")) }, "no file name"},
		"no primary": {func(w *Writer) error {
			_, err := w.Close()
			return err
		}, "no primary"},
		"more after the end": {func(w *Writer) error {
			first := w.Packages(TypePrimary, 0, elementsOf())
			_, second := w.Close()
			return errors.Join(first, second, w.Data("x", "x", strings.NewReader("")))
		}, "complete"},
	} {
		dir := t.TempDir()
		w, err := NewWriter(dir, WriterOptions{Format: codec.Gzip})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.do(w); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error that says %q", name, err, c.want)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "repodata", ".tmp-*")); left != nil {
			t.Errorf("%s: %v is left", name, left)
		}
	}
	files := t.TempDir()
	for range 2 {
		w, err := NewWriter(files, WriterOptions{})
		if err != nil {
			if !strings.Contains(err.Error(), "already") {
				t.Error(err)
			}
			return
		}
		if err := w.Packages(TypePrimary, 0, elementsOf()); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Error("a repository was written over another")
}

// An element that cannot be remembered in short is read again.
func TestSpoolReadsOddElementsAgain(t *testing.T) {
	id := "119e3eae36a33d4d22a597d3669020e2d1ba1129899768829cb25a76f75a353f"
	for name, raw := range map[string]string{
		"upper case": strings.Replace(minimalPackage(""), id, strings.ToUpper(id), 1),
		"late id":    strings.Replace(minimalPackage(""), "<name>", "<x>"+strings.Repeat("y", 70000)+"</x><name>", 1),
		"long tag":   strings.Replace(minimalPackage(""), `href="a.rpm"`, `href="a.rpm" x="`+strings.Repeat("y", 70000)+`"`, 1),
	} {
		files := smallRepo(t, codec.None)
		rewrite(files, []byte("<metadata>"+raw+"</metadata>"), nil)
		r, err := Open(files)
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.Spool(t.Context(), TypePrimary, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		e, err := s.Read(0, nil)
		if err != nil || e.PkgID != id || !strings.HasPrefix(string(e.Raw[e.Loc.Start:e.Loc.End]), "<location") {
			t.Errorf("%s: %s at %v, %v", name, e.PkgID, e.Loc, err)
		}
	}
}
