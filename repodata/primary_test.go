package repodata

import (
	"bytes"
	"context"
	"encoding/xml"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"flatstream/repodata/digest"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

const everyPart = PartRelations | PartFiles

// packageXML reads the same as primaryParser, by another way: encoding/xml's
// struct tags. It is the witness of these tests.
type packageXML struct {
	Name    string `xml:"name"`
	Arch    string `xml:"arch"`
	Version struct {
		Epoch string `xml:"epoch,attr"`
		Ver   string `xml:"ver,attr"`
		Rel   string `xml:"rel,attr"`
	} `xml:"version"`
	Checksum struct {
		Type string `xml:"type,attr"`
		Text string `xml:",chardata"`
	} `xml:"checksum"`
	Time struct {
		File  int64 `xml:"file,attr"`
		Build int64 `xml:"build,attr"`
	} `xml:"time"`
	Size struct {
		Package int64 `xml:"package,attr"`
	} `xml:"size"`
	Location struct {
		Href string `xml:"href,attr"`
		Base string `xml:"base,attr"`
	} `xml:"location"`
	Format struct {
		SourceRPM   string     `xml:"sourcerpm"`
		Provides    []entryXML `xml:"provides>entry"`
		Requires    []entryXML `xml:"requires>entry"`
		Conflicts   []entryXML `xml:"conflicts>entry"`
		Obsoletes   []entryXML `xml:"obsoletes>entry"`
		Recommends  []entryXML `xml:"recommends>entry"`
		Suggests    []entryXML `xml:"suggests>entry"`
		Supplements []entryXML `xml:"supplements>entry"`
		Enhances    []entryXML `xml:"enhances>entry"`
		Files       []struct {
			Type string `xml:"type,attr"`
			Path string `xml:",chardata"`
		} `xml:"file"`
	} `xml:"format"`
}

type entryXML struct {
	Name  string `xml:"name,attr"`
	Flags string `xml:"flags,attr"`
	Epoch string `xml:"epoch,attr"`
	Ver   string `xml:"ver,attr"`
	Rel   string `xml:"rel,attr"`
	Pre   string `xml:"pre,attr"`
}

func witness(t testing.TB, raw []byte) *Package {
	t.Helper()
	var x packageXML
	if err := xml.Unmarshal(raw, &x); err != nil {
		t.Fatal(err)
	}
	epoch, err := rpmver.ParseEpoch(x.Version.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	p := &Package{Location: x.Location.Href, Base: x.Location.Base, FileTime: x.Time.File, BuildTime: x.Time.Build,
		Size: x.Size.Package, SourceRPM: x.Format.SourceRPM, PkgID: digest.Checksum{Algo: x.Checksum.Type, Hex: x.Checksum.Text}}
	p.NEVRA = rpmver.NEVRA{Name: x.Name, EVR: rpmver.EVR{Epoch: epoch, Version: x.Version.Ver, Release: x.Version.Rel}, Arch: x.Arch}
	f := &x.Format
	for i, list := range [][]entryXML{f.Provides, f.Requires, f.Conflicts, f.Obsoletes, f.Recommends, f.Suggests, f.Supplements, f.Enhances} {
		into := []*[]Relation{&p.Provides, &p.Requires, &p.Conflicts, &p.Obsoletes, &p.Recommends, &p.Suggests, &p.Supplements, &p.Enhances}[i]
		for _, e := range list {
			r := Relation{Dep: rpmdep.Dep{Name: e.Name}, Rich: strings.HasPrefix(e.Name, "("), Pre: e.Pre == "1"}
			if e.Flags != "" {
				epoch, err := rpmver.ParseEpoch(e.Epoch)
				if err != nil {
					t.Fatal(err)
				}
				r.EVR = rpmver.EVR{Epoch: epoch, Version: e.Ver, Release: e.Rel}
				r.Op = map[string]rpmdep.Op{"EQ": rpmdep.Equal, "LT": rpmdep.Less, "GT": rpmdep.Greater,
					"LE": rpmdep.Less | rpmdep.Equal, "GE": rpmdep.Greater | rpmdep.Equal}[e.Flags]
			}
			*into = append(*into, r)
		}
	}
	for _, file := range f.Files {
		p.Files = append(p.Files, File{file.Path, map[string]FileKind{"": PlainFile, "dir": Directory, "ghost": Ghost}[file.Type]})
	}
	return p
}

func TestPackagesAgreeWithXMLOnRealData(t *testing.T) {
	for _, repo := range someRealRepos() {
		n, rich := 0, 0
		var d Decoder
		apart := newApartCheck(t)
		for e, err := range openReal(t, repo).Elements(context.Background(), TypePrimary) {
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Package(e, everyPart)
			if err != nil {
				t.Fatal(err)
			}
			if want := witness(t, e.Raw); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: got  %+v\nwant %+v", got.NEVRA, got, want)
			}
			if e.PkgID != got.PkgID.Hex {
				t.Errorf("%s: the element says %s", got.NEVRA, e.PkgID)
			}
			apart.check(e, got)
			for _, r := range got.Requires {
				if r.Rich {
					rich++
				}
			}
			n++
		}
		if want := map[string]int{"c9s/AppStream": 17649, "c9s/BaseOS": 1125, "fake-modular": 25}[repo]; n != want {
			t.Errorf("%s: %d packages, want %d", repo, n, want)
		}
		if repo == "c9s/AppStream" && rich != 730 {
			t.Errorf("%s: %d rich requirements, want 730", repo, rich)
		}
	}
}

// apartCheck parses with a decoder whose memory is used again, and compares what several
// packages in it are when the last of them has been parsed.
type apartCheck struct {
	t         *testing.T
	decoder   Decoder
	got, want []*Package
}

func newApartCheck(t *testing.T) *apartCheck {
	return &apartCheck{t: t, decoder: Decoder{Apart: true}}
}

func (a *apartCheck) check(e Element, want *Package) {
	a.t.Helper()
	got, err := a.decoder.Package(e.Clone(), everyPart)
	if err != nil {
		a.t.Fatal(err)
	}
	a.got, a.want = append(a.got, got), append(a.want, want)
	if len(a.got) == 100 {
		a.compare()
	}
}

func (a *apartCheck) compare() {
	a.t.Helper()
	for i, got := range a.got {
		if !reflect.DeepEqual(got, a.want[i]) {
			a.t.Fatalf("apart: got  %+v\nwant %+v", got, a.want[i])
		}
	}
	a.got, a.want = a.got[:0], a.want[:0]
	a.decoder.Reset()
}

// oddElements are legal and not what createrepo_c writes.
var oddElements = []string{
	minimalPackage(""),
	minimalPackage(`<rpm:entry name="a&amp;b&#x41;" flags="GE" epoch="1" ver="2"/>`),
	minimalPackage(`<rpm:entry name='(a or "b")' pre='1'/>`),
	minimalPackage(`<rpm:entry name="a>b" flags="EQ" ver="1" rel="2"></rpm:entry><!-- <rpm:entry name="no"/> -->`),
	minimalPackage(`<entry name="without prefix"/><x:entry xmlns:x="y" name="another"/>`),
	minimalPackage("<rpm:entry\r\n\tname = \"spaced\" />"),
	strings.Replace(minimalPackage(""), "<name>a</name>", "<name><![CDATA[a]]></name>", 1),
	strings.Replace(minimalPackage(""), `<location href="a.rpm"/>`, `<location xml:base="http://x/?a&amp;b" href="a.rpm"></location>`, 1),
	strings.Replace(minimalPackage(""), `<location href="a.rpm"/>`, `<format><location href="no"/></format><location href="a.rpm"/><location href="second"/>`, 1),
	strings.Replace(minimalPackage(""), `<version epoch="0"`, `<version`, 1),
}

func minimalPackage(requires string) string {
	return `<package type="rpm"><name>a</name><arch>noarch</arch><version epoch="0" ver="1" rel="2"/>` +
		`<checksum type="sha256" pkgid="YES">119e3eae36a33d4d22a597d3669020e2d1ba1129899768829cb25a76f75a353f</checksum>` +
		`<summary>it's &lt;small&gt;</summary><time file="1" build="2"/><size package="3"/><location href="a.rpm"/>` +
		`<format><rpm:sourcerpm>a.src.rpm</rpm:sourcerpm><rpm:requires>` + requires + `</rpm:requires>` +
		`<file type="dir">/etc/a&amp;b</file><file>/bin/a</file></format></package>`
}

// parseXML parses with encoding/xml alone.
func parseXML(raw []byte, parts Parts) (*Package, error) {
	p := &Package{}
	var d Decoder
	err := (&primaryParser{d: &d, p: p, m: newXMLMarkup(raw), parts: parts}).parse()
	if err == nil {
		err = p.check()
	}
	return p, err
}

func TestPackagesAgreeWithXMLOnOddElements(t *testing.T) {
	apart := newApartCheck(t)
	defer apart.compare()
	for _, raw := range oddElements {
		got, err := Element{Raw: []byte(raw)}.Package(everyPart)
		if err != nil {
			t.Errorf("%v\n%s", err, raw)
			continue
		}
		if want, err := parseXML([]byte(raw), everyPart); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v (%v)\n%s", got, want, err, raw)
		}
		apart.check(Element{Raw: []byte(raw)}, got)
		if got.Name != "a" || got.Location != "a.rpm" || got.SourceRPM != "a.src.rpm" || len(got.Files) != 2 || got.Files[0] != (File{"/etc/a&b", Directory}) {
			t.Errorf("read wrong: %+v\n%s", got, raw)
		}
	}
}

