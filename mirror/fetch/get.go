package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Cond is what an earlier answer said of itself; the zero value asks for the
// bytes in any case. For a local file ETag is the file's own checksum, as Get
// returned it.
type Cond struct{ ETag, LastModified string }

// Response is the answer to Get.
type Response struct {
	URL          string // after redirects, redacted
	NotModified  bool   // the condition held; Body is nil
	Body         []byte
	ETag         string // empty when the server gave none
	LastModified string
}

// errBadURL says that a URL cannot be used at all.
var errBadURL = errors.New("not a usable URL")

// Get reads one small thing into memory: at most limit bytes, else a
// *[TooLargeError]. The request asks caches to revalidate. Temporary failures
// are retried, broken bodies too.
func (c *Client) Get(ctx context.Context, raw string, limit int64, cond Cond) (*Response, error) {
	_, resp, err := c.GetAny(ctx, Small{URLs: []string{raw}, Limit: limit, Cond: func(int) Cond { return cond }})
	return resp, err
}

// Small is one small thing that several mirrors have.
type Small struct {
	URLs  []string         // best first
	Limit int64            // bytes
	Cond  func(i int) Cond // of URLs[i]; nil: no condition
	// Accept judges what URLs[i] answered, and may put a later answer of it in its
	// place; an error sends GetAny to the next mirror. nil: take anything.
	Accept func(i int, resp *Response) error
}

// GetAny is Get over mirrors: each in turn, then those again whose failure may
// pass. i is the mirror that answered. An answer that Accept refuses is refused
// for good.
func (c *Client) GetAny(ctx context.Context, s Small) (i int, resp *Response, err error) {
	if len(s.URLs) == 0 {
		return 0, nil, errors.New("no URL to read from")
	}
	i, err = c.rounds(ctx, s.URLs, func(i int) (err error) {
		var cond Cond
		if s.Cond != nil {
			cond = s.Cond(i)
		}
		if resp, err = c.get(ctx, s.URLs[i], s.Limit, cond); err != nil || s.Accept == nil || resp.NotModified {
			return err
		}
		if err = s.Accept(i, resp); err != nil {
			return &refusedError{fmt.Errorf("%s: %w", resp.URL, err)}
		}
		return nil
	}, nil)
	if err != nil {
		return 0, nil, err
	}
	return i, resp, nil
}

func (c *Client) get(ctx context.Context, raw string, limit int64, cond Cond) (*Response, error) {
	path, local, err := localPath(raw)
	if err != nil {
		return nil, err
	}
	if local {
		return c.getLocal(path, limit, cond)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	header := http.Header{"Cache-Control": {"no-cache"}}
	if cond.ETag != "" {
		header["If-None-Match"] = []string{cond.ETag}
	}
	if cond.LastModified != "" {
		header["If-Modified-Since"] = []string{cond.LastModified}
	}
	resp, err := c.do(ctx, raw, header)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out := &Response{URL: Redact(resp.Request.URL.String()), ETag: resp.Header.Get("ETag"),
		LastModified: resp.Header.Get("Last-Modified")}
	switch {
	case resp.StatusCode == http.StatusNotModified && cond != Cond{}:
		out.NotModified = true
		return out, nil
	case resp.StatusCode != http.StatusOK:
		return nil, c.statusError(raw, resp)
	}
	out.Body, err = c.readAll(ctx, cancel, resp.Body, limit)
	return out, named(raw, err)
}

func (c *Client) readAll(ctx context.Context, cancel context.CancelCauseFunc, body io.Reader, limit int64) ([]byte, error) {
	r := c.reader(ctx, body, cancel)
	defer r.stop()
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = &TooLargeError{Limit: limit}
	}
	return b, err
}

// do sends one GET and returns whatever answer comes.
func (c *Client) do(ctx context.Context, raw string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, raw, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Redact(raw), errBadURL)
	}
	header["User-Agent"] = []string{c.opt.UserAgent}
	req.Header = header
	c.requests.Add(1)
	resp, err := c.http.Do(req)
	if now := time.Now(); err != nil && c.cert.Path != "" && c.cert.NotAfter.Before(now) {
		return nil, fmt.Errorf("%w (%s)", plainError(raw, err), c.cert.Ends(now)) // some servers just hang up
	}
	if err != nil {
		return nil, plainError(raw, err)
	}
	return resp, nil
}

// statusError reads a little of an unwanted body, so that the connection can be
// used again, and explains the code.
func (c *Client) statusError(raw string, resp *http.Response) error {
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	e := &StatusError{URL: Redact(raw), Code: resp.StatusCode, RetryAfter: retryAfter(resp.Header, time.Now())}
	switch {
	case e.Code == http.StatusForbidden && c.cert.Path != "":
		e.Hint = c.cert.Ends(time.Now())
	case e.Code == http.StatusUnauthorized && c.opt.User != "":
		e.Hint = "the server refused the configured user, or is not the host it was configured for"
	}
	return e
}

// named puts the URL before an error that came out of a body.
func named(raw string, err error) error {
	if err == nil {
		return nil
	}
	if t, ok := errors.AsType[*TooLargeError](err); ok {
		t.URL = Redact(raw)
		return t
	}
	return plainError(raw, err)
}

// bodyReader counts, throttles and watches one body.
type bodyReader struct {
	ctx context.Context
	c   *Client
	r   io.Reader
	w   *watch
}

func (c *Client) reader(ctx context.Context, r io.Reader, cancel context.CancelCauseFunc) *bodyReader {
	return &bodyReader{ctx, c, r, c.watch(cancel)}
}

func (b *bodyReader) stop() { b.w.stop() }

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p[:b.c.rate.chunk(len(p))])
	b.w.seen.Add(int64(n))
	b.c.bytes.Add(int64(n))
	if errors.Is(context.Cause(b.ctx), errTooSlow) {
		return n, errTooSlow
	}
	if limited := b.c.rate.wait(b.ctx, n); limited != nil && err == nil {
		err = limited
	}
	return n, err
}
