package buildreq

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ask puts a spec to rpmspec; without rpmspec it fails in CI and skips elsewhere.
func ask(t *testing.T, text string, defines map[string]string) (*Spec, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "test.spec")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := AskRpmspec(context.Background(), file, defines)
	if errors.Is(err, ErrNoRpmspec) {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("no rpmspec here: install rpm to compare with it")
	}
	return s, err
}

// same compares as sets: rpm sorts, we keep the order of the spec.
func same(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}

const preamble = "Name: test\nVersion: 1.2\nRelease: 3%{?dist}\nSummary: s\nLicense: MIT\n"

// TestReadsWhatRpmspecReads puts each line of the domain to rpmspec, too.
func TestReadsWhatRpmspecReads(t *testing.T) {
	for name, text := range map[string]string{
		"lists":          "BuildRequires: gcc, make >= 3.8 bison\nBuildRequires:flex\nBuildPrereq: old\n",
		"macros of tags": "BuildRequires: %{name}-base = %{version}-%{release}\n",
		"isa":            "BuildRequires: foo%{?_isa} >= 1:2\n",
		"rich":           "BuildRequires: (a or b) (c and (d >= 1 or e)) plain\n",
		"conflicts":      "BuildConflicts: bad < 2, worse\n",
		"paths":          "BuildRequires: /usr/bin/x %{_bindir}/y %{_libdir}/z\n",
		"pkgconfig":      "BuildRequires: pkgconfig(glib-2.0) >= 2.40 perl(Foo::Bar) = 1\n",
		"if else": "%if 0%{?rhel} >= 8 && ! 0%{?fedora}\nBuildRequires: el\n%else\nBuildRequires: other\n%endif\n" +
			"%if 0%{?rhel} < 8\nBuildRequires: old\n%elif 0%{?rhel} == 8\nBuildRequires: eight\n%else\nBuildRequires: new\n%endif\n",
		"nested":                "%if 1\n%if 0\nBuildRequires: a\n%else\nBuildRequires: b\n%endif\n%else\n%if 1\nBuildRequires: c\n%endif\n%endif\n",
		"precedence":            "%if 1 || 0 && 0\nBuildRequires: left\n%endif\n%if 2 * 3 + 1 == 7 && (4 - 2) / 2 == 1\nBuildRequires: sum\n%endif\n",
		"strings":               "%if \"%{?dist}\" == \".el8\"\nBuildRequires: dist\n%endif\n%if \"a\" < \"b\"\nBuildRequires: less\n%endif\n",
		"ternary":               "%if (1 ? 0 : 1)\nBuildRequires: a\n%else\nBuildRequires: b\n%endif\n",
		"versions":              "%if v\"1.10\" > v\"1.9\"\nBuildRequires: version\n%endif\n",
		"arch":                  "%ifarch x86_64 aarch64\nBuildRequires: here\n%endif\n%ifnarch x86_64\nBuildRequires: there\n%endif\n%ifarch s390x\n%elifarch x86_64\nBuildRequires: second\n%endif\n%ifos linux\nBuildRequires: os\n%endif\n",
		"bcond":                 "%bcond_with docs\n%bcond_without tests\n%if %{with docs}\nBuildRequires: d\n%endif\n%if %{with tests}\nBuildRequires: t\n%endif\n%{?with_tests:BuildRequires: t2}\n%{!?with_docs:BuildRequires: nodocs}\n%if %{without docs}\nBuildRequires: w\n%endif\n",
		"bcond new":             "%bcond a 1\n%bcond b %{undefined rhel}\n%{?with_a:BuildRequires: a}\n%{?with_b:BuildRequires: b}\n",
		"functions":             "%define dev() BuildRequires: %1-devel %{?2:>= %2} %{?3}\n%dev zlib 1.2\n%{dev bz2}\n%define all() %*\nBuildRequires: %{all a b c} n%#\n",
		"multi-line":            "%define block BuildRequires: one \\\nBuildRequires: two\n%block\n%global braces %{expand:\nBuildRequires: three\nBuildRequires: four\n}\n%braces\n",
		"conditional":           "%{?rhel:BuildRequires: rhel}\n%{!?rhel:BuildRequires: norhel}\n%{?nosuch:BuildRequires: no}%{!?nosuch:BuildRequires: yes}\n%{?rhel:\nBuildRequires: inner\n}\n",
		"late":                  "%define late %{later}\n%define later x\nBuildRequires: %{late}\n%global early %{?after}y\n%define after z\nBuildRequires: %{early}\n",
		"nested def":            "%{!?sitelib: %global sitelib /usr/lib/x}\nBuildRequires: %{sitelib}\n%{?rhel:%define r%{rhel} q}\n",
		"undefine":              "%define x 1\n%undefine x\n%{!?x:BuildRequires: gone}\n",
		"comments":              "# BuildRequires: no\n#%define nothing 1\nBuildRequires: yes\n",
		"builtins":              "BuildRequires: %{basename:/a/b} %{dirname:/a/b} %{shrink: a   b }\n",
		"expressions":           "BuildRequires: v%[1+2] %[0%{?rhel} >= 8 ? \"new\" : \"old\"]\n",
		"defined":               "%if %{defined rhel}\nBuildRequires: d\n%endif\n%if %{undefined fedora}\nBuildRequires: u\n%endif\n",
		"subpackage":            "%description\nBuildRequires: no\n%package sub\nSummary: s\nBuildRequires: insub\n%description sub\n",
		"in sections":           "%description\n%global later 1\n%package sub\nSummary: s\n%{?later:BuildRequires: seen}\n%description sub\n",
		"spaces":                "BuildRequires:   a\t>=\t1 , b\t\nbuildrequires: lower\nBUILDREQUIRES: upper\n",
		"unknown in other tags": "URL: %{nosuch}\nBuildRequires: a\n",
		"name macros":           "%define NAME x\nBuildRequires: %NAME-%version-%{NAME}\n",
	} {
		t.Run(name, func(t *testing.T) {
			defines := map[string]string{"rhel": "8", "dist": ".el8", "_libdir": "/usr/lib64", "_bindir": "/usr/bin", "_isa": "(x86-64)", "_target_cpu": "x86_64", "_target_os": "linux", "nil": ""}
			text := preamble + text + "%description\nd\n"
			want, err := ask(t, text, defines)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseSpec(strings.NewReader(text), defines)
			if err != nil {
				t.Fatalf("%v; rpmspec reads %q", err, want.Requires)
			}
			if !same(got.Requires, want.Requires) || !same(got.Conflicts, want.Conflicts) {
				t.Errorf("got %q and %q, rpmspec reads %q and %q", got.Requires, got.Conflicts, want.Requires, want.Conflicts)
			}
			if got.Name != want.Name || got.Version != want.Version || got.Release != want.Release {
				t.Errorf("got %s-%s-%s, rpmspec reads %s-%s-%s", got.Name, got.Version, got.Release, want.Name, want.Version, want.Release)
			}
		})
	}
}

