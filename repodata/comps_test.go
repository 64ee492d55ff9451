package repodata

import (
	"strings"
	"testing"
)

const compsDoc = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<comps>
  <!-- kept -->
  <group>
    <id>core</id>
    <name>Core</name>
    <name xml:lang="de">Kern</name>
    <packagelist>
      <packagereq type="mandatory">bash</packagereq>
      <packagereq type="conditional" requires="bash">zsh</packagereq>
    </packagelist>
  </group>
  <group>
    <id>web</id>
    <packagelist>
      <packagereq>httpd</packagereq>
    </packagelist>
  </group>
  <category>
    <id>all</id>
    <grouplist>
      <groupid>core</groupid>
      <groupid>web</groupid>
    </grouplist>
  </category>
  <category>
    <id>servers</id>
    <grouplist>
      <groupid>web</groupid>
    </grouplist>
  </category>
  <environment>
    <id>minimal</id>
    <optionlist>
      <groupid default="true">web</groupid>
    </optionlist>
    <grouplist>
      <groupid>core</groupid>
      <groupid>elsewhere</groupid>
    </grouplist>
  </environment>
  <langpacks>
    <match install="bash-%s" name="bash"/>
    <match install="httpd-%s" name="httpd"/>
  </langpacks>
</comps>
`

func TestCompsFilter(t *testing.T) {
	c, err := ParseComps(strings.NewReader(compsDoc))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Groups) != 2 || c.Groups[0].Name != "Core" || c.Groups[0].Packages[1] != (CompsPackage{"zsh", "conditional"}) {
		t.Errorf("read %+v", c.Groups)
	}
	if got := c.Filter(func(string) bool { return true }); string(got) != compsDoc {
		t.Errorf("all kept, it is\n%s", got)
	}
	if got := c.Filter(func(string) bool { return false }); got != nil {
		t.Errorf("nothing kept, it is\n%s", got)
	}
	want := compsDoc
	for _, gone := range []string{
		"\n      <packagereq type=\"conditional\" requires=\"bash\">zsh</packagereq>",
		between("\n  <group>\n    <id>web", "\n  <category>"),
		"\n      <groupid>web</groupid>",
		between("\n  <category>\n    <id>servers", "\n  <environment>"),
		"\n      <groupid default=\"true\">web</groupid>",
		"\n    <match install=\"httpd-%s\" name=\"httpd\"/>",
	} {
		if !strings.Contains(want, gone) {
			t.Fatalf("%q is not in it", gone)
		}
		want = strings.Replace(want, gone, "", 1)
	}
	if got := string(c.Filter(func(name string) bool { return name == "bash" })); got != want {
		t.Errorf("bash kept, it is\n%s\nwant\n%s", got, want)
	}
}

// between is the piece of compsDoc from one text up to another.
func between(from, to string) string {
	_, after, _ := strings.Cut(compsDoc, from)
	piece, _, _ := strings.Cut(after, to)
	return from + piece
}

func TestRealCompsStayWhole(t *testing.T) {
	doc := string(realData(t, "c9s/AppStream", TypeGroup))
	c, err := ParseComps(strings.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]bool)
	for _, g := range c.Groups {
		if len(g.Packages) == 0 {
			t.Logf("group %s is empty upstream", g.ID)
		}
		for _, p := range g.Packages {
			all[p.Name] = true
		}
	}
	if len(c.Groups) < 20 || len(all) < 100 {
		t.Errorf("%d groups, %d packages", len(c.Groups), len(all))
	}
	got, err := ParseComps(strings.NewReader(string(c.Filter(func(name string) bool { return name == "httpd" }))))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range got.Groups {
		for _, p := range g.Packages {
			if p.Name != "httpd" {
				t.Errorf("group %s still has %s", g.ID, p.Name)
			}
		}
	}
}

// What is filtered parses again, and holds no package that was not kept.
func FuzzComps(f *testing.F) {
	f.Add(compsDoc)
	f.Add(`<comps><group><id>a</id><packagelist>x<packagereq>abc</packagereq>y</packagelist><packagelist/></group></comps>`)
	f.Fuzz(func(t *testing.T, doc string) {
		c, err := ParseComps(strings.NewReader(doc))
		if err != nil {
			return
		}
		keep := func(name string) bool { return len(name)%2 == 0 }
		xml := c.Filter(keep)
		if xml == nil {
			return
		}
		again, err := ParseComps(strings.NewReader(string(xml)))
		if err != nil {
			t.Fatalf("filtered it does not parse: %v\n%s", err, xml)
		}
		for _, g := range again.Groups {
			if len(g.Packages) == 0 {
				t.Errorf("an empty group is left in\n%s", xml)
			}
			for _, p := range g.Packages {
				if !keep(p.Name) {
					t.Errorf("%q is left in\n%s", p.Name, xml)
				}
			}
		}
	})
}
