package bucket

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sys/unix"
)

// gateway is a real S3 server (Versity's, over a directory) with a bucket that everybody
// may read.
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

// versitygw finds the server that scripts/tools installs.
func versitygw(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"versitygw", "/usr/local/lib/flatstream-tools/versitygw"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("versitygw is not installed")
	}
	t.Skip("versitygw is not installed: scripts/tools does it")
	return ""
}

func startGateway(t testing.TB) *gateway {
	t.Helper()
	program := versitygw(t)
	credentials(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := l.Addr().String()
	must(t, l.Close())
	dir := t.TempDir()
	args := []string{"--quiet", "--keep-alive", "--port", addr, "posix"}
	if unix.Setxattr(dir, "user.flatstream", []byte("1"), 0) != nil { // this file system has no attributes
		side := t.TempDir()
		args = append(args, "--sidecar", side)
	}
	cmd := exec.Command(program, append(args, dir)...)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=test", "ROOT_SECRET_KEY=testsecret")
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	g := &gateway{url: "http://" + addr}
	r, err := open(t.Context(), Location{Bucket: testBucket}, Options{Endpoint: g.url})
	must(t, err)
	g.api = r.api
	for range 200 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	_, err = g.api.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(testBucket)})
	must(t, err)
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/*"}]}`, testBucket)
	_, err = g.api.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String(testBucket), Policy: &policy})
	must(t, err)
	return g
}

// credentials are what AWS's chain finds, and nothing of this machine's own.
func credentials(t testing.TB) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testsecret", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_PROFILE": "", "AWS_ENDPOINT_URL": "", "AWS_CA_BUNDLE": "",
	} {
		t.Setenv(k, v)
	}
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
		case cutMidway:
			r.Body = io.NopCloser(io.LimitReader(r.Body, r.ContentLength/2))
		}
		forward.ServeHTTP(w, r)
	}))
	p.Config.ErrorLog = nil
	t.Cleanup(p.Close)
	return p
}
