package buildreq

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestUnknown names the macro that decides, and only where it does.
func TestUnknown(t *testing.T) {
	for _, c := range []struct{ text, macro, why string }{
		{"BuildRequires: foo >= %{foo_version}\n", "%{foo_version}", ""},
		{"BuildRequires: foo >= %foo_version\n", "%foo_version", ""},
		{"BuildRequires: %(echo foo)\n", "%(echo foo)", "runs a program, which is not done here"},
		{"%global v %{lua: print(1)}\nBuildRequires: foo >= %{v}\n", "%{lua: print(1)}", "runs a program, which is not done here"},
		{"%if %{nobody}\nBuildRequires: foo\n%endif\n", "%{nobody}", ""},
		{"%if 0\n%elif %{nobody}\nBuildRequires: foo\n%endif\n", "%{nobody}", ""},
		{"%if %{nobody}\n%else\nBuildRequires: foo\n%endif\n", "%{nobody}", ""},
		{"%if %{nobody}\n%global x 1\n%endif\n%{?x:BuildRequires: foo}\nBuildRequires: %{x}\n", "%{x}", "depends on %{nobody}, which is not known here"},
		{"%if %{nobody}\n%bcond_with x\n%endif\n%if %{with x}\nBuildRequires: foo\n%endif\n", "%{with x}", "depends on %{nobody}, which is not known here"},
		{"%ifarch %{some_arches}\nBuildRequires: foo\n%endif\n", "%{some_arches}", ""},
	} {
		_, err := ParseSpec(strings.NewReader(preamble+c.text), System("el8", "x86_64"))
		var unknown *UnknownError
		if !errors.As(err, &unknown) || unknown.Macro != c.macro || unknown.Why != c.why {
			t.Errorf("%q: %v; want %s %s", c.text, err, c.macro, c.why)
		}
	}
	for _, text := range []string{
		"%if %{nobody}\nRequires: foo\n%endif\nBuildRequires: a\n",
		"%global v %(date)\nSource: %{v}\nBuildRequires: a\n",
		"%if 1\nBuildRequires: a\n%elif %{nobody}\nBuildRequires: b\n%endif\n",
		"%if 0\n%if %{nobody}\nBuildRequires: b\n%endif\n%endif\nBuildRequires: a\n",
		"%ifarch %{some_arches} x86_64\nBuildRequires: a\n%endif\n",
	} {
		s, err := ParseSpec(strings.NewReader(preamble+text), System("el8", "x86_64"))
		if err != nil || !slices.Equal(s.Requires, []string{"a"}) {
			t.Errorf("%q: %+v, %v; want a alone", text, s, err)
		}
	}
}

func TestBadSpecs(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "it has no Name, so this is no spec file",
		"\x7fELF\x00":                      "line 1: it holds a zero byte, so this is no spec file",
		"%if 1\nName: x\n":                 "line 1: this %if has no %endif",
		"%endif\n":                         "line 1: this %endif has no %if",
		"%else\n":                          "line 1: this %else has no %if",
		"%if 1\n%else\n%else\n":            "line 3: this branch stands after the %else of line 1",
		"Name: x\n%define a %{a}\nURL: %a": "line 3: macros stand more than 64 deep in one another: one of them uses itself",
		"Name: x\n\nURL: %{open\n":         "line 3: the macro that begins here is never closed",
		"%if 1 == \"a\"\n":                 `line 1: the condition "1 == \"a\"" cannot be read: a number is compared with a string`,
		"%if 1/0\n":                        `line 1: the condition "1/0" cannot be read: a division by zero`,
		"%if 1 +\n":                        `line 1: the condition "1 +" cannot be read: it ends where a value should stand`,
		"BuildRequires: (a or\n":           `line 1: a rich dependency is not closed: "(a or"`,
		"BuildRequires: foo >=\n":          "line 1: foo >= has no version",
		"BuildRequires: >= 1\n":            `line 1: ">=" cannot be the name of a build requirement`,
		"BuildRequires: foo <<< 1\n":       `line 1: "<<<" is no operator of a version`,
		"%define 1x y\n":                   `line 1: "1x" cannot be the name of a macro`,
	} {
		_, err := ParseSpec(strings.NewReader(text), nil)
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestBombs asks for bounded work.
func TestBombs(t *testing.T) {
	double := "%define a0 xxxxxxxxxx\n"
	for i := range 40 {
		n, m := string(rune('a'+i%26))+string(rune('a'+i/26)), string(rune('a'+(i+25)%26))+string(rune('a'+max(0, i-1)/26))
		if i == 0 {
			m = "a0"
		}
		double += "%define " + n + " %{" + m + "}%{" + m + "}\n"
	}
	for name, text := range map[string]string{
		"doubling":    double + "URL: %{nb}\n",
		"parentheses": "%if " + strings.Repeat("(", 100_000) + "\n%endif\n",
		"nested":      "URL: " + strings.Repeat("%{?a:", 100_000) + strings.Repeat("}", 100_000) + "\n",
		"long line":   strings.Repeat("x", 2<<20),
		"backslashes": strings.Repeat("x\\\n", 1<<20),
	} {
		if _, err := ParseSpec(strings.NewReader(text), map[string]string{"a": ""}); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}

func TestSystem(t *testing.T) {
	text := preamble + "%if 0%{?rhel} == 8\n%ifarch %{ix86} x86_64\nBuildRequires: %{_libdir}/x foo%{?_isa} %{?el8:el8}\n%endif\n%endif\n"
	s, err := ParseSpec(strings.NewReader(text), System("el8", "x86_64"))
	if err != nil || !slices.Equal(s.Requires, []string{"/usr/lib64/x", "foo(x86-64)", "el8"}) || s.Release != "3.el8" {
		t.Errorf("%+v, %v", s, err)
	}
}

func FuzzParseSpec(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(preamble + newGrower(seed).block(3))
	}
	f.Add("%define f() %1%{?2:%*}\n%f a %f b\n%global x %{expand:%{f a}}\n")
	f.Add("BuildRequires: (a if b else c), d >= %[1+1]\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSpec(strings.NewReader(text), System("el8", "x86_64"))
		if err == nil && strings.Contains(strings.Join(s.Requires, ""), "%{") {
			t.Errorf("a macro is left in %q", s.Requires)
		}
	})
}
