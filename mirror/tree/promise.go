package tree

import (
	"fmt"
	"io/fs"
	"os"
)

// Promised finds what the stage promises at a path ([Stage.Promise]).
func (s *Stage) Promised(path string) (Entry, bool) {
	e, ok := s.entry(path)
	return e, ok && e.URL != ""
}

// Forget takes back all promises at or below a path.
func (s *Stage) Forget(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, e := range s.entries {
		if e.URL != "" && under(p, path) {
			delete(s.entries, p)
		}
	}
}

// ReadManifest reads the manifest of a snapshot that is open as a directory.
func ReadManifest(snapshot fs.FS) ([]Entry, error) {
	data, err := fs.ReadFile(snapshot, ManifestName)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	entries, err := parseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return entries, nil
}

// Follow opens the bytes that are written so far, and those that follow, for reading
// along. After Commit the file that it returned stays readable; so does that of an
// aborted writer, whose bytes are then nobody's. Close it.
func (w *ObjectWriter) Follow() (*os.File, error) {
	f, err := w.t.root.Open(w.part)
	if err != nil {
		return nil, fmt.Errorf("follow %s: %w", w.want, err)
	}
	return f, nil
}
