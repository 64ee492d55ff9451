package codec_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"flatstream/repodata/codec"
)

// text is metadata-like and long enough for several blocks of every encoder.
var text = func() []byte {
	var b bytes.Buffer
	for i := range 5000 {
		fmt.Fprintf(&b, "<package pkgid=\"%064x\" name=\"package-%d\" arch=\"x86_64\"/>\n", i*i*7919, i)
	}
	return b.Bytes()
}()

func read(t *testing.T, b []byte) ([]byte, codec.Format, error) {
	t.Helper()
	r, format, err := codec.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, format, err
	}
	defer r.Close()
	out, err := io.ReadAll(r)
	return out, format, err
}

// compress runs the tool itself, the outside judge of what it writes and reads.
func compress(t *testing.T, in []byte, tool ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(tool[0]); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing", tool[0])
		}
		t.Skipf("%s is not installed", tool[0])
	}
	cmd := exec.Command(tool[0], tool[1:]...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", tool, err)
	}
	return out
}

func TestReadsWhatTheToolsWrite(t *testing.T) {
	for _, c := range []struct {
		tool string
		want codec.Format
	}{
		{"gzip -c", codec.Gzip}, {"gzip -9c", codec.Gzip}, {"xz -c", codec.XZ}, {"xz -9c", codec.XZ},
		{"xz -c --check=none", codec.XZ}, {"xz -c --check=crc32", codec.XZ}, {"xz -c --check=sha256", codec.XZ},
		{"xz -c --block-size=50000", codec.XZ}, {"xz -T2 -c --block-size=100000", codec.XZ},
		{"zstd -c", codec.Zstd}, {"zstd -c --long=27", codec.Zstd}, {"bzip2 -c", codec.Bzip2}, {"cat", codec.None},
	} {
		t.Run(c.tool, func(t *testing.T) {
			packed := compress(t, text, strings.Fields(c.tool)...)
			out, format, err := read(t, packed)
			if err != nil || format != c.want || !bytes.Equal(out, text) {
				t.Fatalf("%d of %d bytes as %v: %v", len(out), len(text), format, err)
			}
			if c.want == codec.None {
				return
			}
			out, _, err = read(t, append(bytes.Clone(packed), packed...))
			if err != nil || len(out) != 2*len(text) {
				t.Errorf("twice in one file gives %d of %d bytes: %v", len(out), 2*len(text), err)
			}
			if _, _, err := read(t, packed[:len(packed)*2/3]); err == nil {
				t.Error("a cut-off file is read to its end without an error")
			}
			if _, _, err := read(t, packed[:len(packed)-1]); err == nil {
				t.Error("a file that lacks its last byte is read to its end without an error")
			}
		})
	}
}

func TestIncompressibleXZ(t *testing.T) {
	noise := make([]byte, 300000) // stored chunks, and block sizes that need padding
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		noise[i] = byte(x)
	}
	for n := len(noise) - 4; n <= len(noise); n++ {
		out, _, err := read(t, compress(t, noise[:n], "xz", "-c", "--block-size=70001"))
		if err != nil || !bytes.Equal(out, noise[:n]) {
			t.Errorf("%d of %d bytes: %v", len(out), n, err)
		}
	}
}

func TestEmptyAndShortInputIsPlain(t *testing.T) {
	for _, s := range []string{"", "x", "BZ", "<?xml", "\x00ZCK"} {
		out, format, err := read(t, []byte(s))
		if err != nil || format != codec.None || string(out) != s {
			t.Errorf("%q is %q as %v: %v", s, out, format, err)
		}
	}
}

func TestZchunkNamesThePlainRecord(t *testing.T) {
	_, _, err := read(t, []byte("\x00ZCK1\x01\x02\x03"))
	if !errors.Is(err, codec.ErrZchunk) || !strings.Contains(err.Error(), "plain record") {
		t.Error(err)
	}
}

// One decoder reads many files, whatever became of the one before.
func TestDecoderIsUsedAgain(t *testing.T) {
	var d codec.Decoder
	for _, f := range []codec.Format{codec.Gzip, codec.Gzip, codec.Zstd, codec.None, codec.Gzip, codec.Zstd} {
		packed := pack(t, f, text)
		for _, end := range []int{len(packed), len(packed) / 2, 3, len(packed)} {
			out, err := []byte(nil), error(nil)
			r, format, err := d.Open(bytes.NewReader(packed[:end]))
			if err == nil {
				out, err = io.ReadAll(r)
				r.Close()
			}
			want, _, wantErr := read(t, packed[:end])
			if !bytes.Equal(out, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("%v, %d of %d bytes: %d bytes and %v, want %d and %v", format, end, len(packed), len(out), err, len(want), wantErr)
			}
		}
	}
}

func TestErrorsOfTheSourceComeThrough(t *testing.T) {
	broken := errors.New("connection reset")
	packed := pack(t, codec.Gzip, text)
	for _, n := range []int{0, 3, len(packed) / 2, len(packed)} {
		r, _, err := codec.NewReader(io.MultiReader(bytes.NewReader(packed[:n]), iotest.ErrReader(broken)))
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// xzStart is the start of an xz file with a dictionary of the given code.
func xzStart(dictionary byte) []byte {
	b := []byte("\xfd7zXZ\x00\x00\x01")
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[6:8]))
	block := []byte{2, 0, 0x21, 1, dictionary, 0, 0, 0}
	return append(append(b, block...), binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(block))...)
}

