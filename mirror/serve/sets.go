package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"flatstream/mirror/tree"
	"flatstream/repodata"
	"flatstream/repodata/closure"
	"flatstream/repodata/digest"
	"flatstream/splitter"
)

// Bounds of what is kept for sets of streams.
const (
	maxShelves  = 4       // targets of snapshots whose sources are in memory; some 200 MB each for a full EL 8
	maxSets     = 32      // sets whose metadata is on disk
	maxSetBytes = 1 << 30 // of it
	maxWaiting  = 64      // sets that wait to be made; more are answered 503
	setPatience = 30 * time.Second
	setTime     = 5 * time.Minute // to make one
	setPrefix   = ".set-"         // of directories in which sets are made
	setOverhead = 2 << 20         // bytes of memory that a set takes, roughly
)

// sets makes flat repositories of sets of streams, and keeps them.
type sets struct {
	h       *handler
	shelves pool[shelfKey, *shelf]
	made    pool[setKey, *set]
	slots   chan struct{} // sets and shelves that are made at once
	waiting atomic.Int32
}

func newSets(h *handler) *sets {
	s := &sets{h: h, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	s.shelves.max, s.shelves.close = maxShelves, (*shelf).close
	s.made.max, s.made.maxBytes, s.made.close = maxSets, maxSetBytes, (*set).close
	s.sweep()
	return s
}

// sweep removes what servers that were killed left half made.
func (s *sets) sweep() {
	left, _ := filepath.Glob(filepath.Join(s.h.dir, "state", setPrefix+"*")) // a directory with a bracket in its name keeps it
	for _, dir := range left {
		if info, err := os.Lstat(dir); err == nil && time.Since(info.ModTime()) > 2*setTime {
			os.RemoveAll(dir)
		}
	}
}

type shelfKey struct{ snapshot, target string }

type setKey struct {
	shelfKey
	name string // canonical
}

// shelf is the sources of one target of a snapshot.
type shelf struct {
	*splitter.Shelf
	roots   []*os.Root
	origins []string // where its sources stand in the snapshot, by number
	trust   string   // lines of a .repo file
}

func (s *shelf) close() {
	if s.Shelf != nil {
		s.Shelf.Close()
	}
	for _, r := range s.roots {
		r.Close()
	}
}

// set is one flat repository that was made at a request. Its files have no names
// any more, so nothing is left on disk when the server ends.
type set struct {
	key      setKey
	id       string
	files    map[string]*os.File // below the repository
	places   map[string]splitter.Place
	origins  []string
	trust    string
	repomd   digest.Checksum // of repomd.xml
	time     time.Time       // of the snapshot
	streams  []string
	warnings []splitter.Warning
	packages int
	problems int
	findings string // of the verification, for people
}

func (s *set) close() {
	for _, f := range s.files {
		f.Close()
	}
}

// locate is the path in the snapshot of a package of the set.
func (s *set) locate(href string) (string, bool) {
	at, ok := s.places[href]
	if !ok {
		return "", false
	}
	return s.origins[at.Source] + "/" + at.Href, true
}

// get returns a set, made if need be; release it after use.
func (s *sets) get(ctx context.Context, key setKey, specs []string) (*set, func(), error) {
	ctx, cancel := context.WithTimeout(ctx, setPatience)
	defer cancel()
	made, release, err := s.made.get(ctx, key, func() (*set, int64, error) { return s.makeSet(key, specs) })
	if errors.Is(err, context.DeadlineExceeded) {
		err = errBusy()
	}
	return made, release, err
}

func errBusy() error {
	return &statusError{http.StatusServiceUnavailable, "too many sets of streams are being made; ask again in a moment"}
}

// makeSet waits for its turn, then makes one set.
func (s *sets) makeSet(key setKey, specs []string) (*set, int64, error) {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > maxWaiting {
		return nil, 0, errBusy()
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-time.After(setPatience):
		return nil, 0, errBusy()
	}
	ctx, cancel := context.WithTimeout(context.Background(), setTime)
	defer cancel()
	from, release, err := s.shelves.get(ctx, key.shelfKey, func() (*shelf, int64, error) {
		opened, err := s.openShelf(ctx, key.shelfKey)
		return opened, 0, err
	})
	if err != nil {
		return nil, 0, err
	}
	defer release()
	return from.make(ctx, key, specs, s.h.scratch())
}

// openShelf reads the sources of a target.
func (s *sets) openShelf(ctx context.Context, key shelfKey) (_ *shelf, err error) {
	snapshot, err := s.h.openSnapshot(key.snapshot)
	if err != nil {
		return nil, err
	}
	made := &shelf{roots: []*os.Root{snapshot}}
	defer func() {
		if err != nil {
			made.close()
		}
	}()
	at, names, report, err := origins(snapshot, key.target)
	if err != nil {
		return nil, err
	}
	var opt splitter.ShelfOptions
	if report != nil {
		opt.Platform, opt.Unlisted = report.Platform, append([]splitter.UnlistedPackage{}, report.Unlisted...)
		opt.Options.Unlisted = splitter.Unlisted(report.Unlisting)
		opt.StrictDNF = slices.ContainsFunc(report.Warnings, func(w splitter.Warning) bool { return w.Code == "strict-dnf" })
	}
	if key.target != "" {
		opt.Arch = path.Base(key.target)
	}
	var sources []splitter.Source
	for _, name := range names {
		sub, err := snapshot.OpenRoot(at[name])
		if err != nil {
			return nil, err
		}
		made.roots = append(made.roots, sub)
		repo, err := repodata.Open(sub.FS())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at[name], err)
		}
		sources = append(sources, splitter.Source{Name: name, Role: splitter.RoleMerge, Repo: repo, Dir: filepath.Join(s.h.dir, "snapshots", key.snapshot, filepath.FromSlash(at[name]))})
		made.origins = append(made.origins, at[name])
	}
	made.trust = trustOf(snapshot, key.target)
	made.Shelf, err = splitter.OpenShelf(ctx, sources, opt, s.h.scratch())
	return made, err
}

