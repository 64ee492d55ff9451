package fetch

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

func TestGetIsConditionalCappedAndUncached(t *testing.T) {
	var got http.Header
	u := serve(t, func(w http.ResponseWriter, r *http.Request) { got = r.Header; whole(w, r) })
	c := quick(t, nil)
	first, err := c.Get(context.Background(), u, 1<<20, Cond{})
	if err != nil || !bytes.Equal(first.Body, body) || got.Get("Cache-Control") != "no-cache" {
		t.Fatalf("%v, header %v", err, got)
	}
	again, err := c.Get(context.Background(), u, 1<<20, Cond{first.ETag, first.LastModified})
	if err != nil || !again.NotModified || again.Body != nil {
		t.Errorf("unchanged: %+v, %v", again, err)
	}
	if _, err := c.Get(context.Background(), u, int64(len(body)), Cond{}); err != nil {
		t.Errorf("at the cap: %v", err)
	}
	_, err = c.Get(context.Background(), u, int64(len(body))-1, Cond{})
	if _, ok := errors.AsType[*TooLargeError](err); !ok {
		t.Errorf("one byte over the cap: %v", err)
	}
	if _, err := c.Get(context.Background(), serve(t, endless), 1<<20, Cond{}); err == nil {
		t.Error("an endless body was read")
	}
}

func TestGetRetriesABrokenBody(t *testing.T) {
	n := 0
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n < 3 {
			cut(w, 10)
		}
		whole(w, r)
	})
	r, err := quick(t, nil).Get(context.Background(), u, 1<<20, Cond{})
	if err != nil || !bytes.Equal(r.Body, body) {
		t.Error(err)
	}
}

func TestLocalFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b.rpm")
	if err := os.WriteFile(path, body, 0o644); err != nil {
		t.Fatal(err)
	}
	c := quick(t, nil)
	for _, u := range []string{path, "file://" + (&url.URL{Path: path}).EscapedPath()} {
		var m memory
		_, err := fetchOne(c, &m, u)
		mustHave(t, &m, err)
		r, err := c.Get(context.Background(), u, 1<<20, Cond{})
		if err != nil || !bytes.Equal(r.Body, body) {
			t.Fatal(err)
		}
		if r, err = c.Get(context.Background(), u, 1<<20, Cond{ETag: r.ETag}); err != nil || !r.NotModified {
			t.Errorf("%s: the same bytes count as changed: %v", u, err)
		}
	}
	for _, u := range []string{path + ".none", filepath.Dir(path)} {
		var m memory
		if _, err := fetchOne(c, &m, u); !Gone(err) {
			t.Errorf("%s: %v, want Gone", u, err)
		}
	}
	for _, u := range []string{"", "ftp://x/y", "file://host/etc/passwd", "http://", "gopher://x", "http://%zz/"} {
		if _, err := c.Get(context.Background(), u, 10, Cond{}); !errors.Is(err, errBadURL) {
			t.Errorf("Get(%q): %v", u, err)
		}
	}
}
