package modulemd

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const lenient, strict = "lenient", "strict"

// reading is what one reader, libmodulemd or we, makes of a file.
type reading struct {
	Failures  []string                   `json:"failures"`
	Streams   map[string]streamReading   `json:"streams"`
	Defaults  map[string]defaultsReading `json:"defaults"`
	Obsoletes []string                   `json:"obsoletes"`
	Resolved  map[string]string          `json:"resolved"`
}

type streamReading struct {
	Artifacts     []string              `json:"artifacts"`
	Demodularized []string              `json:"demodularized"`
	API           []string              `json:"api"`
	Static        bool                  `json:"static"`
	Profiles      map[string][]string   `json:"profiles"`
	Requires      []map[string][]string `json:"requires"`
	BuildRequires []map[string][]string `json:"buildrequires"`
}

type defaultsReading struct {
	Stream   string              `json:"stream"`
	Modified string              `json:"modified"`
	Profiles map[string][]string `json:"profiles"`
}

// libmodulemd reads each text with the system's libmodulemd: leniently as DNF does,
// or with its strict option, which refuses unknown keys too.
func libmodulemd(t testing.TB, mode string, texts ...string) []reading {
	t.Helper()
	const python = "/usr/bin/python3" // the one that has the distribution's gi
	if err := exec.Command(python, "-c", "import gi; gi.require_version('Modulemd', '2.0')").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("libmodulemd for %s is missing: install gir1.2-modulemd-2.0 and python3-gi", python)
		}
		t.Skip("libmodulemd is missing: install gir1.2-modulemd-2.0 and python3-gi")
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/libmodulemd.py", mode)
	cmd.Stdin = bytes.NewReader(in)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var readings []reading
	if err := json.Unmarshal(out, &readings); err != nil {
		t.Fatal(err)
	}
	return readings
}

// ours is the same of this package.
func ours(f *File) reading {
	r := reading{Streams: map[string]streamReading{}, Defaults: map[string]defaultsReading{}, Resolved: map[string]string{}}
	for _, b := range f.Builds {
		r.Streams[b.NSVCA()] = streamReading{
			Artifacts: set(b.Artifacts), Demodularized: set(b.Demodularized), API: set(b.API), Static: b.Static,
			Profiles: sets(b.Profiles), Requires: requires(b.Requires), BuildRequires: requires(b.BuildRequires),
		}
		r.Resolved[b.NSVCA()] = ""
		if o := EffectiveObsoletesAt(f.Obsoletes, b.Name, b.Stream, b.Context, time.Now()); o != nil {
			r.Resolved[b.NSVCA()] = o.Message
		}
	}
	for _, d := range f.EffectiveDefaults() {
		r.Defaults[d.Module] = defaultsReading{d.Stream, strconv.FormatUint(d.Modified, 10), sets(d.Profiles)}
	}
	for _, o := range f.Obsoletes {
		r.Obsoletes = append(r.Obsoletes, strings.Join([]string{o.Module, o.Stream, o.Context, minutes(o.Modified), minutes(o.EOLDate),
			map[bool]string{true: "reset"}[o.Reset]}, ":"))
	}
	r.Obsoletes = set(r.Obsoletes)
	return r
}

func minutes(s string) string {
	if s == "" {
		return "0"
	}
	return date(s).Format("200601021504")
}

func set(list []string) []string { return append([]string{}, asSet(list)...) }

func sets(m map[string][]string) map[string][]string {
	out := map[string][]string{}
	for k, v := range m {
		out[k] = set(v)
	}
	return out
}

func requires(list []Requires) []map[string][]string {
	out := []map[string][]string{}
	for _, r := range list {
		m := map[string][]string{}
		for _, one := range r {
			m[one.Module] = set(one.Streams)
		}
		out = append(out, m)
	}
	return out
}

