package serve

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"flatstream/mirror/tree"
	"flatstream/splitter"
)

// Below /at/ every set of streams is a flat repository:
//
//	/at/<snapshot, tag or current>/[<target>/<arch>/]<set>/repodata/repomd.xml
//
// <target>/<arch>/ stands there when the store has targets. current and tags are
// resolved, not redirected: not every client follows, and none would stay with the
// snapshot it was sent to. What a client read just before the next snapshot came is
// still found (see [handler.serveOlder]).
const atPrefix = "at"

// atRequest is a request below /at/ once its path is understood.
type atRequest struct {
	ref   string // as it was written
	key   setKey
	specs []string
	path  string // below the set
	slash bool   // the URL ends in one
}

func (h *handler) serveAt(w http.ResponseWriter, r *http.Request, name string) {
	rest := strings.Split(strings.TrimPrefix(strings.TrimPrefix(name, atPrefix), "/"), "/")
	slash := strings.HasSuffix(r.URL.Path, "/")
	if rest[0] == "" {
		h.listRefs(w, r, name, slash)
		return
	}
	snapshot, err := h.snapshotOf(rest[0])
	if err != nil {
		fail(w, err)
		return
	}
	root, err := h.openSnapshot(snapshot)
	if err != nil {
		fail(w, err)
		return
	}
	defer root.Close()
	in := &atRequest{ref: rest[0], slash: slash}
	in.key.snapshot = snapshot
	rest = rest[1:]
	if known := targets(root); known[0] != "" {
		if len(rest) < 3 {
			h.listTargets(w, r, name, slash, known, rest)
			return
		}
		if in.key.target = rest[0] + "/" + rest[1]; !slices.Contains(known, in.key.target) {
			fail(w, &statusError{http.StatusNotFound, fmt.Sprintf("snapshot %s has no target %.100q; it has %s", snapshot, in.key.target, strings.Join(known, ", "))})
			return
		}
		rest = rest[2:]
	}
	if len(rest) == 0 {
		h.listTargets(w, r, name, slash, []string{"default"}, nil)
		return
	}
	in.specs, in.key.name, err = setName(rest[0])
	if err != nil {
		fail(w, err)
		return
	}
	in.path = strings.Join(rest[1:], "/")
	if in.key.name != rest[0] || in.path == "" && !slash {
		in.redirect(w)
		return
	}
	h.serveSet(w, r, root, in)
}

// redirect leads to the one spelling of a set, by a relative reference, so that it
// holds behind a proxy too.
func (in *atRequest) redirect(w http.ResponseWriter) {
	up, rest := "../", in.path
	switch {
	case rest == "" && !in.slash:
		up = "./"
	case rest != "":
		up += strings.Repeat("../", strings.Count(rest, "/"))
		if in.slash {
			up, rest = up+"../", rest+"/"
		}
	}
	w.Header().Set("Location", up+(&url.URL{Path: in.key.name + "/" + rest}).EscapedPath())
	w.WriteHeader(http.StatusMovedPermanently)
}

// serveSet answers with a file of a set, with one of its packages, or with its page.
func (h *handler) serveSet(w http.ResponseWriter, r *http.Request, root *os.Root, in *atRequest) {
	s, release, err := h.sets.get(r.Context(), in.key, in.specs)
	if err != nil {
		failAt(w, err)
		return
	}
	defer release()
	head := w.Header()
	head.Set("X-Flatstream-Snapshot", in.key.snapshot)
	head.Set("X-Flatstream-Verify", s.verdict())
	if f := s.files[in.path]; f != nil && !in.slash {
		s.serveFile(w, r, in, f)
		return
	}
	switch {
	case in.path == "":
		s.servePage(w, r, in)
	case in.path == splitter.DotRepoName && !in.slash:
		s.serveDotRepo(w, r)
	default:
		h.serveMember(w, r, root, in, s)
	}
}

// failAt also says when to come again.
func failAt(w http.ResponseWriter, err error) {
	if status, ok := err.(*statusError); ok && status.code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	fail(w, err)
}

// verdict is the header that says what verifying found.
func (s *set) verdict() string {
	if s.problems == 0 {
		return "ok"
	}
	return fmt.Sprintf("problems; count=%d", s.problems)
}

func (s *set) serveFile(w http.ResponseWriter, r *http.Request, in *atRequest, f *os.File) {
	info, err := f.Stat()
	if err != nil {
		fail(w, err)
		return
	}
	head := w.Header()
	head.Set("Content-Type", tree.ContentType(in.path))
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("ETag", s.etag(in.path))
	head.Set("Cache-Control", in.cache())
	http.ServeContent(w, r, "", s.time, io.NewSectionReader(f, 0, info.Size()))
}

// etag names a file of a set; the metadata's is the same in all snapshots in which it
// has the same bytes.
func (s *set) etag(name string) string {
	switch {
	case cacheControl(name) == immutable:
		return `"` + path.Base(name) + `"`
	case path.Dir(name) == "repodata":
		return `"` + s.repomd.Hex + `"`
	}
	return `"` + s.key.snapshot + "-" + s.repomd.Hex + `"`
}

