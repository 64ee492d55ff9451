// Package closure is the verifier's engine: it says which requirements of which
// packages nothing provides.
//
// A [Universe] reads every repository once; a package that stands in several of
// them is parsed and indexed once. A repository is then a set of packages, and a
// check asks of each package in it whether every Requires has a provider among
// the repository's own packages and those of its suppliers.
//
// Closure is the weaker of the two statements about a package: every single
// requirement can be met. That all of them can be met together, without a
// collision, is installability.
//
// The rules are rpm's as libsolv applies them: what a package provides is what
// primary says and the paths it owns; nothing is added to that. A required path
// that createrepo_c's primary cannot list is looked up in filelists, in one pass
// for all such paths. There is no /bin to /usr/bin aliasing. rpmlib(...) is met by
// rpm itself, rpm 4.14 being the oldest that counts. An own provide meets an own
// requirement. A rich dependency is met when some set of available packages with
// the requiring one in it makes it true: see satisfy.go. Source packages provide
// nothing and are not checked.
package closure

import (
	"fmt"

	"flatstream/repodata/rpmver"
)

// RepoID names a repository of one [Universe]; ids count from 0 in the order of
// [Universe.Add].
type RepoID int

// Check asks for one repository: do its packages, with what the suppliers have,
// meet every requirement of its packages.
type Check struct {
	Repo      RepoID
	Suppliers []RepoID // beside the repository itself
	Hidden    []Hidden // what the suppliers have and do not supply
	Arches    []string // package arches that count, see [Arches]; none: those of x86_64
}

// Hidden says that a supplier's package is not supplied, as DNF hides a package
// behind an enabled module. It never hides the checked repository's own packages,
// nor the same package in another supplier.
type Hidden struct {
	Repo    RepoID
	Package rpmver.NEVRA // one that the repository does not have is of no effect
	By      string       // who hides it, for the reader: "perl:5.30"; may be empty
}

// Options tells how to work; it does not change the result.
type Options struct {
	Jobs int // workers; 0: one per processor
}

func (u *Universe) knownAll(checks []Check) error {
	for _, c := range checks {
		for _, id := range append([]RepoID{c.Repo}, c.Suppliers...) {
			if err := u.known(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// known refuses an id that is not of this universe: a mistake of the caller.
func (u *Universe) known(id RepoID) error {
	if id < 0 || int(id) >= len(u.repos) {
		return fmt.Errorf("check a repository: id %d is not one of the %d that were added", id, len(u.repos))
	}
	return nil
}
