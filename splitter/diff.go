package splitter

import (
	"cmp"
	"maps"
	"slices"

	"flatstream/repodata/rpmver"
)

// RepoDiff is what changed in one repository. Its JSON form is part of the interface.
type RepoDiff struct {
	ID       string          `json:"id"`
	Path     string          `json:"path"`  // below the snapshot
	State    string          `json:"state"` // added, removed or changed: the repository itself
	Added    []string        `json:"added"` // NEVRA
	Removed  []string        `json:"removed"`
	Changed  []PackageChange `json:"changed"`
	Streams  StreamsDiff     `json:"streams"`
	Defaults []DefaultChange `json:"defaults"`
}

// The states of a repository.
const (
	RepoAdded   = "added"
	RepoRemoved = "removed"
	RepoChanged = "changed"
)

// PackageChange is a package of which versions went and others came. Where both lists
// hold the same version, its file has other bytes now.
type PackageChange struct {
	Name string   `json:"name"`
	Arch string   `json:"arch"`
	From []string `json:"from"` // epoch:version-release, oldest first
	To   []string `json:"to"`
}

// StreamsDiff is what changed among the streams of a modules.yaml.
type StreamsDiff struct {
	Added   []string       `json:"added"` // module:stream
	Removed []string       `json:"removed"`
	Changed []StreamChange `json:"changed"`
}

// StreamChange is a stream whose builds changed.
type StreamChange struct {
	Stream  string   `json:"stream"` // module:stream
	Added   []string `json:"added"`  // NSVCA
	Removed []string `json:"removed"`
}

// DefaultChange is a module with another default stream; empty: none.
type DefaultChange struct {
	Module string `json:"module"`
	From   string `json:"from"`
	To     string `json:"to"`
}

// Diff says what is different in later. Either may be nil, for a repository that is not
// there. It is a pure function; lists are sorted by name, then by rpm's order of versions.
func (inv *Inventory) Diff(later *Inventory) RepoDiff {
	d := RepoDiff{State: RepoChanged}
	a, b := inv, later
	if a == nil {
		a, d.State = &Inventory{}, RepoAdded
	}
	if b == nil {
		b, d.State = &Inventory{}, RepoRemoved
	}
	d.packages(a, b)
	d.Streams = diffStreams(a, b)
	d.Defaults = diffDefaults(a, b)
	return d
}

// Empty says whether a repository that was there before and after holds the same.
func (d *RepoDiff) Empty() bool {
	return d.State == RepoChanged && len(d.Added)+len(d.Removed)+len(d.Changed)+len(d.Defaults) == 0 &&
		len(d.Streams.Added)+len(d.Streams.Removed)+len(d.Streams.Changed) == 0
}

type nameArch struct{ name, arch string }

// packages pairs what went with what came, by name and arch: both are a change, one
// alone is removed or added.
func (d *RepoDiff) packages(a, b *Inventory) {
	gone, came := missingFrom(a, b), missingFrom(b, a)
	d.Added, d.Removed, d.Changed = []string{}, []string{}, []PackageChange{}
	for _, key := range slices.SortedFunc(maps.Keys(gone), compareNameArch) {
		if came[key] == nil {
			d.Removed = append(d.Removed, nevraStrings(gone[key])...)
			continue
		}
		d.Changed = append(d.Changed, PackageChange{key.name, key.arch, evrStrings(gone[key]), evrStrings(came[key])})
	}
	for _, key := range slices.SortedFunc(maps.Keys(came), compareNameArch) {
		if gone[key] == nil {
			d.Added = append(d.Added, nevraStrings(came[key])...)
		}
	}
}

func compareNameArch(x, y nameArch) int {
	return cmp.Or(cmp.Compare(x.name, y.name), cmp.Compare(x.arch, y.arch))
}

// missingFrom lists the packages of a that b does not have with the same bytes.
func missingFrom(a, b *Inventory) map[nameArch][]rpmver.NEVRA {
	missing := map[nameArch][]rpmver.NEVRA{}
	for n, sum := range a.Packages {
		if other, ok := b.Packages[n]; ok && other == sum {
			continue
		}
		key := nameArch{n.Name, n.Arch}
		missing[key] = append(missing[key], n)
	}
	for _, list := range missing {
		slices.SortFunc(list, rpmver.CompareNEVRA)
	}
	return missing
}

func nevraStrings(list []rpmver.NEVRA) (texts []string) {
	for _, n := range list {
		texts = append(texts, n.String())
	}
	return texts
}

func evrStrings(list []rpmver.NEVRA) (texts []string) {
	for _, n := range list {
		texts = append(texts, n.Full())
	}
	return texts
}

func diffStreams(a, b *Inventory) StreamsDiff {
	d := StreamsDiff{Added: []string{}, Removed: []string{}, Changed: []StreamChange{}}
	for id, builds := range a.Streams {
		later, ok := b.Streams[id]
		if !ok {
			d.Removed = append(d.Removed, id.String())
		} else if !slices.Equal(builds, later) {
			d.Changed = append(d.Changed, StreamChange{id.String(), without(later, builds), without(builds, later)})
		}
	}
	for id := range b.Streams {
		if _, ok := a.Streams[id]; !ok {
			d.Added = append(d.Added, id.String())
		}
	}
	slices.Sort(d.Added)
	slices.Sort(d.Removed)
	slices.SortFunc(d.Changed, func(x, y StreamChange) int { return cmp.Compare(x.Stream, y.Stream) })
	return d
}

// without lists what of all is not in some; both are sorted.
func without(all, some []string) []string {
	rest := []string{}
	for _, s := range all {
		if _, found := slices.BinarySearch(some, s); !found {
			rest = append(rest, s)
		}
	}
	return rest
}

func diffDefaults(a, b *Inventory) []DefaultChange {
	changes := []DefaultChange{}
	for module, stream := range a.Defaults {
		if b.Defaults[module] != stream {
			changes = append(changes, DefaultChange{module, stream, b.Defaults[module]})
		}
	}
	for module, stream := range b.Defaults {
		if a.Defaults[module] == "" {
			changes = append(changes, DefaultChange{module, "", stream})
		}
	}
	slices.SortFunc(changes, func(x, y DefaultChange) int { return cmp.Compare(x.Module, y.Module) })
	return changes
}
