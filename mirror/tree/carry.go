package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Carry takes a subtree (mirror/NAME, flat/..., or "." for all) over from the
// current snapshot unchanged, as hard links. It is no error when current does
// not have it. Files that current itself kept only for old clients are left to
// [Stage.CarryGrace].
func (s *Stage) Carry(prefix string) error {
	current, ok, err := s.t.Current()
	if err != nil || !ok {
		return err
	}
	return s.CarryFrom(current, prefix)
}

// CarryFrom is [Stage.Carry] from a snapshot other than current.
func (s *Stage) CarryFrom(from Snapshot, prefix string) error {
	if prefix != "." {
		if err := CheckPath(prefix); err != nil {
			return fmt.Errorf("carry %s: %w", prefix, err)
		}
	}
	entries, err := from.Manifest()
	if err != nil {
		return fmt.Errorf("carry %s: %w", prefix, err)
	}
	known := make(map[string]Entry, len(entries))
	for _, e := range entries {
		known[e.Path] = e
		if e.URL != "" && under(e.Path, prefix) {
			s.record(e)
		}
	}
	c := carrier{s, "snapshots/" + from.Name, known}
	err = c.walk(prefix)
	if err == nil {
		err = c.heal(entries, prefix)
	}
	if err != nil {
		return fmt.Errorf("carry %s from %s: %w", prefix, from.Name, err)
	}
	return nil
}

// LostError says that a file of a snapshot is gone, and its object, too.
type LostError struct{ Path string }

func (e *LostError) Error() string { return "lost file " + e.Path }

// Hint says what to try next.
func (e *LostError) Hint() string {
	return "flatstream fsck --repair says what else is gone, and fetches it"
}

// heal takes files from objects that the snapshot should have and somebody removed, so
// that a loss does not go on from one snapshot to the next unnoticed. A subtree that is
// gone as a whole stays so.
func (c carrier) heal(entries []Entry, prefix string) error {
	if _, err := c.s.t.root.Lstat(path.Join(c.from, prefix)); err != nil {
		return nil
	}
	for _, e := range entries {
		if e.Grace || e.URL != "" || !under(e.Path, prefix) {
			continue
		}
		if _, ok := c.s.entry(e.Path); ok {
			continue
		}
		if !c.s.t.Has(e.Checksum, e.Size) {
			return &LostError{c.from + "/" + e.Path}
		}
		if err := c.s.Link(e.Path, e.Checksum, e.Size); err != nil {
			return err
		}
	}
	return nil
}

func under(p, prefix string) bool {
	return prefix == "." || p == prefix || strings.HasPrefix(p, prefix+"/")
}

// carrier links files of one snapshot into a stage.
type carrier struct {
	s     *Stage
	from  string // below the store
	known map[string]Entry
}

func (c carrier) walk(prefix string) error {
	return fs.WalkDir(c.s.t.root.FS(), path.Join(c.from, prefix), func(name string, d fs.DirEntry, err error) error {
		p := strings.TrimPrefix(strings.TrimPrefix(name, c.from), "/")
		switch {
		case p == prefix && errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case p == "" || p == ManifestName:
			return nil
		case d.IsDir():
			return mkdirAll(c.s.t.root, c.s.name+"/"+p)
		case c.known[p].Grace:
			return nil
		}
		return c.link(p, d.Type()&fs.ModeSymlink != 0)
	})
}

func (c carrier) link(p string, symlink bool) error {
	if err := c.s.parent(p); err != nil {
		return err
	}
	src, dst := c.from+"/"+p, c.s.name+"/"+p
	err := c.s.t.root.Link(src, dst)
	if errors.Is(err, unix.EMLINK) && !symlink {
		err = copyFile(c.s.t.root, src, dst)
	}
	if err != nil {
		return err
	}
	if e, ok := c.known[p]; ok {
		c.s.record(e)
	}
	return nil
}

// CarryGrace adds, for clients that read an earlier repomd.xml, the packages and
// checksum-named metadata of every snapshot that was current less than grace
// before now. What the stage already has at such a path stays. Call it last,
// just before Publish; each snapshot gives only what was its own, so nothing
// outlives its grace.
func (s *Stage) CarryGrace(now time.Time, grace time.Duration) error {
	all, err := s.t.Snapshots()
	if err != nil {
		return err
	}
	end := now // a snapshot ends when the next one is published
	for i := len(all) - 1; i >= 0 && now.Sub(end) < grace; i-- {
		if err := s.graceFrom(all[i]); err != nil {
			return fmt.Errorf("keep %s for old clients: %w", all[i].Name, err)
		}
		end = all[i].Time
	}
	return nil
}

func (s *Stage) graceFrom(from Snapshot) error {
	entries, err := from.Manifest()
	if err != nil {
		return err
	}
	c := carrier{s: s, from: "snapshots/" + from.Name}
	for _, e := range entries {
		if e.Grace || !ImmutableName(e.Path) {
			continue
		}
		if _, ok := s.entry(e.Path); ok {
			continue
		}
		e.Grace = true
		if e.URL == "" {
			err := c.link(e.Path, false)
			if errors.Is(err, fs.ErrExist) {
				continue // a file that others put there
			}
			if errors.Is(err, fs.ErrNotExist) { // somebody removed it; no reason to publish nothing
				continue
			}
			if err != nil {
				return err
			}
		}
		s.record(e)
	}
	return nil
}
