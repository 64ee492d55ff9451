package nightly

import (
	"errors"
	"io/fs"
	"strings"

	"flatstream/mirror/tree"
)

// announcedName is the state file that names the snapshot that on-publish was last run
// for, or that needed no telling. What changed is what changed since then: a run that
// is killed between its publication and its hook leaves that to the next one, as does
// a hook that fails.
const announcedName = "announced"

// announced is the snapshot that was announced last; the current one where no state
// says so. It has no name where nothing was announced yet, or where it is gone.
func (n *night) announced() (tree.Snapshot, error) {
	b, err := n.tree.ReadState(announcedName)
	if errors.Is(err, fs.ErrNotExist) {
		current, _, err := n.tree.Current()
		return current, err
	}
	if err != nil {
		return tree.Snapshot{}, err
	}
	name := strings.TrimSpace(string(b))
	if s, err := n.tree.Snapshot(name); err == nil && s.Name == name {
		return s, nil
	}
	return tree.Snapshot{}, nil
}

// keepAnnounced writes down what was announced last before something else is
// published, in a store whose state does not say yet.
func (n *night) keepAnnounced() error {
	if _, err := n.tree.ReadState(announcedName); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	current, _, err := n.tree.Current()
	return errors.Join(err, Announced(n.tree, current.Name))
}

// announce remembers that the snapshot of this run was announced. Where another run
// holds the store by now, that one finds out what is new itself.
func (n *night) announce() (err error) {
	t, err := tree.Open(n.Store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	unlock, err := t.Lock()
	if _, locked := errors.AsType[*tree.LockedError](err); locked {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return Announced(t, n.report.Snapshot)
}

// Announced says that builders know of a snapshot: the next run compares with it. The
// lock must be held.
func Announced(t *tree.Tree, snapshot string) error {
	return t.WriteState(announcedName, []byte(snapshot+"\n"))
}