// Over every file of the shared data libmodulemd and we read the same, but for
// what stands here.
func TestAgreesWithLibmodulemd(t *testing.T) {
	oursOnly := map[string]bool{
		"valid_defaults_with_garbage.yaml foo":            true, // they refuse the whole file
		"foo:42::197001010000:0:":                         true, // no message
		"bad_stream_v1.yaml trivialname:trivialstream":    true, // no epoch
		"bad_stream_v2.yaml trivialname:trivialstream::-": true, // a static context -
	}
	var texts []string
	for _, f := range dataFiles {
		texts = append(texts, string(dataFile(t, f.name)))
	}
	builds := 0
	for i, theirs := range libmodulemd(t, lenient, texts...) {
		name := filepath.Base(dataFiles[i].name)
		mine := ours(mustParse(t, texts[i]))
		for nsvca, s := range theirs.Streams {
			builds++
			if got, ok := mine.Streams[nsvca]; !ok || !reflect.DeepEqual(got, s) {
				t.Errorf("%s: %s:\n got %+v\nwant %+v", name, nsvca, got, s)
			}
		}
		for nsvca := range mine.Streams {
			if _, ok := theirs.Streams[nsvca]; !ok && !oursOnly[name+" "+nsvca] {
				t.Errorf("%s: libmodulemd does not read %s", name, nsvca)
			}
		}
		for module, d := range mine.Defaults {
			if want, ok := theirs.Defaults[module]; !oursOnly[name+" "+module] && (!ok || !reflect.DeepEqual(d, want)) {
				t.Errorf("%s: defaults of %s: got %+v, want %+v", name, module, d, want)
			}
		}
		for module := range theirs.Defaults {
			if _, ok := mine.Defaults[module]; !ok {
				t.Errorf("%s: no defaults of %s", name, module)
			}
		}
		mine.Obsoletes = slices.DeleteFunc(mine.Obsoletes, func(o string) bool { return oursOnly[o] })
		if !slices.Equal(mine.Obsoletes, theirs.Obsoletes) {
			t.Errorf("%s: obsoletes %q, want %q", name, mine.Obsoletes, theirs.Obsoletes)
		}
	}
	t.Logf("%d builds compared", builds)
}

