package serve

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file from memory is answered as the file itself, and no longer than it is that one.
func TestSmallFilesFromMemory(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"rewritten.xml", "replaced.xml", "removed.xml", "linked.xml", "closed.xml"}
	for _, n := range names {
		put(filepath.Join(dir, n), "the first content of "+n)
	}
	put(filepath.Join(outside, "secret.xml"), "the first content of linked.xml")
	time.Sleep(settled + 100*time.Millisecond)
	h, err := Handler(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, name string, header http.Header) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/"+name, nil)
		r.Header = header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	small := &h.(*handler).small
	headers := []http.Header{{}, {"Range": {"bytes=2-5"}}, {"If-Modified-Since": {"Fri, 01 Jan 2100 00:00:00 GMT"}}, {"If-None-Match": {"*"}}, {"Range": {"bytes=900-"}}}
	for _, n := range names {
		for _, method := range []string{"GET", "HEAD"} {
			for _, header := range headers {
				small.files = nil
				from := ask(method, n, header) // the file, which is kept
				if small.files[n] == nil {
					t.Fatalf("%s is not kept", n)
				}
				kept := ask(method, n, header)
				if from.Code != kept.Code || from.Body.String() != kept.Body.String() || !maps.EqualFunc(from.Header(), kept.Header(), func(a, b []string) bool { return len(a) == 1 && len(b) == 1 && a[0] == b[0] }) {
					t.Errorf("%s %s %v:\n%d %v %q, from memory\n%d %v %q", method, n, header, from.Code, from.Header(), from.Body, kept.Code, kept.Header(), kept.Body)
				}
			}
		}
	}
	put(filepath.Join(dir, "rewritten.xml"), "THE first content of rewritten.xml") // as long as before
	put(filepath.Join(dir, "new"), "THE other content")
	for _, err := range []error{
		os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "replaced.xml")),
		os.Remove(filepath.Join(dir, "removed.xml")),
		os.Remove(filepath.Join(dir, "linked.xml")),
		os.Symlink(filepath.Join(outside, "secret.xml"), filepath.Join(dir, "linked.xml")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"rewritten.xml": "THE first content of rewritten.xml", "replaced.xml": "THE other content", "removed.xml": "not found\n",
		"linked.xml": "a symbolic link leads out of what is served\n", "closed.xml": "the first content of closed.xml",
	} {
		if got := ask("GET", name, nil).Body.String(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
