package tree

import (
	"context"
	"slices"
	"time"

	"flatstream/repodata/digest"
)

// HistoryItem is one snapshot as a list of all shows it. Its JSON form is part of the
// interface.
type HistoryItem struct {
	Name     string    `json:"name"`
	Time     time.Time `json:"time"`
	Current  bool      `json:"current"`
	Tags     []string  `json:"tags"` // sorted
	Files    int       `json:"files"`
	Bytes    int64     `json:"bytes"`           // of all files, each name counted
	NewBytes int64     `json:"new_bytes"`       // of the contents that the snapshot before it does not have
	Error    string    `json:"error,omitempty"` // why its manifest cannot be read; then it has no counts
}

// History describes all snapshots, oldest first. One whose manifest is damaged is in
// the list too, with the reason.
func (t *Tree) History(ctx context.Context) ([]HistoryItem, error) {
	all, err := t.Snapshots()
	if err != nil {
		return nil, err
	}
	tags, err := t.Tags()
	if err != nil {
		return nil, err
	}
	current, _, err := t.Current()
	if err != nil {
		return nil, err
	}
	list := make([]HistoryItem, 0, len(all))
	var before map[digest.Checksum]bool
	for _, s := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		item := HistoryItem{Name: s.Name, Time: s.Time, Current: s.Name == current.Name, Tags: []string{}}
		for tag, at := range tags {
			if at == s.Name {
				item.Tags = append(item.Tags, tag)
			}
		}
		slices.Sort(item.Tags)
		if entries, err := s.Manifest(); err != nil {
			item.Error = err.Error()
		} else {
			before = item.count(entries, before)
		}
		list = append(list, item)
	}
	return list, nil
}

// count sums up a manifest and returns its contents. A file that others wrote has no
// checksum there and counts as new: it is metadata, and small.
func (i *HistoryItem) count(entries []Entry, before map[digest.Checksum]bool) map[digest.Checksum]bool {
	have := make(map[digest.Checksum]bool, len(entries))
	for _, e := range entries {
		if e.URL != "" {
			continue // on demand: not here
		}
		i.Files++
		i.Bytes += e.Size
		if !before[e.Checksum] && !have[e.Checksum] {
			i.NewBytes += e.Size
		}
		if !e.Checksum.IsZero() {
			have[e.Checksum] = true
		}
	}
	return have
}
