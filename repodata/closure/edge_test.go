package closure

import (
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
	Want []string `json:"libsolv_uninstallable"`
}

// closureSays is where closure, the weaker statement, finds less than libsolv:
// every requirement has a provider, and that one is broken or excluded.
var closureSays = map[string][]string{
	"edge: deep chain to a missing leaf breaks all above": {"c"},
	"edge: two versions of one name cannot be together":   {},
	"edge: (n if forced) fails":                           {},
	"edge: noarch and x86_64 of one name clash":           {},
	"edge: i686 and x86_64 with different EVR":            {},
	"edge: src package: build requires":                   {}, // not without --build
}

func TestEdgeCases(t *testing.T) {
	text, err := os.ReadFile(data(t, "cases/edge-cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []edgeCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, c := range cases {
		body, plain := c.body()
		if !plain {
			continue // about collisions, which closure does not look at
		}
		ran++
		t.Run(c.ID, func(t *testing.T) {
			u := NewUniverse()
			id := add(t, u, "app", body, fixtures.Options{})
			var got []string
			for _, p := range check(t, u, Check{Repo: id}).Checked[0].Problems {
				name, _, _ := strings.Cut(p.Package, "-")
				got = append(got, name)
			}
			want, ok := closureSays[c.ID]
			if !ok {
				for _, w := range c.Want {
					name, _, _ := strings.Cut(w, "-")
					want = append(want, name)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("broken are %q, want %q in\n%s", got, want, body)
			}
		})
	}
	if ran < 30 {
		t.Errorf("only %d of %d cases are about requirements", ran, len(cases))
	}
}

// body writes the case in the fixtures' language, unless it has conflicts or
// obsoletes.
func (c *edgeCase) body() (text string, plain bool) {
	var b strings.Builder
	for _, p := range c.Packages {
		or := func(s, otherwise string) string {
			if s == "" {
				return otherwise
			}
			return s
		}
		fmt.Fprintf(&b, "package %s %s:%s-%s %s\n", p.N, or(p.E, "0"), or(p.V, "1"), or(p.R, "1"), or(p.A, "noarch"))
		for _, s := range p.Prov {
			fmt.Fprintf(&b, "  provides %s\n", s)
		}
		for _, s := range p.Req {
			fmt.Fprintf(&b, "  requires %s\n", s)
		}
		for _, s := range p.Files {
			fmt.Fprintf(&b, "  file %s\n", s)
		}
		if p.Con != nil || p.Obs != nil {
			return "", false
		}
	}
	return b.String(), true
}
