package repodata

import (
	"bytes"
	"maps"
	"os/exec"
	"strings"
	"testing"

	"flatstream/repodata/rpmver"
)

const advisory = `<update from="a@b" status="final" type="security" version="2">
    <id>X-1</id>
    <title>t &amp; u</title>
    <unknown attr='1'><!-- kept --></unknown>
    <pkglist>
      <collection short="one">
        <name>One</name>
        <module name="m" stream="5.30" version="8000020190000000000" context="00000000" arch="x86_64"/>
        <package name="a" version="1" release="2" epoch="0" arch="x86_64" src="a.src.rpm"><filename>a.rpm</filename></package>
        <package name="b" version="1" release="2" arch="noarch"/>
      </collection>
      <collection short="two">
        <package name="c" version="1" release="2" epoch="3" arch="x86_64"></package>
      </collection>
    </pkglist>
  </update>`

func readAdvisories(t testing.TB, doc string) (all []*Advisory) {
	t.Helper()
	for a, err := range ParseUpdateinfo(strings.NewReader(doc)) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

func TestUpdateinfoIsRead(t *testing.T) {
	all := readAdvisories(t, string(realData(t, "fake-modular", TypeUpdateinfo)))
	if len(all) != 1 || len(all[0].Collections) != 2 {
		t.Fatalf("read %+v", all)
	}
	a, c := all[0], all[0].Collections[1]
	m := c.Modules[0]
	m.span = Span{}
	if a.ID != "FEDORA-2019-0329090518" || a.Type != "enhancement" || a.Severity != "none" || a.Title != "glibc bug fix" ||
		c.Short != "nodejs collection" || c.Name != "nodejs component" ||
		m != (AdvisoryModule{Name: "nodejs", Stream: "8", Version: "20180801080000", Context: "6c81f848", Arch: "x86_64"}) ||
		c.Packages[0].String() != "nodejs-1:8.11.4-1.module_2030+42747d40.x86_64" || c.Packages[0].Src != "http://nodejs.org/" {
		t.Errorf("read %+v", a)
	}
}

func TestAdvisoryFilter(t *testing.T) {
	a := readAdvisories(t, "<updates>"+advisory+"</updates>")[0]
	if !bytes.Equal(a.Raw, []byte(advisory)) {
		t.Fatalf("read as %s", a.Raw)
	}
	names := func(keep string) func(rpmver.NEVRA) bool {
		return func(n rpmver.NEVRA) bool { return strings.Contains(keep, n.Name) }
	}
	cut := func(pieces ...string) string {
		s := advisory
		for _, p := range pieces {
			if !strings.Contains(s, p) {
				t.Fatalf("%q is not in it", p)
			}
			s = strings.Replace(s, p, "", 1)
		}
		return s
	}
	module := "\n        " + `<module name="m" stream="5.30" version="8000020190000000000" context="00000000" arch="x86_64"/>`
	packageA := "\n        " + `<package name="a" version="1" release="2" epoch="0" arch="x86_64" src="a.src.rpm"><filename>a.rpm</filename></package>`
	packageB := "\n        " + `<package name="b" version="1" release="2" arch="noarch"/>`
	two := advisory[strings.Index(advisory, "\n      <collection short=\"two\""):strings.Index(advisory, "\n    </pkglist>")]
	one := advisory[strings.Index(advisory, "\n      <collection short=\"one\""):strings.Index(advisory, two)]
	for _, c := range []struct {
		keep        string
		dropModules bool
		want        string
		n           int
	}{
		{"abc", false, advisory, 3},
		{"abc", true, cut(module), 3},
		{"ab", false, cut(two), 2},
		{"b", true, cut(module, packageA, two), 1},
		{"a", true, cut(module, packageB, two), 1},
		{"c", true, cut(one), 1},
		{"", true, "", 0},
	} {
		got, n := a.Filter(names(c.keep), c.dropModules)
		if string(got) != c.want || n != c.n {
			t.Errorf("keep %q, drop modules %v: %d packages\n%s\nwant %d\n%s", c.keep, c.dropModules, n, got, c.n, c.want)
		}
	}
}

func TestMergeAdvisory(t *testing.T) {
	const third = `
      <collection short="three">
        <package name="d" version="1" release="2" epoch="0" arch="noarch"/>
      </collection>`
	more := strings.Replace(advisory, "\n    </pkglist>", third+"\n    </pkglist>", 1)
	for _, c := range []struct{ name, a, b, want string }{
		{"the same", advisory, advisory, advisory},
		{"one collection more", advisory, more, more},
		{"one collection less", more, advisory, more},
		{"none at all", "<update><id>X-1</id></update>", "<update><id>X-1</id><pkglist>" + third + "</pkglist></update>", "<update><id>X-1</id><pkglist>" + third + "</pkglist></update>"},
		{"an empty list", "<update><pkglist/></update>", "<update><pkglist>" + third + "</pkglist></update>", "<update><pkglist>" + strings.TrimSpace(third) + "</pkglist></update>"},
	} {
		got, err := MergeAdvisory([]byte(c.a), []byte(c.b))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.name, err, got, c.want)
		}
	}
}

