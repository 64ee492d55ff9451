package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAttackCredentialsToAnotherHost(t *testing.T) {
	var other http.Header
	foreign := serve(t, func(w http.ResponseWriter, r *http.Request) { other = r.Header; whole(w, r) })
	var own http.Header
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		own = r.Header
		http.Redirect(w, r, foreign+"/a.rpm", http.StatusFound)
	})
	c := quick(t, func(o *Options) { o.User, o.Password, o.Trusted = "jane", "s3cret", []string{u} })
	if _, err := c.Get(context.Background(), u+"/a.rpm?token=t0ken", 1<<20, Cond{}); err != nil {
		t.Fatal(err)
	}
	if own.Get("Authorization") == "" {
		t.Error("the configured host got no credentials")
	}
	if other.Get("Authorization") != "" || other.Get("Referer") != "" {
		t.Errorf("the other host got %v", other)
	}
}

func TestAttackClientCertificateToAnotherHost(t *testing.T) {
	seen := map[string]int{}
	start := func(h http.HandlerFunc) *httptest.Server {
		s := httptest.NewUnstartedServer(nil)
		s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen[s.URL] += len(r.TLS.PeerCertificates)
			h(w, r)
		})
		s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	foreign := start(whole)
	own := start(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, foreign.URL, http.StatusFound) })
	ca, pair := certificate(t, own)
	c := quick(t, func(o *Options) {
		o.TLS = TLS{CACert: ca, ClientCert: pair}
		o.Trusted = []string{own.URL}
	})
	if _, err := c.Get(context.Background(), own.URL, 1<<20, Cond{}); err != nil {
		t.Fatal(err)
	}
	if seen[own.URL] != 1 || seen[foreign.URL] != 0 {
		t.Errorf("certificates shown: %v, want one to %s alone", seen, own.URL)
	}
	if c.Certificate().Path != pair || c.Certificate().NotAfter.IsZero() {
		t.Errorf("certificate %+v", c.Certificate())
	}
	u := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403) })
	if _, err := c.Get(context.Background(), u, 10, Cond{}); err == nil || !strings.Contains(err.Error(), pair) {
		t.Errorf("403 says %v, want the certificate's name", err)
	}
}

// A server that turns an expired certificate down may say anything, or nothing; the
// error names the certificate all the same.
func TestExpiredCertificateIsNamed(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(whole))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	ca, pair := certificate(t, s)
	c := quick(t, func(o *Options) { o.TLS, o.Trusted = TLS{CACert: ca, ClientCert: pair}, []string{s.URL} })
	for end, want := range map[time.Time]string{time.Unix(0, 0): pair + " expired on 1970-01-01", time.Now().Add(time.Hour): ""} {
		c.cert.NotAfter = end
		_, err := c.Get(t.Context(), s.URL, 1<<20, Cond{})
		if err == nil || !strings.Contains(err.Error(), want) || want == "" && strings.Contains(err.Error(), pair) {
			t.Errorf("a certificate that ends %v: %v", end, err)
		}
	}
}

// certificate writes the server's own certificate as authority, and certificate
// and key in one file as a client's.
func certificate(t *testing.T, s *httptest.Server) (ca, pair string) {
	t.Helper()
	cert := s.TLS.Certificates[0]
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ca, pair = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "client.pem")
	for name, b := range map[string][]byte{ca: block, pair: append(bytes.Clone(block), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return ca, pair
}

func TestUnknownAuthorityIsNotRetried(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(whole))
	defer s.Close()
	s.Config.ErrorLog = nil
	c := quick(t, nil)
	if _, err := c.Get(context.Background(), s.URL, 1<<20, Cond{}); err == nil || c.Stats().Requests != 1 {
		t.Errorf("%v after %d requests", err, c.Stats().Requests)
	}
	c = quick(t, func(o *Options) { o.TLS.Insecure = true })
	if _, err := c.Get(context.Background(), s.URL, 1<<20, Cond{}); err != nil {
		t.Errorf("sslverify=0: %v", err)
	}
}

func TestAttackRedirectFromHTTPSToHTTP(t *testing.T) {
	plain := serve(t, whole)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, plain, http.StatusFound) }))
	defer s.Close()
	c := quick(t, func(o *Options) { o.TLS.Insecure = true })
	if _, err := c.Get(context.Background(), s.URL, 1<<20, Cond{}); !errors.Is(err, errRedirect) || c.Stats().Requests != 1 {
		t.Errorf("%v after %d requests", err, c.Stats().Requests)
	}
}

func TestAttackCredentialLeak(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	host := strings.TrimPrefix(s.URL, "http://")
	c := quick(t, func(o *Options) { o.Retries = -1 })
	secret := "http://jane:s3cret@" + host + "/x?sig=s3cret&repo=epel-8&s3cret"
	var m memory
	_, err1 := fetchOne(c, &m, secret, secret)
	_, err2 := c.Get(context.Background(), secret, 10, Cond{})
	s.Close() // now nothing listens
	_, err3 := c.Get(context.Background(), secret, 10, Cond{})
	_, err4 := c.Get(context.Background(), "http://jane:s3cret@[::1/x", 10, Cond{})
	_, err5 := New(Options{Proxy: "s3cret"})
	for i, err := range []error{err1, err2, err3, err4, err5} {
		if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "jane") {
			t.Errorf("%d: %v", i+1, err)
		}
	}
	if !strings.Contains(err2.Error(), "repo=epel-8") {
		t.Errorf("%v does not say which repository", err2)
	}
}

func TestProxyIsUsed(t *testing.T) {
	var auth, target string
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		auth, target = r.Header.Get("Proxy-Authorization"), r.URL.String()
		_, _ = io.WriteString(w, "through")
	})
	c := quick(t, func(o *Options) { o.Proxy, o.ProxyUser, o.ProxyPassword = proxy, "u", "p" })
	r, err := c.Get(context.Background(), "http://mirror.example.org/x", 100, Cond{})
	if err != nil || string(r.Body) != "through" || target != "http://mirror.example.org/x" || auth == "" {
		t.Errorf("%v; proxy saw %q with %q", err, target, auth)
	}
	// That the environment's proxy is the default, and _none_ is none: testdata/sync-sources.txt.
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	for _, o := range []Options{{Jobs: 65}, {Jobs: -1}, {Retries: 21}, {LimitRate: -1}, {Backoff: -1},
		{TLS: TLS{CACert: "/nowhere"}}, {TLS: TLS{ClientCert: "/nowhere"}}} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v) takes it", o)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("http://u:p@h/x?token=t&repo=r#f")
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.Parse(Redact(raw))
		if err == nil && u.User != nil && u.User.String() != "xxxxx" {
			t.Errorf("Redact(%q) = %q", raw, Redact(raw))
		}
	})
}
