package closure

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestJUnit(t *testing.T) {
	u, c := world(t, perlWorld)
	r := check(t, u, c)
	r.Checked = append(r.Checked, Checked{Repo: "clean <&\"'>", Warnings: []Warning{{WarnRPMLib, "odd"}}})
	r.Checked[0].Problems = append(r.Checked[0].Problems, Problem{Code: BadDependency, Package: "third-0:1-1.x86_64", Requirements: []string{"(a\x1b and\r ]]>\xff"}})
	r.Apply(&Baseline{[]Entry{
		{Repo: AnyRepo, Code: MissingRequirement, Package: "third.x86_64", Requirements: []string{"perl(:MODULE_COMPAT_5.30.1)"}},
		{Repo: AnyRepo, Code: MissingRequirement, Package: "perl-DBD-MySQL.x86_64", Requirements: []string{"perl(:MODULE_COMPAT_5.30.1)"}},
	}}, time.Time{})
	var b bytes.Buffer
	if err := r.JUnit(&b); err != nil {
		t.Fatal(err)
	}
	got := readJUnit(t, b.Bytes())
	want := `flatstream-perl-DBD-MySQL:4.046 3/2/1
perl-DBD-MySQL-0:4.046-3.x86_64: skipped known: missing-requirement: perl(:MODULE_COMPAT_5.30.1)
second-0:1-1.x86_64: failed missing-requirement: /bin/x, perl(:MODULE_COMPAT_5.30.1)
third-0:1-1.x86_64: failed bad-dependency: (a\x1b and\x0d ]]>` + "\uFFFD" + `
clean <&"'> 1/0/0
all packages: passed
`
	if got != want {
		t.Errorf("%s\nwant\n%s\nin\n%s", got, want, &b)
	}
	for _, part := range []string{"  nothing in flatstream-perl-DBD-MySQL:4.046, non-modular or baseos provides it", "warning: odd"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("%q is not in\n%s", part, &b)
		}
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3 is missing")
		}
		t.Skip("python3 is not installed, so that only Go judged the XML")
	}
	cmd := exec.Command(python, "-c", "import sys, xml.dom.minidom as m; m.parse(sys.stdin.buffer)")
	cmd.Stdin = &b
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("python does not read it: %v\n%s", err, out)
	}
}

// readJUnit reads the XML with names of its own, and wants all classes to be that of
// the suite.
func readJUnit(t *testing.T, text []byte) string {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(text))
	var b strings.Builder
	suite := ""
	open := false // a test case without an outcome
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return b.String()
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if end, ok := token.(xml.EndElement); ok && end.Name.Local == "testcase" && open {
			b.WriteString(" passed\n")
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		a := map[string]string{}
		for _, attr := range start.Attr {
			a[attr.Name.Local] = attr.Value
		}
		switch start.Name.Local {
		case "testsuite":
			suite = a["name"]
			b.WriteString(suite + " " + a["tests"] + "/" + a["failures"] + "/" + a["skipped"] + "\n")
		case "testcase":
			if open = true; a["classname"] != suite {
				t.Errorf("class %s in suite %s", a["classname"], suite)
			}
			b.WriteString(a["name"] + ":")
		case "failure", "skipped":
			open = false
			b.WriteString(" " + strings.Replace(start.Name.Local, "failure", "failed", 1) + " " + a["message"] + "\n")
		}
	}
}
