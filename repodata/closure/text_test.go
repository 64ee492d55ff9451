package closure

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const perlWorld = `
-- flatstream-perl-DBD-MySQL:4.046 --
package perl-DBD-MySQL 4.046-3 x86_64
  requires perl(:MODULE_COMPAT_5.30.1)
package second 1-1 x86_64
  requires perl(:MODULE_COMPAT_5.30.1), /bin/x
package third 1-1 x86_64
  requires perl(:MODULE_COMPAT_5.30.1)
-- perl:5.30 --
package perl-libs 4:5.30.1-452 x86_64
  provides perl(:MODULE_COMPAT_5.30.1)
-- non-modular --
package x 1-1 x86_64
  file /usr/bin/x
-- baseos --
package base 1-1 x86_64
`

func TestText(t *testing.T) {
	u, c := world(t, perlWorld)
	u.Label(0, "perl-DBD-MySQL:4.046")
	c.Asks = []string{"perl:5.26", "platform:el8"}
	r := check(t, u, c)
	for verbose, want := range map[bool]string{
		false: `perl-DBD-MySQL-0:4.046-3.x86_64 in perl-DBD-MySQL:4.046: cannot be installed
  requires perl(:MODULE_COMPAT_5.30.1)
  nothing in perl-DBD-MySQL:4.046, non-modular or baseos provides it
  near: perl-libs-4:5.30.1-452.x86_64 of stream perl:5.30 provides perl(:MODULE_COMPAT_5.30.1); the module's requires name perl:5.26
  the same for 2 more packages (--verbose lists them)
second-0:1-1.x86_64 in perl-DBD-MySQL:4.046: cannot be installed
  requires /bin/x
  nothing in perl-DBD-MySQL:4.046, non-modular or baseos provides it
  near: x-0:1-1.x86_64 in non-modular provides /usr/bin/x
1 repository, 3 packages: 3 problems
`,
		true: `  the same for 2 more packages:
    second-0:1-1.x86_64
    third-0:1-1.x86_64
`,
	} {
		var b strings.Builder
		if err := r.Text(&b, verbose); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); got != want && !(verbose && strings.Contains(got, want)) {
			t.Errorf("verbose %v:\n%s\nwant\n%s", verbose, got, want)
		}
	}
}

// Requirements that the same packages have are one cause; other levels' findings,
// which are about files, stand alone.
func TestTextCauses(t *testing.T) {
	u, c := world(t, `
-- app --
package b 1-1 x86_64
  requires x, y
`)
	r := check(t, u, c)
	r.Checked[0].Problems = append(r.Checked[0].Problems,
		Problem{Code: MissingFile, Package: "c-0:1-1.x86_64"}, Problem{Code: MissingFile, Package: "d-0:1-1.x86_64"},
		Problem{Code: MissingFile, Package: "e-0:1-1.x86_64", Known: true})
	r.Tally()
	var b strings.Builder
	if err := r.Text(&b, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"b-0:1-1.x86_64 in app: cannot be installed\n  requires x\n  nothing in app provides it\n" +
			"  near: nothing in any repository that was read\n  requires y\n",
		"c-0:1-1.x86_64 in app: the package file is missing\nd-0:1-1.x86_64 in app",
		"1 known problem of the baseline left out (--verbose lists them)\n1 repository, 1 package: 4 problems (3 new, 1 known, 0 fixed)\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// The JSON form is an interface: names, order, and no null.
func TestJSON(t *testing.T) {
	u, c := world(t, `
-- app --
package b 1-1 x86_64
  requires (x or y)
`)
	got, err := json.Marshal(check(t, u, c))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"schema":1,"checked":[{"repo":"app","packages":1,"suppliers":[],"problems":[` +
		`{"code":"missing-requirement","package":"b-0:1-1.x86_64","requirements":["(x or y)"],"chain":[],"near":[]}],` +
		`"warnings":[]}],"summary":{"repos":1,"packages":1,"problems":1,"new":1,"known":0,"fixed":0}}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What came near is ordered by how likely it is the remedy, and no more than five.
func TestNear(t *testing.T) {
	u, c := world(t, `
-- app --
package b 1-1 x86_64
  requires cap >= 5, libz.so.1(ZLIB_9)(64bit)
-- base --
package older 1-1 x86_64
  provides cap = 4
package zlib 1-1 x86_64
  provides libz.so.1(ZLIB_1)(64bit), libz.so.1()(64bit)
package arm 1-1 aarch64
  provides cap = 5
-- zoo:2 --
package exact 2-1 x86_64
  provides cap = 5
package exact 10-1 x86_64
  provides cap = 5
package old-stream 1-1 x86_64
  provides cap = 1
package libbad 1-1 x86_64
  provides libz.so.1()(64bit)
`)
	var got []string
	for _, n := range check(t, u, c).Checked[0].Problems[0].Near {
		got = append(got, fmt.Sprintf("%s: %s %s%s %s", n.Requirement, n.NEVRA, n.Repo, n.Stream, n.Reason))
	}
	want := `cap >= 5: exact-0:10-1.x86_64 zoo:2zoo:2 provides cap = 5
cap >= 5: exact-0:2-1.x86_64 zoo:2zoo:2 provides cap = 5
cap >= 5: arm-0:1-1.aarch64 base provides cap = 5, for aarch64
cap >= 5: older-0:1-1.x86_64 base provides cap = 4
cap >= 5: old-stream-0:1-1.x86_64 zoo:2zoo:2 provides cap = 1
libz.so.1(ZLIB_9)(64bit): zlib-0:1-1.x86_64 base provides libz.so.1()(64bit)`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

// Of a rich requirement the parts that are missing are near; if each part is
// there and only not in one package, all of them.
func TestNearRich(t *testing.T) {
	u, c := world(t, `
-- app --
package b 1-1 x86_64
  requires (x > 1 with x < 3), (y and x)
-- base --
package a 1-1 x86_64
  provides x = 1
package c 1-1 x86_64
  provides x = 3
-- why:1 --
package y 1-1 x86_64
`)
	var got []string
	for _, n := range check(t, u, c).Checked[0].Problems[0].Near {
		got = append(got, n.Requirement+": "+n.NEVRA+" "+n.Reason)
	}
	want := `(x > 1 with x < 3): a-0:1-1.x86_64 provides x = 1
(x > 1 with x < 3): c-0:1-1.x86_64 provides x = 3
(y and x): y-0:1-1.x86_64 provides y = 1-1`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}
