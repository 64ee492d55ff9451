package splitter

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// A refusal says what of the wish could stay, and what it says is true.
func TestConflictSuggests(t *testing.T) {
	const modules = `
		a:1 1 +d:1
		b:1 1 +d:2
		c:1 1 +d:3
		d:1 1
		d:2 1
		d:3 1
		free:1 1
		broken:1 1 +missing:1
		broken:2 1 platform=el9
		default d:1`
	for _, c := range []struct{ enable, hint string }{
		{"a:1 b:1 free:1", "the rest can be enabled without a:1, or without b:1"},
		{"a:1 broken:1 free:1", "the rest can be enabled without broken:1"},
		{"a:1 d:2", "the rest can be enabled without a:1, or without d:2"},
		{"free:1 unknown:1", "the rest can be enabled without unknown:1"},
		{"d:1 d:2", "the rest can be enabled without d:1, or without d:2"},
		{"a:1 b:1 c:1 free:1", "of these, DNF could enable a:1, free:1"},
		{"a:1 b:1 broken:2 free:1", "of these, DNF could enable a:1, free:1"},
		{"broken:1", ""},
		{"broken:1 missing:1", ""},
	} {
		x, _ := newTestIndex(t, modules)
		_, err := x.Resolve(streamIDs(t, strings.Fields(c.enable)))
		var conflict *Conflict
		if !errors.As(err, &conflict) {
			t.Errorf("%s: got %v, want a conflict", c.enable, err)
			continue
		}
		if got := conflict.Hint(); got != c.hint {
			t.Errorf("%s: hint %q, want %q", c.enable, got, c.hint)
		}
		for _, without := range conflict.Without {
			if _, err := x.Resolve(streamIDs(t, strings.Fields(strings.Replace(c.enable, without.String(), "", 1)))); err != nil {
				t.Errorf("%s: without %s: %v", c.enable, without, err)
			}
		}
		if len(conflict.Keep) > 0 {
			if _, err := x.Resolve(conflict.Keep); err != nil {
				t.Errorf("%s: keeping %v: %v", c.enable, conflict.Keep, err)
			}
		}
	}
}

// The front door says it of a view.
func TestRefusedViewSuggests(t *testing.T) {
	view := View{Name: "v", Spec: []string{"dbi:1", "node:12", "-perl"}}
	_, err := NewPlan(context.Background(), sourcesOf(t, small), Options{Views: []View{view}})
	var hinter interface{ Hint() string }
	if !errors.As(err, &hinter) {
		t.Fatalf("got %v, want a hint", err)
	}
	if hinter.Hint() != "all can be enabled without -perl" {
		t.Errorf("got %v with the hint %q", err, hinter.Hint())
	}
}
