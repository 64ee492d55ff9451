package mirror

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"flatstream/mirror/fetch"
	"flatstream/mirror/repofile"
)

const (
	// tiredAfter is how many failures in a row put a mirror behind the others.
	tiredAfter = 5
	// maxMirrorsPerFile bounds how many mirrors are asked for one file.
	maxMirrorsPerFile = 10
)

// mirrors are the base URLs of one source, best first. One that keeps failing
// moves behind the others until it has given a file again.
type mirrors struct {
	mu    sync.Mutex
	bases []string
	fails map[string]int // failures in a row
}

func newMirrors(bases []string) *mirrors {
	m := &mirrors{fails: map[string]int{}}
	for _, b := range bases {
		m.bases = append(m.bases, localBase(b))
	}
	return m
}

// localBase turns file:// into a path: names of local files are not escaped.
func localBase(base string) string {
	u, err := url.Parse(base)
	if err == nil && u.Scheme == "file" && (u.Host == "" || u.Host == "localhost") {
		return u.Path
	}
	return base
}

// order is the mirrors to ask now.
func (m *mirrors) order() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.fails) == 0 {
		return m.bases[:min(len(m.bases), maxMirrorsPerFile)]
	}
	out := slices.Clone(m.bases)
	slices.SortStableFunc(out, func(a, b string) int {
		return min(m.fails[a]/tiredAfter, 1) - min(m.fails[b]/tiredAfter, 1)
	})
	return out[:min(len(out), maxMirrorsPerFile)]
}

func (m *mirrors) failed(base string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fails[base]++
}

func (m *mirrors) worked(base string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.fails, base)
}

// prefer puts the mirror that gave repomd.xml first: what it lists is there.
func (m *mirrors) prefer(base string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.Index(m.bases, base); i > 0 {
		m.bases = slices.Insert(slices.Delete(slices.Clone(m.bases), i, i+1), 0, base)
	}
}

// join is the URL of a file of the repository at base. href has passed
// repodata.CheckHref.
func join(base, href string) string {
	if !strings.Contains(base, "://") {
		return strings.TrimSuffix(base, "/") + "/" + href
	}
	path, query, found := strings.Cut(base, "?") // a query is a token that goes with every file
	u := strings.TrimSuffix(path, "/") + "/" + escapeHref(href)
	if found {
		u += "?" + query
	}
	return u
}

func joinAll(bases []string, href string) []string {
	urls := make([]string, len(bases))
	for i, b := range bases {
		urls[i] = join(b, href)
	}
	return urls
}

// escapeHref writes an href for a URL. createrepo_c writes file names as they
// are, others escape them; valid escapes therefore stay. "+" is escaped because
// object stores read it as a blank.
func escapeHref(href string) string {
	const hex = "0123456789ABCDEF"
	plain := func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("-._~/!$&'()*,;=:@", c) >= 0
	}
	isHex := func(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }
	var out strings.Builder
	for i := 0; i < len(href); i++ {
		c := href[i]
		switch {
		case plain(c), c == '%' && i+2 < len(href) && isHex(href[i+1]) && isHex(href[i+2]):
			out.WriteByte(c)
		default:
			out.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return out.String()
}

// locate finds the mirrors of a source, and what a metalink says of repomd.xml.
func (s *Source) locate(ctx context.Context, c *fetch.Client) ([]string, *repofile.Metalink, error) {
	switch {
	case s.Metalink != "":
		b, err := list(ctx, c, "metalink", s.Metalink)
		if err != nil {
			return nil, nil, err
		}
		m, err := repofile.ParseMetalink(bytes.NewReader(b), isLocal(s.Metalink))
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w%s", fetch.Redact(s.Metalink), err, centosHint(s.Metalink))
		}
		return m.BaseURLs, m, nil
	case s.Mirrorlist != "":
		b, err := list(ctx, c, "mirrorlist", s.Mirrorlist)
		if err != nil {
			return nil, nil, err
		}
		urls, err := repofile.ParseMirrorlist(bytes.NewReader(b), isLocal(s.Mirrorlist))
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w%s", fetch.Redact(s.Mirrorlist), err, centosHint(s.Mirrorlist))
		}
		return urls, nil, nil
	}
	return s.URLs, nil, nil
}

func list(ctx context.Context, c *fetch.Client, what, raw string) ([]byte, error) {
	resp, err := c.Get(ctx, raw, repofile.MaxList, fetch.Cond{})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w%s", what, err, centosHint(raw))
	}
	return resp.Body, nil
}

func isLocal(raw string) bool {
	return !strings.Contains(raw, "://") || strings.HasPrefix(raw, "file://")
}
