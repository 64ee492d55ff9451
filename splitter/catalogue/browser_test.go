package catalogue

import (
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed testdata/audit.js
var audit string

// visitor is a browser and the small target over plain HTTP.
type visitor struct {
	*browser
	url string // of the target
	dir string
}

func visit(t *testing.T) *visitor {
	t.Helper()
	dir, _ := small(t)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return &visitor{startChromium(t), server.URL + "/", dir}
}

// TestBrowser uses the pages as people do, in a real browser.
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes seconds, and has no races of ours")
	}
	v := visit(t)
	for _, c := range []struct {
		name  string
		check func(*testing.T, *visitor)
	}{
		{"FindsStreams", browserFindsStreams},
		{"FiltersStreams", browserFiltersStreams},
		{"LeadsFromAPackageToTheReason", browserLeadsFromAPackageToTheReason},
		{"Copies", browserCopies},
		{"KeyboardAlone", browserKeyboardAlone},
		{"ShowsEveryKindOfPage", browserShowsEveryKindOfPage},
		{"WithoutScripts", browserWithoutScripts},
		{"FromDisk", browserFromDisk},
		{"ShowsHostileNames", browserShowsHostileNames},
		{"PolicyHolds", browserPolicyHolds},
	} {
		t.Run(c.name, func(t *testing.T) {
			v.t = t
			c.check(t, v)
		})
	}
	v.t = t
}

// shown lists the streams that can be seen.
const shown = `Array.from(document.querySelectorAll(".stream")).filter(e => e.getClientRects().length).map(e => e.querySelector("a").textContent).join(" ")`

func browserFindsStreams(t *testing.T, v *visitor) {
	p := v.open(1280, 900, "light")
	p.load(v.url)
	p.press("/") // no mouse from here on
	p.press(strings.Split("perl", "")...)
	if got := p.text(shown); !strings.HasPrefix(got, "perl:5.24 perl:5.26 perl:5.30 perl-DBD-MySQL:4.046 ") || strings.Contains(got, "nodejs") {
		t.Errorf("perl finds %s", got)
	}
	p.press(strings.Split(":5.3", "")...)
	if got := p.text(shown); got != "perl:5.30 perl-DBD-MySQL:4.046 perl-DBI:1.641" { // and what is built for it
		t.Errorf("perl:5.3 finds %s", got)
	}
	if got := p.text(`document.querySelector("#found").textContent`); got != "3 of 16 streams" {
		t.Errorf("the count says %s", got)
	}
	if got := p.text("location.hash"); got != "#find=perl%3A5.3" {
		t.Errorf("the address to pass on is %s", got)
	}
	p.screenshot("find-1280-light")
	p.press("Enter", "Enter") // to the first result, and into it
	p.until(`location.pathname.includes("/streams/")`)
	if got := p.text("document.querySelector('h1').textContent"); got != "perl:5.30" {
		t.Errorf("Enter leads to %s", got)
	}
	p.load(v.url + "#find=virt-devel")
	if got := p.text(shown); got != "virt-devel:rhel" {
		t.Errorf("an address that was passed on shows %s", got)
	}
	p.press("/", "Escape")
	if got := p.text(shown); strings.Count(got, ":") != 16 {
		t.Errorf("after Escape: %s", got)
	}
	p.quiet()
}

func browserFiltersStreams(t *testing.T, v *visitor) {
	p := v.open(1280, 900, "light")
	p.load(v.url)
	p.text(`document.querySelector("[data-only=default]").focus()`)
	p.press(" ")
	if got := p.text(shown); got != "nodejs:10 perl:5.26 perl-DBD-MySQL:4.046 perl-DBI:1.641 postgresql:10 virt:rhel" {
		t.Errorf("defaults: %s", got)
	}
	if got := p.text(`document.activeElement.getAttribute("aria-pressed")`); got != "true" {
		t.Errorf("aria-pressed is %s", got)
	}
	p.press(" ")
	if got := p.text(shown); strings.Count(got, ":") != 16 {
		t.Errorf("switched off again: %s", got)
	}
	p.quiet()
}

// browserLeadsFromAPackageToTheReason: why is this package not there?
func browserLeadsFromAPackageToTheReason(t *testing.T, v *visitor) {
	p := v.open(360, 740, "light")
	p.load(v.url)
	p.press("/")
	p.press(strings.Split("perl-constant", "")...)
	if got := p.text(shown); got != "" {
		t.Errorf("a package's name finds the streams %s", got)
	}
	p.press("Enter", "Enter")
	p.until(`location.pathname.endsWith("/packages/p.html")`)
	if got := p.text(`Array.from(document.querySelectorAll(".entry")).filter(e => e.getClientRects().length).map(e => e.innerText).join(" ").replace(/\s+/g, " ")`); !strings.HasPrefix(got, "perl-constant ") || !strings.Contains(got, "is not in view perl-build: hidden by perl:5.30") {
		t.Errorf("the page says %s", got)
	}
	p.screenshot("package-360-light")
	p.press("/", "x", "y", "z", "z", "y")
	if got := p.text(`document.querySelector("#found").textContent`); !strings.Contains(got, "no source has it") {
		t.Errorf("of a package that is nowhere the page says %s", got)
	}
	p.quiet()
}

