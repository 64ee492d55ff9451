package splitter

import (
	"context"
	"strings"
	"testing"
)

// overlayed has the case that matters: a -devel package whose library is older here
// than in the source that has the -devel.
const overlayed = `
-- baseos --
package libudisks2 2.9.0-7.el8 x86_64
package other 1-1.el8 noarch
package other 2-1.el8 noarch
package other 3-1.el8 noarch
-- stream --
package libudisks2 2.9.0-9.el8 x86_64
  source udisks2-2.9.0-9.el8.src.rpm
package udisks2 2.9.0-9.el8 x86_64
  source udisks2-2.9.0-9.el8.src.rpm
package libudisks2-devel 2.9.0-9.el8 x86_64
  source udisks2-2.9.0-9.el8.src.rpm
  requires libudisks2(x86-64) = 2.9.0-9.el8
package other 4-1.el8 noarch
`

func overlaySources(t *testing.T, more string) []Source {
	sources := sourcesOf(t, overlayed+more)
	sources[1].Role = RoleOverlay
	return sources
}

func TestOverlayTakesTheBuildThatFits(t *testing.T) {
	fits := `package libudisks2-devel 2.9.0-7.el8 x86_64
  source udisks2-2.9.0-7.el8.src.rpm
  requires libudisks2(x86-64) = 2.9.0-7.el8
`
	p, err := NewPlan(context.Background(), overlaySources(t, fits), Options{
		Newest: 2, Overlays: []Overlay{{"default", "stream", []string{"libudisks2-devel"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `non-modular: libudisks2-2.9.0-7 other-1-1 other-2-1 other-3-1
default: libudisks2-2.9.0-7 libudisks2-devel-2.9.0-7 other-2-1 other-3-1
`
	if got := placements(p); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestOverlayRefusesNamingBothEVRs(t *testing.T) {
	_, err := NewPlan(context.Background(), overlaySources(t, ""), Options{
		Overlays: []Overlay{{"default", "stream", []string{"libudisks2-d*"}}},
	})
	if err == nil || !strings.Contains(err.Error(), "libudisks2-devel-0:2.9.0-9.el8.x86_64 of stream requires libudisks2(x86-64) = 2.9.0-9.el8, and the view has 2.9.0-7.el8") {
		t.Errorf("got %v", err)
	}
}

func TestOverlayBringsSiblings(t *testing.T) {
	p, err := NewPlan(context.Background(), overlaySources(t, ""), Options{
		OverlaySiblings: true, Views: []View{{Name: "build", Spec: []string{"default"}}},
		Overlays: []Overlay{{"build", "stream", []string{"libudisks2-devel"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `non-modular: libudisks2-2.9.0-7 other-1-1 other-2-1 other-3-1
default: libudisks2-2.9.0-7 other-1-1 other-2-1 other-3-1
views/build: libudisks2-2.9.0-7 libudisks2-2.9.0-9 libudisks2-devel-2.9.0-9 other-1-1 other-2-1 other-3-1 udisks2-2.9.0-9
`
	if got := placements(p); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	dir := t.TempDir()
	if _, err := Split(context.Background(), p, dir, dir, nil); err != nil {
		t.Fatal(err)
	}
	if n := len(elements(t, openTarget(t, dir, "views/build"), "filelists")); n != 7 {
		t.Errorf("the view's filelists has %d packages, want 7", n)
	}
}

func TestOverlayNeedsARoleAndAName(t *testing.T) {
	for globs, want := range map[string]string{"nothing": "stream has no package nothing", "": "baseos is no overlay source"} {
		o := Overlay{"default", "stream", []string{globs}}
		if globs == "" {
			o = Overlay{"default", "baseos", []string{"other"}}
		}
		if _, err := NewPlan(context.Background(), overlaySources(t, ""), Options{Overlays: []Overlay{o}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
