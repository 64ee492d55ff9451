package serve_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/mirror/serve"
	"flatstream/mirror/tree"
	"flatstream/repodata"
	"flatstream/repodata/digest"
)

const demandConfig = `
store: store
repos:
  baseos:    { baseurl: "URL/baseos/", retries: 1, policy: on-demand }
  appstream: { baseurl: "URL/appstream/", retries: 1, policy: on-demand }
targets:
  el8: { releasever: "8", arches: [x86_64], sources: [baseos, appstream], alias: "koji/latest/$arch/el8" }
views:
  perl-build: { target: el8, streams: ["perl:5.30"] }
verify: { on-problems: warn }
`

// packages lists what the repository at a URL has.
func packages(t *testing.T, srv *httptest.Server, base string) []*repodata.Package {
	t.Helper()
	repo, err := repodata.Open(httpFS{t, srv, base})
	must(t, err)
	var all []*repodata.Package
	for p, err := range repo.Packages(context.Background(), repodata.PartIdentity) {
		must(t, err)
		copied := *p
		all = append(all, &copied)
	}
	if len(all) == 0 {
		t.Fatalf("%s has no packages", base)
	}
	return all
}

func rpms(t *testing.T, dir string) (n int) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(p, ".rpm") {
			n++
		}
		return err
	}))
	return n
}

// Every package of every flat repository, set and alias can be had, each is asked of
// upstream once, and none stands in the tree.
func TestOnDemand(t *testing.T) {
	s := newSite(t, demandConfig)
	if n := rpms(t, s.store); n > 0 {
		t.Fatalf("%d packages were copied", n)
	}
	srv := start(t, s.store)
	s.upstream.Reset()
	for _, base := range []string{"/mirror/8/x86_64/baseos", "/mirror/8/x86_64/appstream", "/flat/el8/x86_64/default", "/flat/el8/x86_64/views/perl-build",
		"/flat/el8/x86_64/streams/nodejs/12", "/koji/latest/x86_64/el8/non-modular", el8 + "default+nodejs:12", "/snapshots/20260301T020000Z/flat/el8/x86_64/default"} {
		for _, p := range packages(t, srv, base) {
			got := ask(t, srv.URL, "GET", base+"/"+p.Location)
			if got.code != 200 || digest.OfBytes([]byte(got.body)) != p.PkgID || got.head.Get("Content-Type") != "application/x-rpm" {
				t.Fatalf("%s/%s: %d %.200q", base, p.Location, got.code, got.body)
			}
		}
	}
	for _, r := range s.upstream.Requests() {
		if n := s.upstream.Count(r.Path); n != 1 {
			t.Errorf("upstream was asked for %s %d times", r.Path, n)
		}
	}
	if n := rpms(t, filepath.Join(s.store, "snapshots")); n > 0 {
		t.Errorf("%d packages stand in the tree", n)
	}
}

// somePackage is one of the default view, at least of that size.
func somePackage(t *testing.T, srv *httptest.Server) (string, *repodata.Package) {
	t.Helper()
	p := packages(t, srv, "/flat/el8/x86_64/default")[0]
	return "/flat/el8/x86_64/default/" + p.Location, p
}

func stored(t *testing.T, s *site, p *repodata.Package) bool {
	t.Helper()
	store, err := tree.Open(s.store)
	must(t, err)
	defer store.Close()
	return store.Has(p.PkgID, p.Size)
}

func TestOnDemandConditionsAndRanges(t *testing.T) {
	s := newSite(t, demandConfig)
	srv := start(t, s.store)
	url, p := somePackage(t, srv)
	head := ask(t, srv.URL, "HEAD", url)
	if head.code != 200 || head.head.Get("Content-Length") != fmt.Sprint(p.Size) || stored(t, s, p) {
		t.Errorf("HEAD: %d %v, stored %v", head.code, head.head, stored(t, s, p))
	}
	tag := head.head.Get("ETag")
	if got := ask(t, srv.URL, "GET", url, "If-None-Match", tag); got.code != 304 || stored(t, s, p) {
		t.Errorf("conditional: %d, stored %v", got.code, stored(t, s, p))
	}
	part := ask(t, srv.URL, "GET", url, "Range", "bytes=10-19") // the first GET of all
	whole := ask(t, srv.URL, "GET", url)
	if part.code != 206 || part.body != whole.body[10:20] || digest.OfBytes([]byte(whole.body)) != p.PkgID || !stored(t, s, p) {
		t.Errorf("range: %d %q", part.code, part.body)
	}
	if whole.head.Get("ETag") != tag {
		t.Errorf("the ETag was %s and is %s", tag, whole.head.Get("ETag"))
	}
	if got := ask(t, srv.URL, "GET", url, "Range", "bytes=20-", "If-Range", tag); got.code != 206 || got.body != whole.body[20:] {
		t.Errorf("resumed: %d", got.code)
	}
	if got := ask(t, srv.URL, "GET", url, "Range", fmt.Sprintf("bytes=%d-", p.Size)); got.code != 416 {
		t.Errorf("past the end: %d", got.code)
	}
}

