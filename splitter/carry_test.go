package splitter

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// readModule is what libmodulemd makes of a modules.yaml.
type readModule struct {
	Failures []string `json:"failures"`
	Streams  map[string]struct {
		Artifacts []string `json:"artifacts"`
	} `json:"streams"`
	Defaults map[string]struct {
		Stream string `json:"stream"`
	} `json:"defaults"`
	Obsoletes []string `json:"obsoletes"`
}

// libmodulemd reads files with the strict option, which refuses unknown keys too.
func libmodulemd(t *testing.T, texts []string) []readModule {
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
	cmd := exec.Command(python, "modulemd/testdata/libmodulemd.py", "strict")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var read []readModule
	if err := json.Unmarshal(out, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

// checkModules gives the modules.yaml of every stream repository to libmodulemd: one
// document per build, the artifacts that are there, the default stream. It returns
// how many builds, artifacts and defaults there were.
func checkModules(t *testing.T, p *Plan) (builds, artifacts, defaults int) {
	t.Helper()
	var repos []*Flat
	var texts []string
	for _, f := range p.Repos {
		if f.Kind == KindStream {
			repos, texts = append(repos, f), append(texts, string(p.filteredModules(f)))
		}
	}
	for i, read := range libmodulemd(t, texts) {
		f := repos[i]
		if len(read.Failures) > 0 {
			t.Errorf("%s: libmodulemd: %v", f.Path, read.Failures)
			continue
		}
		present := map[string]bool{}
		for _, n := range p.Packages(f) {
			present[n.String()] = true
		}
		listed := map[string]bool{}
		want := nsvcas(f.Builds)
		for name, s := range read.Streams {
			if !slices.Contains(want, name) {
				t.Errorf("%s: a document of %s", f.Path, name)
			}
			for _, a := range s.Artifacts {
				listed[a] = true
				if !present[a] {
					t.Errorf("%s: %s lists %s, which is not there", f.Path, name, a)
				}
			}
		}
		if len(read.Streams) != len(want) || len(listed) != len(present) {
			t.Errorf("%s: %d documents of %d builds, %d artifacts of %d packages", f.Path, len(read.Streams), len(want), len(listed), len(present))
		}
		if got, want := read.Defaults[f.Module].Stream, p.Index.Default(f.Module); got != want || len(read.Defaults) > 1 {
			t.Errorf("%s: the default stream is %q, want %q", f.Path, got, want)
		}
		builds, artifacts, defaults = builds+len(want), artifacts+len(listed), defaults+len(read.Defaults)
	}
	return builds, artifacts, defaults
}

func TestLibmodulemdReadsWhatIsCarried(t *testing.T) {
	sources := nightOne(t)
	for _, opt := range []Options{{Modulemd: true}, {Modulemd: true, By: ByNSVCA}, {By: ByNSVCA, Versions: VersionsAll, Unlisted: UnlistedKeep, Modulemd: true}} {
		if builds, artifacts, defaults := checkModules(t, planOf(t, sources, opt)); builds != 18 || artifacts < 30 || defaults < 10 {
			t.Errorf("%+v: %d builds, %d artifacts, %d defaults", opt, builds, artifacts, defaults)
		}
	}
	p := planOf(t, []Source{sourceWith(t, manyFacts, "package a 1-1 noarch\n")}, Options{Modulemd: true})
	checkModules(t, p)
	for _, f := range p.Repos {
		if carries := bytes.Contains(p.filteredModules(f), []byte("modulemd-obsoletes")); f.Kind == KindStream && carries != (f.Module == "perl") {
			t.Errorf("%s carries the end of perl: %v", f.Path, carries)
		}
	}
}

// TestLibmodulemdReadsRealModules: the documents of real repositories, without their
// debug packages, which are in repositories of their own.
func TestLibmodulemdReadsRealModules(t *testing.T) {
	for name := range realFiles() {
		if strings.HasPrefix(name, "el8-") && os.Getenv("FLATSTREAM_FULL") != "1" {
			continue // earlier states of el8
		}
		dir := t.TempDir()
		var sources []Source
		for _, r := range realIndex(t, name) {
			r.packages = slices.DeleteFunc(r.packages, func(p oraclePackage) bool { return strings.Contains(p.Name, "-debug") })
			r.write(t, filepath.Join(dir, r.name))
			sources = append(sources, openDir(t, r.name, filepath.Join(dir, r.name)))
		}
		p := planOf(t, sources, Options{By: ByNSVCA, Versions: VersionsAll, Unlisted: UnlistedKeep, Modulemd: true, Labels: LabelsNone})
		builds, artifacts, defaults := checkModules(t, p)
		t.Logf("%s: %d builds, %d artifacts, %d defaults", name, builds, artifacts, defaults)
		if builds < 9 {
			t.Errorf("%s: %d builds only", name, builds)
		}
	}
}

// GrobiSplitter writes the newest translation and the defaults of the module beside a
// build, whole, and no obsoletes.
func TestGrobiModules(t *testing.T) {
	const text = "---\ndocument: modulemd\nversion: 2\ndata: {name: m, stream: \"1.10\", version: 1, context: c, summary: s, description: d, license: {module: [MIT]}, artifacts: {rpms: [gone-0:1-1.noarch]}}\n...\n" +
		"---\ndocument: modulemd-translations\nversion: 1\ndata: {module: m, stream: 1.10, modified: 2, translations: {ja: {summary: new}}}\n...\n" +
		"---\ndocument: modulemd-translations\nversion: 1\ndata: {module: m, stream: 1.10, modified: 1, translations: {ja: {summary: old}}}\n...\n" +
		"---\ndocument: modulemd-translations\nversion: 1\ndata: {module: m, stream: 1.1, modified: 3, translations: {}}\n...\n" +
		"---\ndocument: modulemd-defaults\nversion: 1\ndata: {module: m, stream: 1.9}\n...\n" +
		"---\ndocument: modulemd-obsoletes\nversion: 1\ndata: {module: m, stream: 1.10, modified: 2020-05-01T00:00Z, message: gone}\n...\n"
	source, err := modulesOnly([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(context.Background(), []Source{source}, Options{Link: LinkNothing, Layout: LayoutGrobiSplitter})
	if err != nil {
		t.Fatal(err)
	}
	got := string(p.filteredModules(p.Repos[0]))
	for _, want := range []string{"gone-0:1-1.noarch", "summary: new", "stream: 1.9"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, bad := range []string{"summary: old", "modified: 3", "obsoletes"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q in\n%s", bad, got)
		}
	}
}
