package serve_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/mirror"
	"flatstream/mirror/nightly"
	"flatstream/mirror/repofile"
	"flatstream/mirror/serve"
	"flatstream/mirror/tree"
	"flatstream/repodata"
)

// site is the fixtures' upstream and a store that nights are run into.
type site struct {
	t          testing.TB
	dir, store string
	config     string
	upstream   *fixtures.Server
	second     string
	nights     int
}

const nightConfig = `
store: store
repos:
  baseos:    { baseurl: "URL/baseos/", retries: 1 }
  appstream: { baseurl: "URL/appstream/", retries: 1 }
targets:
  el8: { releasever: "8", arches: [x86_64], sources: [baseos, appstream] }
views:
  perl-build: { target: el8, streams: ["perl:5.30"] }
verify: { on-problems: warn }
`

// newSite runs the first night of a config.
func newSite(t testing.TB, config string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), second: t.TempDir()}
	s.store, s.config = filepath.Join(s.dir, "store"), filepath.Join(s.dir, "flatstream.yaml")
	first := t.TempDir()
	for dir, night := range map[string]func() (*fixtures.Night, error){first: fixtures.NightOne, s.second: fixtures.NightTwo} {
		n, err := night()
		must(t, err)
		must(t, n.Write(dir, fixtures.Options{}))
	}
	var err error
	s.upstream, err = fixtures.Serve(first)
	must(t, err)
	t.Cleanup(func() { s.upstream.Close() })
	must(t, os.WriteFile(s.config, []byte(strings.ReplaceAll(config, "URL", s.upstream.URL)), 0o644))
	s.night()
	return s
}

func (s *site) night() *nightly.Report {
	s.t.Helper()
	c, err := nightly.ReadConfig(s.config)
	must(s.t, err)
	report, err := nightly.Run(context.Background(), c, nightly.Options{Vars: repofile.Vars{}, Now: night1.Add(time.Duration(s.nights) * 24 * time.Hour)})
	must(s.t, err)
	s.nights++
	return report
}

const el8 = "/at/current/el8/x86_64/"

