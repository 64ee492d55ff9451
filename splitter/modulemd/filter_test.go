package modulemd

import (
	"slices"
	"strings"
	"testing"
)

func onlyA(nevra string) bool { return strings.HasPrefix(nevra, "a-") }

// Nothing but the artifacts changes.
func TestFilteredEditsLines(t *testing.T) {
	const before = "# head\ndocument: modulemd\nversion: 2\ndata:\n  name: foo # a comment\n  stream: 1.10\n  version: 5\n  context: 00000000\n"
	const after = "  summary:   >\n      s\n\n  # of the licence\n  license:   {module: [MIT]}\n  description: d\n"
	for _, c := range []struct{ what, list, want string }{
		{"some", "  artifacts:\n    rpms:\n    # all\n    - a-0:1-1.noarch\n    - b-0:1-1.noarch # x\n", "  artifacts:\n    rpms:\n    - a-0:1-1.noarch\n"},
		{"flow", "  artifacts: {rpms: [a-0:1-1.noarch,\n   b-0:1-1.noarch]}\n", "  artifacts:\n    rpms:\n    - a-0:1-1.noarch\n"},
		{"none", "  artifacts:\n    rpms: [b-0:1-1.noarch]\n", ""},
		{"epoch added", "  artifacts:\n    rpms: [a-1-1.noarch]\n", "  artifacts:\n    rpms:\n    - a-0:1-1.noarch\n"},
		{"rpm-map", "  artifacts:\n    rpms: [a-0:1-1.noarch]\n    rpm-map: {sha256: {x: {name: b}}}\n", "  artifacts:\n    rpms:\n    - a-0:1-1.noarch\n"},
		{"no list", "", ""},
	} {
		for _, text := range [][2]string{{before + c.list + after, before + c.want + after}, {before + after + c.list, before + after + c.want}} {
			for _, ending := range []string{"\n", "\r\n"} {
				file, want := strings.ReplaceAll(text[0], "\n", ending), strings.ReplaceAll(text[1], "\n", ending)
				f := mustParse(t, "---"+ending+file)
				if got := string(f.Builds[0].Filtered(onlyA)); got != want {
					t.Errorf("%s:\n%q\nwant\n%q", c.what, got, want)
				}
			}
		}
	}
}

// Documents that no line edit can serve are written anew, without aliases.
func TestFilteredRewritesOddDocuments(t *testing.T) {
	for _, file := range []string{
		"--- {document: modulemd, version: 2, data: {name: foo, stream: 1.10, version: 5, context: 00000000, artifacts: {rpms: [a-0:1-1.noarch, b-0:1-1.noarch]}, api: {rpms: [x, y]}}}",
		stream("", "  artifacts: &l\n    rpms: [a-0:1-1.noarch, b-0:1-1.noarch]\n  api: *l\n", "c1", "00000000"),
		"---\nxmd: &d\n  name: foo\n  stream: 1.10\n  version: 5\n  context: 00000000\n  artifacts: {rpms: [a-0:1-1.noarch, b-0:1-1.noarch]}\n  api: {rpms: [x, y]}\ndocument: modulemd\nversion: 2\ndata: *d\n",
	} {
		doc := mustParse(t, file).Builds[0].Filtered(onlyA)
		f := mustParse(t, "---\n"+string(doc))
		if len(f.Builds) != 1 {
			t.Fatalf("%s\n%+v", doc, f.Warnings)
		}
		b := f.Builds[0]
		if b.NSVC() != "foo:1.10:5:00000000" || !slices.Equal(b.Artifacts, []string{"a-0:1-1.noarch"}) || len(b.API) != 2 {
			t.Errorf("%s\n%+v", doc, b)
		}
	}
}

func TestFilteredWithoutADocument(t *testing.T) {
	if got := (&Build{Artifacts: []string{"a-0:1-1.noarch"}}).Filtered(onlyA); got != nil {
		t.Errorf("%q", got)
	}
}
