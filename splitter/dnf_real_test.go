package splitter

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// realRepos are real module files: by repository, which DNF loads in the order of
// their names.
type realRepos map[string][]string

const (
	el8Now      = "el8/appstream-x86_64.modules.yaml.xz"
	el8Defaults = "el8/appstream-defaults.yaml"
	el8In2022   = "el8/history/appstream-x86_64-2022-08-*"
	el8In2024   = "el8/history/appstream-x86_64-2024-02-*"
	el8Tools    = "el8/powertools-x86_64.modules.yaml.xz"
	toolsUsual  = "el8/powertools-defaults.yaml"
)

// realCase is what DNF is asked about: real files, as they are, merged, or changed.
type realCase struct {
	name   string
	repos  realRepos
	change func(doc int, text string) string // of stream documents
}

// realCases lists them; the first ones are asked about in every run of the tests.
func realCases() []realCase {
	el8 := realRepos{"appstream": {el8Now, el8Defaults}, "powertools": {el8Tools, toolsUsual}}
	replace := func(every int, old, new string) func(int, string) string {
		return func(doc int, text string) string {
			if doc%every == 0 {
				return strings.Replace(text, old, new, 1)
			}
			return text
		}
	}
	const arch, context = "\n  arch: x86_64\n", "\n  context: "
	return []realCase{
		{"c9s", realRepos{"appstream": {"c9s/AppStream/repodata/*-modules.yaml.xz"}}, nil},
		{"fake-modular", realRepos{"fake": {"fake-modular/repodata/*modules.yaml*"}}, nil},
		{"el8", el8, nil},
		{"el8-2022", realRepos{"appstream": {el8In2022, el8Defaults}}, nil},
		{"el8-2024", realRepos{"appstream": {el8In2024, el8Defaults}}, nil},
		{"el8-other-order", realRepos{"a-powertools": el8["powertools"], "appstream": el8["appstream"]}, nil},
		{"el8-history", realRepos{"2022": {el8In2022}, "2024": {el8In2024}, "now": el8["appstream"], "tools": el8["powertools"]}, nil},
		{"el8-history-other-order", realRepos{"1-now": el8["appstream"], "2-2024": {el8In2024}, "3-2022": {el8In2022}, "tools": el8["powertools"]}, nil},
		{"el8-history-one-file", realRepos{"appstream": {el8In2022, el8Now, el8In2024, el8Defaults}, "tools": el8["powertools"]}, nil},
		{"el8-no-defaults", realRepos{"appstream": {el8Now}}, nil},
		{"el8-some-aarch64", el8, replace(3, arch, "\n  arch: aarch64\n")},
		{"el8-some-i686", el8, replace(4, arch, "\n  arch: i686\n")},
		{"el8-some-noarch", el8, replace(2, arch, "\n  arch: noarch\n")},
		{"el8-some-static", el8, replace(3, context, "\n  static_context: true"+context)},
		{"el8-all-static", el8, replace(1, context, "\n  static_context: true"+context)},
		{"el8-some-el9", el8, replace(7, "    requires:\n      platform:\n      - el8\n", "    requires:\n      platform:\n      - el9\n")},
		{"el8-some-any-platform", el8, replace(2, "    requires:\n      platform:\n      - el8\n", "    requires:\n      platform: []\n")},
	}
}

// realFiles are the cases that are real as they stand, by name.
func realFiles() map[string]realRepos {
	files := map[string]realRepos{}
	for _, i := range realCases()[:5] {
		files[i.name] = i.repos
	}
	return files
}

// build reads the files, with a package for each artifact, and adds a repository of
// bystanders.
func (i realCase) build(t testing.TB) []oracleRepo {
	var repos []oracleRepo
	var all []oraclePackage
	for _, repo := range slices.Sorted(maps.Keys(i.repos)) {
		r := oracleRepo{name: repo}
		for _, file := range i.repos[repo] {
			r.modules = append(append(r.modules, dataFile(t, file)...), '\n')
		}
		if i.change != nil {
			r.modules = changeDocuments(r.modules, i.change)
		}
		r.packages = artifactPackages(t, r.modules)
		all = append(all, r.packages...)
		repos = append(repos, r)
	}
	return append(repos, oracleRepo{name: "zz-plain", packages: bystanders(all)})
}

// realIndex builds one of the cases.
func realIndex(t testing.TB, name string) []oracleRepo {
	for _, i := range realCases() {
		if i.name == name {
			return i.build(t)
		}
	}
	t.Fatalf("there is no case %s", name)
	return nil
}

func changeDocuments(modules []byte, change func(int, string) string) []byte {
	docs := strings.SplitAfter(string(modules), "\n---")
	for i, doc := range docs {
		if strings.Contains(doc, "\ndocument: modulemd\n") {
			docs[i] = change(i, doc)
		}
	}
	return []byte(strings.Join(docs, ""))
}

// TestRealIndexesAgainstDNF compares, for real modules.yaml files, the default view,
// each stream enabled alone, and random sets, with what DNF makes available. Without
// FLATSTREAM_FULL=1 it asks about a few sets of the first files.
func TestRealIndexesAgainstDNF(t *testing.T) {
	full := os.Getenv("FLATSTREAM_FULL") == "1"
	for n, i := range realCases() {
		if n >= 3 && !full {
			break
		}
		t.Run(i.name, func(t *testing.T) {
			t.Parallel()
			repos := i.build(t)
			x := parseRepos(t, repos, IndexOptions{Platform: platformOf(i.name), Arch: "x86_64"})
			sets := setsToAsk(x.Streams(), full)
			agree := compareWithDNF(t, repos, x, sets)
			t.Logf("%s: %d of %d sets agree with DNF", i.name, agree, len(sets))
		})
	}
}

// platformOf is set where so much of an index was changed that it would not be found.
func platformOf(index string) string {
	if strings.HasPrefix(index, "el8-some") {
		return "el8"
	}
	return ""
}

// setsToAsk is the default view and, when all are wanted, every stream and 25 random
// sets of two to five; else two of them.
func setsToAsk(streams []StreamID, all bool) [][]string {
	r := rand.New(rand.NewPCG(8, uint64(len(streams))))
	var sets [][]string
	for _, s := range streams {
		sets = append(sets, []string{s.String()})
	}
	for range 25 {
		set := map[string]string{} // rarely two streams of one module: DNF refuses that
		for range 2 + r.IntN(4) {
			s := streams[r.IntN(len(streams))]
			set[fmt.Sprint(s.Module, r.IntN(100)/95)] = s.String()
		}
		if s := streams[r.IntN(len(streams))].Module; set[s+"0"] == "" && r.IntN(4) == 0 {
			set[s] = "-" + s
		}
		sets = append(sets, slices.Compact(slices.Sorted(maps.Values(set))))
	}
	if !all {
		r.Shuffle(len(sets), func(i, j int) { sets[i], sets[j] = sets[j], sets[i] })
		sets = sets[:2]
	}
	return append([][]string{{}}, sets...)
}

// The changed indexes must differ from the real one, or nothing is asked.
func TestRealIndexesAreChanged(t *testing.T) {
	plain := dataFile(t, el8Now)
	for _, i := range realCases() {
		if i.change != nil && bytes.Equal(changeDocuments(plain, i.change), plain) {
			t.Errorf("%s is not changed", i.name)
		}
	}
}