func TestWindowsOverTheLimitAreRefused(t *testing.T) {
	const dict128MiB, dict192MiB, dict4GiB = 30, 31, 40
	for _, d := range []byte{dict192MiB, dict4GiB} {
		if _, _, err := read(t, xzStart(d)); err == nil || !strings.Contains(err.Error(), "over the limit") {
			t.Errorf("xz dictionary code %d: %v", d, err)
		}
		second := append(packXZ(t, []byte("honest")), xzStart(d)...)
		if _, _, err := read(t, second); err == nil || !strings.Contains(err.Error(), "over the limit") {
			t.Errorf("xz dictionary code %d in the second stream: %v", d, err)
		}
	}
	if _, _, err := read(t, xzStart(dict128MiB)); err == nil || strings.Contains(err.Error(), "over the limit") {
		t.Errorf("xz dictionary at the limit: %v", err)
	}
	window := []byte("\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00") // 2^30 bytes, then an empty last block
	if _, _, err := read(t, window); !errors.Is(err, zstd.ErrWindowSizeExceeded) {
		t.Errorf("zstd window of 1 GiB: %v", err)
	}
}

func packXZ(t *testing.T, in []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(in)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pack(t *testing.T, f codec.Format, in []byte) []byte {
	t.Helper()
	e, err := codec.NewEncoder(f)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	e.Reset(&b)
	if _, err := e.Write(in); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// One encoder writes many files; each is what a fresh encoder writes, however the
// bytes are cut into writes.
func TestEncoderIsDeterministic(t *testing.T) {
	for _, f := range []codec.Format{codec.None, codec.Gzip, codec.Zstd} {
		want := pack(t, f, text)
		e, err := codec.NewEncoder(f)
		if err != nil {
			t.Fatal(err)
		}
		e.Reset(io.Discard)
		e.Write([]byte("a file that is given up"))
		for _, size := range []int{len(text), 65536, 4097, 100, 7} {
			var b bytes.Buffer
			e.Reset(&b)
			for rest := text; len(rest) > 0; {
				n := min(size, len(rest))
				if _, err := e.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := errors.Join(e.Close(), e.Close()); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), want) {
				t.Errorf("%v in writes of %d bytes differs from one write", f, size)
			}
		}
		if _, err := e.Write([]byte("x")); err == nil {
			t.Errorf("%v: a write after Close is accepted", f)
		}
		out, format, err := read(t, want)
		if err != nil || format != f || !bytes.Equal(out, text) {
			t.Errorf("%v is read again as %v, %d bytes: %v", f, format, len(out), err)
		}
	}
}

func TestTheToolsReadWhatTheEncoderWrites(t *testing.T) {
	for f, tool := range map[codec.Format]string{codec.Gzip: "gzip", codec.Zstd: "zstd"} {
		for _, in := range [][]byte{nil, []byte("x"), text} {
			if out := compress(t, pack(t, f, in), tool, "-dc"); !bytes.Equal(out, in) {
				t.Errorf("%s gives %d of %d bytes", tool, len(out), len(in))
			}
		}
	}
}

func TestGzipHasNoTimeAndNoName(t *testing.T) {
	z, err := gzip.NewReader(bytes.NewReader(pack(t, codec.Gzip, text)))
	if err != nil || !z.ModTime.IsZero() || z.Name != "" || z.Comment != "" {
		t.Errorf("%+v, %v", z.Header, err)
	}
}

func TestFormats(t *testing.T) {
	for name, want := range map[string]codec.Format{
		"none": codec.None, "gzip": codec.Gzip, "gz": codec.Gzip, "xz": codec.XZ, "zstd": codec.Zstd, "zst": codec.Zstd, "bzip2": codec.Bzip2,
	} {
		f, err := codec.ParseFormat(name)
		if err != nil || f != want || f != codec.None && !strings.HasSuffix("."+name, f.Ext()) && f.String() != name {
			t.Errorf("%s is %v (%v)", name, f, err)
		}
	}
	if f, err := codec.ParseFormat(""); err == nil {
		t.Errorf("no name is %v", f)
	}
	for _, f := range []codec.Format{codec.XZ, codec.Bzip2} {
		if _, err := codec.NewEncoder(f); err == nil {
			t.Errorf("an encoder for %v, which is only read", f)
		}
	}
}

// FuzzReader reads damage without a panic, and reads back what was written.
func FuzzReader(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1f\x8b\x08\x00", "\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00", "BZh91AY&SY", "\x00ZCK1"} {
		f.Add([]byte(s))
	}
	f.Add(xzStart(10))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, format := range []codec.Format{codec.Gzip, codec.Zstd} {
			if out, _, err := read(t, pack(t, format, b)); err != nil || !bytes.Equal(out, b) {
				t.Errorf("%v gives %d of %d bytes: %v", format, len(out), len(b), err)
			}
		}
		r, format, err := codec.NewReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		defer r.Close()
		out, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if format == codec.None && (err != nil || !bytes.Equal(out, b)) {
			t.Errorf("plain bytes change on their way: %v", err)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	for _, f := range []codec.Format{codec.Gzip, codec.Zstd} {
		e, _ := codec.NewEncoder(f)
		var packed bytes.Buffer
		e.Reset(&packed)
		e.Write(text)
		e.Close()
		b.Run(f.String(), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r, _, err := codec.NewReader(bytes.NewReader(packed.Bytes()))
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, r)
				r.Close()
			}
		})
	}
}
