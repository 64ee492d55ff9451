package rpmdep_test

import (
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"flatstream/repodata/rpmdep"
)

// shape writes a tree with its operators in front, so that a test sees structure.
func shape(e *rpmdep.Expr) string {
	names := [...]string{"", "and", "or", "if", "if-else", "unless", "unless-else", "with", "without"}
	if e.Op == rpmdep.RichDep {
		return strings.ReplaceAll(e.Dep.String(), " ", "")
	}
	s := names[e.Op]
	for _, a := range e.Args {
		s += " " + shape(a)
	}
	return "[" + s + "]"
}

func TestParseRich(t *testing.T) {
	for text, want := range map[string]string{
		"(a)":                    "a",
		"((a))":                  "a",
		"(a or b)":               "[or a b]",
		"(a and b and c)":        "[and a b c]",
		"(a with b with c >= 1)": "[with a b c>=1]",
		"(a without b)":          "[without a b]",
		"(a if b)":               "[if a b]",
		"(a if b else c)":        "[if-else a b c]",
		"(a unless b)":           "[unless a b]",
		"(a unless b else c)":    "[unless-else a b c]",
		"(a >= 1:2-3 or (b and (c if d else e = 4)))":           "[or a>=1:2-3 [and b [if-else c d e=4]]]",
		"(python3.6dist(foo) >= 1 with python3.6dist(foo) < 2)": "[with python3.6dist(foo)>=1 python3.6dist(foo)<2]",
		"(foo(x86-64) or libc.so.6()(64bit))":                   "[or foo(x86-64) libc.so.6()(64bit)]",
		"( a\tor\n b )":                                         "[or a b]",
		"(a,or b)":                                              "[or a b]", // a comma is white space, but not after an operator
		"(a or,b)":                                              "",
		"(foo( or b)":                                           "",
		"((a or b)and(c or d))":                                 "", // an operator ends at white space
		"((a or b) and (c))":                                    "[and [or a b] c]",
		"(and or or)":                                           "[or and or]", // words are names where a name stands
		"(a or b))":                                             "",
		"(a or b":                                               "",
		"(a or)":                                                "",
		"()":                                                    "",
		"( )":                                                   "",
		"":                                                      "",
		"a or b":                                                "",
		"(a b)":                                                 "",
		"(a or b and c)":                                        "",
		"(a if b if c)":                                         "",
		"(a if b and c)":                                        "",
		"(a else b)":                                            "",
		"(a if b else c else d)":                                "",
		"(a without b without c)":                               "",
		"(a >= )":                                               "",
		"(a >= or b)":                                           "",
		"(a xor b)":                                             "",
		"(a(or b)":                                              "",
		"(a or b) c":                                            "",
	} {
		e, err := rpmdep.ParseRich(text)
		switch {
		case want == "" && err == nil:
			t.Errorf("%s parses as %s", text, shape(e))
		case want != "" && err != nil:
			t.Error(err)
		case want != "" && shape(e) != want:
			t.Errorf("%s is %s, want %s", text, shape(e), want)
		}
	}
}

func TestRichDependenciesAreWrittenAsTheyWereRead(t *testing.T) {
	for _, s := range []string{
		"(a)", "(a = 2:1-3 or b)", "(a if (b or c) else (d and e and f))", "(a unless b else c)",
		"((a with b) without (c or d))", "(foo(x86-64) if bar(y) >= 1)",
	} {
		e, err := rpmdep.ParseRich(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.String(); got != s {
			t.Errorf("%s is written as %s", s, got)
		}
	}
}

func TestRichLimits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("(", n) + "a" + strings.Repeat(")", n) }
	if _, err := rpmdep.ParseRich(nested(rpmdep.MaxRichDepth)); err != nil {
		t.Errorf("nesting at the limit: %v", err)
	}
	for _, n := range []int{rpmdep.MaxRichDepth + 1, 30_000} {
		if _, err := rpmdep.ParseRich(nested(n)); err == nil {
			t.Errorf("%d levels are accepted", n)
		}
	}
	long := "(a" + strings.Repeat(" or a", rpmdep.MaxRichLength/5) + ")"
	if _, err := rpmdep.ParseRich(long); err == nil || len(err.Error()) > 200 {
		t.Errorf("%d bytes: %.200v", len(long), err)
	}
}

// TestRpmBuildsWhatParseRichAccepts puts the same texts to rpm's own parser, as
// Recommends of a spec file.
func TestRpmBuildsWhatParseRichAccepts(t *testing.T) {
	if _, err := exec.LookPath("rpmspec"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("rpmspec is missing")
		}
		t.Skip("rpmspec is not installed: apt-get install rpm")
	}
	for _, text := range []string{
		"(a)", "((a))", "(a or b)", "(a and b and c)", "(a with b with c >= 1)", "(a without b)", "(a if b)",
		"(a if b else c)", "(a >= 1:2-3 or (b and (c if d else e = 4)))",
		"(foo(x86-64) or libc.so.6()(64bit))", "((a or b)and(c or d))", "((a or b) and (c))", "(a or b))",
		"(a or b", "(a or)", "()", "(a b)", "(a or b and c)", "(a if b if c)", "(a if b and c)",
		"(a if b else c else d)", "(a without b without c)", "(a >= )", "(a xor b)", "(a(or b)", "(a,or,b)", "(a,or b)", "(a or b,)",
	} {
		spec := "Name: x\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nRecommends: " + text + "\n%description\n"
		file := t.TempDir() + "/x.spec"
		if err := os.WriteFile(file, []byte(spec), 0o644); err != nil {
			t.Fatal(err)
		}
		out, rpmErr := exec.Command("rpmspec", "--parse", file).CombinedOutput()
		if _, err := rpmdep.ParseRich(text); (err == nil) != (rpmErr == nil) {
			t.Errorf("%s: %v, but rpm says %v: %s", text, err, rpmErr, out)
		}
	}
}

func FuzzParseRich(f *testing.F) {
	for _, s := range []string{"(a or b)", "(a if b else (c with d >= 1:2-3))", "(foo(x86-64) without ()b)", "(a,and b = 1:2:3)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := rpmdep.ParseRich(s)
		if err != nil {
			return
		}
		again, err := rpmdep.ParseRich(e.String())
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Errorf("%q is %s, written %q, read again as %v (%v)", s, shape(e), e, again, err)
		}
	})
}
