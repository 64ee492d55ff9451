package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"time"
)

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

// TagNameError says that a name is none that a tag can have.
type TagNameError struct{ Name string }

func (e *TagNameError) Error() string { return fmt.Sprintf("%.200q is no name for a tag", e.Name) }

// Hint says what to try next.
func (e *TagNameError) Hint() string {
	return "use up to 200 letters, digits, and ._- but no dot or dash in front; current and the names of snapshots are taken"
}

// TagTakenError says that a tag marks another snapshot, which would lose it.
type TagTakenError struct{ Dir, Name, Snapshot string }

func (e *TagTakenError) Error() string {
	return fmt.Sprintf("tag %s of store %s marks snapshot %s", e.Name, e.Dir, e.Snapshot)
}

// Hint says what to try next.
func (e *TagTakenError) Hint() string {
	return "take another name, or --move the tag; without it that snapshot can be pruned"
}

// NoTagError says that a store has no such tag.
type NoTagError struct{ Dir, Name string }

func (e *NoTagError) Error() string { return fmt.Sprintf("store %s has no tag %.200q", e.Dir, e.Name) }

// Hint says what to try next.
func (e *NoTagError) Hint() string { return "flatstream snapshots " + e.Dir + " shows the tags" }

// Tag marks a snapshot with a name, so that it is never pruned, and returns which
// one it is. A name that marks another snapshot is a [*TagTakenError] unless it may
// move. Names are letters, digits, and ._- but for a leading dot or dash; those of
// snapshots and "current" are taken. The lock must be held.
func (t *Tree) Tag(snapshot, name string, move bool) (Snapshot, error) {
	if err := t.mustLock(); err != nil {
		return Snapshot{}, err
	}
	if !validTag(name) {
		return Snapshot{}, &TagNameError{name}
	}
	s, err := t.Snapshot(snapshot)
	if err != nil {
		return Snapshot{}, fmt.Errorf("tag %s: %w", name, err)
	}
	tags, err := t.Tags()
	if err != nil {
		return Snapshot{}, err
	}
	if at, taken := tags[name]; taken && at != s.Name && !move {
		return Snapshot{}, &TagTakenError{t.dir, name, at}
	}
	if err := t.relink("../snapshots/"+s.Name, "tags/"+name); err != nil {
		return Snapshot{}, fmt.Errorf("tag %s: %w", name, err)
	}
	return s, syncPath(t.root, "tags")
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
		return &NoTagError{t.dir, name}
	}
	if err := t.root.Remove("tags/" + name); err != nil {
		return fmt.Errorf("remove tag: %w", err)
	}
	return syncPath(t.root, "tags")
}

func validTag(name string) bool {
	bad := strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
	_, err := time.Parse(TimeFormat, name)
	return !bad && name != "" && len(name) <= 200 && name[0] != '.' && name[0] != '-' && name != currentLink && err != nil
}
