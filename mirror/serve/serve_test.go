package serve_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"flatstream/mirror/serve"
	"flatstream/mirror/tree"
)

var night1 = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

const checksumNamed = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef-primary.xml.gz"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
}

func start(t testing.TB, dir string) *httptest.Server {
	t.Helper()
	h, err := serve.Handler(serve.Options{Dir: dir})
	must(t, err)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

// store publishes two nights of r/ and tags the first.
func store(t testing.TB) *tree.Tree {
	t.Helper()
	s, err := tree.Open(filepath.Join(t.TempDir(), "store"))
	must(t, err)
	unlock, err := s.Lock()
	must(t, err)
	t.Cleanup(func() { unlock(); s.Close() })
	first := publish(t, s, night1, map[string]string{
		"r/repodata/repomd.xml":        "<one/>",
		"r/repodata/" + checksumNamed:  "gz",
		"r/Packages/a+b~1^2-1.src.rpm": "package",
	})
	_, err = s.Tag(first, "ga", false)
	must(t, err)
	publish(t, s, night1.Add(time.Hour), map[string]string{
		"r/repodata/repomd.xml":     "<two/>",
		"r/repodata/repomd.xml.asc": "signature",
		"r/flatstream.repo":         "[r]\n",
		"r/modules.yaml":            "---\n",
		"r/empty":                   "",
		"pages/index.html":          "<p>catalogue",
	})
	return s
}

// kojiAlias leads to r, as an alias of the nightly config does.
const kojiAlias = "koji/latest/x86_64/RHEL-8-001"

func publish(t testing.TB, s *tree.Tree, now time.Time, files map[string]string) string {
	t.Helper()
	stage, err := s.NewStage()
	must(t, err)
	must(t, stage.Carry("."))
	for name, text := range files {
		must(t, stage.WriteFile(name, []byte(text)))
	}
	if _, err := os.Lstat(filepath.Join(stage.Dir(), kojiAlias)); err != nil {
		must(t, stage.Symlink("r", kojiAlias))
	}
	name, err := stage.Publish(now)
	must(t, err)
	return name
}

type answer struct {
	code int
	head http.Header
	body string
}

// ask sends a request whose path is put on the wire as it is.
func ask(t testing.TB, base, method, path string, head ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, base, nil)
	must(t, err)
	req.URL.Opaque = strings.TrimPrefix(base, "http:") + path
	for i := 0; i+1 < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	return answer{res.StatusCode, res.Header, string(body)}
}

func TestStore(t *testing.T) {
	srv := start(t, store(t).Dir())
	for _, c := range []struct {
		path string
		code int
		body string
	}{
		{"/r/repodata/repomd.xml", 200, "<two/>"},
		{"/snapshots/20260301T020000Z/r/repodata/repomd.xml", 200, "<one/>"},
		{"/snapshots/20260301T030000Z/r/repodata/repomd.xml", 200, "<two/>"},
		{"/tags/ga/r/repodata/repomd.xml", 200, "<one/>"},
		{"//r///repodata/./repomd.xml", 200, "<two/>"},
		{"/r/Packages/../repodata/repomd.xml", 200, "<two/>"},
		{"/r/Packages/a+b~1%5E2-1.src.rpm", 200, "package"},
		{"/r/empty", 200, ""},
		{"/objects/", 404, ""},
		{"/state/lock", 404, ""},
		{"/current/r/repodata/repomd.xml", 404, ""},
		{"/snapshots/20200101T000000Z/", 404, ""},
		{"/snapshots/../objects/", 404, ""},
		{"/tags/ga/../../state/lock", 404, ""},
		{"/r/repodata/repomd.xml/", 404, ""},
		{"/r/repodata/repomd.xml/x", 404, ""},
		{"/r/" + strings.Repeat("x", 300), 404, ""},
		{"/../state/lock", 400, ""},
		{"/r/%2e%2e/%2E%2e/state/lock", 400, ""},
		{"/r/..%2f..%2fstate%2flock", 400, ""},
		{"/r/%00", 400, ""},
	} {
		got := ask(t, srv.URL, "GET", c.path)
		if got.code != c.code || (c.code == 200 && got.body != c.body) {
			t.Errorf("%s: %d %q, want %d %q", c.path, got.code, got.body, c.code, c.body)
		}
	}
}

