package rpmver_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"flatstream/repodata/rpmver"
)

func TestCompareAgreesWithRpmsOwnTable(t *testing.T) {
	dir := os.Getenv("FLATSTREAM_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	b, err := os.ReadFile(filepath.Join(dir, "cases/rpmvercmp.json"))
	if os.IsNotExist(err) {
		t.Skip("cases/rpmvercmp.json is not at hand: set FLATSTREAM_DATA to the test data")
	}
	if err != nil {
		t.Fatal(err)
	}
	var cases [][3]any
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != 91 {
		t.Fatalf("the table has %d pairs, want 91", len(cases))
	}
	for _, c := range cases {
		a, b, want := c[0].(string), c[1].(string), int(c[2].(float64))
		if got := rpmver.CompareVersion(a, b); got != want {
			t.Errorf("%s against %s is %d, rpm says %d", a, b, got, want)
		}
	}
}

// What rpm's table leaves out, newest last; two spaces hold an empty version.
func TestOrder(t *testing.T) {
	for _, chain := range []string{
		"~~ ~~a ~ ~a  a 0 1",
		"1.0~rc1^git1 1.0~rc1^git2 1.0 1.0^ 1.0^20240501~1 1.0^20240501 1.0.1 1.0.1^a",
		"1.a 1.1 1.10 1.010a 1.11 1.99999999999999999999998 1.99999999999999999999999",
		"4.8.5 4.10 5 5a 5.0 5.00a 5.1",
		"é 1", // no letter of ASCII, so only a separator
	} {
		words := strings.Split(chain, " ")
		for i, a := range words {
			for j, b := range words {
				if got, want := rpmver.CompareVersion(a, b), cmp.Compare(i, j); got != want {
					t.Errorf("%q against %q is %d, want %d", a, b, got, want)
				}
			}
		}
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"1:1-1", "2-1", 1}, {"0:1-1", "1-1", 0}, {"1.0-1", "1.00-01", 0}, {"1-1.el8", "1-1.el8_1", -1},
		{"4294967295:1-1", "1:9-9", 1}, {"1", "1-1", -1},
	} {
		if got := rpmver.Compare(rpmver.ParseEVR(c.a), rpmver.ParseEVR(c.b)); got != c.want {
			t.Errorf("%s against %s is %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestCompareDoesNotAllocate(t *testing.T) {
	a, b := rpmver.ParseEVR("1:4.18.0^git20240101.0012-513.5.1.el8_9"), rpmver.ParseEVR("1:4.18.0^git20240101.12-513.24.1.el8_9")
	if n := testing.AllocsPerRun(100, func() { rpmver.Compare(a, b) }); n != 0 {
		t.Errorf("%v allocations in a comparison", n)
	}
}

// TestRandomPairsAgainstRpm puts 32,000 pairs to rpm in one process. Its Lua
// rpm.vercmp reads an EVR, so the alphabet has no dash and no colon.
func TestRandomPairsAgainstRpm(t *testing.T) {
	if _, err := exec.LookPath("rpm"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("rpm is missing")
		}
		t.Skip("rpm is not installed: apt-get install rpm")
	}
	const alphabet = "0012359abzAZ..__~^+"
	random := rand.New(rand.NewPCG(1, 2))
	version := func() string {
		b := make([]byte, 1+random.IntN(9))
		for i := range b {
			b[i] = alphabet[random.IntN(len(alphabet))]
		}
		return string(b)
	}
	pairs := make([][2]string, 32000)
	file := filepath.Join(t.TempDir(), "pairs")
	var list strings.Builder
	for i := range pairs {
		a, b := version(), version()
		if i%2 == 0 { // a near relation: one byte apart
			at := random.IntN(len(a))
			b = a[:at] + string(alphabet[random.IntN(len(alphabet))]) + a[at+random.IntN(2):]
		}
		pairs[i] = [2]string{a, b}
		fmt.Fprintln(&list, a, b)
	}
	if err := os.WriteFile(file, []byte(list.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	lua := fmt.Sprintf(`%%{lua: local o = {}
for line in io.lines(%q) do
  local a, b = line:match("(%%S+) (%%S+)")
  o[#o+1] = tostring(math.tointeger(rpm.vercmp(a, b)))
end
print(table.concat(o, "\n"))}`, file)
	out, err := exec.Command("rpm", "--eval", lua).CombinedOutput()
	if err != nil {
		t.Fatalf("rpm: %v: %s", err, out)
	}
	said := strings.Fields(string(out))
	if len(said) != len(pairs) {
		t.Fatalf("rpm gave %d answers to %d pairs: %.200s", len(said), len(pairs), out)
	}
	differ := 0
	for i, p := range pairs {
		if got := fmt.Sprint(rpmver.CompareVersion(p[0], p[1])); got != said[i] {
			if differ++; differ <= 10 {
				t.Errorf("%s against %s is %s, rpm says %s", p[0], p[1], got, said[i])
			}
		}
	}
	t.Logf("%d of %d pairs differ", differ, len(pairs))
}

func TestParseEVR(t *testing.T) {
	for text, want := range map[string]rpmver.EVR{
		"1.0":              {Version: "1.0"},
		"1.0-2":            {Version: "1.0", Release: "2"},
		"3:1.0-2":          {Epoch: 3, Version: "1.0", Release: "2"},
		":1.0":             {Version: "1.0"},
		"4-":               {Version: "4"},
		"x:1-2":            {Version: "x:1", Release: "2"},
		"":                 {},
		"4294967296:1":     {Version: "4294967296:1"},
		"1-2-3":            {Version: "1-2", Release: "3"},
		"5.4.0-1.module+x": {Version: "5.4.0", Release: "1.module+x"},
	} {
		if got := rpmver.ParseEVR(text); got != want {
			t.Errorf("%q is %#v, want %#v", text, got, want)
		}
	}
}

// P16: the epoch may be 0, missing, "(none)", or stand before the whole name; a
// file name's suffix may be left on.
func TestParseNEVRA(t *testing.T) {
	el := rpmver.EVR{Version: "1.20", Release: "3.module+el8.1+2"}
	el2 := el
	el2.Epoch = 2
	for text, want := range map[string]rpmver.NEVRA{
		"perl-libs-0:1.20-3.module+el8.1+2.x86_64":      {Name: "perl-libs", EVR: el, Arch: "x86_64"},
		"perl-libs-2:1.20-3.module+el8.1+2.x86_64":      {Name: "perl-libs", EVR: el2, Arch: "x86_64"},
		"perl-libs-1.20-3.module+el8.1+2.x86_64":        {Name: "perl-libs", EVR: el, Arch: "x86_64"},
		"perl-libs-(none):1.20-3.module+el8.1+2.x86_64": {Name: "perl-libs", EVR: el, Arch: "x86_64"},
		"2:perl-libs-1.20-3.module+el8.1+2.x86_64":      {Name: "perl-libs", EVR: el2, Arch: "x86_64"},
		"perl-libs-1.20-3.module+el8.1+2.x86_64.rpm":    {Name: "perl-libs", EVR: el, Arch: "x86_64"},
		"perl-libs-2:1.20-3.module+el8.1+2.src.rpm":     {Name: "perl-libs", EVR: el2, Arch: "src"},
	} {
		got, err := rpmver.ParseNEVRA(text)
		if err != nil || got != want {
			t.Errorf("%s is %+v (%v), want %+v", text, got, err, want)
		}
	}
	for _, bad := range []string{
		"", "foo", "foo.x86_64", "foo-1.x86_64", "foo-1-2", "-1-2.noarch", "foo--2.noarch", "foo-1-.noarch", "foo-1-2.",
		"foo-x:1-2.noarch", "foo-0:-2.noarch", "foo-4294967296:1-2.noarch", "foo-1-.rpm", "foo bar-1-2.noarch", "a/foo-1-2.noarch",
		"foo-1-2.\x00", "foo-1-2.rpm.rpm", "foo-1-2.a-b", ".noarch", "foo-1-.noarch.rpm",
	} {
		if n, err := rpmver.ParseNEVRA(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, n)
		}
	}
}

func TestNEVRAsSortTotally(t *testing.T) {
	for _, pair := range [][2]string{
		{"a-1-1.noarch", "b-1-1.noarch"}, {"a-1-1.noarch", "a-1-2.noarch"}, {"a-1-1.i686", "a-1-1.x86_64"},
		{"a-1.0-1.noarch", "a-1.00-1.noarch"}, {"a-9-1.noarch", "a-1:1-1.noarch"},
	} {
		a, b := nevra(t, pair[0]), nevra(t, pair[1])
		if rpmver.CompareNEVRA(a, b) >= 0 || rpmver.CompareNEVRA(b, a) <= 0 || rpmver.CompareNEVRA(a, a) != 0 {
			t.Errorf("%s does not stand before %s", a, b)
		}
	}
}

func nevra(t *testing.T, s string) rpmver.NEVRA {
	t.Helper()
	n, err := rpmver.ParseNEVRA(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func FuzzCompareVersion(f *testing.F) {
	f.Add("1.0", "1.0~rc1", "1.0^git")
	f.Add("a1", "1a", "")
	f.Add("^", "~", ".")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		ab, bc, ac := rpmver.CompareVersion(a, b), rpmver.CompareVersion(b, c), rpmver.CompareVersion(a, c)
		if ab != -rpmver.CompareVersion(b, a) || rpmver.CompareVersion(a, a) != 0 {
			t.Errorf("%q against %q is %d, and %d the other way round", a, b, ab, rpmver.CompareVersion(b, a))
		}
		if ab == bc && ac != ab || ab == 0 && ac != bc {
			t.Errorf("%q, %q, %q: %d and %d, but first to last %d", a, b, c, ab, bc, ac)
		}
	})
}

func FuzzParseNEVRA(f *testing.F) {
	f.Add("foo-0:1-2.noarch")
	f.Add("2:foo-1-2.src.rpm")
	f.Add("foo-(none):1-2.x86_64")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := rpmver.ParseNEVRA(s)
		if err != nil {
			return
		}
		if again, err := rpmver.ParseNEVRA(n.String()); err != nil || again != n {
			t.Errorf("%q is %+v, written %s, read again as %+v (%v)", s, n, n, again, err)
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	x, y := rpmver.ParseEVR("4.18.0-513.5.1.el8_9"), rpmver.ParseEVR("4.18.0-513.24.1.el8_9")
	for b.Loop() {
		rpmver.Compare(x, y)
	}
}
