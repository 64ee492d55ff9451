package tree

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Span is a file that snapshots one after another have, unchanged.
type Span struct {
	Entry
	From, To int // those from From on, before To
}

// Spans says of each file of some snapshots, given oldest first, which of them have it,
// without those that are there for old clients only. Manifests differ little from one to
// the next, and what is the same is not parsed again. The list of snapshots comes back
// without those whose manifest cannot be read; failed has a reason for each of these.
func Spans(snapshots []Snapshot) (spans []Span, read []Snapshot, failed map[string]error) {
	h := &spanning{open: map[string]int{}}
	failed = map[string]error{}
	for _, s := range snapshots {
		if err := h.next(filepath.Join(s.Dir, ManifestName), len(read)); err != nil {
			failed[s.Name] = &UnlistedError{s.Name, err}
			continue
		}
		read = append(read, s)
	}
	for i := range h.spans {
		if h.spans[i].To < 0 {
			h.spans[i].To = len(read)
		}
	}
	return h.spans, read, failed
}

// spanning goes through manifests, one after the other.
type spanning struct {
	spans []Span
	open  map[string]int // by path, into spans
	file  os.FileInfo    // of the last manifest
	last  []byte
	spare []byte // a buffer
}

// next reads one manifest, of the snapshot with that number.
func (h *spanning) next(name string, n int) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && h.file != nil && os.SameFile(h.file, info) {
		return f.Close()
	}
	data, err := readInto(h.spare, f, info, err)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if !whole(data) {
		if _, err := parseManifest(data); err != nil {
			return err
		}
		return errors.New("manifest is cut off")
	}
	before := len(h.spans)
	if err := h.compare(h.last, data, n); err != nil {
		h.undo(before, n)
		return err
	}
	h.file, h.last, h.spare = info, data, h.last
	return nil
}

// whole says whether a manifest has its head, and ends with a line.
func whole(data []byte) bool {
	return bytes.HasPrefix(data, []byte(manifestHead+"\n")) && bytes.HasSuffix(data, []byte("\n"))
}

func readInto(buf []byte, f *os.File, info os.FileInfo, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	size := int(info.Size())
	if cap(buf) < size {
		buf = make([]byte, size+size/8)
	}
	_, err = io.ReadFull(f, buf[:size])
	return buf[:size], err
}

// compare goes through the lines of two manifests in the order of their paths.
func (h *spanning) compare(a, b []byte, n int) error {
	a, b = bytes.TrimPrefix(a, []byte(manifestHead+"\n")), b[len(manifestHead)+1:]
	const block = 16 << 10
	for len(a) > 0 || len(b) > 0 {
		if len(a) >= block && len(b) >= block && bytes.Equal(a[:block], b[:block]) {
			if i := bytes.LastIndexByte(a[:block], '\n') + 1; i > 0 {
				a, b = a[i:], b[i:]
				continue
			}
		}
		i, k := bytes.IndexByte(a, '\n')+1, bytes.IndexByte(b, '\n')+1
		if i == k && bytes.Equal(a[:i], b[:k]) {
			a, b = a[i:], b[k:]
			continue
		}
		order := bytes.Compare(pathOf(a[:i]), pathOf(b[:k]))
		if k == 0 || i > 0 && order <= 0 {
			h.end(string(pathOf(a[:i])), n)
			a = a[i:]
		}
		if i == 0 || k > 0 && order >= 0 {
			if err := h.begin(b[:k-1], n); err != nil {
				return err
			}
			b = b[k:]
		}
	}
	return nil
}

func (h *spanning) begin(line []byte, n int) error {
	e, err := parseEntry(string(line))
	if err != nil || e.Grace {
		return err
	}
	h.open[e.Path] = len(h.spans)
	h.spans = append(h.spans, Span{e, n, -1})
	return nil
}

// end closes the span of a path; one that is there for old clients has none.
func (h *spanning) end(path string, n int) {
	if i, ok := h.open[path]; ok {
		h.spans[i].To = n
		delete(h.open, path)
	}
}

// undo takes back what was read of a manifest that is damaged further on.
func (h *spanning) undo(before, n int) {
	for _, s := range h.spans[before:] {
		delete(h.open, s.Path)
	}
	h.spans = h.spans[:before]
	for i := range h.spans {
		if s := &h.spans[i]; s.To == n {
			s.To = -1
			h.open[s.Path] = i
		}
	}
}

// pathOf is the path in a line of a manifest, its fourth field.
func pathOf(line []byte) []byte {
	for range 3 {
		i := bytes.IndexByte(line, '\t')
		if i < 0 {
			return nil
		}
		line = line[i+1:]
	}
	if i := bytes.IndexAny(line, "\t\n"); i >= 0 {
		line = line[:i]
	}
	return line
}

// Base is the deepest of some directories that the file is below; empty: of none.
func (e Entry) Base(dirs map[string]bool) string {
	for p := e.Path; ; {
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			return ""
		}
		if p = p[:i]; dirs[p] {
			return p
		}
	}
}
