package serve_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"flatstream/mirror/serve"
	"flatstream/repodata/digest"
)

// Of what is not here only names that never get another content are sent elsewhere, and
// only below the current snapshot: an index there is of another generation.
func TestElsewhere(t *testing.T) {
	s := store(t)
	var asked []string
	h, err := serve.Handler(serve.Options{Dir: s.Dir(), Elsewhere: func(_ context.Context, path string, sum digest.Checksum, _ int64) string {
		asked = append(asked, path)
		if !sum.IsZero() || strings.Contains(path, "nowhere") {
			return ""
		}
		return "http://cdn.example.org/" + path
	}})
	must(t, err)
	srv := httptest.NewServer(h)
	defer srv.Close()
	old := "r/repodata/" + strings.Repeat("ab", 32) + "-primary.xml.gz"
	for path, want := range map[string]int{
		"/r/gone.rpm": 302, "/" + old: 302, "/nowhere.rpm": 404, "/r/repodata/nosuch.xml": 404, "/x/repodata/repomd.xml": 404, "/x/repodata/repomd.xml.asc": 404,
		"/nosuch.html": 404, "/r/gone.rpm/": 404, "/.flatstream/a.rpm": 404, "/../a.rpm": 400, "/r/repodata/repomd.xml": 200,
		"/snapshots/20260301T020000Z/gone.rpm": 404, "/tags/nosuch/gone.rpm": 404,
	} {
		asked = nil
		got := ask(t, srv.URL, "GET", path)
		if got.code != want || (got.head.Get("Location") != "") != (want == 302) {
			t.Errorf("%s: %d %s, want %d", path, got.code, got.head.Get("Location"), want)
		}
		if len(asked) > 0 && want != 302 && !strings.Contains(path, "nowhere") {
			t.Errorf("%s: asked for %v", path, asked)
		}
	}
	if got := ask(t, srv.URL, "HEAD", "/"+old); got.code != 302 || got.head.Get("Location") != "http://cdn.example.org/"+old || got.head.Get("Cache-Control") != "no-cache" {
		t.Errorf("HEAD: %d %v", got.code, got.head)
	}
	if got := ask(t, srv.URL, "GET", "/metrics"); !strings.Contains(got.body, "flatstream_redirected_total 3\n") {
		t.Error(got.body)
	}
}