func TestPackageRefuses(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"no name":          {"<name>a</name>", "", "lacks a name"},
		"no version":       {`ver="1"`, "", "lacks"},
		"no checksum":      {`pkgid="YES"`, "", "no <checksum"},
		"no location":      {`<location href="a.rpm"/>`, "", "no <location>"},
		"an epoch of text": {`epoch="0"`, `epoch="x"`, "epoch"},
		"a size of text":   {`package="3"`, `package="x"`, "not a number"},
		"a foreign flag":   {`<rpm:requires>`, `<rpm:requires><rpm:entry name="b" flags="XX"/>`, `"XX"`},
		"no relation name": {`<rpm:requires>`, `<rpm:requires><rpm:entry flags="EQ"/>`, "no name"},
		"broken markup":    {"</arch>", "</ach>", ""},
		"an entity":        {"a.src.rpm", "&a;", "entity"},
	} {
		raw := strings.Replace(minimalPackage(""), c.old, c.new, 1)
		if name == "broken markup" {
			raw = strings.Replace(raw, "it's", "<!-- -->", 1)
		}
		if _, err := (Element{Raw: []byte(raw)}).Package(everyPart); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error that says %q", name, err, c.want)
		}
	}
}

func TestWithLocation(t *testing.T) {
	for _, repo := range someRealRepos() {
		for e, err := range openReal(t, repo).Elements(context.Background(), TypePrimary) {
			if err != nil {
				t.Fatal(err)
			}
			p, err := e.Package(PartIdentity)
			if err != nil {
				t.Fatal(err)
			}
			if same := e.WithLocation(p.Base, p.Location); !bytes.Equal(same, e.Raw) {
				t.Fatalf("%s: its own location changes it", p.NEVRA)
			}
		}
	}
	e := scanOne(t, oddElements[7])
	got := string(e.WithLocation("", `../a & "b".rpm`))
	if want := strings.Replace(oddElements[7], `<location xml:base="http://x/?a&amp;b" href="a.rpm"></location>`,
		`<location href="../a &amp; &#34;b&#34;.rpm"/>`, 1); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got = string(e.WithLocation("http://y/", "b"))
	if !strings.Contains(got, `<location xml:base="http://y/" href="b"/>`) {
		t.Errorf("no base in %s", got)
	}
}

