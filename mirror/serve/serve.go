// Package serve is an http.Handler over a store, a target or any directory, for
// dnf, yum, zypper, mock, Koji, OBS and people. nginx over the same tree serves
// the same bytes; scripts/nginx.conf is its server block.
//
// Of a store "/" is the current snapshot, "/snapshots/<time>/" and
// "/tags/<name>/" are the others; objects/ and state/ are never served. Which
// directory a request is about is resolved once, when it begins, so a request
// sees one snapshot, and a download that runs while another one is published
// or pruned goes on with the file it opened.
//
// GET and HEAD, ranges and conditions (RFC 9110) come from net/http. Names with
// a leading dot do not exist. Below "/at/" any set of streams is a repository, see
// at.go. "/healthz" and "/metrics" are the server's own.
//
// Nothing outside of the directory is served: paths go through [os.Root], and a
// symbolic link that leads out is 403 Forbidden. One exception makes `split
// --link symlink` servable: in a directory that is itself a target of ours, a
// link named *.rpm that leads to a regular file which is named *.rpm and begins
// as RPM packages do is followed. Such a target shows its source's packages and
// can show nothing else.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

// Options say what is served.
type Options struct {
	Dir string // a store, a target or any directory; it may be replaced while it is served
	// Upstreams are those whose packages are fetched on demand and which need more
	// than a URL: credentials, certificates, a proxy.
	Upstreams []Upstream
	// Elsewhere says where clients may fetch what this server does not have, such as a
	// bucket; nil or an empty answer: nowhere. Without a checksum only the path is known.
	Elsewhere func(ctx context.Context, path string, sum digest.Checksum, size int64) (url string)
}

// Handler serves opt.Dir. The directory must exist; a store in which nothing is
// published yet answers 503 Service Unavailable.
func Handler(opt Options) (http.Handler, error) {
	dir, err := filepath.Abs(opt.Dir)
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", opt.Dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	h := &handler{dir: dir, demand: newDemand(dir, opt.Upstreams), elsewhere: opt.Elsewhere}
	h.sets = newSets(h)
	return h, root.Close()
}

type handler struct {
	dir     string
	metrics metrics
	sets    *sets
	small   small
	demand  *demand

	elsewhere func(context.Context, string, digest.Checksum, int64) string
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w}
	defer func() { h.metrics.count(rec) }()
	w = rec
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered", http.StatusMethodNotAllowed)
		return
	}
	r = withoutOddRange(r)
	switch r.URL.Path {
	case "/healthz":
		h.health(w)
	case "/metrics":
		h.writeMetrics(w)
	default:
		h.serve(w, r)
	}
}

// withoutOddRange takes a Range away that net/http answers wrongly: one in another unit
// than bytes must be ignored (RFC 9110, 14.2), and the last no bytes are no range.
func withoutOddRange(r *http.Request) *http.Request {
	unit, ranges, _ := strings.Cut(r.Header.Get("Range"), "=")
	if unit == "" || strings.EqualFold(unit, "bytes") && strings.TrimSpace(ranges) != "-0" {
		return r
	}
	r = r.Clone(r.Context())
	r.Header.Del("Range")
	return r
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request) {
	if scheme := r.URL.Scheme; scheme != "" && scheme != "http" && scheme != "https" {
		fail(w, &statusError{http.StatusBadRequest, "only http and https URLs are answered"})
		return
	}
	name, err := cleanPath(r.URL.Path)
	if err != nil {
		fail(w, err)
		return
	}
	if first, _, _ := strings.Cut(name, "/"); first == atPrefix && tree.IsStore(h.dir) {
		h.serveAt(w, r, name)
		return
	}
	slash := strings.HasSuffix(r.URL.Path, "/")
	if c := h.small.find(name); c != nil && !slash {
		c.serve(w, r)
		return
	}
	v, err := h.resolve(name)
	if err != nil {
		fail(w, err)
		return
	}
	defer v.root.Close()
	f, err := v.open()
	if err != nil {
		h.miss(w, r, v, err)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		fail(w, err)
		return
	}
	switch {
	case info.Mode().IsRegular() && !slash:
		v.serveFile(w, r, f, info)
		h.keep(name, f, info, w.Header())
	case !info.IsDir():
		fail(w, fs.ErrNotExist)
	case !slash:
		redirect(w, r, name)
	default:
		v.promised = h.demand.list(r, v.root, v.name)
		v.serveDir(w, r, f)
	}
}

// statusError is an answer with its reason.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

func fail(w http.ResponseWriter, err error) {
	var status *statusError
	switch {
	case errors.As(err, &status):
	case errors.Is(err, fs.ErrNotExist), notDirectory(err):
		status = &statusError{http.StatusNotFound, "not found"}
	case errors.Is(err, fs.ErrPermission):
		status = &statusError{http.StatusForbidden, "the server may not read this"}
	default:
		status = &statusError{http.StatusInternalServerError, "the server cannot read this"}
	}
	w.Header().Set("Cache-Control", "no-cache")
	http.Error(w, status.text, status.code)
}

// cleanPath makes a relative name of a URL's path, as nginx does: slashes merge,
// "." and ".." resolve, and what climbs above the root is refused. A name with
// a leading dot does not exist.
func cleanPath(p string) (string, error) {
	if !strings.HasPrefix(p, "/") || strings.ContainsFunc(p, unicode.IsControl) {
		return "", &statusError{http.StatusBadRequest, "bad path"}
	}
	depth := 0
	for elem := range strings.SplitSeq(p, "/") {
		switch elem {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		if depth < 0 {
			return "", &statusError{http.StatusBadRequest, "the path leads above the root"}
		}
	}
	name := strings.TrimPrefix(path.Clean(p), "/")
	if strings.HasPrefix(name, ".") || strings.Contains(name, "/.") {
		return "", fs.ErrNotExist
	}
	if name == "" {
		name = "."
	}
	return name, nil
}

// redirect adds the slash to a directory's URL: relative, so that it holds
// behind a proxy too, unless the path was an odd one.
func redirect(w http.ResponseWriter, r *http.Request, name string) {
	to := href(path.Base(name) + "/")
	if r.URL.Path != "/"+name {
		to = (&url.URL{Path: "/" + name + "/"}).EscapedPath()
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusMovedPermanently)
}

// view is the directory a request is about.
type view struct {
	root   *os.Root
	dir    string // absolute, where a target's links may be followed; else empty
	name   string // in root
	public string // title of a listing

	promised []row // what a listing shows besides
}

// resolve finds the directory for a request; in a store this is where current
// is looked up, once.
func (h *handler) resolve(name string) (*view, error) {
	root, err := os.OpenRoot(h.dir)
	if err != nil {
		return nil, err
	}
	if !tree.IsStore(h.dir) {
		return &view{root: root, dir: h.dir, name: name, public: name}, nil
	}
	base, rest := "current", name
	if first, after, _ := strings.Cut(name, "/"); first == "snapshots" || first == "tags" {
		which, inside, _ := strings.Cut(after, "/")
		if which == "" {
			return &view{root: root, name: first, public: name}, nil // the list of them
		}
		base, rest = path.Join(first, which), path.Join(".", inside)
	}
	defer root.Close()
	sub, err := root.OpenRoot(base)
	if errors.Is(err, fs.ErrNotExist) && base == "current" {
		return nil, &statusError{http.StatusServiceUnavailable, "nothing is published yet"}
	}
	if err != nil {
		return nil, err
	}
	return &view{root: sub, name: rest, public: name}, nil
}