func TestOnDemandUpstreamDown(t *testing.T) {
	s := newSite(t, demandConfig)
	srv := start(t, s.store)
	all := packages(t, srv, "/flat/el8/x86_64/default")
	at := func(i int) string { return "/flat/el8/x86_64/default/" + all[i].Location }
	if got := ask(t, srv.URL, "GET", at(0)); got.code != 200 {
		t.Fatal(got.code)
	}
	must(t, s.upstream.Close())
	if got := ask(t, srv.URL, "GET", at(0)); got.code != 200 {
		t.Errorf("a stored package: %d", got.code)
	}
	if got := ask(t, srv.URL, "GET", at(1)); got.code != 503 || !strings.Contains(got.body, "cannot be had now") || got.head.Get("Retry-After") == "" {
		t.Errorf("another: %d %q", got.code, got.body)
	}
	if got := ask(t, srv.URL, "GET", el8+"default/repodata/repomd.xml"); got.code != 200 {
		t.Errorf("a set needs upstream: %d", got.code)
	}
}

// Wrong bytes are never stored, and no client ever has all of them.
func TestOnDemandWrongBytes(t *testing.T) {
	s := newSite(t, demandConfig)
	srv := start(t, s.store)
	url, p := somePackage(t, srv)
	s.upstream.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".rpm") {
			io.WriteString(w, strings.Repeat("x", int(p.Size)))
			return true
		}
		return false
	})
	if got := ask(t, srv.URL, "GET", url); got.code != 502 || !strings.Contains(got.body, "not what the metadata names") {
		t.Errorf("%d %q", got.code, got.body)
	}
	if stored(t, s, p) {
		t.Error("wrong bytes were stored")
	}
	s.upstream.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		http.NotFound(w, r)
		return true
	})
	time.Sleep(serve.FailureLife + 500*time.Millisecond)
	if got := ask(t, srv.URL, "GET", url); got.code != 502 || !strings.Contains(got.body, "any more") {
		t.Errorf("gone upstream: %d %q", got.code, got.body)
	}
	s.upstream.Fault(nil)
	time.Sleep(serve.FailureLife + 500*time.Millisecond)
	if got := ask(t, srv.URL, "GET", url); got.code != 200 || !stored(t, s, p) {
		t.Errorf("mended: %d", got.code)
	}
}

// bigStore promises one package of that size.
func bigStore(t *testing.T, upstream, text string) string {
	t.Helper()
	s, err := tree.Open(filepath.Join(t.TempDir(), "store"))
	must(t, err)
	unlock, err := s.Lock()
	must(t, err)
	t.Cleanup(func() { unlock(); s.Close() })
	stage, err := s.NewStage()
	must(t, err)
	must(t, stage.Promise("mirror/r/big.rpm", digest.OfBytes([]byte(text)), int64(len(text)), upstream+"/big.rpm"))
	must(t, stage.WriteFile("mirror/r/x", nil))
	_, err = stage.Publish(night1)
	must(t, err)
	return s.Dir()
}

// A hundred clients of one package that is under way: one request upstream, and all
// read along before it is stored.
func TestOnDemandIsCoalescedAndStreamed(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 64<<10) // 1 MiB
	var asked atomic.Int32
	half := make(chan bool)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		io.WriteString(w, text[:len(text)/2])
		w.(http.Flusher).Flush()
		<-half
		io.WriteString(w, text[len(text)/2:])
	}))
	defer up.Close()
	srv := start(t, bigStore(t, up.URL, text))
	var wg, begun sync.WaitGroup
	for i := range 100 {
		begun.Add(1)
		wg.Go(func() {
			req, err := http.NewRequest("GET", srv.URL+"/mirror/r/big.rpm", nil)
			must(t, err)
			want := text
			if i%3 == 0 {
				req.Header.Set("Range", "bytes=1000-")
				want = text[1000:]
			}
			res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
			if err != nil {
				begun.Done()
				t.Error(err)
				return
			}
			defer res.Body.Close()
			head := make([]byte, 100_000)
			_, err = io.ReadFull(res.Body, head)
			begun.Done()
			rest, err2 := io.ReadAll(res.Body)
			if err != nil || err2 != nil || string(head)+string(rest) != want {
				t.Errorf("a wrong body: %v %v", err, err2)
			}
		})
	}
	begun.Wait() // all have bytes, and upstream has not sent all of them
	close(half)
	wg.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("upstream was asked %d times", n)
	}
}