func scanOne(t *testing.T, element string) Element {
	t.Helper()
	s, err := NewScanner(strings.NewReader("<metadata>"+element+"</metadata>"), TypePrimary)
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.Next()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// filelists may stand in another order than primary.
func TestPackagesJoinFilelists(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		r := twoFileRepo(t, order, 3)
		var got []string
		for p, err := range r.Packages(context.Background(), PartAllFiles) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.Name+p.Files[0].Path)
		}
		if want := []string{"p0/0", "p1/1", "p2/2"}; !reflect.DeepEqual(got, want) {
			t.Errorf("filelists ordered %v: %v, want %v", order, got, want)
		}
	}
	var last error
	for _, err := range twoFileRepo(t, []int{0, 2}, 3).Packages(context.Background(), PartAllFiles) {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), "filelists has no package p1-0:1-1.noarch") {
		t.Errorf("a package without file list: %v", last)
	}
}

// twoFileRepo has count packages, and filelists of those in order.
func twoFileRepo(t *testing.T, order []int, count int) *Repo {
	t.Helper()
	id := func(i int) string { return digest.OfBytes([]byte{byte(i)}).Hex }
	num := func(i int) string { return string(rune('0' + i)) }
	dir := t.TempDir()
	w, err := NewWriter(dir, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	primary := func(yield func([]byte, error) bool) {
		for i := range count {
			yield([]byte(`<package type="rpm"><name>p`+num(i)+`</name><arch>noarch</arch><version epoch="0" ver="1" rel="1"/><checksum type="sha256" pkgid="YES">`+
				id(i)+`</checksum><location href="p`+num(i)+`.rpm"/><format><rpm:sourcerpm>s</rpm:sourcerpm></format></package>`), nil)
		}
	}
	filelists := func(yield func([]byte, error) bool) {
		for _, i := range order {
			yield([]byte(`<package pkgid="`+strings.ToUpper(id(i))+`" name="x" arch="y"><file>/`+num(i)+`</file></package>`), nil)
		}
	}
	if err := w.Packages(TypePrimary, count, primary); err != nil {
		t.Fatal(err)
	}
	if err := w.Packages(TypeFilelists, len(order), filelists); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFileOwners(t *testing.T) {
	r := openReal(t, "c9s/BaseOS")
	got := make(map[string]FileKind)
	for o, err := range r.FileOwners(context.Background(), map[string]bool{"/usr/bin/zstd": true, "/usr/lib/.build-id/03": true, "/nowhere": true}) {
		if err != nil {
			t.Fatal(err)
		}
		got[o.Path] = o.Kind
		if o.Path == "/usr/bin/zstd" && o.PkgID != "1fd728b242e63822e5c905a1d9980129e0be6a7c95b9d85f85ec7b6978a4cce6" {
			t.Errorf("/usr/bin/zstd is owned by %s", o.PkgID)
		}
	}
	if want := map[string]FileKind{"/usr/bin/zstd": PlainFile, "/usr/lib/.build-id/03": Directory}; !reflect.DeepEqual(got, want) {
		t.Errorf("owners of %v, want %v", got, want)
	}
}

// PartAllFiles holds what primary lists, and more.
func TestAllFilesHoldPrimarysFiles(t *testing.T) {
	r := openReal(t, "c9s/BaseOS")
	all := make(map[string]int)
	for p, err := range r.Packages(context.Background(), PartAllFiles) {
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range p.Files {
			all[p.PkgID.Hex+f.Path]++
		}
	}
	for p, err := range r.Packages(context.Background(), PartFiles) {
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range p.Files {
			if all[p.PkgID.Hex+f.Path] != 1 {
				t.Errorf("%s: %s is in filelists %d times", p.NEVRA, f.Path, all[p.PkgID.Hex+f.Path])
			}
		}
	}
}

func TestOpenSays(t *testing.T) {
	_, err := Open(os.DirFS(t.TempDir()))
	if err == nil || !strings.Contains(err.Error(), "no repodata/repomd.xml: not an rpm-md repository (run createrepo_c?)") {
		t.Errorf("an empty directory: %v", err)
	}
	index := repomd(strings.Replace(repomdRecord, `"primary"`, `"other"`, 1))
	_, err = Open(fstest.MapFS{filepath.ToSlash(repomdPath): {Data: index}})
	if err == nil || !strings.Contains(err.Error(), "lists no primary") {
		t.Errorf("no primary: %v", err)
	}
}

// Whatever encoding/xml accepts, the parser by hand reads in the same way.
func FuzzPrimary(f *testing.F) {
	for _, raw := range oddElements {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, parts := range []Parts{PartIdentity, everyPart} {
			want, err := parseXML(raw, parts)
			if err != nil || !completeXML(raw) {
				return
			}
			got, err := Element{Raw: raw}.Package(parts)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("by hand %+v, %v\nencoding/xml %+v", got, err, want)
			}
		}
	})
}

