package nightly

import (
	"os"
	"strings"
	"testing"

	"flatstream/fixtures"
)

// TestPagesOfNights follows the pages through a first night, an unchanged one, one with
// changes, and one that is withheld.
func TestPagesOfNights(t *testing.T) {
	one, second := nights(t)
	s := newSite(t, one)
	page := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(s.current(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	has := func(night, name string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(page(name), want) {
				t.Errorf("%s: %s lacks %q", night, name, want)
			}
		}
	}
	first := s.mustRun(two)
	has("first night", "index.html", "Snapshot", "Everything was published", ", none of them new")
	has("first night", "flat/index.html", "frobnicate-0:2.1-4.el8.x86_64", "cannot be installed", `class="state good">installable`)
	if strings.Contains(page("flat/index.html"), "Changed since") {
		t.Error("first night: something changed since nothing")
	}
	before := s.published()
	if s.mustRun(two); s.published() != before {
		t.Error("a night without changes made new pages")
	}
	if err := s.Switch(second); err != nil {
		t.Fatal(err)
	}
	s.mustRun(two)
	has("second night", "flat/index.html", "Changed since "+first.Snapshot, "streams/postgresql/9.6 <span")
	has("second night", "flat/index.html", "1 known problem", "of them known before")
	has("second night", "flat/catalogue/non-modular.html", "bash.x86_64: 0:4.4.19-12.el8 →")
	has("second night", "flat/catalogue/streams/perl/5.30.html", "<p>Nothing.</p>")
}

// TestPagesOfAWithheldTarget: what stands there is yesterday's, and the snapshot says so.
func TestPagesOfAWithheldTarget(t *testing.T) {
	good, bad := t.TempDir(), t.TempDir()
	s := newSite(t, write(t, good, plain, fixtures.Options{Revision: "1"}))
	s.mustRun(one)
	kept, err := os.ReadFile(s.current("flat", "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Switch(write(t, bad, plain+"package broken 1-1 x86_64\n  requires nothing-has-this\n", fixtures.Options{Revision: "2", Time: fixtures.Epoch + 9})); err != nil {
		t.Fatal(err)
	}
	if r := s.mustRun(one); !r.Withheld() {
		t.Fatal("the night was not withheld")
	}
	now, err := os.ReadFile(s.current("flat", "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	if string(now) != string(kept) {
		t.Error("the pages of what is kept changed")
	}
	top, err := os.ReadFile(s.current("index.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"would have got worse stayed as it was: flat. All", "broken-0:1-1.x86_64: nothing-has-this", "withheld"} {
		if !strings.Contains(string(top), want) {
			t.Errorf("the snapshot's page lacks %q", want)
		}
	}
}
