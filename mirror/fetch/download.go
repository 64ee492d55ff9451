package fetch

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strings"

	"flatstream/repodata/digest"
)

// File is one file to download.
type File struct {
	URLs []string        // the same file on each mirror, best first
	Want digest.Checksum // zero: not checked
	Size int64           // bytes; negative when not known, then Limit holds
	// Limit in bytes for a file without a Size. Required then: nothing here reads
	// without an end.
	Limit int64
	// Kept reads what the target holds already from an earlier run. It is hashed
	// first and the download goes on behind it. Nil: the target is empty.
	Kept io.Reader
	// OnFail, if not nil, hears of each failed attempt at URLs[i], before the next
	// mirror is tried. An error that it returns ends the download and is what
	// Fetch returns: mirror uses it to stop when the repository has changed.
	OnFail func(i int, err error) error
}

// Target takes the bytes of a download in order. Restart forgets all of them.
// A target that cannot forget (a client is reading along) returns an error from
// Restart, and the download fails.
type Target interface {
	io.Writer
	Restart() error
}

// Fetch streams a file into dst and verifies it: when it returns nil, dst holds
// exactly the announced bytes; after an error what it holds is worth nothing but
// as Kept of a later attempt. url is the mirror that finished it.
//
// All mirrors are tried before the first retry; one that has failed for good
// (see [Temporary]) is not asked again for this file. Never more than Size bytes
// are written.
func (c *Client) Fetch(ctx context.Context, f File, dst Target) (url string, err error) {
	if err := f.check(); err != nil {
		return "", err
	}
	d := &download{c: c, f: &f, dst: dst}
	if err := d.begin(); err != nil {
		return "", err
	}
	failed := make([]error, len(f.URLs))
	live := make([]int, len(f.URLs))
	for i := range live {
		live[i] = i
	}
	for round := 0; ; round++ {
		var slowest error
		again := live[:0]
		for _, i := range live {
			err := d.attempt(ctx, f.URLs[i])
			if err == nil {
				return f.URLs[i], nil
			}
			failed[i] = err
			if stop := f.stop(ctx, i, err); stop != nil {
				return "", stop
			}
			if Temporary(err) {
				again = append(again, i)
				slowest = err
			}
		}
		live = again
		if len(live) == 0 || round >= c.opt.Retries || c.pause(ctx, round, slowest) != nil {
			return "", &FailedError{failed}
		}
	}
}

func (f *File) check() error {
	switch {
	case len(f.URLs) == 0:
		return errors.New("no URL to download from")
	case f.Size < 0 && f.Limit <= 0:
		return fmt.Errorf("%s: neither a size nor a limit is known", Redact(f.URLs[0]))
	}
	return nil
}

// stop decides whether a failure ends the download here and now.
func (f *File) stop(ctx context.Context, i int, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", Redact(f.URLs[i]), context.Cause(ctx))
	}
	if _, ours := errors.AsType[*targetError](err); ours {
		return err
	}
	if f.OnFail != nil {
		return f.OnFail(i, err)
	}
	return nil
}

// download is one file in the making.
type download struct {
	c   *Client
	f   *File
	dst Target

	sum    hash.Hash
	n      int64  // bytes in dst, all of them in sum
	pieces int    // responses that gave a part of them
	whole  bool   // pieces did not fit together: no more resuming
	tagURL string // where tag comes from
	tag    string // strong validator of the bytes in dst, may be empty
}

// begin takes over what the target holds from an earlier run.
func (d *download) begin() error {
	d.sum = d.f.Want.New()
	if d.f.Kept == nil {
		return nil
	}
	n, err := io.Copy(d.sum, d.f.Kept)
	if err != nil {
		return fmt.Errorf("read what an earlier run kept: %w", err)
	}
	d.n, d.pieces = n, 1
	if n > d.limit() || d.f.Want.IsZero() { // without a checksum nothing proves that it fits
		return d.restart()
	}
	return nil
}

func (d *download) restart() error {
	if d.n == 0 {
		return nil
	}
	d.sum.Reset()
	d.n, d.pieces, d.tag = 0, 0, ""
	if err := d.dst.Restart(); err != nil {
		return &targetError{err}
	}
	return nil
}

// limit is the number of bytes that the file can have at most.
func (d *download) limit() int64 {
	if d.f.Size >= 0 {
		return d.f.Size
	}
	return d.f.Limit
}

func (d *download) attempt(ctx context.Context, raw string) error {
	path, local, err := localPath(raw)
	if err != nil {
		return err
	}
	if d.n > 0 && d.n == d.f.Size { // an earlier run had it all but the final name
		if err := d.verdict(); err == nil {
			return nil
		}
		if err := d.restart(); err != nil {
			return err
		}
	}
	if local {
		err = d.copyLocal(ctx, path)
	} else {
		err = d.request(ctx, raw)
	}
	if err != nil {
		return err
	}
	return d.finish(raw)
}

// finish judges the whole file. Wrong bytes are dropped: resuming behind them
// could never succeed.
func (d *download) finish(raw string) error {
	verdict := d.verdict()
	if verdict == nil {
		return nil
	}
	stitched := d.pieces > 1
	if err := d.restart(); err != nil {
		return err
	}
	err := fmt.Errorf("%s: %w", Redact(raw), verdict)
	if stitched {
		d.whole = true
		return &stitchedError{err}
	}
	return err
}