func TestSets(t *testing.T) {
	s := newSite(t, nightConfig)
	for name, test := range map[string]func(*testing.T, *site){
		"view": setIsTheView, "packages": packagesOfASet, "answers": setAnswers,
		"conflict": setConflict, "headers": setHeaders, "once": setIsMadeOnce,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

// A set of streams is the view that the nightly run makes of them, to the byte.
func setIsTheView(t *testing.T, s *site) {
	srv := start(t, s.store)
	for set, flat := range map[string]string{"default": "default", "default+perl:5.30": "views/perl-build"} {
		made := ask(t, srv.URL, "GET", el8+set+"/repodata/repomd.xml")
		split := ask(t, srv.URL, "GET", "/flat/el8/x86_64/"+flat+"/repodata/repomd.xml")
		if made.code != 200 || split.code != 200 || made.body != split.body {
			t.Errorf("%s differs from %s: %d\n%s\n%d\n%s", set, flat, made.code, made.body, split.code, split.body)
		}
		md, err := repodata.ParseRepoMD([]byte(made.body))
		must(t, err)
		for _, rec := range md.Records {
			a, b := ask(t, srv.URL, "GET", el8+set+"/"+rec.Location), ask(t, srv.URL, "GET", "/flat/el8/x86_64/"+flat+"/"+rec.Location)
			if a.code != 200 || a.body != b.body || a.head.Get("Content-Type") != b.head.Get("Content-Type") {
				t.Errorf("%s: %s: %d, differs", set, rec.Location, a.code)
			}
		}
	}
}

// Every package stands where the metadata says, below the repository.
func packagesOfASet(t *testing.T, s *site) {
	srv := start(t, s.store)
	set := el8 + "default+nodejs:12/"
	repo, err := repodata.Open(httpFS{t, srv, set})
	must(t, err)
	n := 0
	for p, err := range repo.Packages(context.Background(), repodata.PartIdentity) {
		must(t, err)
		n++
		got := ask(t, srv.URL, "GET", set+p.Location)
		if got.code != 200 || int64(len(got.body)) != p.Size || got.head.Get("Content-Type") != "application/x-rpm" || strings.HasPrefix(p.Location, "..") {
			t.Errorf("%s: %d, %d bytes of %d", p.Location, got.code, len(got.body), p.Size)
		}
	}
	if n < 20 {
		t.Errorf("only %d packages", n)
	}
	if got := ask(t, srv.URL, "GET", set+"Packages/n/nodejs-10.24.0-1.module+el8.3.0+10166+b07ac28e.x86_64.rpm"); got.code != 404 {
		t.Errorf("a package of another stream: %d", got.code)
	}
}

func setAnswers(t *testing.T, s *site) {
	srv := start(t, s.store)
	snapshot := "/at/20260301T020000Z/el8/x86_64/"
	for _, c := range []struct {
		path string
		code int
		want string // in the body, or the Location of a redirect
	}{
		{"/at/", 200, `href="./current/"`},
		{"/at", 301, "./at/"},
		{"/at/current/", 200, `href="./el8/"`},
		{"/at/current/el8/", 200, `href="./x86_64/"`},
		{el8, 200, `href="./default/"`},
		{"/at/current/el9/x86_64/default/", 404, "it has el8/x86_64"},
		{"/at/none/el8/x86_64/default/", 404, "there is no snapshot or tag"},
		{el8 + "default", 301, "./default/"},
		{el8 + "nodejs:12/", 301, "../default+nodejs:12/"},
		{el8 + "perl:5.30+default+nodejs:12/repodata/repomd.xml", 301, "../../default+nodejs:12+perl:5.30/repodata/repomd.xml"},
		{el8 + "nodejs:12+none/flatstream.repo", 301, "../none+nodejs:12/flatstream.repo"},
		{el8 + "default+nodejs:12+nodejs:12/", 301, "../default+nodejs:12/"},
		{el8 + "default+nodejs:13/repodata/repomd.xml", 404, "module nodejs has 10, 12"},
		{el8 + "default+nodjs:12/repodata/repomd.xml", 404, "nodejs"},
		{el8 + "default+nodejs:10+nodejs:12/repodata/repomd.xml", 409, "a module has one stream at a time"},
		{el8 + "default+-perl+perl:5.30/", 409, "left out"},
		{el8 + "default+none/", 409, "exclude each other"},
		{el8 + "default+/", 400, "module:stream"},
		{el8 + "default+nodejs:/", 400, "module:stream"},
		{el8 + "default+x~4/", 400, "module:stream"},
		{el8 + "default+a~2Fb:1/", 400, "module:stream"},
		{el8 + strings.Repeat("a+", 64) + "a/", 400, "at most 64"},
		{el8 + strings.Repeat("a", 2001) + "/", 414, "2000 bytes"},
		{el8 + "default/repodata/", 404, ""},
		{el8 + "default/none.rpm", 404, ""},
		{el8 + "default/../../../../../state/lock", 404, ""},
		{el8 + "default/", 200, "gpgcheck=0"},
		{snapshot + "default/flatstream.repo", 200, "baseurl=http://127.0.0.1"},
		{snapshot + "default/report.json", 200, `"problems":[{`},
	} {
		got := ask(t, srv.URL, "GET", c.path)
		in := got.body
		if c.code == 301 {
			in = got.head.Get("Location")
		}
		if got.code != c.code || !strings.Contains(in, c.want) || c.code == 301 && in != c.want {
			t.Errorf("%s: %d %.300q, want %d %q", c.path, got.code, in, c.code, c.want)
		}
	}
}

func setConflict(t *testing.T, s *site) {
	srv := start(t, s.store)
	got := ask(t, srv.URL, "GET", el8+"default+-virt+virt-devel:rhel/repodata/repomd.xml")
	if got.code != 409 || !strings.Contains(got.body, "virt") {
		t.Errorf("%d %q", got.code, got.body)
	}
}

func setHeaders(t *testing.T, s *site) {
	srv := start(t, s.store)
	const snapshot = "20260301T020000Z"
	for _, c := range []struct{ path, cache string }{
		{el8 + "default/repodata/repomd.xml", "no-cache"},
		{"/at/" + snapshot + "/el8/x86_64/default/repodata/repomd.xml", "public, max-age=31536000, immutable"},
	} {
		got := ask(t, srv.URL, "GET", c.path)
		head := ask(t, srv.URL, "HEAD", c.path)
		if got.head.Get("Cache-Control") != c.cache || got.head.Get("X-Flatstream-Snapshot") != snapshot || !strings.HasPrefix(got.head.Get("X-Flatstream-Verify"), "problems; count=") {
			t.Errorf("%s: %v", c.path, got.head)
		}
		if again := ask(t, srv.URL, "GET", c.path, "If-None-Match", got.head.Get("ETag")); again.code != 304 || head.code != 200 || head.body != "" {
			t.Errorf("%s: conditional %d, HEAD %d", c.path, again.code, head.code)
		}
	}
	page := ask(t, srv.URL, "GET", el8+"default/").body
	for _, want := range []string{"frobnicate", "problem", "[flatstream-set-default]", "perl:5.26"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s on the page\n%s", want, page)
		}
	}
	if got := ask(t, srv.URL, "GET", el8+"none/repodata/repomd.xml"); got.head.Get("X-Flatstream-Verify") == "" {
		t.Error("no verdict")
	}
}

// A client that read a set's repomd.xml just before the next night finds the rest.
func TestSetOverAPublication(t *testing.T) {
	s := newSite(t, nightConfig)
	for _, warm := range []bool{true, false} {
		srv := start(t, s.store)
		first := ask(t, srv.URL, "GET", el8+"default/repodata/repomd.xml").body
		md, err := repodata.ParseRepoMD([]byte(first))
		must(t, err)
		repo, err := repodata.Open(httpFS{t, srv, el8 + "default"})
		must(t, err)
		var old []string // which of them the second night does not have any more is not asked here
		for p, err := range repo.Packages(context.Background(), repodata.PartIdentity) {
			must(t, err)
			old = append(old, p.Location)
		}
		must(t, s.upstream.Switch(s.second))
		s.night()
		if !warm {
			srv = start(t, s.store)
		}
		if now := ask(t, srv.URL, "GET", el8+"default/repodata/repomd.xml").body; warm && now == first {
			t.Error("the new night is not seen")
		}
		primary, _ := md.Record(repodata.TypePrimary)
		if got := ask(t, srv.URL, "GET", el8+"default/"+primary.Location); got.code != 200 {
			t.Errorf("warm %v: yesterday's primary is gone: %d", warm, got.code)
		}
		for _, p := range old {
			if got := ask(t, srv.URL, "GET", el8+"default/"+p); got.code != 200 {
				t.Errorf("warm %v: yesterday's %s is gone: %d", warm, p, got.code)
			}
		}
		if got := ask(t, srv.URL, "GET", "/at/20260301T020000Z/el8/x86_64/default/repodata/repomd.xml"); warm && got.body != first {
			t.Error("a snapshot's set changed")
		}
	}
}

// However many ask for a new set at once, it is made once.
func setIsMadeOnce(t *testing.T, s *site) {
	srv := start(t, s.store)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if got := ask(t, srv.URL, "GET", el8+"default+perl:5.30/repodata/repomd.xml"); got.code != 200 {
				t.Errorf("%d %s", got.code, got.body)
			}
		})
	}
	wg.Wait()
	if metrics := ask(t, srv.URL, "GET", "/metrics").body; !strings.Contains(metrics, "flatstream_sets_made_total 1\n") || !strings.Contains(metrics, "flatstream_targets_read_total 1\n") {
		t.Error(metrics)
	}
	left, err := filepath.Glob(filepath.Join(s.store, "state", ".*"))
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left on disk: %v", left)
	}
}

