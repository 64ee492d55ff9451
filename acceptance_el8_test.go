package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"flatstream/fixtures"
	"flatstream/splitter"
)

// TestEveryEL8 lists, splits and verifies an EL8 made from each real modules.yaml.
// PowerTools stands beside AppStream, whose modules it requires.
func TestEveryEL8(t *testing.T) {
	root := realData(t, "el8")
	const today, powertools = "appstream-x86_64.modules.yaml.xz", "powertools-x86_64.modules.yaml.xz"
	for name, files := range map[string][]string{
		"appstream":          {today},
		"powertools":         {today, powertools},
		"appstream, 2022-08": {"history/appstream-x86_64-2022-08-f3db4a12.modules.yaml.xz"},
		"appstream, 2024-02": {"history/appstream-x86_64-2024-02-7b4e3001.modules.yaml.xz"},
	} {
		t.Run(name, func(t *testing.T) { el8(t, root, files) })
	}
}

func el8(t *testing.T, root string, files []string) {
	dir := t.TempDir()
	var sources []string
	var text strings.Builder
	write := func(name string, repo *fixtures.Repo) {
		source := filepath.Join(dir, name)
		must(t, repo.Write(source, fixtures.Options{MetadataOnly: true}))
		sources = append(sources, source)
	}
	for i, file := range files {
		modules := readXZ(t, filepath.Join(root, file))
		fmt.Fprintf(&text, "%s\n", modules)
		name, _, _ := strings.Cut(filepath.Base(file), "-")
		defaults, err := os.ReadFile(filepath.Join(root, name+"-defaults.yaml"))
		must(t, err)
		baseos, modular, err := fixtures.FromModules(modules+string(defaults), fixtures.EL8Options{Seed: 8, Plain: 300, Sources: true, Debug: true})
		must(t, err)
		write(name, modular)
		if i == 0 {
			write("baseos", baseos)
		}
	}
	target := filepath.Join(dir, "flat")
	wantStreams(t, sources, target, streamNames(text.String()))
	verifies(t, target, text.String())
}

// wantStreams lists and splits, and wants just these streams, named as they are written.
func wantStreams(t *testing.T, sources []string, target string, want []string) {
	t.Helper()
	var listing splitter.Listing
	must(t, json.Unmarshal([]byte(flatstream(t, append([]string{"--json", "list"}, sources...)...)), &listing))
	var listed []string
	for _, m := range listing.Modules {
		for _, s := range m.Streams {
			listed = append(listed, m.Name+":"+s.Name)
		}
	}
	slices.Sort(listed)
	if !slices.Equal(listed, want) {
		t.Errorf("list shows %d streams, the documents name %d\n%v\n%v", len(listed), len(want), listed, want)
	}
	report := splitReport(t, append(slices.Clone(sources), "--link", "none", "--target", target)...)
	placed := map[string]bool{}
	for _, repo := range report.Repos {
		if repo.Kind == splitter.KindStream {
			placed[repo.Module+":"+repo.Stream] = true
		}
	}
	if got := slices.Sorted(maps.Keys(placed)); !slices.Equal(got, want) {
		t.Errorf("split makes %d streams, the documents name %d\n%v\n%v", len(got), len(want), got, want)
	}
	for _, dir := range []string{"perl/5.30", "subversion/1.10", "ant/1.10", "scala/2.10"} {
		if _, err := os.Stat(filepath.Join(target, "streams", dir, "repodata/repomd.xml")); err != nil {
			t.Errorf("a stream that looks like a number: %v", err)
		}
	}
}

// verifies lets verify judge every repository. What the generator makes is whole, so a
// problem has one of two causes, both in the real documents: the module requires the
// stream perl:5.3, which was meant to be 5.30 (P21), so that nothing supplies; or a build
// lists a package of another stream, whose company it then lacks.
func verifies(t *testing.T, target, documents string) {
	t.Helper()
	out, err := exec.Command("flatstream", "verify", target, "--json").Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var doc struct {
		Checked []struct {
			Repo     string
			Problems []struct{ Package string }
		}
		Summary struct{ Repos, Problems int }
	}
	must(t, json.Unmarshal(out, &doc))
	b, err := os.ReadFile(filepath.Join(target, splitter.ReportName))
	must(t, err)
	var report splitter.Report
	must(t, json.Unmarshal(b, &report))
	if len(doc.Checked) != len(report.Repos) {
		t.Errorf("verify checked %d repositories of %d", len(doc.Checked), len(report.Repos))
	}
	homes := streamsOfArtifacts(documents)
	for _, c := range doc.Checked {
		repo, ok := report.Repo(c.Repo)
		if !ok {
			t.Errorf("verify checked %s, which the report does not know", c.Repo)
			continue
		}
		for _, p := range c.Problems {
			if !shortPerl.MatchString(repo.Path) && len(homes[p.Package]) < 2 {
				t.Errorf("%s in %s has a problem, and nothing in the documents explains it", p.Package, repo.Path)
			}
		}
	}
	if doc.Summary.Problems > 20 {
		t.Errorf("%d problems", doc.Summary.Problems)
	}
}

// shortPerl is the path of a context group that requires perl:5.3.
var shortPerl = regexp.MustCompile(`[@,]perl=5\.3(,|$)`)

// streamsOfArtifacts says which streams list a package, by the lines alone.
func streamsOfArtifacts(text string) map[string]map[string]bool {
	homes := map[string]map[string]bool{}
	for doc := range modulemdDocuments(text) {
		id := fieldOf(doc, "name") + ":" + fieldOf(doc, "stream")
		for _, m := range regexp.MustCompile(`(?m)^ +- (\S+-\d+:\S+)$`).FindAllStringSubmatch(doc, -1) {
			if homes[m[1]] == nil {
				homes[m[1]] = map[string]bool{}
			}
			homes[m[1]][id] = true
		}
	}
	return homes
}

// streamNames reads module:stream of every document by its lines alone.
func streamNames(text string) []string {
	names := map[string]bool{}
	for doc := range modulemdDocuments(text) {
		names[fieldOf(doc, "name")+":"+fieldOf(doc, "stream")] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func modulemdDocuments(text string) iter.Seq[string] {
	isStream := regexp.MustCompile(`(?m)^document: modulemd$`)
	return func(yield func(string) bool) {
		for doc := range strings.SplitSeq(text, "\n---") {
			if isStream.MatchString(doc) && !yield(doc) {
				return
			}
		}
	}
}

func fieldOf(doc, key string) string {
	m := regexp.MustCompile(`(?m)^  ` + key + `: *(.*)$`).FindStringSubmatch(doc)
	if m == nil {
		return ""
	}
	return strings.Trim(m[1], `"' `)
}

func readXZ(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	r, err := xz.NewReader(f)
	must(t, err)
	b, err := io.ReadAll(r)
	must(t, err)
	return string(b)
}
