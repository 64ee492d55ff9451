package serve

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"flatstream/mirror/fetch"
	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

// Upstream is a repository whose packages are fetched on demand, with what a manifest
// does not hold: everyone may read that.
type Upstream struct {
	Path  string   // below a snapshot
	URLs  []string // base URLs; a query of one goes with every file
	Fetch fetch.Options
}

const (
	maxManifests = 4                // snapshots whose promises are in memory
	maxDownloads = 16               // packages fetched at once
	maxQueued    = 512              // packages that wait for that; more are answered 503
	clientLife   = 10 * time.Minute // after it certificates are read anew
	failureLife  = time.Second      // an upstream that failed is not asked again for so long
)

// demand has the packages that snapshots promise and the tree does not hold: each is
// fetched at its first request, whoever asks, and then served from the store's
// objects. Only what has the checksum of the metadata is ever stored.
type demand struct {
	dir       string
	upstreams []Upstream
	manifests pool[string, *promises]
	slots     chan struct{}

	mu      sync.Mutex
	flights map[digest.Checksum]*flight
	store   *tree.Tree // opened at the first need: it makes what is missing
	clients map[int]*agedClient
	fetched int64
}

type agedClient struct {
	*fetch.Client
	made time.Time
}

func newDemand(dir string, upstreams []Upstream) *demand {
	d := &demand{dir: dir, upstreams: upstreams, slots: make(chan struct{}, maxDownloads), flights: map[digest.Checksum]*flight{}, clients: map[int]*agedClient{}}
	d.manifests.max, d.manifests.close = maxManifests, func(*promises) {}
	return d
}

// miss answers for what could not be opened: from the store's objects or from upstream
// where the snapshot promises it, with a listing of a directory that is made of
// promises alone, else with the error.
func (h *handler) miss(w http.ResponseWriter, r *http.Request, v *view, missing error) {
	if !errors.Is(missing, fs.ErrNotExist) && !notDirectory(missing) {
		fail(w, missing)
		return
	}
	slash := strings.HasSuffix(r.URL.Path, "/")
	e, known, ok := h.demand.find(r, v.root, v.name)
	if ok && !slash {
		if h.elsewhere != nil && !h.demand.has(e) && h.sendElsewhere(w, r, e.Path, e.Checksum, e.Size) {
			return
		}
		if err := h.demand.serve(w, r, e, known); err != nil {
			w.Header().Del("ETag")
			failAt(w, err)
		}
		return
	}
	rows := h.demand.list(r, v.root, v.name)
	switch {
	case len(rows) == 0 && !slash && v.name == v.public && h.sendElsewhere(w, r, v.name, digest.Checksum{}, 0):
	case len(rows) == 0:
		fail(w, missing)
	case !slash:
		redirect(w, r, strings.TrimPrefix(path.Clean(r.URL.Path), "/"))
	default:
		sendListing(w, r, v.public, rows)
	}
}

// has says whether the store has what a snapshot promises.
func (d *demand) has(e tree.Entry) bool {
	store, err := d.open()
	return err == nil && store.Has(e.Checksum, e.Size)
}

// serve answers with a promised package. What it returns is the reason why nothing
// was answered.
func (d *demand) serve(w http.ResponseWriter, r *http.Request, e tree.Entry, known *promises) error {
	store, err := d.open()
	if err != nil {
		return err
	}
	head := w.Header()
	head.Set("Content-Type", tree.ContentType(e.Path))
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("ETag", `"`+e.Checksum.Hex+`"`)
	if store.Has(e.Checksum, e.Size) {
		f, err := store.OpenObject(e.Checksum)
		if err == nil {
			defer f.Close()
			http.ServeContent(w, r, "", time.Time{}, f)
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if r.Method == http.MethodHead || strings.Contains(r.Header.Get("If-None-Match"), e.Checksum.Hex) {
		http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(nothing{}, 0, e.Size))
		return nil
	}
	f, err := d.take(e, known)
	if err != nil {
		return err
	}
	defer d.leave(f)
	reader := &flightReader{f: f, ctx: r.Context()}
	if err := reader.begin(); err != nil {
		return reason(e, err)
	}
	http.ServeContent(w, r, "", time.Time{}, reader)
	return nil
}

// nothing is the body of an answer that has none.
type nothing struct{}

func (nothing) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }

// reason turns why a package could not be had into an answer.
func reason(e tree.Entry, err error) error {
	name := path.Base(e.Path)
	if _, wrong := errors.AsType[*digest.MismatchError](err); wrong {
		return &statusError{http.StatusBadGateway, fmt.Sprintf("what upstream has as %s is not what the metadata names: %v", name, err)}
	}
	if fetch.Gone(err) {
		return &statusError{http.StatusBadGateway, fmt.Sprintf("upstream does not have %s any more: %v", name, err)}
	}
	return &statusError{http.StatusServiceUnavailable, fmt.Sprintf("%s is fetched on demand and cannot be had now: %v", name, err)}
}

func (d *demand) open() (*tree.Tree, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.store != nil {
		return d.store, nil
	}
	store, err := tree.Open(d.dir)
	if err != nil {
		return nil, err
	}
	d.store = store
	return store, nil
}

// take joins the download of a package, or begins it.
func (d *demand) take(e tree.Entry, known *promises) (*flight, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.flights[e.Checksum]
	if f == nil {
		if len(d.flights) >= maxQueued {
			return nil, &statusError{http.StatusServiceUnavailable, "too many packages are being fetched; ask again in a moment"}
		}
		f = newFlight(e, d.store)
		d.flights[e.Checksum] = f
		f.users++ // the download
		from, ok := known.from[e.Checksum]
		if !ok {
			from = -1
		}
		go d.fly(f, from)
	}
	f.users++
	return f, nil
}

// leave ends one use of a download.
func (d *demand) leave(f *flight) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.users--; f.users == 0 {
		f.close()
	}
}

// fly downloads, also when all who asked have left: the next one will be glad.
func (d *demand) fly(f *flight, from int) {
	defer d.leave(f)
	d.slots <- struct{}{}
	err := d.fetch(f, from)
	<-d.slots
	f.end(err)
	if err != nil {
		time.Sleep(failureLife) // whoever asks meanwhile hears the same
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.flights, f.entry.Checksum)
	if err == nil {
		d.fetched++
	}
}

func (d *demand) fetch(f *flight, from int) error {
	client, err := d.client(from)
	if err != nil {
		return err
	}
	raw := f.entry.URL
	if from >= 0 {
		raw = withQuery(raw, d.upstreams[from].URLs)
	}
	_, err = client.Fetch(f.ctx, fetch.File{URLs: []string{raw}, Size: f.entry.Size}, f.target)
	return err
}

// withQuery gives a URL the query of the base URL that it begins with.
func withQuery(raw string, bases []string) string {
	for _, base := range bases {
		u, err := url.Parse(base)
		if err != nil || u.RawQuery == "" {
			continue
		}
		query := u.RawQuery
		u.User, u.RawQuery = nil, ""
		if strings.HasPrefix(raw, strings.TrimSuffix(u.String(), "/")+"/") {
			return raw + "?" + query
		}
	}
	return raw
}

// client is that of an upstream; -1: one without credentials.
func (d *demand) client(from int) (*fetch.Client, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.clients[from]; c != nil && time.Since(c.made) < clientLife {
		return c.Client, nil
	}
	var opt fetch.Options
	if from >= 0 {
		opt = d.upstreams[from].Fetch
	}
	// A client waits: what does not come soon is said to be not there now.
	opt.Retries, opt.Backoff = 2, 200*time.Millisecond
	opt.ConnectTimeout, opt.HeaderTimeout, opt.MaxRetryAfter = 10*time.Second, 20*time.Second, 2*time.Second
	c, err := fetch.New(opt)
	if err != nil {
		return nil, err
	}
	d.clients[from] = &agedClient{c, time.Now()}
	return c, nil
}

func (d *demand) writeMetrics(w io.Writer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(w, "# HELP flatstream_packages_fetched_total Packages fetched on demand.\n# TYPE flatstream_packages_fetched_total counter\nflatstream_packages_fetched_total %d\n", d.fetched)
	fmt.Fprintf(w, "# HELP flatstream_packages_fetching Packages that are being fetched.\n# TYPE flatstream_packages_fetching gauge\nflatstream_packages_fetching %d\n", len(d.flights))
}
