package nightly

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"flatstream/mirror/tree"
)

// Keep is how much history stays.
type Keep struct {
	Snapshots int           `json:"snapshots"`  // at least 1
	Grace     time.Duration `json:"grace"`      // in JSON: nanoseconds
	MaxDelete float64       `json:"max_delete"` // of files or bytes, 0 to 1
}

// DefaultKeep is what a config says that says nothing: two weeks of nights, and more
// than the two days for which DNF believes its cache.
func DefaultKeep() Keep { return Keep{Snapshots: 14, Grace: 72 * time.Hour, MaxDelete: 0.4} }

// keepName is the state file that remembers the keep: of the last run, so that people
// who roll back or prune by hand need not repeat it.
const keepName = "keep.json"

// RecallKeep reads how much history the store's last run kept; [DefaultKeep] where no
// run has been.
func RecallKeep(t *tree.Tree) (Keep, error) {
	k := DefaultKeep()
	b, err := t.ReadState(keepName)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return k, err
	}
	if json.Unmarshal(b, &k) != nil || k.Snapshots < 1 || k.Grace < 0 || !(k.MaxDelete >= 0 && k.MaxDelete <= 1) {
		return DefaultKeep(), fmt.Errorf("state/%s of store %s is damaged: remove it, and the next run writes it anew", keepName, t.Dir())
	}
	return k, nil
}

func (k Keep) remember(t *tree.Tree) error {
	doc, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return t.WriteState(keepName, append(doc, '\n'))
}