// One stream document with one oddity: libmodulemd rejects it exactly when we
// refuse it or warn that libmodulemd does.
func TestKnowsWhatLibmodulemdRejects(t *testing.T) {
	add := func(lines string) string { return stream("", lines) }
	change := func(from, to string) string { return stream("", "", from, to) }
	cases := []string{
		add(""),
		add("  artifacts:\n    rpms: [a-1-1.noarch]\n"),
		add("  artifacts:\n    rpms: ['a-(none):1-1.noarch']\n"),
		add("  artifacts:\n    rpms: ['0:a-1-1.noarch']\n"),
		add("  artifacts:\n    rpms: ['a-0:1-1.noarch.rpm']\n"),
		add("  artifacts:\n    rpms: [junk]\n"),
		add("  artifacts:\n    rpms: ['a-x:1-1.noarch']\n"),
		add("  artifacts:\n    rpms: ['a-:1-1.noarch']\n"),
		add("  artifacts:\n    rpms: ['a-0:1.noarch']\n"),
		add("  artifacts:\n    rpms: ['a-0:1-1.']\n"),
		add("  artifacts:\n    rpms: ['-0:1-1.noarch']\n"),
		add("  artifacts:\n    rpms: []\n"),
		add("  artifacts:\n    rpms:\n"),
		add("  artifacts:\n"),
		add("  components:\n    rpms:\n      x: {rationale: r, buildorder: 18446744073709551615}\n"),
		add("  components:\n    rpms:\n      x: {rationale: r, buildorder: 9223372036854775807}\n"),
		add("  components:\n    rpms:\n      x: {rationale: r, buildorder: 1x}\n"),
		add("  components:\n    rpms:\n      x: {buildorder: -5}\n"),
		add("  dependencies:\n  - requires:\n      perl: 5.3\n"),
		add("  dependencies:\n    requires:\n      perl: [5.3]\n"),
		add("  dependencies:\n"),
		add("  dependencies: []\n"),
		add("  dependencies:\n  - {}\n  - requires: {}\n"),
		add("  dependencies:\n  - requires:\n"),
		add("  dependencies:\n  - requires:\n      a: [x]\n      a: [y]\n"),
		add("  dependencies:\n  - requires: &a\n      perl: [5.3]\n    buildrequires: *a\n"),
		add("  foo: &a [x]\n  bar: *a\n"),
		add("  static_context: true\n"),
		add("  static_context: yes\n"),
		add("  static_context: TRUE\n"),
		add("  static_context: maybe\n"),
		add("  static_context: false\n"),
		stream("", "  static_context: true\n", "c1", "a-b"),
		stream("", "  static_context: true\n", "c1", "abcdefghijklmn"),
		change("c1", "a-b"),
		change("  summary: s\n", ""),
		change("  description: d\n", ""),
		change("  license:\n    module: [MIT]\n", ""),
		change("[MIT]", "[]"),
		change("[MIT]", "MIT"),
		change("summary: s", "summary: ''"),
		change("version: 5", "version: 0x10"),
		change("version: 5", "version: -1"),
		change("version: 5", "version: 5.0"),
		change("version: 5", "version: 18446744073709551615"),
		change("version: 5", "version: 18446744073709551616"),
		change("name: foo", "name: [foo]"),
		change("document: modulemd", "document: modulemd-stream"),
		add("  name: bar\n"),
		add("  api:\n    rpms:\n"),
		add("  xmd:\n"),
		add("") + add(""),
		add("") + change("c1", "'c1'"),
		add("  profiles:\n    p:\n"),
		"%YAML 1.2\n" + add(""),
		defaults("modified: abc"), defaults("modified: 201801010000"), defaults("stream: 1.10"),
		defaults("profiles:\n    1.10: b"),
		obsoletes("modified: 2018-05-23T14:25Z\n  message: m"),
		obsoletes("modified: 2018-05-23\n  message: m"),
		obsoletes("modified: 2018-05-23 14:25Z\n  message: m"),
		obsoletes("modified: 2018-05-23T14:25Z"),
		obsoletes("message: m"),
		obsoletes("modified: 2018-05-23T14:25Z\n  message: m\n  reset: yes"),
		obsoletes("modified: 2018-05-23T14:25Z\n  message: m\n  eol_date: 2019-01-01"),
		obsoletes("modified: 2018-05-23T14:25Z\n  message: m\n  eol_date: 2019-01-01 00:00Z"),
		obsoletes("modified: 2018-05-23T14:25Z\n  message: m\n  obsoleted_by: {module: a}"),
		obsoletes("modified: 2018-05-23T14:25Z\n  message: m\n  context: [a, b]"),
	}
	for i, theirs := range libmodulemd(t, lenient, cases...) {
		f := mustParse(t, cases[i])
		warned := slices.ContainsFunc(f.Warnings, func(w Warning) bool { return w.Code == rejected || w.Code == badDocument })
		if warned != (len(theirs.Failures) > 0) {
			t.Errorf("%s: libmodulemd says %q, we %+v", cases[i], theirs.Failures, f.Warnings)
		}
	}
}

