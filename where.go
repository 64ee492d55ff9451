package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"flatstream/mirror/tree"
	"flatstream/splitter"
)

// place is one target that a WHAT argument means.
type place struct {
	Name string // of the target within its store; empty for a target by itself
	Dir  string
}

// findTargets reads a WHAT argument: a target, a store (its current snapshot) or
// STORE@SNAPSHOT. None without an error means that it is something else, such as a
// plain repository.
func findTargets(what string) ([]place, error) {
	if isTarget(what) {
		return []place{{Dir: what}}, nil
	}
	store, snapshot, named := what, "current", false
	if !tree.IsStore(what) {
		if store, snapshot, named = cutLast(what, "@"); !named || !tree.IsStore(store) {
			return nil, nil
		}
	}
	t, err := tree.Open(store)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	s, err := t.Snapshot(snapshot)
	var missing *tree.NoSnapshotError
	if errors.As(err, &missing) && !named {
		return nil, fmt.Errorf("store %s has published nothing yet: flatstream run does", store)
	}
	if err != nil {
		return nil, err
	}
	flat := filepath.Join(s.Dir, "flat")
	if isTarget(flat) {
		return []place{{Dir: flat}}, nil
	}
	found, err := filepath.Glob(filepath.Join(flat, "*", "*", splitter.ReportName))
	if err != nil {
		return nil, err
	}
	var places []place
	for _, report := range found {
		dir := filepath.Dir(report)
		name, _ := filepath.Rel(flat, dir) // dir is below flat
		places = append(places, place{name, dir})
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("snapshot %s of %s has no flat repositories: flatstream run makes them", s.Name, store)
	}
	return places, nil
}

func isTarget(dir string) bool {
	_, err := splitter.ReadReport(os.DirFS(dir))
	return !errors.Is(err, splitter.ErrNotTarget)
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
