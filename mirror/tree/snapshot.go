package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// TimeFormat is how a snapshot's name writes its time (UTC).
const TimeFormat = "20060102T150405Z"

const (
	currentLink = "current"
	currentNew  = ".current.new"
	stagePrefix = ".stage-" // below snapshots/: being built
	gonePrefix  = ".gone-"  // below snapshots/: being deleted
)

// Snapshot is one published state of the store; it never changes.
type Snapshot struct {
	Name string    // 20060102T150405Z
	Time time.Time // of publication
	Dir  string    // absolute
}

// NoSnapshotError says that a store has no such snapshot or tag.
type NoSnapshotError struct{ Dir, Name string }

func (e *NoSnapshotError) Error() string {
	return fmt.Sprintf("store %s has no snapshot %q; flatstream snapshots lists them", e.Dir, e.Name)
}

func (t *Tree) snapshot(name string) (Snapshot, error) {
	when, err := time.Parse(TimeFormat, name)
	if err != nil {
		return Snapshot{}, &NoSnapshotError{t.dir, name}
	}
	info, err := t.root.Lstat("snapshots/" + name)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && !info.IsDir()) {
		return Snapshot{}, &NoSnapshotError{t.dir, name}
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("open snapshot %s: %w", name, err)
	}
	return Snapshot{name, when, filepath.Join(t.dir, "snapshots", name)}, nil
}

// Snapshot finds a snapshot by its name, by a tag, or by "current".
func (t *Tree) Snapshot(name string) (Snapshot, error) {
	if name == currentLink {
		s, ok, err := t.Current()
		if err == nil && !ok {
			err = &NoSnapshotError{t.dir, name}
		}
		return s, err
	}
	if _, err := time.Parse(TimeFormat, name); err == nil {
		return t.snapshot(name)
	}
	tags, err := t.Tags()
	if err != nil {
		return Snapshot{}, err
	}
	if at, ok := tags[name]; ok {
		return t.snapshot(at)
	}
	return Snapshot{}, &NoSnapshotError{t.dir, name}
}

// Current is the published snapshot; ok is false before the first one.
func (t *Tree) Current() (s Snapshot, ok bool, err error) {
	to, err := t.root.Readlink(currentLink)
	if errors.Is(err, fs.ErrNotExist) {
		return Snapshot{}, false, nil
	}
	if err != nil {
		return Snapshot{}, false, fmt.Errorf("read current of store %s: %w", t.dir, err)
	}
	name, found := strings.CutPrefix(to, "snapshots/")
	if !found {
		return Snapshot{}, false, fmt.Errorf("%s/current leads to %q and not to a snapshot; point it at one", t.dir, to)
	}
	s, err = t.snapshot(name)
	return s, err == nil, err
}

// Snapshots lists all snapshots, oldest first.
func (t *Tree) Snapshots() ([]Snapshot, error) {
	entries, err := fs.ReadDir(t.root.FS(), "snapshots")
	if err != nil {
		return nil, fmt.Errorf("list snapshots of %s: %w", t.dir, err)
	}
	var all []Snapshot
	for _, e := range entries {
		when, err := time.Parse(TimeFormat, e.Name())
		if err == nil && e.IsDir() {
			all = append(all, Snapshot{e.Name(), when, filepath.Join(t.dir, "snapshots", e.Name())})
		}
	}
	slices.SortFunc(all, func(a, b Snapshot) int { return a.Time.Compare(b.Time) })
	return all, nil
}

// Manifest reads the list of the snapshot's files, sorted by path.
func (s Snapshot) Manifest() ([]Entry, error) {
	data, err := os.ReadFile(filepath.Join(s.Dir, ManifestName))
	if err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", s.Name, err)
	}
	entries, err := parseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", s.Name, err)
	}
	return entries, nil
}

// Check reports whether every file that the manifest names is there with its
// size. It hashes nothing.
func (s Snapshot) Check() error {
	entries, err := s.Manifest()
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return fmt.Errorf("check snapshot %s: %w", s.Name, err)
	}
	defer root.Close()
	for _, e := range entries {
		if e.URL != "" {
			continue
		}
		info, err := root.Lstat(e.Path)
		if err != nil {
			return fmt.Errorf("check snapshot %s: %w", s.Name, err)
		}
		if !info.Mode().IsRegular() || info.Size() != e.Size {
			return fmt.Errorf("check snapshot %s: %s is not a file of %d bytes", s.Name, e.Path, e.Size)
		}
	}
	return nil
}

// Tags maps the name of every tag to the snapshot it marks.
func (t *Tree) Tags() (map[string]string, error) {
	entries, err := fs.ReadDir(t.root.FS(), "tags")
	if err != nil {
		return nil, fmt.Errorf("list tags of %s: %w", t.dir, err)
	}
	tags := make(map[string]string)
	for _, e := range entries {
		to, err := t.root.Readlink("tags/" + e.Name())
		if errors.Is(err, syscall.EINVAL) {
			continue // no link, so not ours
		}
		if err != nil {
			return nil, fmt.Errorf("read tag %s: %w", e.Name(), err)
		}
		if name, ok := strings.CutPrefix(to, "../snapshots/"); ok {
			tags[e.Name()] = name
		}
	}
	return tags, nil
}

// Tag marks a snapshot with a name, so that it is never pruned. An existing tag
// moves. Names are letters, digits, and ._- but for a leading dot; those of
// snapshots and "current" are taken. The lock must be held.
func (t *Tree) Tag(snapshot, name string) error {
	if err := t.mustLock(); err != nil {
		return err
	}
	if err := checkTag(name); err != nil {
		return err
	}
	s, err := t.Snapshot(snapshot)
	if err != nil {
		return fmt.Errorf("tag %s: %w", name, err)
	}
	if err := t.relink("../snapshots/"+s.Name, "tags/"+name); err != nil {
		return fmt.Errorf("tag %s: %w", name, err)
	}
	return syncPath(t.root, "tags")
}

// Untag removes a tag; its snapshot may then be pruned. The lock must be held.
func (t *Tree) Untag(name string) error {
	if err := t.mustLock(); err != nil {
		return err
	}
	tags, err := t.Tags()
	if err != nil {
		return err
	}
	if _, ok := tags[name]; !ok {
		return &NoSnapshotError{t.dir, name}
	}
	if err := t.root.Remove("tags/" + name); err != nil {
		return fmt.Errorf("remove tag: %w", err)
	}
	return nil
}

func checkTag(name string) error {
	bad := strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
	_, err := time.Parse(TimeFormat, name)
	if bad || name == "" || len(name) > 200 || name[0] == '.' || name == currentLink || err == nil {
		return fmt.Errorf("%.200q is no name for a tag; use letters, digits, and ._-", name)
	}
	return nil
}

// relink makes the symbolic link name point to target with one rename(2). After
// an error the link is as it was.
func (t *Tree) relink(target, name string) error {
	if err := t.root.RemoveAll(currentNew); err != nil {
		return err
	}
	if err := t.root.Symlink(target, currentNew); err != nil {
		return err
	}
	if err := t.root.Rename(currentNew, name); err != nil {
		return errors.Join(err, t.root.Remove(currentNew))
	}
	return nil
}
