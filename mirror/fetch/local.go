package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"flatstream/repodata/digest"
)

// localPath tells a local path from a URL that needs the network. file:// must
// name no host but localhost.
func localPath(raw string) (path string, local bool, err error) {
	if !strings.Contains(raw, "://") {
		if raw == "" || strings.ContainsRune(raw, 0) {
			return "", false, fmt.Errorf("%q: %w", raw, errBadURL)
		}
		return raw, true, nil
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "", false, fmt.Errorf("%s: %w", Redact(raw), errBadURL)
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
		return "", false, nil
	case u.Scheme == "file" && (u.Host == "" || u.Host == "localhost") && !strings.ContainsRune(u.Path, 0):
		return u.Path, true, nil
	}
	return "", false, fmt.Errorf("%s: %w (http, https, file or a path)", Redact(raw), errBadURL)
}

func (c *Client) getLocal(path string, limit int64, cond Cond) (*Response, error) {
	f, err := c.openLocal(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(b)) > limit {
		return nil, &TooLargeError{path, limit}
	}
	c.bytes.Add(int64(len(b)))
	out := &Response{URL: path, ETag: digest.OfBytes(b).String()}
	if out.ETag == cond.ETag {
		out.NotModified = true
		return out, nil
	}
	out.Body = b
	return out, nil
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
	d.pieces, d.loose = 1, false
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
