package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"flatstream/repodata/digest"
)

// StatusError is an answer other than the one asked for.
type StatusError struct {
	URL        string // redacted
	Code       int
	Hint       string        // what to look at, may be empty
	RetryAfter time.Duration // what the server asked for, 0 if nothing
}

func (e *StatusError) Error() string {
	s := fmt.Sprintf("%s: %d %s", e.URL, e.Code, strings.ToLower(http.StatusText(e.Code)))
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// TooLargeError says that a body passed the cap for what announces no size.
type TooLargeError struct {
	URL   string // redacted
	Limit int64  // bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s: more than %d bytes", e.URL, e.Limit)
}

// FailedError says that no mirror gave a file. Its errors are the last one of
// each mirror, in the mirrors' order.
type FailedError struct{ Mirrors []error }

func (e *FailedError) Error() string {
	if len(e.Mirrors) == 1 {
		return e.Mirrors[0].Error()
	}
	const shown = 3
	var b strings.Builder
	fmt.Fprintf(&b, "all %d mirrors failed", len(e.Mirrors))
	for i, err := range e.Mirrors[:min(shown, len(e.Mirrors))] {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		b.WriteString(sep + err.Error())
	}
	if more := len(e.Mirrors) - shown; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// Unwrap gives the mirrors' errors to errors.Is and errors.As.
func (e *FailedError) Unwrap() []error { return e.Mirrors }

// Gone reports whether some mirror answered, and what it has is not the file
// that was asked for: not there (404, 410), another size, another checksum. The
// repository may have changed meanwhile: read its repomd.xml again.
func Gone(err error) bool {
	if s, ok := errors.AsType[*StatusError](err); ok && (s.Code == http.StatusNotFound || s.Code == http.StatusGone) {
		return true
	}
	_, ok := errors.AsType[*digest.MismatchError](err)
	return ok || errors.Is(err, errNoFile)
}

// errNoFile is a local source's 404.
var errNoFile = errors.New("no such file")

// errTooSlow is the cause with which the low-speed watch ends a body.
var errTooSlow = errors.New("slower than the low-speed limit")

// againError wraps a mismatch of bytes that came in pieces, or without an
// announced length: reading them once more, in one piece, may still succeed.
type againError struct{ err error }

func (e *againError) Error() string { return e.err.Error() }
func (e *againError) Unwrap() error { return e.err }

// refusedError is an answer that the caller did not want.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

// targetError is a failure of our own disk; no mirror is to blame.
type targetError struct{ err error }

func (e *targetError) Error() string { return "write: " + e.err.Error() }
func (e *targetError) Unwrap() error { return e.err }

// Temporary reports whether the same request may succeed a moment later: a
// broken connection or body, a time limit, 408, 425, 429 and 5xx. Other answers
// (403 and 404 above all), wrong bytes and refused redirects stay what they are.
func Temporary(err error) bool {
	if s, ok := errors.AsType[*StatusError](err); ok {
		switch s.Code {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
			http.StatusRequestedRangeNotSatisfiable:
			return true
		}
		return s.Code >= 500 && s.Code != http.StatusNotImplemented
	}
	if _, ok := errors.AsType[*againError](err); ok {
		return true
	}
	return !permanent(err)
}

func permanent(err error) bool {
	if _, ok := errors.AsType[*digest.MismatchError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*TooLargeError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*targetError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*refusedError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok { // a local source's disk, not a network
		return true
	}
	return errors.Is(err, errRedirect) || errors.Is(err, errNoFile) || errors.Is(err, errBadURL) ||
		errors.Is(err, context.Canceled) || isCertificateError(err)
}

// harmless lists the query keys whose values mirror lists use and errors may
// show; any other value could be a token.
var harmless = map[string]bool{
	"repo": true, "arch": true, "basearch": true, "release": true, "releasever": true,
	"infra": true, "country": true, "protocol": true, "ip": true, "path": true, "product": true,
}

// Redact writes a URL for messages: without user, password and fragment, and
// with "xxxxx" for query values that are not known to be harmless.
func Redact(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(unreadable URL)"
	}
	if u.User != nil {
		u.User = url.User("xxxxx")
	}
	u.Fragment = ""
	if u.RawQuery != "" {
		u.RawQuery = redactQuery(u.RawQuery)
	}
	return u.String()
}

func redactQuery(raw string) string {
	parts := strings.Split(raw, "&")
	for i, p := range parts {
		key, _, found := strings.Cut(p, "=")
		switch {
		case found && !harmless[strings.ToLower(key)]:
			parts[i] = key + "=xxxxx"
		case !found:
			parts[i] = "xxxxx" // a bare word may be the token itself
		}
	}
	return strings.Join(parts, "&")
}

// plainError strips net/http's wrapper, which repeats the whole URL, and names
// the redacted one instead.
func plainError(raw string, err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	return fmt.Errorf("%s: %w", Redact(raw), err)
}