// cache: below a snapshot's own name nothing ever changes.
func (in *atRequest) cache() string {
	if cache := cacheControl(in.path); in.ref != in.key.snapshot {
		if cache == "" {
			cache = "no-cache"
		}
		return cache
	}
	return immutable
}

// serveMember answers with a package of a set from the snapshot's mirror.
func (h *handler) serveMember(w http.ResponseWriter, r *http.Request, root *os.Root, in *atRequest, s *set) {
	if at, ok := s.locate(in.path); ok && !in.slash {
		h.serveIn(w, r, root, at)
		return
	}
	if in.ref == in.key.snapshot || in.slash {
		fail(w, fs.ErrNotExist)
		return
	}
	h.serveOlder(w, r, root, in, s)
}

// serveIn answers with a file of a snapshot.
func (h *handler) serveIn(w http.ResponseWriter, r *http.Request, root *os.Root, name string) {
	v := &view{root: root, name: name, public: name}
	f, err := v.open()
	if err != nil {
		h.miss(w, r, v, err)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		fail(w, err)
		return
	}
	v.serveFile(w, r, f, info)
}

// maxOlder is how many earlier snapshots are asked for a client's sake.
const maxOlder = 2

// serveOlder is for a client of current or a tag that read repomd.xml before the last
// publication: metadata comes from the same set of the snapshots before, packages
// from what the snapshot keeps of its sources for such clients.
func (h *handler) serveOlder(w http.ResponseWriter, r *http.Request, root *os.Root, in *atRequest, s *set) {
	if !strings.HasPrefix(in.path, "repodata/") {
		for _, origin := range s.origins {
			if name := origin + "/" + in.path; h.has(r, root, name) {
				h.serveIn(w, r, root, name)
				return
			}
		}
		fail(w, fs.ErrNotExist)
		return
	}
	if cacheControl(in.path) != immutable {
		fail(w, fs.ErrNotExist)
		return
	}
	for _, snapshot := range h.before(in.key.snapshot) {
		key := in.key
		key.snapshot = snapshot
		old, release, err := h.sets.get(r.Context(), key, in.specs)
		if err != nil {
			continue // it was another target then
		}
		defer release()
		if f := old.files[in.path]; f != nil {
			old.serveFile(w, r, in, f)
			return
		}
	}
	fail(w, fs.ErrNotExist)
}

// before lists the snapshots just before one, newest first.
func (h *handler) before(snapshot string) []string {
	root, err := os.OpenRoot(h.dir)
	if err != nil {
		return nil
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), "snapshots") // sorted, and the names are times
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range slices.Backward(entries) {
		if _, bad := time.Parse(tree.TimeFormat, e.Name()); bad == nil && e.Name() < snapshot && len(names) < maxOlder {
			names = append(names, e.Name())
		}
	}
	return names
}

// has says whether a snapshot has a file, or promises it.
func (h *handler) has(r *http.Request, root *os.Root, name string) bool {
	if info, err := root.Lstat(name); err == nil {
		return info.Mode().IsRegular()
	}
	_, _, ok := h.demand.find(r, root, name)
	return ok
}

// listRefs lists what may stand behind /at/.
func (h *handler) listRefs(w http.ResponseWriter, r *http.Request, name string, slash bool) {
	root, err := os.OpenRoot(h.dir)
	if err != nil {
		fail(w, err)
		return
	}
	defer root.Close()
	var rows []row
	if info, err := root.Stat("current"); err == nil {
		rows = append(rows, row{name: "current/", time: info.ModTime()})
	}
	for _, dir := range []string{"tags", "snapshots"} {
		entries, err := fs.ReadDir(root.FS(), dir)
		if err != nil {
			fail(w, err)
			return
		}
		for _, e := range entries {
			info, err := root.Stat(dir + "/" + e.Name())
			if err == nil && !strings.HasPrefix(e.Name(), ".") && info.IsDir() {
				rows = append(rows, row{name: e.Name() + "/", time: info.ModTime()})
			}
		}
	}
	sendRows(w, r, name, slash, rows)
}

// listTargets lists the next elements of the targets that begin with given.
func (h *handler) listTargets(w http.ResponseWriter, r *http.Request, name string, slash bool, known, given []string) {
	var rows []row
	for _, target := range known {
		elems := append(strings.Split(target, "/"), "default")
		if len(given) < len(elems) && slices.Equal(elems[:len(given)], given) {
			next := row{name: elems[len(given)] + "/"}
			if !slices.Contains(rows, next) {
				rows = append(rows, next)
			}
		}
	}
	if len(rows) == 0 {
		fail(w, &statusError{http.StatusNotFound, "there is no such target; the targets are " + strings.Join(known, ", ")})
		return
	}
	sendRows(w, r, name, slash, rows)
}

func sendRows(w http.ResponseWriter, r *http.Request, name string, slash bool, rows []row) {
	if !slash {
		redirect(w, r, name)
		return
	}
	sendListing(w, r, name, rows)
}
