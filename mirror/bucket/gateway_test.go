package bucket

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"flatstream/fixtures"
)

// gateway is a real S3 server with a bucket that everybody may read.
type gateway struct {
	url string
	api *s3.Client
}

const testBucket = "mirror"

var night1 = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func startGateway(t testing.TB) *gateway {
	t.Helper()
	if _, err := fixtures.FindGateway(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("versitygw is not installed")
		}
		t.Skip("versitygw is not installed: scripts/tools does it")
	}
	g, err := fixtures.StartGateway(t.TempDir(), t.TempDir())
	must(t, err)
	t.Cleanup(g.Close)
	for name, value := range g.Environ {
		t.Setenv(name, value)
	}
	return &gateway{g.URL, g.API}
}

// keys lists a prefix.
func (g *gateway) keys(t testing.TB, prefix string) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	pages := s3.NewListObjectsV2Paginator(g.api, &s3.ListObjectsV2Input{Bucket: aws.String(testBucket), Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		must(t, err)
		for _, o := range page.Contents {
			all[aws.ToString(o.Key)] = aws.ToInt64(o.Size)
		}
	}
	return all
}

// read gets an object as a client does: over plain HTTP, without credentials.
func (g *gateway) read(key string) (body string, head http.Header, code int, err error) {
	answer, err := http.Get(g.url + "/" + testBucket + "/" + key)
	if err != nil {
		return "", nil, 0, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	return string(b), answer.Header, answer.StatusCode, err
}

// fate is what a proxy does with a request.
type fate int

const (
	pass      fate = iota
	lost           // never reaches the server
	deaf           // reaches the server, and its answer never comes back
	cutMidway      // the server sees half of the body
	slowDown       // is answered 503 SlowDown
)

// proxy stands before a gateway and counts requests from 1.
type proxy struct {
	*httptest.Server
	n    atomic.Int64
	mu   sync.Mutex
	fate func(n int, r *http.Request) fate
	log  []string
}

func startProxy(t testing.TB, g *gateway, decide func(n int, r *http.Request) fate) *proxy {
	t.Helper()
	to, err := url.Parse(g.url)
	must(t, err)
	p := &proxy{fate: decide}
	forward := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) },
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(p.n.Add(1))
		p.mu.Lock()
		p.log = append(p.log, r.Method+" "+r.URL.Path)
		p.mu.Unlock()
		switch p.fate(n, r) {
		case lost:
			panic(http.ErrAbortHandler)
		case deaf:
			forward.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case slowDown:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "<Error><Code>SlowDown</Code></Error>")
			return
		case cutMidway:
			r.Body = io.NopCloser(io.LimitReader(r.Body, r.ContentLength/2))
		}
		forward.ServeHTTP(w, r)
	}))
	p.Config.ErrorLog = nil
	t.Cleanup(p.Close)
	return p
}
