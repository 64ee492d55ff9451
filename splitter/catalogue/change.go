package catalogue

import "slices"

// Earlier is what stood in the target before: in the snapshot that is current while
// this one is made.
type Earlier struct {
	Name     string              // of the snapshot
	Packages map[string][]string // NEVRAs by repository id
}

// change is what became of one repository since then.
type change struct {
	New            bool // it was not there
	Added, Removed []string
}

// Any says that something is different.
func (c change) Any() bool { return c.New || len(c.Added)+len(c.Removed) > 0 }

// Count is how many packages came and went.
func (c change) Count() int { return len(c.Added) + len(c.Removed) }

// compare finds what changed in each repository.
func (s *site) compare() {
	if s.Earlier == nil {
		return
	}
	for _, f := range s.flats {
		before, known := s.Earlier.Packages[f.ID]
		if !known {
			f.Change.New = true
			continue
		}
		old := make(map[string]bool, len(before))
		for _, p := range before {
			old[p] = true
		}
		for _, p := range f.Holds {
			name := p.String()
			if !old[name] {
				f.Change.Added = append(f.Change.Added, name)
			}
			delete(old, name)
		}
		for p := range old {
			f.Change.Removed = append(f.Change.Removed, p)
		}
		slices.Sort(f.Change.Added)
		slices.Sort(f.Change.Removed)
	}
}

// changes is what the first page says of the time since an earlier snapshot.
type changes struct {
	Since   string // empty: nothing to compare with
	Changed []*flat
	Gone    []string // ids of repositories
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
	for id := range s.Earlier.Packages {
		if s.byID[id] == nil {
			c.Gone = append(c.Gone, id)
		}
	}
	slices.Sort(c.Gone)
	return c
}
