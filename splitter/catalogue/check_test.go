package catalogue

import (
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// void elements have no end tag (HTML, "Void elements").
var void = []string{"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

// page is what a check gathers of one page.
type page struct {
	*testing.T
	name     string
	open     []string // elements
	ids      map[string]bool
	asked    []string // ids that something refers to
	links    []string // as written
	count    map[string]int
	headings []string
	title    string
}

// checkPage holds a page against HTML's grammar and the basics of accessibility, and
// returns the paths of the target that it leads to, which must be there. It allows
// nothing from elsewhere and no handler in the markup.
func checkPage(t *testing.T, dir, name, text string) []string {
	t.Helper()
	p := &page{T: t, name: name, ids: map[string]bool{}, count: map[string]int{}}
	z := html.NewTokenizer(strings.NewReader(text))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			if z.Err() != io.EOF {
				p.wrong("%v", z.Err())
			}
			return p.end(dir)
		case html.StartTagToken, html.SelfClosingTagToken:
			p.start(z.Token(), kind == html.SelfClosingTagToken)
		case html.EndTagToken:
			p.close(z.Token().Data)
		case html.TextToken:
			if p.in() == "title" && !slices.Contains(p.open, "svg") {
				p.title += z.Token().Data
			}
		}
	}
}

func (p *page) wrong(format string, args ...any) {
	p.Helper()
	p.Errorf(p.name+": "+format, args...)
}

func (p *page) in() string {
	if len(p.open) == 0 {
		return ""
	}
	return p.open[len(p.open)-1]
}

func (p *page) start(token html.Token, closed bool) {
	p.count[token.Data]++
	a := map[string]string{}
	for _, attr := range token.Attr {
		if _, twice := a[attr.Key]; twice {
			p.wrong("<%s> has %s twice", token.Data, attr.Key)
		}
		a[attr.Key] = attr.Val
		p.attribute(token.Data, attr)
	}
	switch {
	case token.Data == "input" && a["id"] == "", token.Data == "svg" && a["aria-labelledby"] == "", token.Data == "nav" && a["aria-label"] == "", token.Data == "section" && a["aria-labelledby"] == "":
		p.wrong("<%s> has no name", token.Data)
	case token.Data == "button" && a["type"] != "button", token.Data == "th" && a["scope"] == "":
		p.wrong("<%s> lacks type or scope", token.Data)
	case token.Data == "html" && a["lang"] == "":
		p.wrong("no language")
	case token.Data == "li" && p.in() != "ul", token.Data == "dd" && p.in() != "dl" && p.in() != "div":
		p.wrong("<%s> in <%s>", token.Data, p.in())
	case slices.Contains([]string{"p", "h1", "h2", "h3"}, p.in()) && slices.Contains([]string{"p", "div", "ul", "table", "section", "h2", "h3", "pre"}, token.Data):
		p.wrong("<%s> in <%s>", token.Data, p.in())
	}
	if len(token.Data) == 2 && token.Data[0] == 'h' && token.Data[1] <= '6' {
		p.headings = append(p.headings, token.Data)
	}
	if !closed && !slices.Contains(void, token.Data) {
		p.open = append(p.open, token.Data)
	}
}

func (p *page) attribute(element string, attr html.Attribute) {
	switch key := attr.Key; {
	case strings.HasPrefix(key, "on"), key == "style", key == "srcset", key == "src":
		p.wrong("<%s> has %s=%q", element, key, attr.Val)
	case key == "id":
		if p.ids[attr.Val] {
			p.wrong("id %s stands twice", attr.Val)
		}
		p.ids[attr.Val] = true
	case key == "for", key == "aria-labelledby", key == "aria-describedby", key == "data-copy":
		p.asked = append(p.asked, attr.Val)
	case key == "href":
		p.links = append(p.links, attr.Val)
	}
}

func (p *page) close(name string) {
	if p.in() != name {
		p.wrong("</%s> closes <%s>", name, p.in())
		return
	}
	p.open = p.open[:len(p.open)-1]
}

// end checks what only the whole page shows.
func (p *page) end(dir string) []string {
	if len(p.open) > 0 {
		p.wrong("never closed: %q", p.open)
	}
	for _, id := range p.asked {
		if !p.ids[id] {
			p.wrong("nothing has the id %s", id)
		}
	}
	for element, n := range map[string]int{"html": 1, "main": 1, "h1": 1, "header": 1, "footer": 1, "script": 1, "style": 1, "img": 0, "iframe": 0, "form": 0, "link": 0, "object": 0, "embed": 0, "base": 0} {
		if p.count[element] != n {
			p.wrong("%d <%s>, want %d", p.count[element], element, n)
		}
	}
	for i, h := range p.headings {
		if i > 0 && h > p.headings[i-1] && h[1] != p.headings[i-1][1]+1 {
			p.wrong("<%s> follows <%s>", h, p.headings[i-1])
		}
	}
	if p.title == "" {
		p.wrong("no title")
	}
	var paths []string
	for _, to := range p.links {
		if target, ok := p.follow(dir, to); ok {
			paths = append(paths, target)
		}
	}
	return paths
}

// follow checks one link: relative, and it leads to what is there.
func (p *page) follow(dir, to string) (string, bool) {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || strings.HasPrefix(u.Path, "/") || u.RawQuery != "" {
		p.wrong("a link leads elsewhere: %q", to)
		return "", false
	}
	if u.Path == "" {
		if !p.ids[u.Fragment] {
			p.wrong("a link leads to no place on the page: %q", to)
		}
		return "", false
	}
	target := path.Join(path.Dir(p.name), u.Path)
	if _, err := os.Stat(filepath.Join(dir, target)); err != nil || !filepath.IsLocal(target) {
		p.wrong("a link leads to nothing: %q", to)
	}
	return target, true
}