func TestHeaders(t *testing.T) {
	srv := start(t, store(t).Dir())
	for path, want := range map[string][2]string{
		"/r/repodata/repomd.xml":           {"application/xml", "no-cache"},
		"/r/repodata/repomd.xml.asc":       {"application/pgp-signature", "no-cache"},
		"/r/repodata/" + checksumNamed:     {"application/gzip", "public, max-age=31536000, immutable"},
		"/r/Packages/a+b~1%5E2-1.src.rpm":  {"application/x-rpm", ""},
		"/r/flatstream.repo":               {"text/plain; charset=utf-8", ""},
		"/r/modules.yaml":                  {"application/yaml", ""},
		"/manifest":                        {"text/plain; charset=utf-8", ""},
		"/r/":                              {"text/html; charset=utf-8", "no-cache"},
		"/r/repodata/nothing-of-this-name": {"text/plain; charset=utf-8", "no-cache"},
	} {
		get, head := ask(t, srv.URL, "GET", path), ask(t, srv.URL, "HEAD", path)
		if got := [2]string{get.head.Get("Content-Type"), get.head.Get("Cache-Control")}; got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
		if head.code != get.code || head.body != "" || head.head.Get("ETag") != get.head.Get("ETag") {
			t.Errorf("%s: HEAD says %d %v, GET %d %v", path, head.code, head.head, get.code, get.head)
		}
	}
	if got := ask(t, srv.URL, "POST", "/r/"); got.code != 405 || got.head.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", got.code, got.head.Get("Allow"))
	}
}

func TestConditionsAndRanges(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.rpm": "0123456789"})
	srv := start(t, dir)
	full := ask(t, srv.URL, "GET", "/a.rpm")
	etag, modified := full.head.Get("ETag"), full.head.Get("Last-Modified")
	if !strings.HasPrefix(etag, `"`) || modified == "" || full.head.Get("Accept-Ranges") != "bytes" {
		t.Fatalf("ETag %s, Last-Modified %s", etag, modified)
	}
	for _, c := range []struct {
		head []string
		code int
		body string
	}{
		{[]string{"If-None-Match", etag}, 304, ""},
		{[]string{"If-Modified-Since", modified}, 304, ""},
		{[]string{"Range", "bytes=2-4"}, 206, "234"},
		{[]string{"Range", "bytes=7-"}, 206, "789"},
		{[]string{"Range", "bytes=-2"}, 206, "89"},
		{[]string{"Range", "bytes=10-"}, 416, ""},
		{[]string{"Range", "bytes=-0"}, 200, "0123456789"},
		{[]string{"Range", "lines=2-4"}, 200, "0123456789"},
		{[]string{"Range", "bytes=7-", "If-Range", etag}, 206, "789"},
		{[]string{"Range", "bytes=7-", "If-Range", `"other"`}, 200, "0123456789"},
	} {
		got := ask(t, srv.URL, "GET", "/a.rpm", c.head...)
		if got.code != c.code || (c.code < 300 && got.body != c.body) {
			t.Errorf("%v: %d %q, want %d %q", c.head, got.code, got.body, c.code, c.body)
		}
	}
	write(t, dir, map[string]string{"empty": ""})
	if got := ask(t, srv.URL, "GET", "/empty", "Range", "bytes=-2"); got.code != 200 || got.head.Get("Content-Range") != "" {
		t.Errorf("a range of an empty file: %d %q", got.code, got.head.Get("Content-Range"))
	}
	// The same bytes and time in another file: another entity, no resume.
	write(t, dir, map[string]string{"b": "abcdefghij"})
	info, err := os.Stat(filepath.Join(dir, "a.rpm"))
	must(t, err)
	must(t, os.Chtimes(filepath.Join(dir, "b"), info.ModTime(), info.ModTime()))
	must(t, os.Rename(filepath.Join(dir, "b"), filepath.Join(dir, "a.rpm")))
	if got := ask(t, srv.URL, "GET", "/a.rpm", "Range", "bytes=7-", "If-Range", etag); got.code != 200 {
		t.Errorf("a replaced file is resumed: %d", got.code)
	}
}