// completeXML reports whether raw is one element, as the scanner hands on.
func completeXML(raw []byte) bool {
	all, err := cutAll(newXMLCutter(strings.NewReader("<r>"+string(raw)+"</r>"), "r", "package").next)
	return err == nil && len(all) == 1 && len(all[0]) == len(raw)
}

// PackagesProviding says of each package what Packages says, less what is not asked
// for.
func TestPackagesProviding(t *testing.T) {
	names := map[string]bool{"webserver": true, "config(httpd)": true, "bundled(gnulib)": true}
	for _, name := range someRealRepos() {
		repo := openReal(t, name)
		next, stop := iter.Pull2(repo.PackagesProviding(context.Background(), names))
		defer stop()
		found := 0
		for want, err := range repo.Packages(context.Background(), PartRelations) {
			if err != nil {
				t.Fatal(err)
			}
			got, err, _ := next()
			if err != nil {
				t.Fatal(err)
			}
			provides := slices.DeleteFunc(want.Provides, func(r Relation) bool { return !names[r.Name] })
			found += len(provides)
			if !slices.Equal(got.Provides, provides) {
				t.Errorf("%s provides %v, want %v", want.NEVRA, got.Provides, provides)
			}
			got.Provides = nil
			if identity := (&Package{NEVRA: want.NEVRA, PkgID: want.PkgID, Location: want.Location, Base: want.Base, FileTime: want.FileTime,
				BuildTime: want.BuildTime, Size: want.Size, SourceRPM: want.SourceRPM}); !reflect.DeepEqual(got, identity) {
				t.Errorf("got %+v, want %+v", got, identity)
			}
		}
		if name == "c9s/AppStream" && found == 0 {
			t.Error("no package provides any of the names")
		}
	}
}