func (d *download) verdict() error {
	if d.f.Size >= 0 && d.n != d.f.Size {
		return &digest.MismatchError{What: "size", Want: fmt.Sprint(d.f.Size), Got: fmt.Sprint(d.n)}
	}
	if want := d.f.Want; !want.IsZero() {
		if got := digest.FromHash(want.Algo, d.sum); got != want {
			return &digest.MismatchError{What: "checksum", Want: want.String(), Got: got.String()}
		}
	}
	return nil
}

func (d *download) request(ctx context.Context, raw string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	header, err := d.rangeHeader(raw)
	if err != nil {
		return err
	}
	resp, err := d.c.do(ctx, raw, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := d.accept(raw, resp); err != nil {
		return err
	}
	r := d.c.reader(ctx, resp.Body, cancel)
	defer r.stop()
	return d.receive(raw, r)
}

// rangeHeader asks for the rest where that can be right. A checksum proves the
// joined file whatever mirror the pieces came from; without one only the server's
// own strong validator does.
func (d *download) rangeHeader(raw string) (http.Header, error) {
	header := http.Header{}
	if d.n == 0 {
		return header, nil
	}
	same := d.tag != "" && d.tagURL == raw
	if d.whole || d.f.Want.IsZero() && !same {
		return header, d.restart()
	}
	header["Range"] = []string{fmt.Sprintf("bytes=%d-", d.n)}
	if same {
		header["If-Range"] = []string{d.tag}
	}
	return header, nil
}

// accept looks at the status and the announced length before any byte is read.
func (d *download) accept(raw string, resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusOK:
		if err := d.restart(); err != nil { // the server sends it all
			return err
		}
		d.pieces = 0
	case http.StatusPartialContent:
		if want := fmt.Sprintf("bytes %d-", d.n); d.n == 0 || !strings.HasPrefix(resp.Header.Get("Content-Range"), want) {
			d.whole = true
			return fmt.Errorf("%s: answered with range %q, asked for %q", Redact(raw), resp.Header.Get("Content-Range"), want)
		}
	case http.StatusRequestedRangeNotSatisfiable:
		d.whole = true
		return d.c.statusError(raw, resp)
	default:
		return d.c.statusError(raw, resp)
	}
	if total := d.n + resp.ContentLength; resp.ContentLength >= 0 && d.f.Size >= 0 && total != d.f.Size {
		return d.wrongLength(raw, total)
	}
	d.pieces++
	d.tagURL, d.tag = raw, strongTag(resp.Header)
	return nil
}

func (d *download) wrongLength(raw string, total int64) error {
	err := fmt.Errorf("%s: %w", Redact(raw),
		&digest.MismatchError{What: "size", Want: fmt.Sprint(d.f.Size), Got: fmt.Sprint(total)})
	if d.n > 0 {
		d.whole = true
		return &stitchedError{err}
	}
	return err
}

// strongTag is what If-Range may name (RFC 9110, 13.1.5): a strong ETag, else
// the date.
func strongTag(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return h.Get("Last-Modified")
}

// receive moves a body into the target through one buffer: a small file costs
// one write. It stops one byte past the size.
func (d *download) receive(raw string, r io.Reader) error {
	p := d.c.buffers.Get().(*[]byte)
	defer d.c.buffers.Put(p)
	for {
		buf := *p
		if room := d.limit() - d.n + 1; int64(len(buf)) > room {
			buf = buf[:room]
		}
		n, err := fill(r, buf)
		if d.n+int64(n) > d.limit() {
			return d.tooLong(raw)
		}
		d.sum.Write(buf[:n])
		if n > 0 {
			if _, err := d.dst.Write(buf[:n]); err != nil {
				return &targetError{err}
			}
			d.n += int64(n)
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return plainError(raw, err)
		}
	}
}

func (d *download) tooLong(raw string) error {
	stitched := d.pieces > 1
	if err := d.restart(); err != nil {
		return err
	}
	if d.f.Size < 0 {
		return &TooLargeError{Redact(raw), d.f.Limit}
	}
	err := fmt.Errorf("%s: %w", Redact(raw), &digest.MismatchError{What: "size", Want: fmt.Sprint(d.f.Size), Got: "larger"})
	if stitched {
		d.whole = true
		return &stitchedError{err}
	}
	return err
}

// fill reads until buf is full or the body ends, and never hides an error.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// copyLocal reads a file of this machine from its start.
func (d *download) copyLocal(ctx context.Context, path string) error {
	if err := d.restart(); err != nil {
		return err
	}
	f, err := d.c.openLocal(path)
	if err != nil {
		return err
	}
	defer f.Close()
	d.pieces++
	return d.receive(path, &localReader{ctx, d.c, f})
}

// openLocal opens a regular file; a pipe or device would never end.
func (c *Client) openLocal(path string) (*os.File, error) {
	c.requests.Add(1)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", path, errNoFile)
	case err != nil:
		return nil, fmt.Errorf("open source: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file: %w", path, errNoFile)
	}
	return os.Open(path)
}

// localReader counts bytes and ends when the run does.
type localReader struct {
	ctx context.Context
	c   *Client
	f   *os.File
}

func (l *localReader) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := l.f.Read(p)
	l.c.bytes.Add(int64(n))
	return n, err
}
