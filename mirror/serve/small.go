package serve

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"flatstream/mirror/tree"
)

const (
	// smallFile is the largest file that is kept in memory, bytes: repomd.xml, most
	// metadata of flat repositories, .repo files.
	smallFile = 64 << 10
	// smallFiles is how much is kept at once, bytes.
	smallFiles = 32 << 20
	// settled is how long a file must have been left alone: two changes within one
	// tick of the file system's clock leave the same time.
	settled = 2 * time.Second
)

// small remembers small files that were served, by request path. Clients ask for the
// same few again and again; to open one below an [os.Root] takes a dozen system calls,
// to see that it is still the one that was read takes one. What it answers is what
// opening would: stat(2) follows the same links, and an inode whose change time and
// size are what they were has the bytes that it had, and was found within the root.
type small struct {
	mu    sync.RWMutex
	files map[string]*smallCopy
	size  int
}

type smallCopy struct {
	place string // on disk
	stat  unix.Stat_t
	head  http.Header // of every answer
	whole http.Header // of one with all bytes
	time  time.Time
	body  []byte
}

// find is the copy for a path, if it is still true.
func (s *small) find(name string) *smallCopy {
	s.mu.RLock()
	c := s.files[name]
	s.mu.RUnlock()
	if c == nil {
		return nil
	}
	var now unix.Stat_t
	if unix.Stat(c.place, &now) != nil || !sameFile(&now, &c.stat) {
		s.mu.Lock()
		if s.files[name] == c {
			s.size -= len(c.body)
			delete(s.files, name)
		}
		s.mu.Unlock()
		return nil
	}
	return c
}

func sameFile(a, b *unix.Stat_t) bool {
	return a.Dev == b.Dev && a.Ino == b.Ino && a.Size == b.Size && a.Mode == b.Mode && a.Mtim == b.Mtim && a.Ctim == b.Ctim
}

// keep reads a file that was just served, unless it is too large, too young, or a
// package, which may be a link that only tree knows to be good.
func (h *handler) keep(name string, f *os.File, info fs.FileInfo, sent http.Header) {
	c := &smallCopy{place: h.place(name), head: http.Header{}}
	if path.Ext(name) == ".rpm" || info.Size() == 0 || info.Size() > smallFile || unix.Fstat(int(f.Fd()), &c.stat) != nil ||
		c.stat.Size != info.Size() || time.Since(time.Unix(c.stat.Ctim.Unix())) < settled {
		return
	}
	for _, key := range []string{"Content-Type", "X-Content-Type-Options", "Etag", "Cache-Control"} {
		if v := sent[key]; v != nil {
			c.head[key] = v
		}
	}
	c.time = time.Unix(c.stat.Mtim.Unix())
	c.whole = http.Header{"Accept-Ranges": {"bytes"}, "Content-Length": {strconv.FormatInt(c.stat.Size, 10)},
		"Last-Modified": {c.time.UTC().Format(http.TimeFormat)}}
	c.body = make([]byte, c.stat.Size)
	var after unix.Stat_t
	if _, err := f.ReadAt(c.body, 0); err != nil && err != io.EOF || unix.Stat(c.place, &after) != nil || !sameFile(&after, &c.stat) {
		return
	}
	s := &h.small
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil || s.size+len(c.body) > smallFiles {
		s.files, s.size = map[string]*smallCopy{}, 0
	}
	if old := s.files[name]; old != nil {
		s.size -= len(old.body)
	}
	s.files[name] = c
	s.size += len(c.body)
}

// place is where a request path stands on disk, the way that resolve goes.
func (h *handler) place(name string) string {
	first, _, _ := strings.Cut(name, "/")
	if tree.IsStore(h.dir) && first != "snapshots" && first != "tags" {
		return filepath.Join(h.dir, "current", name)
	}
	return filepath.Join(h.dir, name)
}

// serve answers as http.ServeContent does, and does its work itself for a request
// without conditions, which most are.
func (c *smallCopy) serve(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	maps.Copy(head, c.head)
	for _, key := range []string{"Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		if r.Header[key] != nil {
			http.ServeContent(w, r, "", c.time, bytes.NewReader(c.body))
			return
		}
	}
	maps.Copy(head, c.whole)
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		expect(r, len(c.body))
		w.Write(c.body) // a client that went away is no error of ours
	}
}
