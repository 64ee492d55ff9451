package tree

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"flatstream/repodata/digest"
)

// Stage is the next snapshot while it is built. Link, WriteFile, Carry and
// Promise may be called in parallel. End it with Publish or Discard.
type Stage struct {
	t    *Tree
	name string // below the store: snapshots/.stage-XXXX

	mu      sync.Mutex
	entries map[string]Entry
	made    map[string]bool // directories
}

// NewStage begins an empty stage beside the snapshots, on their file system.
// The lock must be held.
func (t *Tree) NewStage() (*Stage, error) {
	if err := t.mustLock(); err != nil {
		return nil, err
	}
	s := &Stage{t: t, name: "snapshots/" + stagePrefix + rand.Text(), entries: make(map[string]Entry), made: make(map[string]bool)}
	if err := mkdirAll(t.root, s.name); err != nil {
		return nil, fmt.Errorf("stage a snapshot: %w", err)
	}
	return s, nil
}

// Dir is the stage's absolute directory. Others may write into it too: what
// they put there is published, and listed in the manifest with its size.
func (s *Stage) Dir() string { return filepath.Join(s.t.dir, s.name) }

// Current is the published snapshot, which the stage is to follow.
func (s *Stage) Current() (Snapshot, bool, error) { return s.t.Current() }

// Discard removes the stage; nothing is published.
func (s *Stage) Discard() error {
	if err := s.t.root.RemoveAll(s.name); err != nil {
		return fmt.Errorf("discard stage: %w", err)
	}
	return nil
}

// Link makes path a hard link to stored content. Past the link limit of an
// inode (65,000 on ext4) the object gets a fresh inode first, so what follows
// shares that one. A path that the stage has already is an fs.ErrExist, but not
// when it is the same content.
func (s *Stage) Link(path string, c digest.Checksum, size int64) error {
	if err := s.link(path, c, size); err != nil {
		return fmt.Errorf("stage %s: %w", path, err)
	}
	return nil
}

func (s *Stage) link(path string, c digest.Checksum, size int64) error {
	object, err := objectName(c)
	if err != nil {
		return err
	}
	if !s.t.Has(c, size) {
		return fmt.Errorf("object %s of %d bytes is not in the store", c, size)
	}
	if size < 0 {
		info, err := s.t.root.Lstat(object)
		if err != nil {
			return err
		}
		size = info.Size()
	}
	if have, ok := s.entry(path); ok && have.Checksum == c && have.Size == size {
		return nil
	}
	if err := s.parent(path); err != nil {
		return err
	}
	err = s.t.linkObject(object, s.name+"/"+path)
	if errors.Is(err, fs.ErrExist) && s.sameFile(object, path) {
		err = nil // two workers, or a link that another wrote
	}
	if err != nil {
		return err
	}
	s.record(Entry{Path: path, Size: size, Checksum: c})
	return nil
}

func (s *Stage) sameFile(object, path string) bool {
	a, errA := s.t.root.Lstat(object)
	b, errB := s.t.root.Lstat(s.name + "/" + path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// linkObject links an object, with a new inode when its own is full.
func (t *Tree) linkObject(object, to string) error {
	err := t.root.Link(object, to)
	if !errors.Is(err, unix.EMLINK) {
		return err
	}
	t.renew.Lock()
	defer t.renew.Unlock()
	if err := t.root.Link(object, to); !errors.Is(err, unix.EMLINK) {
		return err // renewed meanwhile
	}
	fresh := object + "." + rand.Text() + partSuffix
	if err := copyFile(t.root, object, fresh); err != nil {
		return err
	}
	if err := t.root.Rename(fresh, object); err != nil {
		return errors.Join(err, t.root.Remove(fresh))
	}
	return t.root.Link(object, to)
}

// WriteFile makes path a new file with data; a file that was there is replaced
// by another inode, never written into (P28).
func (s *Stage) WriteFile(path string, data []byte) error {
	if err := s.writeFile(path, data); err != nil {
		return fmt.Errorf("stage %s: %w", path, err)
	}
	return nil
}

func (s *Stage) writeFile(path string, data []byte) error {
	if err := s.parent(path); err != nil {
		return err
	}
	name := s.name + "/" + path
	if err := s.t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := createFile(s.t.root, name, data); err != nil {
		return err
	}
	s.record(Entry{Path: path, Size: int64(len(data)), Checksum: digest.OfBytes(data)})
	return nil
}

// Mkdir makes a directory, and those above it, for others to write into.
func (s *Stage) Mkdir(path string) error {
	err := CheckPath(path)
	if err == nil {
		err = mkdirAll(s.t.root, s.name+"/"+path)
	}
	if err != nil {
		return fmt.Errorf("stage %s: %w", path, err)
	}
	return nil
}

// Symlink makes path a relative symbolic link to another path of the stage.
func (s *Stage) Symlink(to, path string) error {
	if err := s.symlink(to, path); err != nil {
		return fmt.Errorf("stage %s: %w", path, err)
	}
	return nil
}

func (s *Stage) symlink(to, name string) error {
	if err := errors.Join(CheckPath(to), s.parent(name)); err != nil {
		return err
	}
	rel, err := filepath.Rel(path.Dir(name), to)
	if err != nil {
		return err
	}
	return s.t.root.Symlink(rel, s.name+"/"+name)
}

// Promise lists a package that is not in the tree but can be had on demand: the
// server fetches it from url at its first request and checks it against c.
func (s *Stage) Promise(path string, c digest.Checksum, size int64, url string) error {
	if err := CheckPath(path); err != nil {
		return fmt.Errorf("promise %s: %w", path, err)
	}
	if url == "" || strings.ContainsAny(url, "\t\n") || c.IsZero() || size < 0 {
		return fmt.Errorf("promise %s: needs a URL, a checksum and a size", path)
	}
	s.record(Entry{Path: path, Size: size, Checksum: c, URL: url})
	return nil
}

func (s *Stage) entry(path string) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[path]
	return e, ok
}

func (s *Stage) record(e Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[e.Path] = e
}

// parent checks a path of the stage and makes the directories above it.
func (s *Stage) parent(p string) error {
	if err := CheckPath(p); err != nil {
		return err
	}
	if p == ManifestName {
		return &PathError{p, "the snapshot's own list has this name"}
	}
	dir := path.Dir(p)
	s.mu.Lock()
	made := s.made[dir]
	s.mu.Unlock()
	if made {
		return nil
	}
	if err := mkdirAll(s.t.root, s.name+"/"+dir); err != nil {
		return err
	}
	s.mu.Lock()
	s.made[dir] = true
	s.mu.Unlock()
	return nil
}