// A store that was only synced, and one with a single target, need no target in the URL.
func TestSetWithoutATarget(t *testing.T) {
	plain := strings.Replace(nightConfig, nightConfig[strings.Index(nightConfig, "targets:"):strings.Index(nightConfig, "verify:")], "", 1)
	s := newSite(t, plain)
	srv := start(t, s.store)
	made := ask(t, srv.URL, "GET", "/at/current/default/repodata/repomd.xml")
	split := ask(t, srv.URL, "GET", "/flat/default/repodata/repomd.xml")
	if made.code != 200 || made.body != split.body {
		t.Errorf("%d %s\n%s", made.code, made.body, split.body)
	}
}

// httpFS reads a repository over HTTP.
type httpFS struct {
	t    *testing.T
	srv  *httptest.Server
	base string
}

func (h httpFS) Open(name string) (fs.File, error) {
	got := ask(h.t, h.srv.URL, "GET", path.Join(h.base, name))
	if got.code != 200 {
		return nil, &os.PathError{Op: "open", Path: name, Err: fmt.Errorf("%d: %w", got.code, os.ErrNotExist)}
	}
	file := filepath.Join(h.t.TempDir(), "file")
	must(h.t, os.WriteFile(file, []byte(got.body), 0o644))
	return os.Open(file)
}

