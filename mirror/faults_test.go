package mirror

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"flatstream/fixtures"
)

// TestFaults breaks the upstream in one way each. good says that the run must
// succeed all the same; else nothing may be published, and whatever happened the
// published tree is whole.
func TestFaults(t *testing.T) {
	dir := small(t, fixtures.Options{}, two)
	var rpm string
	for p := range content(t, dir) {
		if strings.Contains(p, "bash") {
			rpm = "/" + p
		}
	}
	body, err := os.ReadFile(dir + rpm)
	if err != nil {
		t.Fatal(err)
	}
	primary := func(path string) bool { return strings.Contains(path, "primary.xml") }
	isRPM := func(path string) bool { return path == rpm }
	is := func(want string) func(string) bool { return func(path string) bool { return path == want } }
	for name, c := range map[string]struct {
		hit   func(path string) bool
		times int32 // -1: always
		do    http.HandlerFunc
		good  bool
		says  string
	}{
		"package 404":           {isRPM, -1, http.NotFound, false, "404"},
		"primary 404":           {primary, -1, http.NotFound, false, "404"},
		"repomd 404":            {is("/" + repomdPath), -1, http.NotFound, false, "above repodata/"},
		"403":                   {isRPM, -1, status(403), false, "403"},
		"500 once":              {isRPM, 1, status(500), true, ""},
		"503 always":            {isRPM, -1, status(503), false, "503"},
		"reset once":            {isRPM, 1, reset(body), true, ""},
		"reset always, resumes": {isRPM, 1, reset(body), true, ""},
		"wrong bytes":           {isRPM, -1, wrong(len(body)), false, "checksum"},
		"wrong primary":         {primary, -1, wrong(100), false, "size"},
		"short with a 200":      {isRPM, -1, wrong(len(body) - 1), false, "size"},
		"endless package":       {isRPM, -1, endless, false, "larger"},
		"endless repomd":        {is("/" + repomdPath), -1, endless, false, "more than"},
		"redirect loop":         {isRPM, -1, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, rpm, http.StatusFound) }, false, "redirect"},
		"redirect to a file": {isRPM, -1, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(302)
		}, false, "redirect"},
		"html instead of repomd": {is("/" + repomdPath), -1, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html><body>sign in</body></html>") }, false, "repomd"},
	} {
		t.Run(name, func(t *testing.T) {
			up := upstream(t, dir)
			var hits atomic.Int32
			up.Fault(func(w http.ResponseWriter, r *http.Request) bool {
				if !c.hit(r.URL.Path) || c.times >= 0 && hits.Add(1) > c.times {
					return false
				}
				c.do(w, r)
				return true
			})
			tr := store(t)
			rep, err := publish(t, tr, at("r", up.URL))
			if c.good {
				if err != nil {
					t.Fatal(err)
				}
				mustServe(t, tr, "mirror/r", dir)
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || rep.Repos[0].Outcome != Failed || rep.Repos[0].Error == "" {
				t.Errorf("error %v with %+v, want one that says %q", err, rep.Repos[0], c.says)
			}
			if got := current(t, tr); got != nil {
				t.Errorf("published %d files", len(got))
			}
			up.Fault(nil)
			mustPublish(t, tr, at("r", up.URL))
			mustServe(t, tr, "mirror/r", dir)
		})
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) }
}

func wrong(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, n)) }
}

func reset(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	block := make([]byte, 1<<20)
	for r.Context().Err() == nil {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}
