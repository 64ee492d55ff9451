package serve_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"flatstream/mirror/serve"
)

// startNginx serves dir with scripts/nginx.conf, only its paths and port
// changed.
func startNginx(t testing.TB, dir string) string { return startNginxWith(t, dir) }

// startNginxWith changes more of the file: old and new text in turn.
func startNginxWith(t testing.TB, dir string, changes ...string) string {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("nginx is not installed")
		}
		t.Skip("nginx is not installed")
	}
	server, err := os.ReadFile("../../scripts/nginx.conf")
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := l.Addr().String()
	must(t, l.Close())
	conf := strings.NewReplacer(append(changes, "/srv/flatstream", dir, "listen 8080", "listen "+addr)...).Replace(string(server))
	work := t.TempDir()
	must(t, os.WriteFile(filepath.Join(work, "server.conf"), []byte(conf), 0o644))
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // test directories are closed to others
	}
	must(t, os.WriteFile(filepath.Join(work, "nginx.conf"), fmt.Appendf(nil, `%s
daemon off; worker_processes auto; pid nginx.pid; error_log stderr crit;
events {}
http {
  access_log off; keepalive_requests 1000000;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  include server.conf;
}`, user), 0o644))
	cmd := exec.Command(nginx, "-p", work, "-c", "nginx.conf", "-e", "stderr")
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	})
	for range 100 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return "http://" + addr
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("nginx does not listen")
	return ""
}

func TestNginxServesTheSame(t *testing.T) {
	s := store(t)
	nginx := startNginx(t, s.Dir())
	ours := start(t, s.Dir()).URL
	now, _, err := s.Current()
	must(t, err)
	var paths []string
	must(t, filepath.WalkDir(now.Dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			paths = append(paths, strings.TrimPrefix(p, now.Dir))
		}
		return err
	}))
	if len(paths) < 7 {
		t.Fatalf("too little to compare: %v", paths)
	}
	paths = append(paths, "/"+kojiAlias+"/repodata/repomd.xml", "/"+kojiAlias+"/repodata/repomd.xml.asc", "/"+kojiAlias+"/none",
		"/tags/ga/r/repodata/repomd.xml", "/snapshots/20260301T020000Z/manifest", "/tags/ga/r/repodata/repomd.xml.asc",
		"/pages/", "/snapshots/20260301T020000Z/pages/", "//r/repodata//repomd.xml", "/r/../r/repodata/repomd.xml", "/r/repodata/repomd.xml/", "/r/repodata/none", "/../x", "/r/%2e%2e/%2e%2e/x",
		"/objects/", "/state/lock", "/snapshots/.x/", "/.hidden", "/r/.hidden", "/tags/none/", "/tags/ga/../../state/lock")
	for _, path := range paths {
		for _, head := range [][]string{nil, {"Range", "bytes=1-3"}, {"Range", "bytes=-2"}, {"If-Modified-Since", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)}} {
			if path == "/r/empty" && len(head) > 0 && head[0] == "Range" {
				continue // nginx: 416; we ignore the range, as RFC 9110 14.2 allows
			}
			for _, method := range []string{"GET", "HEAD"} {
				compareAnswers(t, ours, nginx, method, path, head)
			}
		}
	}
}

// With serve behind it, nginx also has what is on demand and sets of streams, and
// passes nothing on that is in the tree.
func TestNginxPassesMissesOn(t *testing.T) {
	s := newSite(t, demandConfig)
	h, err := serve.Handler(serve.Options{Dir: s.store})
	must(t, err)
	var passed []string
	var mu sync.Mutex
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		passed = append(passed, r.URL.Path)
		mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	nginx := startNginxWith(t, s.store, "#: ", "", "http://127.0.0.1:8081", srv.URL)
	ours := start(t, s.store).URL
	url, _ := somePackage(t, srv)
	passed = nil
	tree := []string{"/flat/el8/x86_64/default/repodata/repomd.xml", "/mirror/8/x86_64/baseos/repodata/repomd.xml", "/flat/el8/x86_64/report.json"}
	for _, path := range tree {
		compareAnswers(t, ours, nginx, "GET", path, nil)
	}
	if len(passed) > 0 {
		t.Errorf("passed on: %v", passed)
	}
	sets := []string{url, el8 + "default+nodejs:12/repodata/repomd.xml", el8 + "nodejs:12/", el8 + "default/../../../../state/lock", "/at/", "/none", "/.hidden", "/state/lock"}
	for _, path := range sets {
		for _, head := range [][]string{nil, {"Range", "bytes=1-3"}, {"Range", "bytes=-2"}} {
			compareAnswers(t, ours, nginx, "GET", path, head)
		}
	}
	if got := ask(t, nginx, "GET", el8+"default/flatstream.repo"); !strings.Contains(got.body, "baseurl="+nginx+el8+"default/") {
		t.Errorf("the .repo file leads past nginx: %s", got.body)
	}
}