func browserCopies(t *testing.T, v *visitor) {
	secure := v.open(1280, 900, "light")
	secure.call("", "Browser.grantPermissions", object{"permissions": []string{"clipboardReadWrite", "clipboardSanitizedWrite"}}, nil)
	_, port, _ := strings.Cut(strings.TrimPrefix(v.url, "http://"), ":")
	for _, origin := range []string{v.url, "http://mirror.example.org:" + port} { // loopback is secure to a browser, other plain HTTP is not
		secure.load(origin)
		secure.text(`document.querySelector("[data-copy=repo]").closest("details").open = true`)
		secure.text(`document.querySelector("[data-copy=repo]").focus()`)
		secure.press("Enter")
		var said string
		secure.eval(`new Promise(done => { const wait = () => { const s = document.querySelector("[data-copy=repo]").textContent; s === "Copy" ? setTimeout(wait, 10) : done(s) }; wait() })`, &said)
		if said != "Copied" {
			t.Errorf("%s: the button says %q", origin, said)
		}
		secure.text(`document.querySelector("#find").focus()`)
		secure.press("!paste")
		want, err := os.ReadFile(filepath.Join(v.dir, "default/flatstream.repo"))
		if err != nil {
			t.Fatal(err)
		}
		got := secure.text(`document.querySelector("#find").value`) // one line: without its newlines
		if flat := strings.ReplaceAll(string(want), "\n", ""); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(flat, " ", "") {
			t.Errorf("%s: copied %.200q, want %.200q", origin, got, flat)
		}
	}
	secure.quiet()
}

// browserKeyboardAlone goes through the page with Tab: each stop can be seen, has a
// name, and none is a trap.
func browserKeyboardAlone(t *testing.T, v *visitor) {
	for _, page := range []string{"", "catalogue/streams/perl-DBI/1.641.html"} {
		p := v.open(1280, 900, "dark")
		p.load(v.url + page)
		var want int
		p.eval(`Array.from(document.querySelectorAll("a[href], button, input, summary, [tabindex='0']")).filter(e => e.checkVisibility()).length`, &want)
		stops := 0
		for ; stops <= want+5; stops++ {
			p.press("Tab")
			var at struct{ Tag, Name, Outline string }
			p.eval(`(() => { const e = document.activeElement, s = getComputedStyle(e); return {Tag: e.tagName, Name: e.getAttribute("aria-label") || e.textContent || e.labels && e.labels[0].textContent, Outline: s.outlineStyle + " " + s.outlineWidth} })()`, &at)
			if at.Tag == "BODY" {
				break
			}
			if at.Name == "" || !strings.HasPrefix(at.Outline, "solid 3px") {
				t.Errorf("%s: stop %d, a %s, has the name %q and the outline %s", page, stops+1, at.Tag, at.Name, at.Outline)
			}
			if stops == 0 && at.Name != "Skip to the content" {
				t.Errorf("%s: the first stop is %q", page, at.Name)
			}
		}
		if stops < want-2 || stops > want+2 {
			t.Errorf("%s: Tab makes %d stops, the page has %d places to act", page, stops, want)
		}
		p.quiet()
	}
}

