package catalogue

import (
	"strings"
	"testing"

	"flatstream/splitter"
)

func TestPageNamesEveryRepositoryAndEscapesNames(t *testing.T) {
	r := &splitter.Report{
		Sources: []splitter.ReportSource{{Name: "appstream"}},
		Repos: []splitter.ReportRepo{
			{ID: "flatstream-perl:5.30", Kind: splitter.KindStream, Path: "streams/perl/5.30", Module: "perl", Stream: "5.30", Packages: 3,
				Missing: []splitter.Missing{{NEVRA: "x-0:1-1.noarch", Class: "absent"}, {NEVRA: "y-0:1-1.src", Class: "source"}}},
			{ID: "flatstream-evil", Kind: splitter.KindStream, Path: "streams/e/~3C", Module: "e", Stream: "<script>alert(1)</script>"},
			{ID: "flatstream-default", Kind: splitter.KindDefault, Path: "default", Packages: 7},
		},
		Warnings: []splitter.Warning{{Code: "unlisted", Text: "2 packages <b>"}},
	}
	b, err := Render(r)
	if err != nil {
		t.Fatal(err)
	}
	got := string(b)
	for _, want := range []string{
		`<a href="streams/perl/5.30/">perl:5.30</a></td><td class="n">3</td><td class="n">1</td>`,
		`<a href="default/">default</a></td><td class="n">7</td>`,
		"e:&lt;script&gt;", "2 packages &lt;b&gt;",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "<script") {
		t.Error("a stream's name became markup")
	}
}
