package tree

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"flatstream/repodata/digest"
)

// Publish makes the stage the current snapshot and returns its name, which is
// now, or the second after the newest snapshot when that is later. In order:
// the manifest, one syncfs, the stage's final name, one rename(2) over current,
// fsync of the directories. When it fails, current is as it was and the stage
// is left for [Stage.Discard]; only a failure of the last fsync comes with a
// name, since the snapshot then is current but may not outlive a power failure.
func (s *Stage) Publish(now time.Time) (name string, err error) {
	if err := s.t.mustLock(); err != nil {
		return "", err
	}
	if name, err = s.publish(now); err != nil {
		return "", fmt.Errorf("publish to %s: %w", s.t.dir, err)
	}
	if err := syncPath(s.t.root, "."); err != nil {
		return name, fmt.Errorf("publish %s to %s: write the directory to disk: %w", name, s.t.dir, err)
	}
	return name, nil
}

func (s *Stage) publish(now time.Time) (string, error) {
	entries, err := s.list()
	if err != nil {
		return "", err
	}
	if err := s.writeManifest(entries); err != nil {
		return "", err
	}
	name, err := s.t.NextName(now)
	if err != nil {
		return "", err
	}
	if err := s.t.root.Rename(s.name, "snapshots/"+name); err != nil {
		return "", err
	}
	err = syncPath(s.t.root, "snapshots")
	if err == nil {
		err = s.t.relink("snapshots/"+name, currentLink)
	}
	if err != nil { // what never was current is no snapshot
		return "", errors.Join(err, s.t.root.Rename("snapshots/"+name, s.name))
	}
	return name, nil
}

// writeManifest ends with the one syncfs that makes the whole stage durable.
func (s *Stage) writeManifest(entries []Entry) (err error) {
	name := s.name + "/" + ManifestName
	if err := s.t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // of a Publish that failed before
	}
	f, err := create(s.t.root, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := writeManifest(f, entries); err != nil {
		return err
	}
	return syncFS(f)
}

// NextName is the name that a snapshot gets which is published now: that of the
// moment, or of the second after the newest snapshot when that is later.
func (t *Tree) NextName(now time.Time) (string, error) {
	all, err := t.Snapshots()
	if err != nil {
		return "", err
	}
	now = now.UTC().Truncate(time.Second)
	if n := len(all); n > 0 && !now.After(all[n-1].Time) {
		now = all[n-1].Time.Add(time.Second)
	}
	return now.Format(TimeFormat), nil
}

// list names every file of the stage, sorted by path.
func (s *Stage) list() ([]Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := lister{s: s, foreign: make(map[int]uint64), sums: make(map[uint64]digest.Checksum), seen: make(map[string]bool, len(s.entries))}
	if err := fs.WalkDir(s.t.root.FS(), s.name, l.visit); err != nil {
		return nil, err
	}
	for at, ino := range l.foreign {
		if err := l.identify(&l.entries[at], ino); err != nil {
			return nil, err
		}
	}
	for p, e := range s.entries {
		switch {
		case l.seen[p]:
		case e.URL != "":
			l.entries = append(l.entries, e)
		default:
			return nil, &fs.PathError{Op: "publish", Path: p, Err: fs.ErrNotExist}
		}
	}
	slices.SortFunc(l.entries, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
	return l.entries, nil
}

// lister walks a stage. A file that others put there gets the checksum of the
// recorded file whose inode it shares; else it is read, unless its name says it.
type lister struct {
	s       *Stage
	entries []Entry
	foreign map[int]uint64 // index in entries -> inode
	sums    map[uint64]digest.Checksum
	seen    map[string]bool
}

func (l *lister) visit(name string, d fs.DirEntry, err error) error {
	p := strings.TrimPrefix(name, l.s.name+"/")
	if err != nil || d.IsDir() || d.Type()&fs.ModeSymlink != 0 || p == ManifestName {
		return err
	}
	if !d.Type().IsRegular() {
		return &PathError{p, "it is neither a file, a directory nor a symbolic link"}
	}
	if err := CheckPath(p); err != nil {
		return err
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	return l.add(p, info)
}

func (l *lister) add(p string, info fs.FileInfo) error {
	ino, _ := inode(info)
	e, ok := l.s.entries[p]
	switch {
	case !ok:
		e = Entry{Path: p, Size: info.Size()}
		l.foreign[len(l.entries)] = ino
	case e.Size != info.Size():
		return fmt.Errorf("%s has %d bytes and not %d; it was changed while the stage was built", p, info.Size(), e.Size)
	case !e.Checksum.IsZero():
		l.sums[ino] = e.Checksum
	}
	l.seen[p] = true
	l.entries = append(l.entries, e)
	return nil
}

func (l *lister) identify(e *Entry, ino uint64) (err error) {
	if e.Checksum = l.sums[ino]; !e.want().IsZero() {
		return nil
	}
	f, err := l.s.t.root.OpenFile(l.s.name+"/"+e.Path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	e.Checksum = digest.FromHash("sha256", h)
	return nil
}
