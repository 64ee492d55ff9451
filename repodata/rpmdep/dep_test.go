package rpmdep_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// readCases decodes a table of cases from the test data, or skips.
func readCases(t *testing.T, name string, into any) {
	t.Helper()
	dir := os.Getenv("FLATSTREAM_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	b, err := os.ReadFile(filepath.Join(dir, "cases", name))
	if os.IsNotExist(err) {
		t.Skipf("%s is not at hand: set FLATSTREAM_DATA to the test data", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func TestMatchAgreesWithRpmsOwnTable(t *testing.T) {
	var cases []struct {
		Provides, Requires []string
		Match              bool
	}
	readCases(t, "rpmdepmatch.json", &cases)
	if len(cases) != 182 {
		t.Fatalf("the table has %d pairs, want 182", len(cases))
	}
	for _, c := range cases {
		provide, require := parse(t, strings.Join(c.Provides, " ")), parse(t, strings.Join(c.Requires, " "))
		if got := rpmdep.Match(provide, require); got != c.Match {
			t.Errorf("%v meets %v: %v, rpm says %v", provide, require, got, c.Match)
		}
		if got := rpmdep.Match(require, provide); got != c.Match {
			t.Errorf("%v meets %v: %v, but the other way round it is %v", require, provide, got, c.Match)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		provide, require string
		want             bool
	}{
		{"a = 1.2-1", "a <= 1.2", true},
		{"a = 1.2-1", "a >= 1.2", true},
		{"a = 1.2-1", "a < 1.2", false},
		{"a = 1.2-1", "a > 1.2", false},
		{"a = 1.2", "a < 1.2-1", true},
		{"a = 1.2", "a > 1.2-1", true},
		{"a = 1.2", "a = 1.2-1", true},
		{"a < 1.2", "a < 1.2-1", true},
		{"a < 1.2", "a > 1.2-1", false},
		{"a", "a >= 5", true},
		{"a = 5", "a", true},
		{"a = 4-", "a = 4-7", true},
		{"a = 0:1", "a = 1", true},
		{"a = 1:1", "a = 1", false},
		{"a = 1:1", "a > 9", true},
		{"a = 1.0~rc1", "a < 1.0", true},
		{"a = 1.0^git1", "a > 1.0", true},
		{"a <= 1", "a >= 2", false},
		{"a >= 1", "a >= 9", true},
		{"a <> 1", "a = 1", false},
		{"foo(x86-64) = 1", "foo = 1", false},
		{"foo(x86-64) = 1", "foo(x86-64) = 1", true},
	} {
		if got := rpmdep.Match(parse(t, c.provide), parse(t, c.require)); got != c.want {
			t.Errorf("%s meets %s: %v, want %v", c.provide, c.require, got, c.want)
		}
	}
}

// A metadata entry can have an operator and no version; rpm then asks for none.
func TestOperatorWithoutVersionIsAnyVersion(t *testing.T) {
	if !rpmdep.Match(rpmdep.Dep{Name: "a", Op: rpmdep.Equal}, parse(t, "a > 3")) {
		t.Error("a with an empty version does not meet a > 3")
	}
}

func TestParse(t *testing.T) {
	d := parse(t, "python3.6dist(foo)  >=\t2:1.0-3.el8")
	want := rpmdep.Dep{Name: "python3.6dist(foo)", Op: rpmdep.Greater | rpmdep.Equal,
		EVR: rpmver.EVR{Epoch: 2, Version: "1.0", Release: "3.el8"}}
	if d != want {
		t.Errorf("got %+v, want %+v", d, want)
	}
	if s := d.String(); s != "python3.6dist(foo) >= 2:1.0-3.el8" {
		t.Errorf("written as %q", s)
	}
	for _, bad := range []string{"", " ", "a =", "a 1", "a = 1 b", "a ? 1", "a = -1", "a = 0:", "(a or b)", "a = 1-2-3"} {
		if d, err := rpmdep.Parse(bad); err == nil {
			t.Errorf("%q parses as %v", bad, d)
		}
	}
}

func TestFlagsAndOperatorsAgree(t *testing.T) {
	for flag, sign := range map[string]string{"EQ": "=", "LT": "<", "GT": ">", "LE": "<=", "GE": ">=", "": ""} {
		op, err := rpmdep.ParseFlags(flag)
		if err != nil || op.String() != sign {
			t.Errorf("flags=%q is %q (%v), want %q", flag, op, err, sign)
		}
	}
	if _, err := rpmdep.ParseFlags("eq"); err == nil {
		t.Error("flags=eq is accepted")
	}
	for word, sign := range map[string]string{"=<": "<=", "=>": ">=", "==": "=", "<>": "<>"} {
		op, err := rpmdep.ParseOp(word)
		if err != nil || op.String() != sign {
			t.Errorf("%s is %q (%v), want %q", word, op, err, sign)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a >= 1:2-3")
	f.Add("a = 00:5:6")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := rpmdep.Parse(s)
		if err != nil {
			return
		}
		again, err := rpmdep.Parse(d.String())
		if err != nil || again != d {
			t.Errorf("%q is %+v, written %q, read again %+v (%v)", s, d, d, again, err)
		}
	})
}

func parse(t *testing.T, s string) rpmdep.Dep {
	t.Helper()
	d, err := rpmdep.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
