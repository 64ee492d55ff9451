package digest_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"flatstream/repodata/digest"
)

const content = "the quick brown fox jumps over the lazy dog, and again and again and again"

var right = digest.OfBytes([]byte(content))

// readers deliver the same bytes in every way that io.Reader allows.
var readers = map[string]func(io.Reader) io.Reader{
	"whole":            func(r io.Reader) io.Reader { return r },
	"one byte":         iotest.OneByteReader,
	"half":             iotest.HalfReader,
	"data with EOF":    iotest.DataErrReader,
	"bytes with EOF":   func(r io.Reader) io.Reader { return iotest.DataErrReader(iotest.OneByteReader(r)) },
	"nothing at times": func(r io.Reader) io.Reader { return &hesitant{r: r} },
}

// hesitant returns 0, nil before every byte.
type hesitant struct {
	r   io.Reader
	odd bool
}

func (h *hesitant) Read(p []byte) (int, error) {
	if h.odd = !h.odd; h.odd || len(p) == 0 {
		return 0, nil
	}
	return h.r.Read(p[:1])
}

func TestReaderJudges(t *testing.T) {
	wrong := digest.OfBytes([]byte("another file"))
	n := int64(len(content))
	for _, c := range []struct {
		name string
		want digest.Checksum
		size int64
		what string // of the mismatch, empty for none
	}{
		{"what was announced", right, n, ""},
		{"unknown size", right, -1, ""},
		{"unknown checksum", digest.Checksum{}, n, ""},
		{"nothing known", digest.Checksum{}, -1, ""},
		{"other bytes", wrong, n, "checksum"},
		{"other bytes of unknown size", wrong, -1, "checksum"},
		{"shorter than announced", right, n + 1, "size"},
		{"longer than announced", right, n - 1, "size"},
		{"announced as empty", right, 0, "size"},
	} {
		for how, deliver := range readers {
			got, err := io.ReadAll(digest.NewReader(deliver(strings.NewReader(content)), c.want, c.size))
			var mismatch *digest.MismatchError
			switch {
			case c.what == "" && (err != nil || string(got) != content):
				t.Errorf("%s, %s: %q, %v", c.name, how, got, err)
			case c.what != "" && (!errors.As(err, &mismatch) || mismatch.What != c.what):
				t.Errorf("%s, %s: %v, want a mismatch of %s", c.name, how, err, c.what)
			}
			if c.size >= 0 && int64(len(got)) > c.size {
				t.Errorf("%s, %s: %d bytes came through, announced were %d", c.name, how, len(got), c.size)
			}
		}
	}
}

func TestEmptyFile(t *testing.T) {
	got, err := io.ReadAll(digest.NewReader(strings.NewReader(""), digest.OfBytes(nil), 0))
	if err != nil || len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := io.ReadAll(digest.NewReader(strings.NewReader(""), right, -1)); err == nil {
		t.Error("an empty file passes for another")
	}
}

// A source that keeps sending is left after one byte too many.
func TestReaderStopsAfterTheAnnouncedSize(t *testing.T) {
	source := strings.NewReader(strings.Repeat("x", 1<<20))
	if _, err := io.ReadAll(digest.NewReader(source, right, 10)); err == nil {
		t.Fatal("a file of 1 MiB passes for one of 10 bytes")
	}
	if taken := 1<<20 - source.Len(); taken != 11 {
		t.Errorf("%d bytes were taken from the source, want 11", taken)
	}
}

func TestAVerdictStays(t *testing.T) {
	for _, size := range []int64{int64(len(content)) - 1, int64(len(content)) + 1} {
		r := digest.NewReader(strings.NewReader(content), right, size)
		_, first := io.ReadAll(r)
		if n, again := r.Read(make([]byte, 10)); n != 0 || again == nil || again == io.EOF {
			t.Errorf("after %q: %d bytes, %v", first, n, again)
		}
	}
}

func TestErrorsOfTheSourceComeThrough(t *testing.T) {
	broken := errors.New("connection reset")
	r := io.MultiReader(strings.NewReader(content[:5]), iotest.ErrReader(broken))
	if _, err := io.ReadAll(digest.NewReader(r, right, -1)); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestParse(t *testing.T) {
	for algo, digits := range map[string]int{"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128} {
		c, err := digest.Parse(" "+strings.ToUpper(algo)+"\n", strings.Repeat("A", digits)+" ")
		if err != nil || c != (digest.Checksum{Algo: algo, Hex: strings.Repeat("a", digits)}) {
			t.Errorf("%s: %v, %v", algo, c, err)
		}
		if got := digest.FromHash(algo, c.New()); len(got.Hex) != digits {
			t.Errorf("%s sums to %d digits, want %d", algo, len(got.Hex), digits)
		}
		if c.Weak() != (algo == "md5" || algo == "sha1") {
			t.Errorf("%s is weak: %v", algo, c.Weak())
		}
		for _, n := range []int{0, digits - 1, digits + 1} {
			if c, err := digest.Parse(algo, strings.Repeat("a", n)); err == nil {
				t.Errorf("%s with %d digits is %v", algo, n, c)
			}
		}
		if c, err := digest.Parse(algo, strings.Repeat("a", digits-1)+"g"); err == nil {
			t.Errorf("%s with a g is %v", algo, c)
		}
	}
	if c, err := digest.Parse("sha", strings.Repeat("0", 40)); err != nil || c.Algo != "sha1" {
		t.Errorf("sha is %v (%v), want sha1", c, err)
	}
	for _, algo := range []string{"", "crc32", "sha3-256"} {
		if c, err := digest.Parse(algo, right.Hex); err == nil {
			t.Errorf("algorithm %q is %v", algo, c)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("sha256", right.Hex)
	f.Add("sha", strings.Repeat("0", 40))
	f.Fuzz(func(t *testing.T, algo, digits string) {
		c, err := digest.Parse(algo, digits)
		if err != nil {
			return
		}
		if again, err := digest.Parse(c.Algo, c.Hex); err != nil || again != c || c.IsZero() {
			t.Errorf("%v is read again as %v (%v)", c, again, err)
		}
	})
}
