// Package fetch downloads: one Client for http, https, file:// and plain paths.
//
// [Client.Get] reads small things into memory under a cap, with a condition.
// [Client.Fetch] streams one file into a [Target], which hashes on the way and
// gives the file its final name at the end, or not at all. A broken body is
// retried like a broken header, from where it broke (Range, with If-Range where
// the server gave a strong validator); the hash is always that of the whole file.
//
// What a server may not do here: send more than the record announced, stall
// below the low-speed limit, redirect from https to http or out of http, or
// receive credentials meant for another host. Errors never carry a password or a
// query value that could be a token ([Redact]).
//
// HTTP/1.1 only: the number of connections is the number of jobs, which is what
// mirrors ask for, and one slow file does not hold up the others.
package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options says how a Client behaves. The zero value of each field is its default.
type Options struct {
	// Jobs bounds the connections to one host. Default 8, range 1 to 64: more
	// gains nothing over a mirror's disk and gets clients banned.
	Jobs int
	// Retries is the number of further rounds over the mirrors after the first.
	// Default 4, range 0 to 20; negative means none. Four rounds with the default
	// back-off ride out a restart of the server, about 10 seconds.
	Retries int
	// Backoff is the pause before the first retry; it doubles up to MaxBackoff
	// and is shortened by up to half at random. Defaults 500 ms and 30 s.
	Backoff, MaxBackoff time.Duration
	// MaxRetryAfter caps what a server may ask for in Retry-After. Default 2 min.
	MaxRetryAfter time.Duration
	// ConnectTimeout bounds name lookup, connect and TLS handshake, each.
	// Default 30 s, as DNF's timeout.
	ConnectTimeout time.Duration
	// HeaderTimeout bounds the wait for a response's header. Default 60 s.
	HeaderTimeout time.Duration
	// LowSpeed in bytes per second, over LowSpeedTime: a body slower than that is
	// broken off and retried. Defaults 1000 and 30 s, DNF's minrate and timeout.
	// A negative LowSpeed switches the check off.
	LowSpeed     int64
	LowSpeedTime time.Duration
	// LimitRate in bytes per second over all connections of the Client together;
	// 0 is unlimited.
	LimitRate int64
	// UserAgent is sent with each request. Default "flatstream". Some mirrors
	// (Fedora's metalink service) refuse an empty one.
	UserAgent string
	// TLS holds the certificate files; they are read once, by New, since
	// entitlement certificates rotate between runs.
	TLS TLS
	// User and Password are HTTP basic authentication.
	User, Password string
	// Trusted lists URLs whose origin (scheme, host, port) may receive User,
	// Password and the client certificate. Any other host gets neither.
	Trusted []string
	// Proxy is the proxy's URL; "none" or "_none_" connects directly. Empty asks the
	// environment (http_proxy, https_proxy, no_proxy), as DNF does; loopback is never
	// reached through that.
	Proxy                    string
	ProxyUser, ProxyPassword string
}

// TLS names certificate files (PEM).
type TLS struct {
	CACert     string // replaces the system's authorities, as sslcacert does
	ClientCert string
	ClientKey  string // may be empty when ClientCert's file holds the key too
	Insecure   bool   // sslverify=0: accept any certificate
}

// Client downloads under one set of options. It is safe for concurrent use.
type Client struct {
	opt      Options
	http     *http.Client
	cert     Certificate
	rate     *limiter
	buffers  sync.Pool
	requests atomic.Int64
	bytes    atomic.Int64
}

// Stats counts what a Client did: requests sent (redirects not counted; opening
// a local file counts as one) and body bytes received.
type Stats struct{ Requests, Bytes int64 }

// Certificate is the client certificate in use; the zero value means none.
type Certificate struct {
	Path     string
	NotAfter time.Time
}

// Ends says when it expires, or expired, as seen from now.
func (c Certificate) Ends(now time.Time) string {
	ends := "expires"
	if c.NotAfter.Before(now) {
		ends = "expired on"
	}
	return fmt.Sprintf("client certificate %s %s %s", c.Path, ends, c.NotAfter.UTC().Format(time.DateOnly))
}

const bufferSize = 64 << 10

// New checks opt, reads the certificate files and returns a Client.
func New(opt Options) (*Client, error) {
	if err := opt.fill(); err != nil {
		return nil, err
	}
	c := &Client{opt: opt, rate: newLimiter(opt.LimitRate)}
	c.buffers.New = func() any { b := make([]byte, bufferSize); return &b }
	rt, cert, err := newTransport(opt)
	if err != nil {
		return nil, err
	}
	c.cert = cert
	c.http = &http.Client{Transport: rt, CheckRedirect: checkRedirect}
	return c, nil
}

// Stats returns the counts since New.
func (c *Client) Stats() Stats { return Stats{c.requests.Load(), c.bytes.Load()} }

// Certificate returns the client certificate that New read, for a warning
// before it expires.
func (c *Client) Certificate() Certificate { return c.cert }

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (o *Options) fill() error {
	setDefault(&o.Jobs, 8)
	setDefault(&o.Retries, 4)
	setDefault(&o.Backoff, 500*time.Millisecond)
	setDefault(&o.MaxBackoff, 30*time.Second)
	setDefault(&o.MaxRetryAfter, 2*time.Minute)
	setDefault(&o.ConnectTimeout, 30*time.Second)
	setDefault(&o.HeaderTimeout, 60*time.Second)
	setDefault(&o.LowSpeed, 1000)
	setDefault(&o.LowSpeedTime, 30*time.Second)
	setDefault(&o.UserAgent, "flatstream")
	o.Retries = max(o.Retries, 0)
	switch {
	case o.Jobs < 1 || o.Jobs > 64:
		return fmt.Errorf("%d jobs: use 1 to 64", o.Jobs)
	case o.Retries > 20:
		return fmt.Errorf("%d retries: use 0 to 20", o.Retries)
	case o.LimitRate < 0:
		return fmt.Errorf("rate limit of %d bytes per second: use 0 (unlimited) or more", o.LimitRate)
	case min(o.Backoff, o.MaxBackoff, o.MaxRetryAfter, o.ConnectTimeout, o.HeaderTimeout, o.LowSpeedTime) < 0:
		return errors.New("a time limit is negative")
	}
	if o.LimitRate > 0 { // our own throttle must not look like a slow server
		o.LowSpeed = min(o.LowSpeed, o.LimitRate/int64(2*o.Jobs))
	}
	return nil
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}
