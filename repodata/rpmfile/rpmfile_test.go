package rpmfile_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"flatstream/repodata/rpmfile"
	"flatstream/repodata/rpmver"
)

func read(b []byte) (*rpmfile.Header, error) {
	return rpmfile.Read(bytes.NewReader(b), int64(len(b)))
}

func TestEveryHeaderSaysWhatRpmSays(t *testing.T) {
	dir := t.TempDir()
	files := unpackHeaders(t, dir)
	if len(files) != 517 {
		t.Fatalf("%d packages, want 517", len(files))
	}
	rpm := rpmQuery(t, dir)
	labels := 0
	for name, b := range files {
		h, err := read(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := fmt.Sprintf("%s-%s-%s.%s.rpm", h.Name, h.Version, h.Release, h.Arch); name != want {
			t.Errorf("%s says it is %s", name, want)
		}
		if got := fmt.Sprintf("%v|%s|%s", h.NEVRA, h.SourceRPM, h.Label); rpm != nil && got != rpm[name] {
			t.Errorf("%s: %s, rpm says %s", name, got, rpm[name])
		}
		if h.Label == "" {
			continue
		}
		labels++
		if l, err := rpmfile.ParseLabel(h.Label); err != nil || l.String() != h.Label {
			t.Errorf("%s: label %s is %v (%v)", name, h.Label, l, err)
		}
	}
	if labels != 21 {
		t.Errorf("%d packages with a label, want 21", labels)
	}
}

// rpmQuery asks rpm about every package in dir; nil where there is no rpm.
func rpmQuery(t *testing.T, dir string) map[string]string {
	if _, err := exec.LookPath("rpm"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("rpm is missing")
		}
		t.Log("rpm is not installed (apt-get install rpm): only file names are compared")
		return nil
	}
	files, err := filepath.Glob(dir + "/*.rpm")
	if err != nil {
		t.Fatal(err)
	}
	format := `%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm %{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}|` +
		`%{SOURCERPM}|%|MODULARITYLABEL?{%{MODULARITYLABEL}}|\n`
	args := append([]string{"-qp", "--nosignature", "--nodigest", "--qf", format}, files...)
	out, err := exec.Command("rpm", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		said[name] = rest
	}
	return said
}

func TestHeaderRangeIsCreaterepos(t *testing.T) {
	dir := data(t, "fake-modular")
	records, err := filepath.Glob(dir + "/repodata/*-primary.xml.gz")
	if err != nil || len(records) != 1 {
		t.Fatalf("primary of %s: %v, %v", dir, records, err)
	}
	z, err := gzip.NewReader(bytes.NewReader(readFile(t, records[0])))
	if err != nil {
		t.Fatal(err)
	}
	var primary struct {
		Package []struct {
			Location struct {
				Href string `xml:"href,attr"`
			} `xml:"location"`
			Format struct {
				SourceRPM string `xml:"sourcerpm"`
				Range     struct {
					Start int64 `xml:"start,attr"`
					End   int64 `xml:"end,attr"`
				} `xml:"header-range"`
			} `xml:"format"`
		} `xml:"package"`
	}
	if err := xml.NewDecoder(z).Decode(&primary); err != nil {
		t.Fatal(err)
	}
	if len(primary.Package) != 25 {
		t.Fatalf("%d packages, want 25", len(primary.Package))
	}
	for _, p := range primary.Package {
		h, err := read(readFile(t, filepath.Join(dir, p.Location.Href)))
		if err != nil {
			t.Errorf("%s: %v", p.Location.Href, err)
			continue
		}
		want := p.Format
		if h.Start != want.Range.Start || h.End != want.Range.End || h.SourceRPM != want.SourceRPM {
			t.Errorf("%s: %+v, primary says %+v", p.Location.Href, h, want)
		}
	}
}

func TestModularAndOrdinaryPackage(t *testing.T) {
	dir := data(t, "rpms")
	for name, label := range map[string]string{
		"python-django-bash-completion-1.6.11.8-1.module_f33+9570+f65235c8.noarch.rpm": "django:1.6:3320200810120233:601d93de",
		"python-django-bash-completion-3.0.10-3.fc33.noarch.rpm":                       "",
	} {
		h, err := read(readFile(t, filepath.Join(dir, name)))
		if err != nil {
			t.Error(err)
			continue
		}
		if h.Label != label {
			t.Errorf("%s has the label %q, want %q", name, h.Label, label)
		}
	}
}

// field is one index entry of a made header, with its bytes of data.
type field struct {
	tag, kind, count uint32
	data             string
}

func text(tag uint32, s string) field { return field{tag, 6, 1, s + "\x00"} }

// header lays fields out as a header, in the order given.
func header(fields ...field) []byte {
	var index, data []byte
	for _, f := range fields {
		for _, n := range []uint32{f.tag, f.kind, uint32(len(data)), f.count} {
			index = binary.BigEndian.AppendUint32(index, n)
		}
		data = append(data, f.data...)
	}
	return join(intro(uint32(len(fields)), uint32(len(data))), index, data)
}

func intro(entries, data uint32) []byte {
	b := []byte("\x8e\xad\xe8\x01\x00\x00\x00\x00")
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, entries), data)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func lead() []byte { return append([]byte("\xed\xab\xee\xdb\x03\x00"), make([]byte, 90)...) }

func made(fields ...field) []byte {
	signature := header(field{1000, 7, 3, "abc"})
	return join(lead(), signature, make([]byte, 5), header(fields...))
}

var ordinary = []field{
	text(1000, "foo"), text(1001, "1.0"), text(1002, "2.el8"), text(1022, "x86_64"), text(1044, "foo-1.0-2.el8.src.rpm"),
}

