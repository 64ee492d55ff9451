package tree

import (
	"errors"
	"fmt"
	"time"
)

// Rollback publishes the content of an earlier snapshot (a name or a tag; empty
// for the one before current) as a new one, with what clients of the snapshots
// inside grace still ask for, and returns its name. The lock must be held.
func (t *Tree) Rollback(to string, grace time.Duration, now time.Time) (name string, err error) {
	if err := t.mustLock(); err != nil {
		return "", err
	}
	from, err := t.rollbackTo(to)
	if err != nil {
		return "", fmt.Errorf("roll back: %w", err)
	}
	if err := from.Check(); err != nil {
		return "", fmt.Errorf("roll back to %s: %w", from.Name, err)
	}
	s, err := t.NewStage()
	if err != nil {
		return "", err
	}
	if err := errors.Join(s.CarryFrom(from, "."), s.CarryGrace(now, grace)); err != nil {
		return "", errors.Join(fmt.Errorf("roll back to %s: %w", from.Name, err), s.Discard())
	}
	if name, err = s.Publish(now); err != nil && name == "" {
		return "", errors.Join(err, s.Discard())
	}
	return name, err
}

func (t *Tree) rollbackTo(name string) (Snapshot, error) {
	if name != "" {
		return t.Snapshot(name)
	}
	current, ok, err := t.Current()
	if err != nil {
		return Snapshot{}, err
	}
	none := &NoSnapshotError{t.dir, "the one before current"}
	if !ok {
		return Snapshot{}, none
	}
	all, err := t.Snapshots()
	if err != nil {
		return Snapshot{}, err
	}
	for i, s := range all {
		if s.Name == current.Name && i > 0 {
			return all[i-1], nil
		}
	}
	return Snapshot{}, none
}
