package nightly

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flatstream/fixtures"
)

// TestBaselineFile: a problem that the file knows holds nothing back, one that it does not
// know does, until it is written down; an entry whose day is over knows nothing.
func TestBaselineFile(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), plain, fixtures.Options{Revision: "1"}))
	file := filepath.Join(t.TempDir(), "known.json")
	known := func(entries ...string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(`{"schema":1,"entries":[`+strings.Join(entries, ",")+`]}`), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	entry := func(name, requirement, more string) string {
		return `{"repo":"*","code":"missing-requirement","package":"` + name + `.x86_64","requirements":["` + requirement + `"],"reason":"upstream's"` + more + `}`
	}
	frob, grob := entry("frob", "libfrob.so.1", ""), entry("grob", "libgrob.so.1", "")
	config := one + "verify: { baseline: " + file + " }\n"
	known(frob)
	s.mustRun(config)

	night := 0
	upstream := func(text string) {
		t.Helper()
		night++
		if err := s.Switch(write(t, t.TempDir(), text, fixtures.Options{Revision: string(rune('1' + night)), Time: fixtures.Epoch + int64(night)})); err != nil {
			t.Fatal(err)
		}
	}
	fresh := func(want string) *Report {
		t.Helper()
		r := s.mustRun(config)
		var got []string
		for _, p := range r.Targets[0].New {
			got = append(got, p.Package)
		}
		if strings.Join(got, " ") != want || r.Withheld() != (want != "") {
			t.Fatalf("new %q, withheld %t; want new %q", got, r.Withheld(), want)
		}
		return r
	}
	upstream(broken)
	if r := fresh(""); !r.Published || r.Targets[0].Problems == 0 {
		t.Errorf("a known problem: %+v", r)
	}
	upstream(broken + "\npackage grob 1-1 x86_64\n  requires libgrob.so.1\n")
	fresh("grob-0:1-1.x86_64 grob-0:1-1.x86_64")
	known(frob, entry("grob", "libgrob.so.1", `,"expires":"2001-01-01"`))
	if r := fresh("grob-0:1-1.x86_64 grob-0:1-1.x86_64"); !strings.Contains(strings.Join(r.Warnings, " "), "expired") {
		t.Errorf("no word of the entry that has expired: %v", r.Warnings)
	}
	known(frob, grob) // nothing else is another than in the run before
	if r := fresh(""); !r.Published {
		t.Errorf("a problem that was written down: %+v", r)
	}
	if _, err := os.Stat(s.current("flat", "default", "Packages", "g", "grob-1-1.x86_64.rpm")); err != nil {
		t.Error(err)
	}
}
