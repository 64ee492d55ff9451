package modulemd

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// P20: what YAML calls a float, an int, an octal or a bool stays what was written.
func TestScalarsAreRaw(t *testing.T) {
	for _, s := range []string{"5.30", "1.10", "2.10", "489197e6", "00000000", "on", "no", "0o7", "0x10", "1_0", "~", "null", "2001-01-01", ".inf", "1e3"} {
		f := mustParse(t, stream("", "  dependencies:\n  - requires: {perl: ["+s+"]}\n  profiles: {"+s+": {rpms: ["+s+"]}}\n", "1.10", s, "c1", s)+
			defaults("stream: "+s+"\n  profiles: {"+s+": ["+s+"]}"))
		checkWarnings(t, f)
		b, d := f.Builds[0], f.Defaults[0]
		got := []string{b.Stream, b.Context, b.Requires[0][0].Streams[0], b.Profiles[s][0], d.Stream, d.Profiles[s][0]}
		if want := []string{s, s, s, s, s, s}; !slices.Equal(got, want) {
			t.Errorf("%s is read as %q", s, got)
		}
	}
}

// P4: versions are numbers of 64 bits, and nothing else.
func TestVersion(t *testing.T) {
	for _, v := range []string{"0", "820190108205035", "8000020190425142954", "18446744073709551615", "'8000020190425142954'"} {
		f := mustParse(t, stream("", "", "version: 5", "version: "+v))
		if len(f.Builds) != 1 || f.Builds[0].NSVC() != "foo:1.10:"+strings.Trim(v, "'")+":c1" {
			t.Errorf("version %s: %+v", v, f.Warnings)
		}
	}
	for _, v := range []string{"-1", "5.0", "1e3", "18446744073709551616", "five", "0x10"} {
		checkWarnings(t, mustParse(t, stream("", "", "version: 5", "version: "+v)), "bad-document no unsigned 64-bit number")
	}
}

// Without version or context a build is read as DNF reads it, and named as libmodulemd
// names it.
func TestBuildWithoutVersionOrContext(t *testing.T) {
	f := mustParse(t, stream("", "", "  version: 5\n", "")+stream("", "", "  context: c1\n", ""))
	checkWarnings(t, f, "lenient-document no version, read as 0", "lenient-document foo:1.10:5: no context")
	if len(f.Builds) != 2 || f.Builds[0].NSVCA() != "foo:1.10::c1:x86_64" || f.Builds[1].NSVCA() != "foo:1.10:5::x86_64" {
		t.Fatalf("builds %v", f.Builds)
	}
	f = mustParse(t, stream("", "", "  version: 5\n  context: c1\n  arch: x86_64\n", ""))
	if len(f.Builds) != 1 || f.Builds[0].NSVCA() != "foo:1.10" {
		t.Fatalf("builds %v", f.Builds)
	}
}

// A build without a name is refused, the rest goes on.
func TestBadDocumentIsNamedAndTheRestGoesOn(t *testing.T) {
	good := stream("", "")
	cases := []struct{ bad, warning string }{
		{stream("", "", "  name: foo\n", ""), "src: document 0 (line 2): no name"},
		{stream("", "", "  stream: 1.10\n", ""), "src: document 0 (line 2): module foo: no stream"},
		{stream("", "  artifacts: {rpms: {a: b}}\n", "c1", "c0"), "src: foo:1.10:5:c0: line 14: a list is expected"},
		{stream("", "  dependencies: [a]\n", "c1", "c0"), "src: foo:1.10:5:c0: line 14: a mapping is expected"},
		{stream("", "", "foo", `"a\nb"`), `src: document 0 (line 2): line 5: "a\nb" is no name`},
		{stream("3", ""), "modulemd version \"3\""},
		{stream("", "  a: 'open\n"), "src: document 0 (line 2): not YAML: "},
		{stream("", "\t}{]: \n"), "src: document 0 (line 2): not YAML: "},
		{"---\njust text\n...\n", "a mapping is expected"},
		{"---\ndocument: modulemd\nversion: 2\n", "document 0 (line 2): no name"},
		{defaults("stream: a\n  module: ''"), "defaults without a module"},
		{obsoletes("message: m"), `obsoletes of foo:1.10: modified is ""`},
		{"---\na: b\u2028--- \n", "something follows"},
	}
	for _, c := range cases {
		f := mustParse(t, c.bad+good)
		checkWarnings(t, f, slices.Collect(func(yield func(string) bool) {
			for range len(f.Warnings) - 1 {
				yield("lenient-document ")
			}
			yield("bad-document " + c.warning)
		})...)
		if len(f.Builds) != 1 || f.Builds[0].Doc != 1 {
			t.Errorf("%s: the good document is lost: %+v", c.bad, f.Builds)
		}
	}
}

// P18: the same NSVCA twice.
func TestDuplicates(t *testing.T) {
	first := stream("", "  artifacts: {rpms: ['a-0:1-1.noarch', 'b-0:1-1.noarch']}\n")
	same := stream("", "  artifacts: {rpms: ['b-0:1-1.noarch', 'a-0:1-1.noarch']}\n", "summary: s", "summary: other")
	other := stream("", "  artifacts: {rpms: ['a-0:1-1.noarch']}\n")

	f := mustParse(t, first+same)
	checkWarnings(t, f)
	if len(f.Builds) != 1 {
		t.Errorf("%d builds of an identical pair", len(f.Builds))
	}
	f = mustParse(t, first+other)
	checkWarnings(t, f, "duplicate-document src: foo:1.10:5:c1: document 0 has")
	if len(f.Builds) != 1 || len(f.Builds[0].Artifacts) != 2 {
		t.Errorf("the first does not stay: %+v", f.Builds)
	}
	f = mustParse(t, first+strings.ReplaceAll(other, "x86_64", "aarch64"))
	if len(f.Builds) != 2 {
		t.Errorf("another arch is another build: %+v", f.Warnings)
	}
}