// Which of several obsoletes is in force (rule 10), and which defaults (rule 7).
func TestEffectiveObsoletesAndDefaultsAgreeWithLibmodulemd(t *testing.T) {
	at := func(modified, message, more string) string {
		return obsoletes(fmt.Sprintf("modified: %s\n  message: %s\n%s", modified, message, more))
	}
	const ctx, reset, future = "  context: c1", "  reset: true", "  eol_date: 2090-01-01T00:00Z"
	cases := []string{
		at("2018-05-23T14:25Z", "all", "") + at("2017-05-23T14:25Z", "context", ctx),
		at("2018-05-23T14:25Z", "all", "") + at("2018-05-23T14:25Z", "context", ctx),
		at("2018-05-23T14:25Z", "context", ctx) + at("2018-05-23T14:25Z", "all", ""),
		at("2018-05-23T14:25Z", "all", "") + at("2019-05-23T14:25Z", "reset", reset),
		at("2018-05-23T14:25Z", "all", "") + at("2017-05-23T14:25Z", "reset", reset),
		at("2018-05-23T14:25Z", "all", "") + at("2019-05-23T14:25Z", "reset", reset+"\n"+ctx),
		at("2018-05-23T14:25Z", "first", "") + at("2018-05-23T14:25Z", "second", ""),
		at("2018-05-23T14:25Z", "future", future),
		at("2018-05-23T14:25Z", "now", "") + at("2019-05-23T14:25Z", "future", future),
		at("2018-05-23T14:25Z", "other", "  context: other"),
		defaults("modified: 9\n  stream: a") + defaults("modified: 5\n  stream: b"),
		defaults("modified: 5\n  stream: a") + defaults("modified: 9"),
	}
	for i := range cases {
		cases[i] = stream("", "") + cases[i] // obsoletes before their stream confuse libmodulemd
	}
	for i, theirs := range libmodulemd(t, lenient, cases...) {
		mine := ours(mustParse(t, cases[i]))
		if len(theirs.Failures) > 0 || !reflect.DeepEqual(mine.Resolved, theirs.Resolved) || !reflect.DeepEqual(mine.Defaults, theirs.Defaults) {
			t.Errorf("%s\n got %q %+v\nwant %q %+v %q", cases[i], mine.Resolved, mine.Defaults, theirs.Resolved, theirs.Defaults, theirs.Failures)
		}
	}
}

// A filtered modules.yaml of the builds of EL8 and CentOS Stream 9 passes
// libmodulemd's validator and lists what was kept.
func TestFilteredPassesLibmodulemd(t *testing.T) {
	var texts []string
	want := []map[string][]string{}
	for _, name := range []string{"el8/appstream-x86_64.modules.yaml.xz", "el8/powertools-x86_64.modules.yaml.xz", "c9s/AppStream/repodata/*-modules.yaml.xz"} {
		for _, b := range mustParse(t, string(dataFile(t, name))).Builds {
			for _, keep := range []func(string) bool{
				func(string) bool { return false },
				func(a string) bool { return !strings.Contains(a, "debug") && !strings.HasSuffix(a, ".src") },
			} {
				kept := slices.DeleteFunc(slices.Clone(b.Artifacts), func(a string) bool { return !keep(a) })
				doc := b.Filtered(keep)
				if doc == nil {
					t.Fatalf("%s: nothing", b.NSVCA())
				}
				var w bytes.Buffer
				if err := Write(&w, doc); err != nil {
					t.Fatal(err)
				}
				texts = append(texts, w.String())
				want = append(want, map[string][]string{b.NSVCA(): set(kept)})
			}
		}
	}
	for i, theirs := range libmodulemd(t, strict, texts...) {
		got := map[string][]string{}
		for nsvca, s := range theirs.Streams {
			got[nsvca] = s.Artifacts
		}
		if len(theirs.Failures) > 0 || !reflect.DeepEqual(got, want[i]) {
			t.Errorf("filtered document: %q, got %v, want %v", theirs.Failures, got, want[i])
		}
	}
	t.Logf("%d filtered documents", len(texts))
}

// stream is a stream document with more lines of data and with parts replaced.
func stream(mdversion, more string, replace ...string) string {
	text := "document: modulemd\nversion: " + cmp.Or(mdversion, "2") + `
data:
  name: foo
  stream: 1.10
  version: 5
  context: c1
  arch: x86_64
  summary: s
  description: d
  license:
    module: [MIT]
` + more
	return "---\n" + strings.NewReplacer(replace...).Replace(text) + "...\n"
}

func defaults(more string) string {
	return "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: foo\n  " + more + "\n...\n"
}

func obsoletes(more string) string {
	return "---\ndocument: modulemd-obsoletes\nversion: 1\ndata:\n  module: foo\n  stream: 1.10\n  " + more + "\n...\n"
}
