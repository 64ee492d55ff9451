package closure

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"flatstream/fixtures"
)

// edgeCase is one small universe with libsolv's verdict on who can be installed.
type edgeCase struct {
	ID       string
	Packages []struct {
		N, V, R, E, A              string
		Prov, Req, Con, Obs, Files []string
	}
	Opts []string
	Want []string `json:"libsolv_uninstallable"`
}

// closureSays is where closure, the weaker statement, finds less than libsolv:
// every requirement has a provider, and that one is broken or excluded.
var closureSays = map[string][]string{
	"edge: deep chain to a missing leaf breaks all above": {"c-1-1.x86_64"},
	"edge: two versions of one name cannot be together":   {},
	"edge: (n if forced) fails":                           {},
	"edge: noarch and x86_64 of one name clash":           {},
	"edge: i686 and x86_64 with different EVR":            {},
}

func TestEdgeCases(t *testing.T) {
	closures := 0
	for _, c := range edgeCases(t) {
		t.Run(c.ID, func(t *testing.T) {
			u := NewUniverse()
			id := add(t, u, "app", c.body(), fixtures.Options{})
			want := c.Want
			ask := Check{Repo: id}
			if slices.Contains(c.Opts, "--withsrc") {
				ask.Build = &Build{Sources: []Sources{{Repo: id}}}
			}
			if c.ID == "edge: BuildConflicts of a src package" { // libsolv does not look at these
				want = []string{"s-1-1.src"}
			}
			if got := c.broken(install(t, u, ask)); !slices.Equal(got, want) {
				t.Errorf("%q cannot be installed, want %q in\n%s", got, want, c.body())
			}
			if c.collides() {
				return
			}
			closures++
			if names, ok := closureSays[c.ID]; ok {
				want = names
			}
			if got := c.broken(check(t, u, ask)); !slices.Equal(got, want) {
				t.Errorf("%q lack something, want %q in\n%s", got, want, c.body())
			}
		})
	}
	if closures < 30 {
		t.Errorf("only %d cases are about requirements", closures)
	}
}

func edgeCases(t *testing.T) []edgeCase {
	t.Helper()
	text, err := os.ReadFile(data(t, "cases/edge-cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []edgeCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != 46 {
		t.Errorf("%d cases, want 46", len(cases))
	}
	return cases
}

// broken lists the packages with problems, as the cases write them.
func (c *edgeCase) broken(r *Report) []string {
	var broken []string
	for _, p := range r.Checked[0].Problems {
		broken = append(broken, strings.Replace(p.Package, "-0:", "-", 1))
	}
	return slices.Compact(broken)
}

// collides reports whether the case has conflicts or obsoletes.
func (c *edgeCase) collides() bool {
	for _, p := range c.Packages {
		if p.Con != nil || p.Obs != nil {
			return true
		}
	}
	return false
}

// body writes the case in the fixtures' language.
func (c *edgeCase) body() string {
	var b strings.Builder
	for _, p := range c.Packages {
		fmt.Fprintf(&b, "package %s %s:%s-%s %s\n", p.N, cmp.Or(p.E, "0"), cmp.Or(p.V, "1"), cmp.Or(p.R, "1"), cmp.Or(p.A, "noarch"))
		for word, list := range map[string][]string{"provides": p.Prov, "requires": p.Req, "conflicts": p.Con, "obsoletes": p.Obs, "file": p.Files} {
			for _, s := range list {
				fmt.Fprintf(&b, "  %s %s\n", word, s)
			}
		}
	}
	return b.String()
}
