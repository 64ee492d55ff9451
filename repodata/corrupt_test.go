package repodata

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"flatstream/repodata/codec"
	"flatstream/repodata/digest"
)

// smallRepo is a repository of two packages, in memory, to be damaged.
func smallRepo(t *testing.T, format codec.Format) fstest.MapFS {
	t.Helper()
	dir := t.TempDir()
	w, err := NewWriter(dir, WriterOptions{Format: format})
	if err != nil {
		t.Fatal(err)
	}
	packages := func(yield func([]byte, error) bool) {
		for range 2 {
			if !yield([]byte(minimalPackage("")), nil) {
				return
			}
		}
	}
	if err := w.Packages(TypePrimary, 2, packages); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files := make(fstest.MapFS)
	names, _ := filepath.Glob(filepath.Join(dir, "repodata", "*"))
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files["repodata/"+filepath.Base(name)] = &fstest.MapFile{Data: b}
	}
	return files
}

// rewrite puts b in the place of primary and makes the record of stored bytes
// true again, so that only what is inside can be wrong.
func rewrite(files fstest.MapFS, b []byte, change func(*Record)) {
	m, err := ParseRepoMD(files[repomdPath].Data)
	if err != nil {
		panic(err)
	}
	rec := &m.Records[0]
	files[rec.Location] = &fstest.MapFile{Data: b}
	rec.Checksum, rec.Size = digest.OfBytes(b), int64(len(b))
	if change != nil {
		change(rec)
	}
	files[repomdPath] = &fstest.MapFile{Data: m.Marshal()}
}

func primaryFile(files fstest.MapFS) string {
	for name := range maps.Keys(files) {
		if strings.Contains(name, "primary") {
			return name
		}
	}
	return ""
}

func compress(t *testing.T, format codec.Format, b []byte) []byte {
	t.Helper()
	e, err := codec.NewEncoder(format)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	e.Reset(&out)
	if _, err := e.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestDamageIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(files fstest.MapFS, file string)
		want   string
	}{
		"a file that is cut off": {func(files fstest.MapFS, file string) {
			files[file].Data = files[file].Data[:len(files[file].Data)-5]
		}, "size is"},
		"a flipped byte": {func(files fstest.MapFS, file string) {
			files[file].Data[len(files[file].Data)/2] ^= 0x40
		}, "checksum is"},
		"a flipped byte in the compression's header": {func(files fstest.MapFS, file string) {
			files[file].Data[4] ^= 0x40
		}, "checksum is"},
		"a byte more": {func(files fstest.MapFS, file string) {
			files[file].Data = append(files[file].Data, 0)
		}, "size is"},
		"a missing file": {func(files fstest.MapFS, file string) {
			delete(files, file)
		}, "it is missing"},
		"an empty file": {func(files fstest.MapFS, file string) {
			files[file].Data = nil
		}, "size is"},
		"cut off before the checksum was taken": {func(files fstest.MapFS, file string) {
			rewrite(files, files[file].Data[:len(files[file].Data)-5], nil)
		}, "unexpected EOF"},
		"something after the end": {func(files fstest.MapFS, file string) {
			rewrite(files, append(files[file].Data, "garbage"...), nil)
		}, ""},
		"a wrong open-size, smaller": {func(files fstest.MapFS, file string) {
			rewrite(files, files[file].Data, func(r *Record) { r.OpenSize-- })
		}, "decompressed size"},
		"a wrong open-size, larger": {func(files fstest.MapFS, file string) {
			rewrite(files, files[file].Data, func(r *Record) { r.OpenSize++ })
		}, "decompressed size"},
		"an open-size beyond reason": {func(files fstest.MapFS, file string) {
			rewrite(files, files[file].Data, func(r *Record) { r.OpenSize = 1 << 60 })
		}, "at most"},
		"a wrong open-checksum": {func(files fstest.MapFS, file string) {
			rewrite(files, files[file].Data, func(r *Record) { r.OpenChecksum = r.Checksum })
		}, "decompressed checksum"},
		"zchunk": {func(files fstest.MapFS, file string) {
			rewrite(files, []byte("\x00ZCK1 and more"), nil)
		}, "zchunk"},
		"an unknown compression": {func(files fstest.MapFS, file string) {
			rewrite(files, []byte("\x1f\x9d lzw"), func(r *Record) { r.OpenChecksum, r.OpenSize = digest.Checksum{}, -1 })
		}, "XML"},
		"another count": {func(files fstest.MapFS, file string) {
			doc := xmlDeclaration + `<metadata packages="3">` + minimalPackage("") + `</metadata>`
			rewrite(files, compress(t, codec.Gzip, []byte(doc)), func(r *Record) { r.OpenChecksum, r.OpenSize = digest.Checksum{}, -1 })
		}, "announces 3 packages and holds 1"},
	} {
		files := smallRepo(t, codec.Gzip)
		file := primaryFile(files)
		c.damage(files, file)
		r, err := Open(files)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got error
		for _, got = range r.Elements(context.Background(), TypePrimary) {
		}
		if got == nil || !strings.Contains(got.Error(), c.want) || strings.Count(got.Error(), file) != 1 {
			t.Errorf("%s: %v, want an error that names %s once and says %q", name, got, file, c.want)
		}
		if errors.Is(got, fs.ErrNotExist) {
			t.Errorf("%s: a damaged repository looks like one without that type", name)
		}
	}
}

