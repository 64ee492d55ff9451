package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"flatstream/repodata/digest"
)

// File is one file to download.
type File struct {
	URLs []string // the same file on each mirror, best first
	Size int64    // bytes; negative when not known, then Limit holds
	// Limit in bytes for a file without a Size. Required then: nothing here reads
	// without an end.
	Limit int64
	// OnFail, if not nil, hears of each failed attempt at URLs[i], before the next
	// mirror is tried. An error that it returns ends the download and is what
	// Fetch returns: mirror uses it to stop when the repository has changed.
	OnFail func(i int, err error) error
}

// Target takes the bytes of one file in order and knows the checksum that they
// must have; mirror/tree's ObjectWriter is one, and serve's, which lets a client
// read along, another. Every Target is ended by Commit, Keep or Abort.
type Target interface {
	io.Writer
	Offset() int64  // bytes that it holds, those of an earlier run included
	Restart() error // forgets them; an error where that cannot be (a client has them)
	Commit() error  // verifies and names the file; after a *digest.MismatchError it is ended
	Keep() error    // ends it and leaves the bytes for a later run
	Abort() error   // ends it and removes them
}

// Fetch streams a file into the target that create opens, and commits it: the
// final name appears only after the target has verified all bytes. url is the
// mirror that finished the file. When wrong bytes have ended a target, create is
// called again.
//
// All mirrors are tried before the first retry; one that has failed for good
// (see [Temporary]) is not asked again for this file. Never more than Size bytes
// are written. After a failure the target keeps what may be resumed.
func (c *Client) Fetch(ctx context.Context, f File, create func() (Target, error)) (url string, err error) {
	if err := f.check(); err != nil {
		return "", err
	}
	d := &download{c: c, f: &f, create: create}
	defer func() { err = errors.Join(err, d.end()) }()
	i, err := c.rounds(ctx, f.URLs, func(i int) error { return d.attempt(ctx, f.URLs[i]) }, f.OnFail)
	if err != nil {
		return "", err
	}
	return f.URLs[i], nil
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

// download is one file in the making.
type download struct {
	c      *Client
	f      *File
	create func() (Target, error)

	dst    Target // nil before the first attempt and after wrong bytes
	n      int64  // bytes in dst
	pieces int    // responses that gave a part of them
	whole  bool   // pieces did not fit together: no more resuming
	loose  bool   // the last response announced no length: it may have been cut
	tagURL string // where tag comes from
	tag    string // strong validator of the bytes in dst, may be empty
}

// open takes over what an earlier run left in the target.
func (d *download) begin() error {
	if d.dst != nil {
		return nil
	}
	dst, err := d.create()
	if err != nil {
		return &targetError{err}
	}
	d.dst, d.n, d.pieces, d.tag = dst, dst.Offset(), 0, ""
	if d.n > 0 {
		d.pieces = 1
	}
	if d.n > d.limit() {
		return d.restart()
	}
	return nil
}

// end leaves a target that was not committed as something to resume, or not at
// all.
func (d *download) end() error {
	switch {
	case d.dst == nil:
		return nil
	case d.n == 0:
		return d.dst.Abort()
	}
	return d.dst.Keep()
}

func (d *download) restart() error {
	d.pieces, d.tag = 0, ""
	if d.n == 0 {
		return nil
	}
	d.n = 0
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
	if err := d.begin(); err != nil {
		return err
	}
	if d.n > 0 && d.n == d.f.Size { // an earlier run had it all but the final name
		if err := d.commit(raw); err == nil || !Gone(err) {
			return err
		}
		if err := d.begin(); err != nil { // wrong bytes, and no mirror's fault
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
	return d.commit(raw)
}

// commit ends the target, one way or the other.
func (d *download) commit(raw string) error {
	if d.f.Size >= 0 && d.n != d.f.Size {
		return d.wrongLength(raw, fmt.Sprint(d.n))
	}
	dst := d.dst
	d.dst = nil
	err := dst.Commit()
	if err == nil {
		return nil
	}
	if _, wrong := errors.AsType[*digest.MismatchError](err); !wrong {
		return &targetError{err}
	}
	return d.blame(raw, err)
}

// wrongLength drops the bytes: resuming behind them could never succeed.
func (d *download) wrongLength(raw, got string) error {
	err := d.blame(raw, &digest.MismatchError{What: "size", Want: fmt.Sprint(d.f.Size), Got: got})
	return cmp.Or(d.restart(), err)
}

// blame says whose fault wrong bytes are. From one response of announced length
// they are the mirror's; in pieces, or cut without a sign, they may be right when
// they are read again in one.
func (d *download) blame(raw string, err error) error {
	err = fmt.Errorf("%s: %w", Redact(raw), err)
	if d.pieces > 1 || d.loose {
		d.whole = true
		return &againError{err}
	}
	return err
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

// rangeHeader asks for the rest. The checksum proves the joined file, whatever
// mirrors the pieces came from; If-Range saves the try where the server's own
// validator says that the file is another one now.
func (d *download) rangeHeader(raw string) (http.Header, error) {
	header := http.Header{}
	if d.n == 0 {
		return header, nil
	}
	if d.whole {
		return header, d.restart()
	}
	header["Range"] = []string{fmt.Sprintf("bytes=%d-", d.n)}
	if d.tag != "" && d.tagURL == raw {
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
		d.pieces++
		return d.wrongLength(raw, fmt.Sprint(total))
	}
	d.pieces++
	d.loose = resp.ContentLength < 0
	d.tagURL, d.tag = raw, strongTag(resp.Header)
	return nil
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
	if d.f.Size >= 0 {
		return d.wrongLength(raw, "larger")
	}
	return cmp.Or[error](d.restart(), &TooLargeError{Redact(raw), d.f.Limit})
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
