package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// TimeFormat is how a snapshot's name writes its time (UTC).
const TimeFormat = "20060102T150405Z"

const (
	currentLink = "current"
	currentNew  = ".current.new"
	stagePrefix = ".stage-" // below snapshots/: being built
	repomdPath  = "repodata/repomd.xml"
	gonePrefix  = ".gone-" // below snapshots/: being deleted
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
	return fmt.Sprintf("store %s has no snapshot %.200q", e.Dir, e.Name)
}

// Hint says what to try next.
func (e *NoSnapshotError) Hint() string { return "flatstream snapshots " + e.Dir + " lists them" }

// AmbiguousError says that several snapshots begin with what was given for one.
type AmbiguousError struct {
	Dir, Prefix string
	Matches     []string // oldest first
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%d snapshots of store %s begin with %s, such as %s and %s", len(e.Matches), e.Dir, e.Prefix,
		e.Matches[0], e.Matches[len(e.Matches)-1])
}

// Hint says what to try next.
func (e *AmbiguousError) Hint() string { return "write more of its name, or give it a tag" }

// UnlistedError says that a snapshot's list of files is lost, so that nothing is known
// of what should be there.
type UnlistedError struct {
	Name string
	Err  error
}

func (e *UnlistedError) Error() string { return fmt.Sprintf("read snapshot %s: %v", e.Name, e.Err) }
func (e *UnlistedError) Unwrap() error { return e.Err }

// Hint says what to try next.
func (e *UnlistedError) Hint() string {
	return "publish another one with flatstream rollback, then remove snapshots/" + e.Name
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

// Snapshot finds a snapshot by its name, by a tag, by "current", or by the beginning
// of its name where no other one has that: an [*AmbiguousError] says that some do.
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
	return t.beginsWith(name)
}

func (t *Tree) beginsWith(prefix string) (found Snapshot, err error) {
	all, err := t.Snapshots()
	if err != nil {
		return Snapshot{}, err
	}
	var matches []string
	for _, s := range all {
		if prefix != "" && strings.HasPrefix(s.Name, prefix) {
			matches = append(matches, s.Name)
			found = s
		}
	}
	switch len(matches) {
	case 0:
		return Snapshot{}, &NoSnapshotError{t.dir, prefix}
	case 1:
		return found, nil
	}
	return Snapshot{}, &AmbiguousError{t.dir, prefix, matches}
}

// Before is the snapshot that was published just before s.
func (t *Tree) Before(s Snapshot) (Snapshot, error) {
	all, err := t.Snapshots()
	if err != nil {
		return Snapshot{}, err
	}
	i := slices.IndexFunc(all, func(other Snapshot) bool { return other.Name == s.Name })
	if i < 1 {
		return Snapshot{}, &NoSnapshotError{t.dir, "the one before " + s.Name}
	}
	return all[i-1], nil
}

// Pair finds two snapshots to compare: both named, one and the current one, or the
// current one and that before it.
func (t *Tree) Pair(names []string) (a, b Snapshot, err error) {
	to := currentLink
	if len(names) > 1 {
		to = names[1]
	}
	if b, err = t.Snapshot(to); err != nil {
		return a, b, err
	}
	if len(names) == 0 {
		a, err = t.Before(b)
	} else {
		a, err = t.Snapshot(names[0])
	}
	return a, b, err
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
		return nil, &UnlistedError{s.Name, err}
	}
	entries, err := parseManifest(data)
	if err != nil {
		return nil, &UnlistedError{s.Name, err}
	}
	return entries, nil
}

// Find lists the files of the snapshot whose paths end in "/" and one of the names, by
// name and then path, without those that are there for old clients only. It reads
// nothing else of the manifest, which makes it fast.
func (s Snapshot) Find(names ...string) ([]Entry, error) {
	data, err := os.ReadFile(filepath.Join(s.Dir, ManifestName))
	if err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", s.Name, err)
	}
	entries, err := findEntries(data, names)
	if err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", s.Name, err)
	}
	return slices.DeleteFunc(entries, func(e Entry) bool { return e.Grace }), nil
}

// Repositories lists the directories of the snapshot that hold a repodata/repomd.xml,
// sorted.
func (s Snapshot) Repositories() ([]string, error) {
	entries, err := s.Find(repomdPath)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		dirs = append(dirs, strings.TrimSuffix(e.Path, "/"+repomdPath))
	}
	slices.Sort(dirs)
	return dirs, nil
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
