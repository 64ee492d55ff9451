package tree

import (
	"errors"
	"fmt"
	"time"
)

// Rollback publishes the content of an earlier snapshot (whatever [Tree.Snapshot]
// understands; empty for the one before current) as a new one, with what clients of
// the snapshots inside grace still ask for. It returns the new one's name and which
// one gave the content. The lock must be held.
func (t *Tree) Rollback(to string, grace time.Duration, now time.Time) (name string, from Snapshot, err error) {
	if err := t.mustLock(); err != nil {
		return "", Snapshot{}, err
	}
	if from, err = t.rollbackTo(to); err != nil {
		return "", from, fmt.Errorf("roll back: %w", err)
	}
	if err := from.Check(); err != nil {
		return "", from, fmt.Errorf("roll back to %s: %w", from.Name, err)
	}
	s, err := t.NewStage()
	if err != nil {
		return "", from, err
	}
	if err := errors.Join(s.CarryFrom(from, "."), s.CarryGrace(now, grace)); err != nil {
		return "", from, errors.Join(fmt.Errorf("roll back to %s: %w", from.Name, err), s.Discard())
	}
	if name, err = s.Publish(now); err != nil && name == "" {
		return "", from, errors.Join(err, s.Discard())
	}
	return name, from, err
}

func (t *Tree) rollbackTo(name string) (Snapshot, error) {
	if name != "" {
		return t.Snapshot(name)
	}
	current, err := t.Snapshot(currentLink)
	if err != nil {
		return Snapshot{}, err
	}
	return t.Before(current)
}