// A package that makes no sense because bytes of the file are wrong is told as what it is.
func TestDamageWithinAPackageIsNamed(t *testing.T) {
	files := smallRepo(t, codec.None)
	file := primaryFile(files)
	files[file].Data = bytes.Replace(files[file].Data, []byte(`ver="1"`), []byte(`vev="1"`), 1)
	r, err := Open(files)
	if err != nil {
		t.Fatal(err)
	}
	var got error
	for _, got = range r.Packages(context.Background(), PartIdentity) {
	}
	if got == nil || !strings.Contains(got.Error(), file+": checksum is") {
		t.Errorf("%v, want an error that says that the checksum of %s is wrong", got, file)
	}
}

// The same of filelists.
func TestDamageWithinAListOfFilesIsNamed(t *testing.T) {
	dir := t.TempDir()
	w, err := NewWriter(dir, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const id = "119e3eae36a33d4d22a597d3669020e2d1ba1129899768829cb25a76f75a353f"
	one := func(element string) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) { yield([]byte(element), nil) }
	}
	files := `<package pkgid="` + id + `" name="a" arch="noarch"><version epoch="0" ver="1" rel="2"/><file>/bin/a</file></package>`
	if err := errors.Join(w.Packages(TypePrimary, 1, one(minimalPackage(""))), w.Packages(TypeFilelists, 1, one(files))); err != nil {
		t.Fatal(err)
	}
	md, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	rec, _ := md.Record(TypeFilelists)
	name := filepath.Join(dir, rec.Location)
	b, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, bytes.Replace(b, []byte("/bin/a"), []byte("/bin&;"), 1), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	var got error
	for _, got = range r.FileOwners(context.Background(), map[string]bool{"/bin/a": true}) {
	}
	if got == nil || !strings.Contains(got.Error(), rec.Location+": checksum is") {
		t.Errorf("%v, want an error that says that the checksum of %s is wrong", got, rec.Location)
	}
}

// A spool believes stored bytes whose strong checksum is right, and nothing less.
func TestSpoolChecksOneStrongChecksum(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Record)
		fine   bool
	}{
		"open-checksum":                  {func(r *Record) { r.OpenChecksum = r.Checksum }, true},
		"open-size":                      {func(r *Record) { r.OpenSize++ }, false},
		"checksum":                       {func(r *Record) { r.Checksum = r.OpenChecksum }, false},
		"open-checksum, checksum is not": {func(r *Record) { r.OpenChecksum, r.Checksum = r.Checksum, digest.Checksum{} }, false},
	} {
		files := smallRepo(t, codec.Gzip)
		r, err := Open(files)
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.MD.Records {
			c.change(&r.MD.Records[i])
		}
		s, err := r.Spool(context.Background(), TypePrimary, t.TempDir())
		if (err == nil) != c.fine {
			t.Errorf("a wrong %s: %v, want it to be fine: %t", name, err, c.fine)
		}
		if err == nil {
			s.Close()
		}
	}
}

// A bomb is cut off at its announced size, whatever it is made of.
func TestBombsAreCutOff(t *testing.T) {
	for _, format := range []codec.Format{codec.Gzip, codec.Zstd} {
		files := smallRepo(t, format)
		rewrite(files, compress(t, format, make([]byte, 64<<20)), func(r *Record) { r.OpenSize, r.OpenChecksum = 1000, digest.Checksum{} })
		r, err := Open(files)
		if err != nil {
			t.Fatal(err)
		}
		data, err := r.Data(TypePrimary)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, data)
		var mismatch *digest.MismatchError
		if n > 1000 || !errors.As(err, &mismatch) {
			t.Errorf("%s: %d bytes came out, then %v", format, n, err)
		}
		data.Close()
	}
}

func TestUnlistedTypeIsNotExist(t *testing.T) {
	r, err := Open(smallRepo(t, codec.None))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Data(TypeModules); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	if _, err := r.Spool(context.Background(), TypeFilelists, t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("spool: got %v, want fs.ErrNotExist", err)
	}
}

func TestCancelledScanStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, err := Open(smallRepo(t, codec.None))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range r.Elements(ctx, TypePrimary) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
	}
}

// To open a pipe waits for a writer that never comes, and no signal ends that.
func TestPipesAreNotOpened(t *testing.T) {
	for _, typ := range []string{"", TypePrimary} {
		files := smallRepo(t, codec.Gzip)
		name := repomdPath
		if typ != "" {
			name = primaryFile(files)
		}
		delete(files, name)
		dir := t.TempDir()
		if err := os.CopyFS(dir, files); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(os.DirFS(dir))
		if err == nil {
			_, err = r.Data(typ)
		}
		if err == nil || !strings.Contains(err.Error(), name+" is not a regular file") {
			t.Errorf("%s is a pipe: %v", name, err)
		}
	}
}