func compareAnswers(t *testing.T, ours, nginx, method, path string, head []string) {
	t.Helper()
	got, want := ask(t, ours, method, path, head...), ask(t, nginx, method, path, head...)
	if got.code != want.code || (want.code < 300 && got.body != want.body) {
		t.Errorf("%s %s %v: we say %d %q, nginx %d %q", method, path, head, got.code, got.body, want.code, want.body)
	}
	if want.code >= 300 {
		return
	}
	for _, name := range []string{"Content-Type", "Content-Length", "Content-Range", "Last-Modified", "Cache-Control"} {
		if name == "Content-Type" && strings.HasSuffix(path, "/manifest") {
			continue // nginx goes by the extension alone
		}
		if g, w := got.head.Get(name), want.head.Get(name); g != w {
			t.Errorf("%s %s %v: %s is %q, nginx says %q", method, path, head, name, g, w)
		}
	}
}

// Over a real store nginx answers random requests as we do.
func TestNginxServesTheSameAtRandom(t *testing.T) {
	if testing.Short() {
		t.Skip("it asks another program, not for races")
	}
	s := newSite(t, nightConfig)
	nginx, ours := startNginx(t, s.store), start(t, s.store).URL
	var paths []string
	must(t, filepath.WalkDir(filepath.Join(s.store, "snapshots"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && filepath.Base(p) != "manifest" {
			at := strings.TrimPrefix(p, s.store)
			paths = append(paths, at, strings.TrimPrefix(at, "/snapshots/20260301T020000Z"))
		}
		return err
	}))
	n := 200
	if os.Getenv("FLATSTREAM_FULL") == "1" {
		n = 1000
	}
	rnd := rand.New(rand.NewPCG(7, uint64(n)))
	for range n {
		path := oddly(rnd, (&url.URL{Path: paths[rnd.IntN(len(paths))]}).EscapedPath())
		heads := [][]string{nil, {"Range", fmt.Sprintf("bytes=%d-%d", rnd.IntN(2000), 2000+rnd.IntN(5000))}, {"Range", fmt.Sprintf("bytes=%d-", rnd.IntN(900))}, {"Range", fmt.Sprintf("bytes=-%d", 1+rnd.IntN(900))}}
		compareAnswers(t, ours, nginx, "GET", path, nil)
		compareAnswers(t, ours, nginx, []string{"GET", "HEAD"}[rnd.IntN(2)], path, heads[rnd.IntN(len(heads))])
	}
}

// oddly writes some paths in a way that few clients do, some so that nothing is there.
func oddly(rnd *rand.Rand, path string) string {
	at := 1 + rnd.IntN(len(path)-1)
	switch rnd.IntN(10) {
	case 0:
		if strings.IndexByte("%/", path[at]) < 0 && path[at-1] != '%' && (at < 2 || path[at-2] != '%') {
			return fmt.Sprintf("%s%%%02x%s", path[:at], path[at], path[at+1:])
		}
	case 1:
		return strings.Replace(path, "/", "//", 1+rnd.IntN(3))
	case 2:
		return strings.Replace(path, "/", "/./", 1)
	case 3:
		return path + "x"
	case 4:
		if cut := strings.TrimRight(path[:at], "/"); cut != "" { // a listing is each server's own
			return cut
		}
	}
	return path
}