func with(more ...field) []byte { return made(append(more, ordinary...)...) }

func TestMadePackages(t *testing.T) {
	foo := rpmver.NEVRA{Name: "foo", EVR: rpmver.EVR{Version: "1.0", Release: "2.el8"}, Arch: "x86_64"}
	h, err := read(with())
	if err != nil || h.NEVRA != foo {
		t.Fatalf("%v, %v", h, err)
	}
	h, err = read(with(field{1003, 4, 1, "\x00\x00\x00\x07"}, text(5096, "m:s:1:c")))
	if foo.Epoch = 7; err != nil || h.NEVRA != foo || h.Label != "m:s:1:c" {
		t.Errorf("%v, %v", h, err)
	}
	h, err = read(with(field{1106, 4, 1, "\x00\x00\x00\x01"}))
	if err != nil || h.Arch != "src" || h.SourceRPM != "" {
		t.Errorf("with SOURCEPACKAGE: %+v, %v", h, err)
	}
	h, err = read(made(ordinary[:4]...))
	if err != nil || h.Arch != "src" {
		t.Errorf("without SOURCERPM: %+v, %v", h, err)
	}
}

func TestDamagedPackages(t *testing.T) {
	at := len(with()) - len(header(ordinary...)) // where the main header starts
	for name, b := range map[string][]byte{
		"an empty file":                {},
		"no lead":                      []byte(strings.Repeat("x", 500)),
		"a lead alone":                 lead(),
		"no signature header":          join(lead(), make([]byte, 100)),
		"no main header":               join(with()[:at], make([]byte, 100)),
		"2^32-1 entries":               join(with()[:at], intro(1<<32-1, 0), make([]byte, 1000)),
		"2^32-1 bytes of data":         join(with()[:at], intro(0, 1<<32-1), make([]byte, 1000)),
		"2^32-1 entries of signature":  join(lead(), intro(1<<32-1, 0), make([]byte, 1000)),
		"a tag with 2^32-1 values":     with(field{9000, 4, 1<<32 - 1, "xxxx"}),
		"2^32-1 names":                 made(field{1000, 6, 1<<32 - 1, "foo\x00"}),
		"a type from the future":       with(field{9000, 10, 1, "xxxx"}),
		"two names":                    with(text(1000, "bar")),
		"a name that is a number":      made(append([]field{{1000, 4, 1, "abcd"}}, ordinary[1:]...)...),
		"a name array of two":          made(append([]field{{1000, 6, 2, "a\x00b\x00"}}, ordinary[1:]...)...),
		"a name with a slash":          made(append([]field{text(1000, "../x")}, ordinary[1:]...)...),
		"an empty version":             made(append([]field{text(1001, "")}, ordinary[:1]...)...),
		"a string without an end":      with(field{5096, 6, 1, strings.Repeat("x", 5000)}),
		"a string that ends the data":  made(append(ordinary, field{5096, 6, 1, "x"})...),
		"no tags":                      made(),
		"an unknown version of format": append([]byte("\xed\xab\xee\xdb\x09"), with()[5:]...),
	} {
		if h, err := read(b); err == nil {
			t.Errorf("%s is accepted: %+v", name, h)
		}
	}
}

func TestCutOffPackages(t *testing.T) {
	whole := with()
	for n := range len(whole) {
		if _, err := read(whole[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the first %d of %d bytes: %v", n, len(whole), err)
		}
	}
}

// A header over the limit is refused before memory is asked for, even in a file
// that is large enough to hold it.
func TestHeaderOverTheLimit(t *testing.T) {
	b := join(with()[:len(with())-len(header(ordinary...))], intro(0, rpmfile.MaxHeader), make([]byte, 100))
	_, err := rpmfile.Read(bytes.NewReader(b), 1<<40)
	if err == nil || !strings.Contains(err.Error(), "over the limit") {
		t.Error(err)
	}
}

func TestParseLabel(t *testing.T) {
	l, err := rpmfile.ParseLabel("virt:rhel:8000020190618154454:f8e95b4e")
	if want := (rpmfile.Label{Name: "virt", Stream: "rhel", Version: 8000020190618154454, Context: "f8e95b4e"}); err != nil || l != want {
		t.Errorf("%+v, %v", l, err)
	}
	for _, bad := range []string{"", "a:b", "a:b:1", "a:b:1:c:d", "a:b:x:c", "a:b:-1:c", "a:b:18446744073709551616:c", ":b:1:c", "a::1:c", "a:b:1:"} {
		if l, err := rpmfile.ParseLabel(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, l)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(with(text(5096, "m:s:1:c")))
	f.Add(with(field{1003, 4, 1, "\x00\x00\x00\x07"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := read(b)
		if err == nil && (h.Name == "" || h.Arch == "" || h.Start < 96 || h.End > int64(len(b)) || h.End < h.Start+16) {
			t.Errorf("%+v of a file of %d bytes", h, len(b))
		}
	})
}

// data is a folder of the test data; without it the test is skipped.
func data(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("FLATSTREAM_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	dir = filepath.Join(dir, name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("%s is not at hand: set FLATSTREAM_DATA to the test data", name)
	}
	return dir
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unpackHeaders writes the header-only packages to dir and returns them.
func unpackHeaders(t *testing.T, dir string) map[string][]byte {
	z, err := xz.NewReader(bytes.NewReader(readFile(t, filepath.Join(data(t, "rpms"), "centos8-header-only-rpms.tar.xz"))))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(h.Name, ".rpm") {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(h.Name)
		files[name] = b
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
