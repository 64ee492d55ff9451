// Package closure is the verifier's engine: it says which requirements of which
// packages nothing provides, and which packages cannot be installed.
//
// A [Universe] reads every repository once; a package that stands in several of
// them is parsed and indexed once. A repository is then a set of packages, and a
// check asks about each package in it, given what the repository and its suppliers
// have.
//
// [Universe.Closure] asks whether every Requires has a provider: the weaker of the
// two statements about a package. [Universe.Install] asks whether all of them can be
// met together, by packages that can be installed themselves, without a collision.
// It works in steps, each with less to do than the one before: causes spread upward
// (judge.go), a greedy search proves whole systems (system.go), the SAT solver gets
// the rest (settle.go, problem.go); then what is broken is explained (blame.go,
// collide.go).
//
// The rules are rpm's as libsolv applies them: what a package provides is what
// primary says and the paths it owns; nothing is added to that. A required path
// that createrepo_c's primary cannot list is looked up in filelists, in one pass
// for all such paths. There is no /bin to /usr/bin aliasing. rpmlib(...) is met by
// rpm itself, rpm 4.14 being the oldest that counts. An own provide meets an own
// requirement. A rich dependency is met when some set of available packages with
// the requiring one in it makes it true: see satisfy.go. Conflicts match provides,
// and never the package itself (conflict.go); obsoletes match names and EVRs; of one
// name there is one EVR, and of that a build for each width (together.go). Source
// packages provide nothing, not even their names; what they require is needed to
// build them, and is looked at where a check asks for that (build.go).
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
	Part      *Part    // if not nil, checked in the place of Repo
	Suppliers []RepoID // beside the repository itself
	Hidden    []Hidden // what the suppliers have and do not supply
	Arches    []string // package arches that count, see [Arches]; none: those of x86_64
	Build     *Build   // what source packages need is asked too; nil: it is not

	// Of a repository that holds a stream, for warnings and hints alone.
	Optional []RepoID // suppliers that its module does not ask for: default streams
	Asks     []string // module:stream that its module requires
	Plain    bool     // say what tools would do that hide nothing

	building bool // this is the part of a check that Build asks for, see parts
}

// Hidden says that a supplier's package is not supplied, as DNF hides a package
// behind an enabled module. It never hides the checked repository's own packages,
// nor the same package in another supplier.
type Hidden struct {
	Repo    RepoID
	Package rpmver.NEVRA // one that the repository does not have is of no effect
	By      string       // who hides it, for the reader: "perl:5.30"; may be empty
}

// Options tells how to work. It does not change the result, but for what is left
// undecided.
type Options struct {
	Jobs int // workers; 0: one per processor

	// Effort bounds the work of the SAT solver on one check, in slices of 20,000
	// propagations; each package gets 2 of them even when it is used up. What is left
	// undecided does not depend on the machine, but for problems of more than 8,000
	// packages, which are given minutes. 0: 2000, of which a check of real
	// packages needs a few hundred.
	Effort int
}

func (u *Universe) knownAll(checks []Check) error {
	for _, c := range checks {
		for _, id := range c.repos() {
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
