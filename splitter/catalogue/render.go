package catalogue

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"flatstream/splitter"
)

//go:embed pages
var files embed.FS

// renderer fills the templates. Several goroutines may use it.
type renderer struct {
	t       *template.Template
	buffers sync.Pool // of *bufio.Writer
}

// look is what every page carries in itself: one file that can be kept or sent shows
// as it shall, and a page has no need of the server's idea of a script's type.
type look struct {
	Style  template.CSS
	Script template.JS
	Policy string
}

func newRenderer() (*renderer, error) {
	style, err := files.ReadFile("pages/style.css")
	if err != nil {
		return nil, err
	}
	script, err := files.ReadFile("pages/script.js")
	if err != nil {
		return nil, err
	}
	l := look{template.CSS(dense(style)), template.JS(dense(script)), ""}
	l.Policy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hash(string(l.Style)), hash(string(l.Script)))
	t, err := template.New("").Funcs(template.FuncMap{
		"look": func() look { return l }, "parts": func(path string) []string { return strings.Split(path, "/") }, "link": link, "number": number, "count": count, "first": first[string], "clip": clip,
		"changed": func(list []splitter.PackageChange) []splitter.PackageChange { return first(maxChanges, list) },
		"letters": newLetterBar, "cause": newCauseBox, "nameRows": nameRows, "listedRows": listedRows, "repoRows": repoRows,
	}).ParseFS(files, "pages/*.tmpl")
	return &renderer{t: t, buffers: sync.Pool{New: func() any { return bufio.NewWriterSize(nil, pieceSize) }}}, err
}

func (r *renderer) render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := r.t.ExecuteTemplate(&b, name, data); err != nil {
		return nil, err
	}
	return inert(b.Bytes()), nil
}

// hash names an inline script or style to a content security policy.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// dense takes indentation, empty lines and lines of comment out of a style or script.
func dense(text []byte) string {
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "//") || strings.HasPrefix(line, "/*") && strings.HasSuffix(line, "*/") {
			continue
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}

// link is a relative reference to a path of the target from a page whose way to the
// top is root. Its "./" keeps a name with a colon from being read as a scheme.
func link(root, path string) string {
	if below, found := strings.CutPrefix(path, DirName+"/"); found && root != "" { // from one page to another: shorter
		root, path = strings.TrimPrefix(root, "../"), below
	}
	if root == "" {
		root = "./"
	}
	return (&url.URL{Path: root + path}).EscapedPath()
}

// number writes a count with its thousands apart.
func number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes a number of things; the plural has an s or ies.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	if stem, found := strings.CutSuffix(thing, "y"); found {
		return number(n) + " " + stem + "ies"
	}
	return number(n) + " " + thing + "s"
}

// letterBar is the list of letters on a page; At is the page's own.
type letterBar struct {
	Root, At string
	Letters  []*letter
}

func newLetterBar(root, at string, letters []*letter) letterBar { return letterBar{root, at, letters} }

// causeBox is one cause on a page: where says that the page is about several
// repositories, open that it begins unfolded.
type causeBox struct {
	Root        string
	Found       found
	Where, Open bool
}

func newCauseBox(root string, f found, where, open bool) causeBox {
	return causeBox{root, f, where && f.Flat.Page != "", open}
}
