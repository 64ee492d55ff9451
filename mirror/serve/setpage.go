package serve

import (
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"strings"

	"flatstream/mirror/tree"
	"flatstream/splitter"
)

// goodHost is what may stand in a URL that we write: the Host header is the client's.
var goodHost = regexp.MustCompile(`^[A-Za-z0-9._-]+(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$`)

// dotRepo is a .repo file for the set, as the client reaches it.
func (s *set) dotRepo(r *http.Request) (string, error) {
	if !goodHost.MatchString(r.Host) {
		return "", &statusError{http.StatusBadRequest, "the Host header is no host"}
	}
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	base, _, _ := strings.Cut(r.URL.EscapedPath(), s.key.name+"/")
	return fmt.Sprintf("[%s]\nname=streams %s\nbaseurl=%s://%s%s%s/\nenabled=1\n%smodule_hotfixes=1\n", s.id, s.key.name, scheme, r.Host, base, s.key.name, s.trust), nil
}

func (s *set) serveDotRepo(w http.ResponseWriter, r *http.Request) {
	text, err := s.dotRepo(r)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", tree.ContentType(splitter.DotRepoName))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "private, no-cache") // it holds the client's own Host
	if r.Method == http.MethodGet {
		fmt.Fprint(w, text)
	}
}

// page is readable without scripts, in light and dark, on narrow screens.
const page = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Name}}</title>
<style>:root{color-scheme:light dark}body{font-family:sans-serif;max-width:60rem;margin:auto;padding:1rem;overflow-wrap:anywhere}pre{overflow-x:auto;border:1px solid;padding:.5rem}</style></head>
<body><h1>{{.Name}}</h1>
<p>A flat repository of {{.Packages}} packages, of snapshot {{.Snapshot}}{{with .Target}}, target {{.}}{{end}}.</p>
<h2>Use it</h2>
<pre>{{.DotRepo}}</pre>
<p><a href="./flatstream.repo">flatstream.repo</a> · <a href="./repodata/repomd.xml">repodata/repomd.xml</a> · <a href="./report.json">report.json</a></p>
<h2>Streams</h2>
{{if .Streams}}<ul>{{range .Streams}}<li>{{.}}</li>{{end}}</ul>{{else}}<p>None is active.</p>{{end}}
{{if .Warnings}}<h2>Warnings</h2><ul>{{range .Warnings}}<li>{{.Text}}</li>{{end}}</ul>{{end}}
<h2>Verified</h2>
{{if .Problems}}<p><strong>{{.Problems}} problem{{if ne .Problems 1}}s{{end}}</strong>:</p><pre>{{.Findings}}</pre>{{else}}<p>Every package can be installed.</p>{{end}}
</body></html>
`

func (s *set) servePage(w http.ResponseWriter, r *http.Request, in *atRequest) {
	text, err := s.dotRepo(r)
	if err != nil {
		fail(w, err)
		return
	}
	t, err := template.New("set").Parse(page)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("Cache-Control", "private, no-cache")
	if r.Method != http.MethodGet {
		return
	}
	t.Execute(w, map[string]any{ // a client that went away is no error of ours
		"Name": strings.ReplaceAll(s.key.name, "+", " + "), "Packages": s.packages, "Snapshot": s.key.snapshot, "Target": s.key.target,
		"DotRepo": text, "Streams": s.streams, "Warnings": s.warnings, "Problems": s.problems, "Findings": s.findings,
	})
}