// browserShowsEveryKindOfPage: on a telephone and a screen, by day and by night, all
// can be read, nothing is wider than the screen, and every place to act has a name.
func browserShowsEveryKindOfPage(t *testing.T, v *visitor) {
	night, err := RenderNight(Night{Snapshot: "20260102T030000Z", Repos: []NightRepo{{ID: "appstream", Outcome: "changed", Packages: 56, Fetched: 9, Bytes: 39530}},
		Targets: []NightTarget{{Name: "el8/x86_64", Path: "default", Repos: 19, Packages: 241, Problems: 1, New: []string{"default: missing-requirement: frobnicate"}, HeldBack: []string{"default"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(v.dir, "night.html"), night, 0o644); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{
		"index": "", "stream": "catalogue/streams/perl/5.30.html", "needs": "catalogue/streams/perl-DBD-MySQL/4.046@perl-DBI=1.641,perl=5.30.html",
		"default": "catalogue/default.html", "packages": "catalogue/packages/p.html", "night": "night.html",
	}
	p := v.open(360, 900, "light")
	for kind, name := range kinds {
		p.load(v.url + name)
		p.text(`document.querySelectorAll("details").forEach(e => e.open = true)`)
		p.named(kind)
		for _, width := range []int{360, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				p.look(width, 900, scheme)
				where := fmt.Sprintf("%s-%d-%s", kind, width, scheme)
				var wrong []string
				p.eval(audit, &wrong)
				for _, w := range wrong {
					t.Errorf("%s: %s", where, w)
				}
				var dark bool
				p.eval(`getComputedStyle(document.body).backgroundColor.match(/\d+/)[0] < 100`, &dark)
				if dark != (scheme == "dark") {
					t.Errorf("%s: dark is %v", where, dark)
				}
				p.screenshot(where)
			}
		}
		p.quiet()
	}
}

// named asks the browser's accessibility tree: whatever can be acted on, and every
// landmark of which there may be several, has a name.
func (p *tab) named(where string) {
	p.t.Helper()
	var tree struct {
		Nodes []struct {
			Ignored    bool
			Role, Name struct{ Value any }
		}
	}
	p.call(p.session, "Accessibility.getFullAXTree", nil, &tree)
	roles := map[string]int{}
	for _, n := range tree.Nodes {
		role, _ := n.Role.Value.(string)
		name, _ := n.Name.Value.(string)
		if n.Ignored {
			continue
		}
		roles[role]++
		switch role {
		case "link", "button", "searchbox", "navigation", "region", "complementary", "DisclosureTriangle":
			if strings.TrimSpace(name) == "" {
				p.t.Errorf("%s: a %s has no name", where, role)
			}
		}
	}
	for _, landmark := range []string{"main", "banner", "contentinfo"} {
		if roles[landmark] != 1 {
			p.t.Errorf("%s: %d times %s", where, roles[landmark], landmark)
		}
	}
}

func browserWithoutScripts(t *testing.T, v *visitor) {
	p := v.open(360, 740, "light")
	p.do("Emulation.setScriptExecutionDisabled", object{"value": true})
	p.load(v.url)
	if got := p.text(shown); strings.Count(got, ":") != 16 {
		t.Errorf("streams: %s", got)
	}
	if got := p.text(`Array.from(document.querySelectorAll("button, input")).filter(e => e.getClientRects().length).length`); got != "0" {
		t.Errorf("%s controls are shown that do nothing", got)
	}
	p.screenshot("without-scripts-360-light")
	p.quiet()
}

// browserFromDisk: the pages work without a server too.
func browserFromDisk(t *testing.T, v *visitor) {
	p := v.open(1280, 900, "light")
	p.load("file://" + v.dir + "/index.html")
	p.press("/")
	p.press(strings.Split("virt-d", "")...)
	if got := p.text(shown); got != "virt-devel:rhel" {
		t.Errorf("virt-d finds %s", got)
	}
	p.press("Enter", "Enter")
	p.until(`location.pathname.includes("/streams/")`)
	if got := p.text("document.querySelector('h1').textContent"); got != "virt-devel:rhel" {
		t.Errorf("Enter leads to %s", got)
	}
	p.quiet()
}

// browserShowsHostileNames: they are text, and nothing of them runs.
func browserShowsHostileNames(t *testing.T, v *visitor) {
	dir := ofHostileNames(t)
	p := v.open(360, 740, "dark")
	for _, name := range pagesOf(t, dir) {
		p.load("file://" + (&url.URL{Path: filepath.Join(dir, name)}).EscapedPath())
		if got := p.text("document.querySelectorAll('script').length + ' ' + document.querySelectorAll('img').length"); got != "1 0" {
			t.Errorf("%s: scripts and pictures: %s", name, got)
		}
	}
	p.load("file://" + dir + "/index.html")
	shown := p.text("document.querySelector('main').textContent")
	for _, name := range hostile {
		if !strings.ContainsAny(name, "\u202e\u2066") && !strings.Contains(shown, name) {
			t.Errorf("the page does not show %q", name)
		}
	}
	var wrong []string
	if p.eval(audit, &wrong); len(wrong) > 0 {
		t.Errorf("the page with them: %q", wrong)
	}
	p.quiet()
}

// browserPolicyHolds: what got into a page all the same would not run.
func browserPolicyHolds(t *testing.T, v *visitor) {
	page := strings.Replace(read(t, v.dir, PageName), "<main", `<script>window.ran = 1</script><img src="x" onerror="window.ran = 2"><main`, 1)
	if err := os.WriteFile(filepath.Join(v.dir, "bad.html"), []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	p := v.open(1280, 900, "light")
	p.load(v.url + "bad.html")
	if got := p.text("window.ran"); got != "undefined" {
		t.Errorf("a foreign script ran: %s", got)
	}
	if got := p.text("!document.querySelector('.finder').hidden"); got != "true" {
		t.Error("the page's own did not")
	}
}