// TestRandomSpecsAgainstRpmspec grows specs of definitions, conditions and tags.
// FLATSTREAM_FULL=1 grows many more.
func TestRandomSpecsAgainstRpmspec(t *testing.T) {
	n := 40
	if os.Getenv("FLATSTREAM_FULL") != "" {
		n = 600
	}
	defines := map[string]string{"rhel": "8", "dist": ".el8", "_target_cpu": "x86_64", "_target_os": "linux", "nil": ""}
	read, refused := 0, 0
	for seed := range uint64(n) {
		text := preamble + newGrower(seed).block(4) + "%description\nd\n"
		want, err := ask(t, text, defines)
		got, ours := ParseSpec(strings.NewReader(text), defines)
		switch {
		case err != nil && ours != nil:
			refused++
		case err != nil:
			// rpm refuses what we read: it reads every tag, we read those of the build.
			refused++
		case ours != nil:
			t.Fatalf("seed %d: %v, but rpmspec reads %q in\n%s", seed, ours, want.Requires, text)
		default:
			read++
			if !same(got.Requires, want.Requires) {
				t.Fatalf("seed %d: got %q, rpmspec reads %q in\n%s", seed, got.Requires, want.Requires, text)
			}
		}
	}
	t.Logf("%d random specs read as rpmspec reads them, %d refused by rpmspec", read, refused)
	if read < n/2 {
		t.Errorf("only %d of %d specs could be compared", read, n)
	}
}

// grower makes random specs.
type grower struct{ *rand.Rand }

func newGrower(seed uint64) grower { return grower{rand.New(rand.NewPCG(seed, 7))} }

func (g grower) pick(words ...string) string { return words[g.IntN(len(words))] }

func (g grower) macro() string { return g.pick("a", "b", "c", "rhel", "fedora", "with_x", "name") }

func (g grower) word() string {
	return g.pick("foo", "bar-devel", "%{?a}x", "y%{?b:%{b}}", "z%{!?c:none}", "%{name}-q", "pkgconfig(p%{?rhel})", "w%{?a:%{?b:deep}}")
}

func (g grower) condition() string {
	switch g.IntN(6) {
	case 0:
		return fmt.Sprintf("0%%{?%s} %s %d", g.pick("rhel", "fedora", "n"), g.pick("==", "!=", "<", ">", "<=", ">="), g.IntN(10))
	case 1:
		return fmt.Sprintf("%%{%s %s}", g.pick("defined", "undefined"), g.macro())
	case 2:
		return fmt.Sprintf("%%{%s %s}", g.pick("with", "without"), g.pick("x", "y"))
	case 3:
		return "(" + g.condition() + g.pick(" && ", " || ") + g.condition() + ")"
	case 4:
		return "! (" + g.condition() + ")"
	}
	return g.condition() + g.pick(" && ", " || ") + g.condition()
}

func (g grower) block(depth int) string {
	var b strings.Builder
	for range 1 + g.IntN(5) {
		switch g.IntN(9) {
		case 0:
			fmt.Fprintf(&b, "%%%s %s %s\n", g.pick("global", "define"), g.pick("a", "b", "c"), g.word())
		case 1:
			fmt.Fprintf(&b, "%%%s %s\n", g.pick("bcond_with", "bcond_without"), g.pick("x", "y"))
		case 2:
			fmt.Fprintf(&b, "%%undefine %s\n", g.pick("a", "b"))
		case 3, 4:
			if depth > 0 {
				fmt.Fprintf(&b, "%%if %s\n%s", g.condition(), g.block(depth-1))
				if g.IntN(3) == 0 {
					fmt.Fprintf(&b, "%%elif %s\n%s", g.condition(), g.block(depth-1))
				}
				if g.IntN(2) == 0 {
					fmt.Fprintf(&b, "%%else\n%s", g.block(depth-1))
				}
				b.WriteString("%endif\n")
			}
		case 5:
			fmt.Fprintf(&b, "%%{%s%s:BuildRequires: %s}\n", g.pick("?", "!?"), g.macro(), g.word())
		default:
			fmt.Fprintf(&b, "BuildRequires: %s%s\n", g.word(), g.pick("", " >= 1.%{?rhel}", ", other"))
		}
	}
	return b.String()
}
