package fetch

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// maxRedirects is curl's and DNF's habit rounded down: real mirrors need two.
const maxRedirects = 10

// gate is the RoundTripper that decides, request by request and so at every
// redirect too, whether a host may see the credentials.
type gate struct {
	plain, trusted *http.Transport // trusted presents the client certificate
	origins        map[string]bool
	user, password string
}

func (g *gate) RoundTrip(req *http.Request) (*http.Response, error) {
	if !g.origins[origin(req.URL)] {
		return g.plain.RoundTrip(req)
	}
	if g.user != "" || g.password != "" {
		req = req.Clone(req.Context())
		req.SetBasicAuth(g.user, g.password)
	}
	return g.trusted.RoundTrip(req)
}

func (g *gate) CloseIdleConnections() {
	g.plain.CloseIdleConnections()
	g.trusted.CloseIdleConnections()
}

// origin is scheme, host and port, the port written out.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

func newTransport(opt Options) (*gate, Certificate, error) {
	g := &gate{origins: map[string]bool{}, user: opt.User, password: opt.Password}
	for _, t := range opt.Trusted {
		if u, err := url.Parse(t); err == nil && u.Host != "" {
			g.origins[origin(u)] = true
		}
	}
	proxy, err := proxyFunc(opt)
	if err != nil {
		return nil, Certificate{}, err
	}
	conf, cert, err := tlsConfig(opt.TLS)
	if err != nil {
		return nil, Certificate{}, err
	}
	dial := &net.Dialer{Timeout: opt.ConnectTimeout}
	g.trusted = &http.Transport{
		Proxy:                  proxy,
		DialContext:            dial.DialContext,
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    opt.ConnectTimeout,
		ResponseHeaderTimeout:  opt.HeaderTimeout,
		MaxConnsPerHost:        opt.Jobs,
		MaxIdleConnsPerHost:    opt.Jobs,
		DisableCompression:     true,     // bytes are checked as they are stored
		ReadBufferSize:         32 << 10, // header and a small package in one read
		MaxResponseHeaderBytes: 256 << 10,
	}
	g.plain = g.trusted.Clone()
	g.plain.TLSClientConfig.Certificates = nil
	g.plain.TLSClientConfig.Renegotiation = tls.RenegotiateNever
	return g, cert, nil
}

func proxyFunc(opt Options) (func(*http.Request) (*url.URL, error), error) {
	switch strings.ToLower(opt.Proxy) {
	case "":
		return http.ProxyFromEnvironment, nil
	case "none", "_none_":
		return nil, nil
	}
	u, err := url.Parse(opt.Proxy)
	if err != nil || u.Host == "" {
		return nil, errors.New("the proxy is not a URL such as http://proxy.example.org:3128")
	}
	if opt.ProxyUser != "" {
		u.User = url.UserPassword(opt.ProxyUser, opt.ProxyPassword)
	}
	return http.ProxyURL(u), nil
}

func tlsConfig(t TLS) (*tls.Config, Certificate, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.Insecure}
	if t.CACert != "" {
		pem, err := os.ReadFile(t.CACert)
		if err != nil {
			return nil, Certificate{}, fmt.Errorf("read CA certificates: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, Certificate{}, fmt.Errorf("read CA certificates: %s holds no PEM certificate", t.CACert)
		}
	}
	if t.ClientCert == "" {
		return conf, Certificate{}, nil
	}
	key := t.ClientKey
	if key == "" {
		key = t.ClientCert
	}
	pair, err := tls.LoadX509KeyPair(t.ClientCert, key)
	if err != nil {
		return nil, Certificate{}, fmt.Errorf("read client certificate %s: %w", t.ClientCert, err)
	}
	conf.Certificates = []tls.Certificate{pair}
	conf.Renegotiation = tls.RenegotiateOnceAsClient // Apache asks for a directory's certificate so, under TLS 1.2
	return conf, Certificate{t.ClientCert, pair.Leaf.NotAfter}, nil
}

// errRedirect marks a redirect that is refused; trying again gives the same.
var errRedirect = errors.New("redirect refused")

func checkRedirect(req *http.Request, via []*http.Request) error {
	last := via[len(via)-1].URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("%w: more than %d in a row", errRedirect, maxRedirects)
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return fmt.Errorf("%w: to %s, neither http nor https", errRedirect, Redact(req.URL.String()))
	case last.Scheme == "https" && req.URL.Scheme == "http":
		return fmt.Errorf("%w: from https to http, %s", errRedirect, Redact(req.URL.String()))
	case req.URL.User != nil && origin(req.URL) != origin(last):
		return fmt.Errorf("%w: to a URL with a user name, %s", errRedirect, Redact(req.URL.String()))
	}
	req.Header.Del("Authorization") // net/http would keep it for subdomains; gate sets it anew
	req.Header.Del("Referer")       // it carries the query, and so a token, to another host
	return nil
}