// trustOf is what the target's own .repo file says about signatures of packages.
func trustOf(snapshot *os.Root, target string) string {
	text, err := fs.ReadFile(snapshot.FS(), path.Join("flat", target, splitter.DotRepoName))
	if err != nil {
		return "gpgcheck=0\n"
	}
	var lines []byte
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("gpgcheck=")) || bytes.HasPrefix(line, []byte("gpgkey=")) {
			lines = append(lines, line...)
		}
		if bytes.HasPrefix(line, []byte("module_hotfixes=")) {
			break // the first section says it all
		}
	}
	return string(lines)
}

// make resolves, writes and verifies one set.
func (s *shelf) make(ctx context.Context, key setKey, specs []string, scratch string) (*set, int64, error) {
	resolved, err := s.Set(specs)
	if err != nil {
		return nil, 0, refusal(err)
	}
	dir, err := os.MkdirTemp(scratch, setPrefix+"*")
	if err != nil {
		return nil, 0, err
	}
	defer os.RemoveAll(dir)
	when, err := time.Parse(tree.TimeFormat, key.snapshot)
	if err != nil {
		return nil, 0, err
	}
	made := &set{key: key, id: resolved.ID(), places: resolved.Places(), origins: s.origins, trust: s.trust, time: when,
		streams: resolved.Streams, warnings: resolved.Warnings, packages: resolved.Packages}
	var verdict *closure.Report
	group, within := errgroup.WithContext(ctx)
	group.Go(func() error {
		md, err := s.Write(within, resolved, dir)
		if err == nil {
			made.repomd = digest.OfBytes(md.Raw)
		}
		return err
	})
	group.Go(func() (err error) {
		verdict, err = s.Verify(within, resolved)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, 0, err
	}
	if err := made.judge(verdict, dir); err != nil {
		return nil, 0, err
	}
	size, err := made.adopt(dir)
	if err != nil {
		made.close()
		return nil, 0, err
	}
	return made, size + setOverhead, nil
}

// refusal is the answer for a set that cannot be: with the reason in words.
func refusal(err error) error {
	if unknown, ok := errors.AsType[*splitter.UnknownError](err); ok {
		return &statusError{http.StatusNotFound, unknown.Text}
	}
	_, conflict := errors.AsType[*splitter.Conflict](err)
	_, usage := errors.AsType[*splitter.UsageError](err)
	if conflict || usage {
		return &statusError{http.StatusConflict, err.Error()}
	}
	return err
}

// scratch is where temporary files go: on the store's own disk where this process
// may write there.
func (h *handler) scratch() string {
	dir := filepath.Join(h.dir, "state")
	if f, err := os.CreateTemp(dir, ".serve-*"); err == nil {
		f.Close()
		os.Remove(f.Name())
		return dir
	}
	return os.TempDir()
}

func (s *sets) writeMetrics(w io.Writer) {
	shelves, _, read := s.shelves.counts()
	kept, size, made := s.made.counts()
	for _, m := range []struct {
		name, kind, help string
		value            int64
	}{
		{"sets_made_total", "counter", "Stream sets that were computed and verified.", made},
		{"sets_kept", "gauge", "Stream sets that are kept.", int64(kept)},
		{"sets_kept_bytes", "gauge", "Bytes of them.", size},
		{"sets_waiting", "gauge", "Stream sets that are being made or wait for it.", int64(s.waiting.Load())},
		{"targets_read_total", "counter", "Targets whose sources were read to make sets.", read},
		{"targets_kept", "gauge", "Targets whose sources are in memory.", int64(shelves)},
	} {
		fmt.Fprintf(w, "# HELP flatstream_%s %s\n# TYPE flatstream_%s %s\nflatstream_%s %d\n", m.name, m.help, m.name, m.kind, m.name, m.value)
	}
}