func TestPackageKeepsItsETagOverAPublication(t *testing.T) {
	s := store(t)
	srv := start(t, s.Dir())
	before := ask(t, srv.URL, "HEAD", "/r/Packages/a+b~1%5E2-1.src.rpm").head.Get("ETag")
	publish(t, s, night1.Add(2*time.Hour), nil)
	if after := ask(t, srv.URL, "HEAD", "/r/Packages/a+b~1%5E2-1.src.rpm").head.Get("ETag"); after != before {
		t.Errorf("ETag was %s and is %s", before, after)
	}
}

func TestListing(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"b.txt": "12345", "a&\"<b>.rpm": "", "perl:5.30/x": "", ".hidden": "", "z/index.html": "<p>catalogue"})
	must(t, os.Symlink("perl:5.30", filepath.Join(dir, "latest")))
	srv := start(t, dir)
	got := ask(t, srv.URL, "GET", "/").body
	order := []string{`<a href="./latest/">latest/</a>`, `<a href="./perl:5.30/">perl:5.30/</a>`, `<a href="./z/">`,
		`<a href="./a&amp;%22%3Cb%3E.rpm">a&amp;&#34;&lt;b&gt;.rpm</a>`, `<a href="./b.txt">b.txt</a>`, `>5</td>`}
	at := 0
	for _, want := range order {
		i := strings.Index(got[at:], want)
		if i < 0 {
			t.Fatalf("%s is not where it should be in\n%s", want, got)
		}
		at += i
	}
	if strings.Contains(got, "hidden") || strings.Contains(got, "../") {
		t.Errorf("too much in\n%s", got)
	}
	if got := ask(t, srv.URL, "GET", "/z/"); got.body != "<p>catalogue" || got.head.Get("Content-Type") != "text/html; charset=utf-8" || got.head.Get("Cache-Control") != "no-cache" {
		t.Errorf("index.html: %q %v", got.body, got.head)
	}
	if got := ask(t, srv.URL, "GET", "/perl:5.30"); got.code != 301 || got.head.Get("Location") != "./perl:5.30/" {
		t.Errorf("redirect: %d %q", got.code, got.head.Get("Location"))
	}
	if got := ask(t, srv.URL, "GET", "//z"); got.code != 301 || got.head.Get("Location") != "/z/" {
		t.Errorf("odd redirect: %d %q", got.code, got.head.Get("Location"))
	}
}

func TestListingOfSnapshotsAndTags(t *testing.T) {
	srv := start(t, store(t).Dir())
	for path, want := range map[string]string{"/snapshots/": `href="./20260301T020000Z/"`, "/tags/": `href="./ga/"`, "/tags/ga/": `href="./r/"`, "/": `href="./r/"`} {
		if got := ask(t, srv.URL, "GET", path).body; !strings.Contains(got, want) {
			t.Errorf("%s does not hold %s:\n%s", path, want, got)
		}
	}
}

func TestNothingOutsideIsServed(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o644))
	write(t, dir, map[string]string{".htpasswd": "secret", ".git/config": "secret", "a/x": ""})
	must(t, os.Symlink(secret, filepath.Join(dir, "link")))
	must(t, os.Symlink(filepath.Dir(secret), filepath.Join(dir, "dir")))
	must(t, os.Symlink("../../../../etc/passwd", filepath.Join(dir, "a", "index.html")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644))
	srv := start(t, dir)
	for path, code := range map[string]int{"/link": 403, "/dir/secret": 403, "/.htpasswd": 404, "/.git/config": 404, "/fifo": 404, "/a/index.html": 403, "/a/": 200} {
		if got := ask(t, srv.URL, "GET", path); got.code != code || strings.Contains(got.body, "secret") || strings.Contains(got.body, "root:") {
			t.Errorf("%s: %d %q, want %d", path, got.code, got.body, code)
		}
	}
}