func TestUpdateinfoNamesTheBadAdvisory(t *testing.T) {
	for doc, want := range map[string]string{
		"<updates>" + strings.Replace(advisory, `epoch="3"`, `epoch="x"`, 1) + "</updates>": `advisory 1: X-1: package c: epoch "x"`,
		"<updates>" + advisory + "<update>":                                                 "advisory 2",
		"<html/>":                                                                           "<html>",
	} {
		var last error
		for _, last = range ParseUpdateinfo(strings.NewReader(doc)) {
		}
		if last == nil || !strings.Contains(last.Error(), want) {
			t.Errorf("%v, want an error that says %q", last, want)
		}
	}
}

// DNF lists an advisory of an inactive module only when <module> is gone (P26),
// and createrepo_c reads what is written.
func TestUpdateinfoInRealTools(t *testing.T) {
	r := openReal(t, "fake-modular")
	needTool(t, "dnf")
	for _, drop := range []bool{true, false} {
		data, err := r.Data(TypeUpdateinfo)
		if err != nil {
			t.Fatal(err)
		}
		var doc bytes.Buffer
		err = WriteUpdateinfo(&doc, func(yield func([]byte, error) bool) {
			for a, err := range ParseUpdateinfo(data) {
				var raw []byte
				if err == nil {
					raw, _ = a.Filter(func(rpmver.NEVRA) bool { return true }, drop)
				}
				if !yield(raw, err) {
					return
				}
			}
		})
		data.Close()
		if err != nil {
			t.Fatal(err)
		}
		dir := withoutModules(t, r, doc.Bytes())
		if _, err := exec.LookPath("createrepo_c"); err == nil && !strings.Contains(createrepoReads(t, dir), "updateinfo") {
			t.Error("createrepo_c does not find updateinfo")
		}
		out := strings.Join(dnf(t, dir, "repoquery", "--advisory=FEDORA-2019-0329090518"), "\n")
		if listed := strings.Contains(out, "nodejs-1:8.11.4"); listed != drop {
			t.Errorf("modules dropped: %v, advisory listed: %v\n%s", drop, listed, out)
		}
	}
}

// withoutModules writes r's packages with this updateinfo and no modules.yaml.
func withoutModules(t *testing.T, r *Repo, updateinfo []byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	w, err := NewWriter(dir, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Spool(t.Context(), TypePrimary, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := w.Packages(TypePrimary, s.Len(), relocated(s, allOf(s))); err != nil {
		t.Fatal(err)
	}
	if err := w.Data(TypeUpdateinfo, "updateinfo.xml", bytes.NewReader(updateinfo)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What is filtered parses again, and holds what was kept.
func FuzzUpdateinfo(f *testing.F) {
	f.Add("<updates>"+advisory+"</updates>", true)
	f.Add(`<updates><update><pkglist><collection><package name="x"/>text<package name="y"><module/></package></collection></pkglist></update></updates>`, true)
	f.Fuzz(func(t *testing.T, doc string, drop bool) {
		for a, err := range ParseUpdateinfo(strings.NewReader(doc)) {
			if err != nil {
				return
			}
			short := func(n rpmver.NEVRA) bool { return len(n.Name)%2 == 1 }
			xml, n := a.Filter(short, drop)
			if xml == nil {
				continue
			}
			checkMerge(t, xml, a)
			again, err := parseAdvisory(xml)
			if err != nil {
				t.Fatalf("filtered it does not parse: %v\n%s\nwas\n%s", err, xml, a.Raw)
			}
			kept := 0
			for _, c := range again.Collections {
				kept += len(c.Packages)
				if drop && len(c.Modules) > 0 || len(c.Packages) == 0 {
					t.Errorf("too much is left in\n%s", xml)
				}
			}
			if kept != n || again.ID != a.ID {
				t.Errorf("%d packages are left, want %d\n%s", kept, n, xml)
			}
		}
	})
}

// checkMerge: what was filtered out of an advisory comes back from it, once.
func checkMerge(t *testing.T, filtered []byte, a *Advisory) {
	t.Helper()
	merged, err := MergeAdvisory(filtered, a.Raw)
	if err != nil {
		t.Fatal(err)
	}
	packages := func(xml []byte) map[rpmver.NEVRA]bool {
		read, err := parseAdvisory(xml)
		if err != nil {
			t.Fatalf("%v\n%s\nwas\n%s", err, xml, a.Raw)
		}
		set := map[rpmver.NEVRA]bool{}
		for _, c := range read.Collections {
			for _, p := range c.Packages {
				set[p.NEVRA] = true
			}
		}
		return set
	}
	if got, want := packages(merged), packages(a.Raw); !maps.Equal(got, want) {
		t.Errorf("merged it has %v, want %v\n%s", got, want, merged)
	}
	if again, err := MergeAdvisory(merged, a.Raw); err != nil || !bytes.Equal(again, merged) {
		t.Errorf("merged again it is another: %v\n%s\nwas\n%s", err, again, merged)
	}
}
