package closure

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

// today is the day of these tests.
var today = time.Date(2026, 6, 1, 0, 30, 0, 0, time.FixedZone("", 3600)) // 31 May in UTC

func missing(pkg string, requirements ...string) Problem {
	return Problem{Code: MissingRequirement, Package: pkg, Requirements: requirements}
}

func reportOf(problems map[string][]Problem) *Report {
	r := &Report{}
	for _, repo := range []string{"a", "b"} {
		if list, ok := problems[repo]; ok {
			r.Checked = append(r.Checked, Checked{Repo: repo, Packages: 9, Problems: list})
		}
	}
	r.Tally()
	return r
}

func mustRead(t *testing.T, entries string) *Baseline {
	t.Helper()
	b, err := ReadBaseline(strings.NewReader(`{"schema":1,"entries":[` + entries + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestApply(t *testing.T) {
	for _, c := range []struct{ why, entry, want string }{
		{"the problem itself", `{"repo":"a","code":"missing-requirement","package":"x.noarch","requirements":["p","q"]}`, "holding"},
		{"requirements in another order", `{"repo":"a","code":"missing-requirement","package":"x.noarch","requirements":["q","p","q"]}`, "holding"},
		{"every repository", `{"repo":"*","code":"missing-requirement","package":"x.noarch","requirements":["p","q"]}`, "holding"},
		{"its last day, in UTC", `{"repo":"a","code":"missing-requirement","package":"x.noarch","requirements":["p","q"],"expires":"2026-05-31"}`, "holding"},
		{"the day after", `{"repo":"a","code":"missing-requirement","package":"x.noarch","requirements":["p","q"],"expires":"2026-05-30"}`, "expired"},
		{"fewer requirements", `{"repo":"a","code":"missing-requirement","package":"x.noarch","requirements":["p"]}`, "fixed"},
		{"another arch", `{"repo":"a","code":"missing-requirement","package":"x.x86_64","requirements":["p","q"]}`, "fixed"},
		{"another code", `{"repo":"a","code":"bad-dependency","package":"x.noarch","requirements":["p","q"]}`, "fixed"},
		{"an expired one that is fixed", `{"repo":"a","code":"bad-dependency","package":"x.noarch","requirements":[],"expires":"2001-01-01"}`, "fixed"},
		{"fixed everywhere", `{"repo":"*","code":"missing-requirement","package":"z.noarch","requirements":["p"]}`, "fixed"},
		{"another repository", `{"repo":"b","code":"missing-requirement","package":"x.noarch","requirements":["p","q"]}`, "elsewhere"},
		{"a code nobody asked for", `{"repo":"a","code":"conflict","package":"x.noarch","requirements":["p","q"]}`, "elsewhere"},
	} {
		r := reportOf(map[string][]Problem{"a": {missing("x-0:2-1.noarch", "p", "q"), missing("y-0:1-1.noarch", "p")}})
		s := r.Apply(mustRead(t, c.entry), today, Uninstallable, Conflict)
		got := ""
		for name, list := range map[string][]Entry{"holding": s.Holding, "expired": s.Expired, "fixed": s.Fixed, "elsewhere": s.Elsewhere} {
			got += strings.Repeat(name, len(list))
		}
		if got != c.want {
			t.Errorf("%s: is %s, want %s", c.why, got, c.want)
		}
		want := Summary{Repos: 1, Packages: 9, Problems: 2, New: 2}
		if known := c.want == "holding"; known != r.Checked[0].Problems[0].Known {
			t.Errorf("%s: the problem is known: %v", c.why, !known)
		} else if known {
			want.New, want.Known = 1, 1
		}
		if c.want == "fixed" {
			want.Fixed = 1
		}
		if r.Summary != want || r.Checked[0].Problems[1].Known {
			t.Errorf("%s: %+v, want %+v", c.why, r.Summary, want)
		}
	}
}

// What is written down covers exactly what was there, in this release and the next.
func TestRenew(t *testing.T) {
	night := func(version string) *Report {
		return reportOf(map[string][]Problem{
			"a": {missing("x-0:"+version+".noarch", "p >= 1"), missing("y-0:1-1.noarch", "p")},
			"b": {missing("x-0:"+version+".noarch", "p >= 1")},
		})
	}
	old := mustRead(t, `
		{"repo":"*","code":"missing-requirement","package":"y.noarch","requirements":["p"],"reason":"y","expires":"2027-01-01"},
		{"repo":"*","code":"missing-requirement","package":"x.noarch","requirements":["p >= 1"],"reason":"x","expires":"2026-01-01"},
		{"repo":"b","code":"conflict","package":"gone.noarch","requirements":[],"reason":"fixed"},
		{"repo":"c","code":"conflict","package":"c.noarch","requirements":[],"reason":"c"}`)
	r := night("1-1")
	s := r.Apply(old, today)
	var text bytes.Buffer
	if err := s.Renew(r).Write(&text); err != nil {
		t.Fatal(err)
	}
	want := `{"schema":1,"entries":[
{"repo":"*","code":"missing-requirement","package":"y.noarch","requirements":["p"],"reason":"y","expires":"2027-01-01"},
{"repo":"a","code":"missing-requirement","package":"x.noarch","requirements":["p >= 1"],"reason":"x"},
{"repo":"b","code":"missing-requirement","package":"x.noarch","requirements":["p >= 1"],"reason":"x"},
{"repo":"c","code":"conflict","package":"c.noarch","requirements":[],"reason":"c"}
]}
`
	if text.String() != want {
		t.Fatalf("wrote\n%s\nwant\n%s", &text, want)
	}
	next, err := ReadBaseline(&text)
	if err != nil {
		t.Fatal(err)
	}
	r = night("2-1")
	if s := r.Apply(next, today); r.Summary.New != 0 || r.Summary.Known != 3 || len(s.Elsewhere) != 1 || r.Summary.Fixed != 0 {
		t.Errorf("the next release: %+v, %+v", r.Summary, s)
	}
}

func TestReadBaselineRefuses(t *testing.T) {
	entry := func(fields string) string {
		return "{\"schema\":1,\"entries\":[\n{\"repo\":\"a\",\"requirements\":[]," + fields + "}\n]}"
	}
	for text, want := range map[string]string{
		``:                                     "the end is missing",
		`{"schema":1,"entries":[`:              "the end is missing",
		`{"schema":2,"entries":[]}`:            "schema 2 is not known, only 1 is",
		`{}`:                                   "schema 0 is not known, only 1 is",
		`[]`:                                   "the document is of the wrong kind (array)",
		"{\"schema\":1,\n\"entrys\":[]}":       `unknown field "entrys"`,
		"{\"schema\":1,\"entries\":[]}\n{}":    "line 2: something follows the document",
		"{\"schema\":1,\"entries\":[\n<<<<<":   "line 2: invalid character '<' looking for beginning of value",
		entry(`"code":"conflict","package":7`): "entry 1: package is of the wrong kind (number)",
		entry(`"code":"conflict","package":"x.noarch","until":"2026-12-31"`):   `entry 1: unknown field "until"`,
		`{"schema":1,"entries":[null]}`:                                        `entry 1: repo and package must be there; a repo of "*" means every one`,
		entry(`"code":"conflict","package":""`):                                `entry 1: repo and package must be there; a repo of "*" means every one`,
		entry(`"code":"conflicts","package":"x.noarch"`):                       `entry 1: code "conflicts" is not one that verify reports`,
		entry(`"code":"conflict","package":"x-0:1-1.noarch"`):                  "entry 1: package x-0:1-1.noarch must not name a version: write x.noarch",
		entry(`"code":"conflict","package":"x.noarch","expires":"1.2.2026"`):   `entry 1: expires "1.2.2026" is not a date such as 2026-12-31`,
		entry(`"code":"conflict","package":"x.noarch","expires":"2026-02-30"`): `entry 1: expires "2026-02-30" is not a date such as 2026-12-31`,
	} {
		if _, err := ReadBaseline(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := ReadBaseline(endless{}); err == nil || !strings.Contains(err.Error(), "larger than 64 MiB") {
		t.Errorf("an endless file: %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// What is read is written so that it reads the same.
func FuzzBaseline(f *testing.F) {
	f.Add([]byte(`{"schema":1,"entries":[{"repo":"a","code":"conflict","package":"x.noarch","requirements":["b","a"],"reason":"r","expires":"2026-12-31"}]}`))
	f.Add([]byte(`{"schema":1,"entries":[{"repo":"*","code":"conflict","package":"java-1.8.0-openjdk.x86_64","requirements":null},{"repo":"*","code":"conflict","package":"a\u0000"}]}`))
	f.Add([]byte(`{"schema":1,"entries":[]} x`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := ReadBaseline(bytes.NewReader(text))
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q is not one sentence", err)
			}
			return
		}
		var first, second bytes.Buffer
		if err := b.Write(&first); err != nil {
			t.Fatal(err)
		}
		again, err := ReadBaseline(bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatalf("%v in\n%s", err, &first)
		}
		if err := again.Write(&second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("%v\n%s\nis then\n%s", err, &first, &second)
		}
		if want := sorted(b.Entries); !slices.EqualFunc(want, again.Entries, func(a, b Entry) bool { return compareEntries(a, b) == 0 }) {
			t.Fatalf("%+v\nis then\n%+v", want, again.Entries)
		}
		if lines := bytes.Count(first.Bytes(), []byte("\n")); lines != len(again.Entries)+2 {
			t.Fatalf("%d lines for %d entries", lines, len(again.Entries))
		}
	})
}