// split --link symlink: a target shows its source's packages, nothing else.
func TestSymlinkedPackagesOfATarget(t *testing.T) {
	source, target := t.TempDir(), t.TempDir()
	pkg := "\xed\xab\xee\xdb and the rest"
	write(t, source, map[string]string{"a.rpm": pkg, "fake.rpm": "root:x:0:0", "shadow": pkg})
	write(t, target, map[string]string{"report.json": `{"schema":1,"generator":"flatstream"}`})
	must(t, os.Mkdir(filepath.Join(target, "default"), 0o755))
	for link, to := range map[string]string{"a.rpm": "a.rpm", "fake.rpm": "fake.rpm", "b.rpm": "shadow", "shadow": "a.rpm", "gone.rpm": "gone.rpm"} {
		must(t, os.Symlink(filepath.Join(source, to), filepath.Join(target, "default", link)))
	}
	srv := start(t, target)
	for path, code := range map[string]int{"/default/a.rpm": 200, "/default/fake.rpm": 403, "/default/b.rpm": 403, "/default/shadow": 403, "/default/gone.rpm": 403} {
		if got := ask(t, srv.URL, "GET", path); got.code != code || (code == 200 && got.body != pkg) {
			t.Errorf("%s: %d %q, want %d", path, got.code, got.body, code)
		}
	}
	must(t, os.Remove(filepath.Join(target, "report.json")))
	if got := ask(t, srv.URL, "GET", "/default/a.rpm"); got.code != 403 {
		t.Errorf("followed in a directory that is no target: %d", got.code)
	}
}

func TestReplacedTargetIsSeen(t *testing.T) {
	target := filepath.Join(t.TempDir(), "el8")
	write(t, target, map[string]string{"report.json": `{"generator":"flatstream"}`, "text": "one"})
	srv := start(t, target)
	b, err := tree.StageBeside(target)
	must(t, err)
	write(t, b.Dir(), map[string]string{"text": "two"})
	must(t, b.Replace())
	if got := ask(t, srv.URL, "GET", "/text"); got.body != "two" {
		t.Errorf("still serving %q (%d)", got.body, got.code)
	}
}

func TestHealthAndMetrics(t *testing.T) {
	s, err := tree.Open(filepath.Join(t.TempDir(), "store"))
	must(t, err)
	srv := start(t, s.Dir())
	if got := ask(t, srv.URL, "GET", "/healthz"); got.code != 503 {
		t.Errorf("an empty store is healthy: %d", got.code)
	}
	unlock, err := s.Lock()
	must(t, err)
	defer unlock()
	publish(t, s, night1, map[string]string{"a": "12345"})
	if got := ask(t, srv.URL, "GET", "/healthz"); got.code != 200 || got.body != "ok 20260301T020000Z\n" {
		t.Errorf("health: %d %q", got.code, got.body)
	}
	ask(t, srv.URL, "GET", "/a")
	ask(t, srv.URL, "GET", "/a", "Range", "bytes=0-1")
	metrics := ask(t, srv.URL, "GET", "/metrics").body
	for _, want := range []string{
		`flatstream_http_requests_total{code="206"} 1`, `flatstream_http_requests_total{code="503"} 1`,
		fmt.Sprintf("flatstream_http_response_bytes_total %d\n", 5+2+len("ok 20260301T020000Z\n")+len("nothing is published yet\n")),
		fmt.Sprintf(`flatstream_snapshot_timestamp_seconds{snapshot="20260301T020000Z"} %d`, night1.Unix()),
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}
}

func FuzzPaths(f *testing.F) {
	dir := f.TempDir()
	write(f, dir, map[string]string{"served/a": "a"})
	secret := filepath.Join(dir, "secret")
	must(f, os.WriteFile(secret, []byte("secret"), 0o644))
	h, err := serve.Handler(serve.Options{Dir: filepath.Join(dir, "served")})
	must(f, err)
	f.Add("/a")
	f.Add("/../secret")
	f.Add("/a/..\\../secret")
	f.Fuzz(func(t *testing.T, p string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path = p
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 || strings.Contains(w.Body.String(), "secret\n") || w.Body.String() == "secret" {
			t.Fatalf("%q: %d %q", p, w.Code, w.Body)
		}
	})
}