// Wrong bytes at the end of a large package: the connection is cut before the end.
func TestOnDemandWrongBytesCutTheConnection(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 64<<10)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, text[:len(text)-1]+"!")
	}))
	defer up.Close()
	dir := bigStore(t, up.URL, text)
	srv := start(t, dir)
	res, err := http.Get(srv.URL + "/mirror/r/big.rpm")
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if res.StatusCode == 200 && (err == nil || len(body) >= len(text)) {
		t.Errorf("%d bytes of %d, %v", len(body), len(text), err)
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "objects/*/*/*")); len(found) > 1 { // that of x
		t.Errorf("stored: %v", found)
	}
}

// A download that breaks in the middle goes on where it broke, and clients that read
// along notice nothing.
func TestOnDemandResumesUpstream(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 64<<10)
	dir := t.TempDir()
	write(t, dir, map[string]string{"big.rpm": text})
	up, err := fixtures.Serve(dir)
	must(t, err)
	defer up.Close()
	var once sync.Once
	up.Fault(func(w http.ResponseWriter, r *http.Request) (cut bool) {
		once.Do(func() {
			cut = true
			w.Header().Set("Content-Length", fmt.Sprint(len(text)))
			w.Header().Set("Accept-Ranges", "bytes")
			io.WriteString(w, text[:len(text)/2])
		})
		return cut
	})
	srv := start(t, bigStore(t, up.URL, text))
	if got := ask(t, srv.URL, "GET", "/mirror/r/big.rpm"); got.code != 200 || got.body != text {
		t.Errorf("%d, %d bytes", got.code, len(got.body))
	}
	if seen := up.Requests(); len(seen) != 2 || seen[1].Range == "" {
		t.Errorf("upstream saw %+v", seen)
	}
}

// Credentials come from the config, and stand in no file that is served.
func TestOnDemandWithCredentials(t *testing.T) {
	text := "a package"
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "ann" || password != "hunter2" || r.URL.RawQuery != "token=hunter3" {
			http.Error(w, "who are you", http.StatusForbidden)
			return
		}
		io.WriteString(w, text)
	}))
	defer up.Close()
	dir := bigStore(t, up.URL, text)
	if got := ask(t, start(t, dir).URL, "GET", "/mirror/r/big.rpm"); got.code != 503 || !strings.Contains(got.body, "403") {
		t.Errorf("without: %d %q", got.code, got.body)
	}
	u := serve.Upstream{Path: "mirror/r", URLs: []string{up.URL + "/?token=hunter3"}}
	u.Fetch.User, u.Fetch.Password, u.Fetch.Trusted = "ann", "hunter2", u.URLs
	h, err := serve.Handler(serve.Options{Dir: dir, Upstreams: []serve.Upstream{u}})
	must(t, err)
	srv := httptest.NewServer(h)
	defer srv.Close()
	if got := ask(t, srv.URL, "GET", "/mirror/r/big.rpm"); got.code != 200 || got.body != text {
		t.Errorf("with: %d %q", got.code, got.body)
	}
}

// Nights come and go: what was fetched stays while a kept snapshot names it, the tree
// is whole to fsck, and a withheld or unchanged target still promises its packages.
func TestOnDemandOverNights(t *testing.T) {
	s := newSite(t, demandConfig)
	srv := start(t, s.store)
	url, p := somePackage(t, srv)
	if got := ask(t, srv.URL, "GET", url); got.code != 200 {
		t.Fatal(got.code)
	}
	must(t, s.upstream.Switch(s.second))
	s.night()
	s.night()
	for _, base := range []string{"/flat/el8/x86_64/default", "/flat/el8/x86_64/streams/perl/5.30", el8 + "default"} {
		for _, p := range packages(t, srv, base) {
			if got := ask(t, srv.URL, "GET", base+"/"+p.Location); got.code != 200 {
				t.Errorf("%s/%s: %d %s", base, p.Location, got.code, got.body)
			}
		}
	}
	store, err := tree.Open(s.store)
	must(t, err)
	defer store.Close()
	unlock, err := store.Lock()
	must(t, err)
	defer unlock()
	current, _, err := store.Current()
	must(t, err)
	must(t, current.Check())
	_, err = store.Prune(14, 0, 1, time.Now().Add(time.Hour), false)
	must(t, err)
	if !store.Has(p.PkgID, p.Size) {
		t.Error("prune removed what a kept snapshot promises")
	}
	if n := rpms(t, filepath.Join(s.store, "snapshots")); n > 0 {
		t.Errorf("%d packages stand in the tree", n)
	}
	must(t, os.RemoveAll(s.dir))
}