func TestVersion1IsUpgraded(t *testing.T) { // P23
	f := mustParse(t, stream("1", "  eol: 2077-10-23\n  dependencies:\n    requires: {platform: el8, perl: 5.30}\n    buildrequires: {platform: el8}\n"))
	checkWarnings(t, f)
	b := f.Builds[0]
	if want := []Requires{{{"platform", []string{"el8"}}, {"perl", []string{"5.30"}}}}; !reflect.DeepEqual(b.Requires, want) {
		t.Errorf("requires %v, want %v", b.Requires, want)
	}
	if len(b.BuildRequires) != 1 || b.EOL != "2077-10-23" {
		t.Errorf("%v %q", b.BuildRequires, b.EOL)
	}
}

// Entries are ANDed and keep their places; what stands beside is kept too.
func TestVersion2(t *testing.T) {
	f := mustParse(t, stream("", `  static_context: true
  dependencies:
  - requires: {platform: [el8], nginx: []}
    buildrequires: {platform: [el8.0.0]}
  - requires: {perl: [-5.24, -5.26]}
  - {}
  api: {rpms: [a]}
  demodularized: {rpms: [old]}
  buildopts: {rpms: {macros: "%x 1\n", other: {}}}
  unknown: {deep: [1, 2]}
`))
	checkWarnings(t, f)
	b := f.Builds[0]
	want := []Requires{
		{{"platform", []string{"el8"}}, {"nginx", []string{}}},
		{{"perl", []string{"-5.24", "-5.26"}}},
		nil,
	}
	if !reflect.DeepEqual(b.Requires, want) || len(b.BuildRequires) != 3 {
		t.Errorf("requires %v, want %v", b.Requires, want)
	}
	if !b.Static || b.API[0] != "a" || b.Demodularized[0] != "old" || b.Macros != "%x 1\n" || b.Arch != "x86_64" || b.Source != "src" {
		t.Errorf("%+v", b)
	}
}

// P21: one stream where a list belongs.
func TestLoneStreamIsReadWithAWarning(t *testing.T) {
	f := mustParse(t, stream("", "  dependencies:\n  - requires: {perl: 5.3}\n"))
	checkWarnings(t, f, `lenient-document src: foo:1.10:5:c1: line 15: "5.3" stands where a list`)
	if got := f.Builds[0].Requires[0][0].Streams; !slices.Equal(got, []string{"5.3"}) {
		t.Errorf("streams %q", got)
	}
}

// P22: artifacts that libmodulemd refuses are there verbatim.
func TestArtifactsWithoutEpochAreRead(t *testing.T) {
	f := mustParse(t, stream("", "  artifacts: {rpms: [a-1-1.noarch, 'b-(none):1-1.noarch', 'c-0:1-1.noarch']}\n"))
	checkWarnings(t, f, `libmodulemd-rejects src: foo:1.10:5:c1: 2 of 3 artifacts are not name-epoch:version-release.arch, the first is "a-1-1.noarch"`)
	if got := f.Builds[0].Artifacts; !slices.Equal(got, []string{"a-1-1.noarch", "b-(none):1-1.noarch", "c-0:1-1.noarch"}) {
		t.Errorf("artifacts %q", got)
	}
}

func TestAliasesAreFollowed(t *testing.T) {
	f := mustParse(t, stream("", "  api: {rpms: &n [a, &b b]}\n  demodularized: {rpms: *n}\n  profiles: {p: {rpms: [*b]}}\n"))
	checkWarnings(t, f, "libmodulemd-rejects a YAML alias")
	b := f.Builds[0]
	if !slices.Equal(b.Demodularized, []string{"a", "b"}) || !slices.Equal(b.Profiles["p"], []string{"b"}) {
		t.Errorf("%+v", b)
	}
}

func TestRemarksOfOneDocumentAreBounded(t *testing.T) {
	f := mustParse(t, stream("", strings.Repeat("  again: x\n", 1000)))
	if n := len(f.Warnings); n != maxRemarks+1 || !strings.Contains(f.Warnings[n-1].Text, "left out") {
		t.Errorf("%d warnings, the last %+v", n, f.Warnings[n-1])
	}
	if len(f.Builds) != 1 {
		t.Error("the build is lost")
	}
}

// What is read can be written and read again: all documents, byte for byte.
func TestWriteGivesBackEveryDocument(t *testing.T) {
	for _, name := range []string{"fake-modular/repodata/*-modules.yaml.gz", "c9s/AppStream/repodata/*-modules.yaml.xz", "modulemd/libmodulemd/long-valid.yaml"} {
		text := dataFile(t, name)
		var docs [][]byte
		for d, err := range documents(bytes.NewReader(text)) {
			if err != nil {
				t.Fatal(err)
			}
			docs = append(docs, d.raw)
		}
		var w bytes.Buffer
		if err := Write(&w, docs...); err != nil {
			t.Fatal(err)
		}
		if got := w.Bytes(); !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(text)) {
			t.Errorf("%s is not the same after Write", name)
		}
	}
}