// The bar: a new set over CentOS Stream 9 in under half a second, then at once.
func TestSetOverCentOSStream9(t *testing.T) {
	if testing.Short() {
		t.Skip("a bar for time, and the race detector's run has another clock")
	}
	s := c9sStore(t)
	h, err := serve.Handler(serve.Options{Dir: s})
	must(t, err)
	cpu := func() time.Duration { // the machine may be busy with other things
		var r syscall.Rusage
		must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	get := func(name string) (took, used time.Duration) {
		begin, before := time.Now(), cpu()
		w := httptest.NewRecorder()
		for again := 0; ; again++ { // a busy machine may need longer than the server's patience
			h.ServeHTTP(w, httptest.NewRequest("GET", "http://mirror/at/current/"+name+"/repodata/repomd.xml", nil))
			if w.Code != 503 || again == 5 {
				break
			}
			w = httptest.NewRecorder()
		}
		if w.Code != 200 {
			t.Fatalf("%s: %d %s", name, w.Code, w.Body)
		}
		return time.Since(begin), cpu() - before
	}
	took, used := get("default")
	t.Logf("the sources are read and the first set is made in %v, %v of CPU time", took, used)
	var fresh, again, wall []time.Duration
	for _, name := range []string{"default+nodejs:18", "default+nodejs:20+php:8.1", "default+php:8.2+ruby:3.1", "default+maven:3.8", "default+ruby:3.3"} {
		took, used := get(name)
		fresh, wall = append(fresh, used), append(wall, took)
		took, _ = get(name)
		again = append(again, took)
	}
	slices.Sort(fresh)
	slices.Sort(again)
	t.Logf("new sets: CPU time %v, in all %v; again: %v", fresh, wall, again)
	if limit := 2 * 400 * time.Millisecond; fresh[0] > limit {
		t.Errorf("a new set takes %v of CPU time, more than %v", fresh[0], limit)
	}
	if again[0] > 5*time.Millisecond {
		t.Errorf("a second request takes %v", again[0])
	}
}

// c9sStore is a store of CentOS Stream 9, without its packages.
func c9sStore(t testing.TB) string {
	t.Helper()
	data := os.Getenv("FLATSTREAM_DATA")
	if data == "" {
		data = "../../../shared/data"
	}
	var sources []mirror.Source
	for _, name := range []string{"BaseOS", "AppStream"} {
		dir, err := filepath.Abs(filepath.Join(data, "c9s", name))
		must(t, err)
		if _, err := os.Stat(dir); err != nil {
			t.Skip("the test data's c9s is not here")
		}
		sources = append(sources, mirror.Source{Name: name, URLs: []string{dir}})
	}
	s, err := tree.Open(filepath.Join(t.TempDir(), "store"))
	must(t, err)
	defer s.Close()
	unlock, err := s.Lock()
	must(t, err)
	defer unlock()
	_, err = mirror.SyncAll(context.Background(), sources, s, mirror.Options{Policy: mirror.OnDemand}, false, 0)
	must(t, err)
	return s.Dir()
}
