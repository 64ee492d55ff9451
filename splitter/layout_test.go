package splitter

import (
	"regexp"
	"strings"
	"testing"
)

func TestEscapeElement(t *testing.T) {
	for name, want := range map[string]string{
		"perl":      "perl",
		"5.30":      "5.30",
		"c++_x-1":   "c++_x-1",
		".hidden":   "~2Ehidden",
		"..":        "~2E.",
		"a/b":       "a~2Fb",
		"a~2Fb":     "a~7E2Fb",
		"perl:5.30": "perl~3A5.30",
		"ü":         "~C3~BC",
		"a b\n":     "a~20b~0A",
	} {
		if got, err := escapeElement(name); err != nil || got != want {
			t.Errorf("escapeElement(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"", strings.Repeat("x", 201), strings.Repeat("/", 67)} {
		if got, err := escapeElement(name); err == nil {
			t.Errorf("escapeElement(%.20q) = %q, want an error", name, got)
		}
	}
}

// FuzzNames: no name climbs out, and no two names meet.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"perl", "..", "a/../b", "~2E", "\x00", "a:b"} {
		f.Add(s, "perl")
	}
	legal := regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)
	f.Fuzz(func(t *testing.T, a, b string) {
		x, errX := escapeElement(a)
		y, errY := escapeElement(b)
		if errX == nil && (strings.ContainsAny(x, "/\x00") || x[0] == '.' || len(x) > MaxElement) {
			t.Errorf("%q became the path element %q", a, x)
		}
		if errX == nil && errY == nil && x == y && a != b {
			t.Errorf("%q and %q both became %q", a, b, x)
		}
		if !legal.MatchString(repoID(a)) {
			t.Errorf("%q became the repository id %q", a, repoID(a))
		}
		if a != b && repoID(a) == repoID(b) {
			t.Errorf("%q and %q share the repository id %q", a, b, repoID(a))
		}
	})
}

func TestRepoID(t *testing.T) {
	for name, want := range map[string]string{
		"perl:5.30":     "flatstream-perl:5.30",
		"default":       "flatstream-default",
		"view-a":        "flatstream-view-a",
		"a:1@perl=5.30": "flatstream-a:1_perl_5.30-",
		"c++:1":         "flatstream-c__:1-",
	} {
		got := repoID(name)
		if exact := !strings.HasSuffix(want, "-"); exact && got != want || !exact && (!strings.HasPrefix(got, want) || len(got) != len(want)+8) {
			t.Errorf("repoID(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"perl:5.24", "perl:5.30", "postgresql:10", "nodejs:10"}
	if got := strings.Join(Nearest("perl:5.31", names), " "); got != "perl:5.30 perl:5.24" {
		t.Errorf("near perl:5.31: %s", got)
	}
	if got := Nearest("zzz", names); len(got) != 0 {
		t.Errorf("near zzz: %v", got)
	}
}
