package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"flatstream/mirror"
	"flatstream/mirror/tree"
	"flatstream/splitter"
)

// place is one target that a WHAT argument means.
type place struct {
	Name     string // of the target within its store; empty for a target by itself
	Dir      string
	Snapshot string // the directory that relative locations of its sources start from; empty: this one
}

// source is where a source of the target's report lies.
func (p place) source(s splitter.ReportSource) mirror.Source {
	if !filepath.IsAbs(s.Location) && !strings.Contains(s.Location, "://") {
		s.Location = filepath.Join(p.Snapshot, s.Location)
	}
	return mirror.Source{Name: s.Name, URLs: []string{s.Location}}
}

// findTargets reads a WHAT argument: a target, a store (its current snapshot),
// STORE@SNAPSHOT or a snapshot's own directory. None without an error means that it
// is something else, such as a plain repository.
func findTargets(what string) ([]place, error) {
	if _, err := os.Stat(filepath.Join(what, tree.ManifestName)); err == nil {
		return targetsBelow(what, "snapshot "+what)
	}
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
	return targetsBelow(s.Dir, "snapshot "+s.Name+" of "+store)
}

// targetsBelow lists the targets of a snapshot's directory; name is for people.
func targetsBelow(snapshot, name string) ([]place, error) {
	flat := filepath.Join(snapshot, "flat")
	if isTarget(flat) {
		return []place{{Dir: flat, Snapshot: snapshot}}, nil
	}
	found, err := fs.Glob(os.DirFS(flat), path.Join("*", "*", splitter.ReportName))
	if err != nil {
		return nil, err
	}
	var places []place
	for _, report := range found {
		target := path.Dir(report)
		places = append(places, place{target, filepath.Join(flat, target), snapshot})
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("%s has no flat repositories: flatstream run makes them", name)
	}
	return places, nil
}

func isTarget(dir string) bool {
	return splitter.IsTarget(os.DirFS(dir))
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
