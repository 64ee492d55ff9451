package splitter

import (
	"cmp"

	"flatstream/repodata"
)

// Role says what a source is good for.
type Role string

// The roles of a source.
const (
	RoleMerge   Role = "merge"   // part of every view and of the module index
	RoleOverlay Role = "overlay" // gives only the packages that an overlay names
	RoleSupply  Role = "supply"  // supplies requirements in verify, is never split
)

// Source is one rpm-md repository that is read.
type Source struct {
	Name string // [A-Za-z0-9._-]+, unique within a run
	Role Role
	Repo *repodata.Repo

	// Dir is the repository's absolute directory, URL its address without
	// credentials; one of the two is empty.
	Dir, URL string

	// Opened is Dir as it was when Repo was opened, its symbolic links resolved: package
	// files that are read or linked come from there, though a link such as a store's
	// current may have moved on meanwhile. Empty: Dir.
	Opened string

	// Origin is what reports call its place, for a source that stands somewhere else
	// while it is read; empty: Dir or URL.
	Origin string

	// Promise, if not nil, says that package files are not in Dir, but can be had on
	// demand: it is told of each place that one gets, from its place in the source to
	// that in the target. Several goroutines call it.
	Promise func(from, to string) error

	GPGCheck bool     // what its .repo file says about package signatures
	GPGKeys  []string // URLs
}

// Location is where the source stands, for people and reports.
func (s Source) Location() string {
	return cmp.Or(s.Origin, s.Dir, s.URL)
}

// files is the directory that package files are taken from.
func (s Source) files() string { return cmp.Or(s.Opened, s.Dir) }
