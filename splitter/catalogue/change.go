package catalogue

import (
	"flatstream/splitter"
)

// Earlier is what stood in the target before: in the snapshot that is current while
// this one is made.
type Earlier struct {
	Name string              // of the snapshot
	Diff *splitter.TreesDiff // from it to this one; paths are the target's
}

// change is what became of one repository since then.
type change struct {
	New bool // it was not there
	splitter.RepoDiff
}

// Any says that something is different.
func (c change) Any() bool { return c.State != "" }

// compare finds what changed in each repository.
func (s *site) compare() {
	if s.Earlier == nil {
		return
	}
	byPath := map[string]*flat{}
	for _, f := range s.flats {
		byPath[f.Path] = f
	}
	for _, d := range s.Earlier.Diff.Repos {
		if f := byPath[d.Path]; f != nil {
			f.Change = change{d.State == splitter.RepoAdded, d}
		}
	}
}

// changes is what the first page says of the time since an earlier snapshot.
type changes struct {
	Since   string // empty: nothing to compare with
	Changed []*flat
	Gone    []string // paths of repositories
}

func (s *site) changes() changes {
	if s.Earlier == nil {
		return changes{}
	}
	c := changes{Since: s.Earlier.Name}
	for _, f := range s.flats {
		if f.Change.Any() {
			c.Changed = append(c.Changed, f)
		}
	}
	for _, d := range s.Earlier.Diff.Repos {
		if d.State == splitter.RepoRemoved {
			c.Gone = append(c.Gone, d.Path)
		}
	}
	return c
}
