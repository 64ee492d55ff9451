package repodata

import (
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const otherComps = `<comps>
<group><id>core</id><name>Kernel and core</name><packagelist><packagereq type="optional">zsh</packagereq><packagereq>grep</packagereq></packagelist></group>
<group><id>db</id><name>Databases</name><packagelist><packagereq>sqlite</packagereq></packagelist></group>
<category><id>all</id><grouplist><groupid>db</groupid><groupid>core</groupid></grouplist></category>
<environment><id>minimal</id><grouplist><groupid>core</groupid></grouplist><optionlist><groupid>db</groupid></optionlist></environment>
<langpacks><match install="bash-i18n-%s" name="bash"/><match install="sqlite-%s" name="sqlite"/></langpacks>
</comps>`

func parseComps(t testing.TB, doc string) *Comps {
	t.Helper()
	c, err := ParseComps(strings.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMergeComps(t *testing.T) {
	one := parseComps(t, compsDoc)
	same, err := MergeComps(one, parseComps(t, compsDoc))
	if err != nil || string(same.Raw) != compsDoc {
		t.Errorf("merged with itself: %v\n%s", err, same.Raw)
	}
	got, err := MergeComps(one, parseComps(t, otherComps))
	if err != nil {
		t.Fatal(err)
	}
	want := compsDoc
	for _, c := range [][2]string{
		{"<name>Core</name>", "<name>Kernel and core</name>"},
		{`<packagereq type="conditional" requires="bash">zsh</packagereq>`, "<packagereq type=\"optional\">zsh</packagereq>\n      <packagereq>grep</packagereq>"},
		{"<groupid>web</groupid>\n    </grouplist>\n  </category>\n  <category>", "<groupid>web</groupid>\n      <groupid>db</groupid>\n    </grouplist>\n  </category>\n  <category>"},
		{`<groupid default="true">web</groupid>`, "<groupid default=\"true\">web</groupid>\n      <groupid>db</groupid>"},
		{`<match install="bash-%s" name="bash"/>`, `<match install="bash-i18n-%s" name="bash"/>`},
		{`<match install="httpd-%s" name="httpd"/>`, "<match install=\"httpd-%s\" name=\"httpd\"/>\n    <match install=\"sqlite-%s\" name=\"sqlite\"/>"},
		{"</langpacks>", "</langpacks>\n  <group><id>db</id><name>Databases</name><packagelist><packagereq>sqlite</packagereq></packagelist></group>"},
	} {
		if strings.Count(want, c[0]) != 1 {
			t.Fatalf("%q is in it %d times", c[0], strings.Count(want, c[0]))
		}
		want = strings.Replace(want, c[0], c[1], 1)
	}
	if string(got.Raw) != want {
		t.Errorf("merged it is\n%s\nwant\n%s", got.Raw, want)
	}
	none, err := MergeComps()
	if none != nil || err != nil {
		t.Errorf("nothing merged is %v, %v", none, err)
	}
}

func TestMergeCompsFillsWhatIsEmpty(t *testing.T) {
	got, err := MergeComps(
		parseComps(t, `<comps><group><id>a</id><packagelist/></group><group><id>b</id></group></comps>`),
		parseComps(t, `<comps><group><id>a</id><packagelist><packagereq>x</packagereq><packagereq>y</packagereq></packagelist></group><group><id>b</id><packagelist><packagereq>z</packagereq></packagelist></group></comps>`),
		parseComps(t, `<comps/>`))
	want := `<comps><group><id>a</id><packagelist><packagereq>x</packagereq><packagereq>y</packagereq></packagelist></group><group><id>b</id><packagelist><packagereq>z</packagereq></packagelist></group></comps>`
	if err != nil || string(got.Raw) != want {
		t.Errorf("%v, it is\n%s\nwant\n%s", err, got.Raw, want)
	}
}

// A merged file is to libcomps what DNF makes of the single ones.
func TestMergedCompsAreLibcomps(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import libcomps").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("libcomps for /usr/bin/python3 is missing: install python3-libcomps")
		}
		t.Skip("libcomps is missing: install python3-libcomps")
	}
	docs := []string{compsDoc, otherComps, string(realData(t, "c9s/AppStream", TypeGroup))}
	for _, pair := range [][2]int{{0, 1}, {1, 0}, {0, 2}, {2, 1}} {
		a, b := docs[pair[0]], docs[pair[1]]
		merged, err := MergeComps(parseComps(t, a), parseComps(t, b))
		if err != nil {
			t.Fatal(err)
		}
		union, ours := libcomps(t, python, a, b), libcomps(t, python, string(merged.Raw))
		if union != ours {
			t.Errorf("files %v: libcomps' union is\n%s\nour file is\n%s", pair, union, ours)
		}
		if len(union) < 200 {
			t.Errorf("libcomps reads hardly anything: %s", union)
		}
	}
}

// libcomps adds up files, and writes what there is then: its parts, and the lines of
// each, sorted, since it shuffles them.
func libcomps(t testing.TB, python string, docs ...string) string {
	t.Helper()
	const script = `
import sys, libcomps
union = libcomps.Comps()
for name in sys.argv[1:]:
    part = libcomps.Comps()
    part.fromxml_f(name)
    union += part
print(union.xml_str())`
	args := []string{"-c", script}
	for i, doc := range docs {
		name := filepath.Join(t.TempDir(), string(rune('a'+i))+".xml")
		if err := os.WriteFile(name, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	out, err := exec.Command(python, args...).Output()
	if err != nil {
		t.Fatalf("libcomps: %v\n%s", err, out)
	}
	parts := strings.Split(strings.TrimSpace(string(out)), "\n  <") // the children of <comps>
	for i, part := range parts {
		parts[i] = strings.Join(slices.Sorted(strings.SplitSeq(part, "\n")), "\n")
	}
	slices.Sort(parts)
	return strings.Join(parts, "\n")
}

// Two files merge into one that parses, and that names every package of both.
func FuzzMergeComps(f *testing.F) {
	f.Add(compsDoc, otherComps)
	f.Add(`<comps><group><id>a</id><packagelist/></group></comps>`, `<comps><group><id>a</id><packagelist>t<packagereq>x</packagereq><packagereq>x</packagereq></packagelist></group></comps>`)
	f.Fuzz(func(t *testing.T, a, b string) {
		first, err := ParseComps(strings.NewReader(a))
		if err != nil {
			return
		}
		second, err := ParseComps(strings.NewReader(b))
		if err != nil {
			return
		}
		if !wellFormed(a) || !wellFormed(b) {
			return // ParseComps is lenient about closing tags
		}
		merged, err := MergeComps(first, second)
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, a, b)
		}
		has := map[[2]string]bool{}
		for _, g := range merged.Groups {
			for _, p := range g.Packages {
				has[[2]string{g.ID, p.Name}] = true
			}
		}
		for _, c := range []*Comps{first, second} {
			for _, g := range c.Groups {
				for _, p := range g.Packages {
					if !has[[2]string{g.ID, p.Name}] {
						t.Errorf("group %q lost %q:\n%s", g.ID, p.Name, merged.Raw)
					}
				}
			}
		}
	})
}

func wellFormed(doc string) bool {
	d := xml.NewDecoder(strings.NewReader(doc))
	for {
		if _, err := d.Token(); err != nil {
			return err == io.EOF
		}
	}
}
