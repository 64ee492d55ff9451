// Package rpmdep holds relations between packages: what one provides, requires,
// conflicts with or obsoletes, plain (name OP EVR) and rich (boolean).
//
// Matching is rpm's rpmdsCompare, not Debian's: a provide without a version meets
// every versioned requirement, and the reverse.
package rpmdep

import (
	"fmt"
	"strings"

	"flatstream/repodata/rpmver"
)

// Dep is one plain relation. Without an Op the EVR is zero and means nothing.
type Dep struct {
	Name string
	Op   Op
	EVR  rpmver.EVR // the release may be empty: any release
}

// Parse reads "name" or "name OP [epoch:]version[-release]", the parts separated
// by white space. A rich dependency is an error here: see [ParseRich].
func Parse(s string) (Dep, error) {
	words := strings.Fields(s)
	if len(words) > 0 && words[0][0] == '(' {
		return Dep{}, fmt.Errorf("%q is a rich dependency, not a plain one", s)
	}
	switch len(words) {
	case 1:
		return Dep{Name: words[0]}, nil
	case 3:
		op, err := ParseOp(words[1])
		if err != nil {
			return Dep{}, fmt.Errorf("parse dependency %q: %w", s, err)
		}
		d, err := newDep(words[0], op, words[2])
		if err != nil {
			return Dep{}, fmt.Errorf("parse dependency %q: %w", s, err)
		}
		return d, nil
	}
	return Dep{}, fmt.Errorf("%q is not a dependency (name, or name OP version)", s)
}

// newDep refuses a version that rpm could not have built and that would not
// survive being written and read again.
func newDep(name string, op Op, version string) (Dep, error) {
	d := Dep{name, op, rpmver.ParseEVR(version)}
	if d.EVR.Version == "" || strings.Contains(d.EVR.Version, "-") {
		return Dep{}, fmt.Errorf("%q is not a version ([epoch:]version[-release])", version)
	}
	return d, nil
}

// String writes the relation as [Parse] reads it, the epoch unless it is 0.
func (d Dep) String() string {
	if d.Op == 0 {
		return d.Name
	}
	return d.Name + " " + d.Op.String() + " " + d.EVR.String()
}

// Match reports whether a provide meets a requirement (or is hit by a conflict):
// rpm's rpmdsCompare.
func Match(provide, require Dep) bool {
	return provide.Name == require.Name && Overlap(provide, require)
}

// Overlap is [Match] for names that are known to be equal: do the two ranges of
// versions share one (rpm's rpmverOverlap)? A side without Op or version is every
// version. When versions are equal and one release is missing, they overlap if
// the side without it has "=" in its Op.
func Overlap(a, b Dep) bool {
	if a.Op == 0 || b.Op == 0 || a.EVR == (rpmver.EVR{}) || b.EVR == (rpmver.EVR{}) {
		return true
	}
	if (a.EVR.Release == "") != (b.EVR.Release == "") {
		bare := a
		if b.EVR.Release == "" {
			bare = b
		}
		a.EVR.Release, b.EVR.Release = "", ""
		if bare.Op&Equal != 0 && rpmver.Compare(a.EVR, b.EVR) == 0 {
			return true
		}
	}
	switch c := rpmver.Compare(a.EVR, b.EVR); {
	case c < 0:
		return a.Op&Greater != 0 || b.Op&Less != 0
	case c > 0:
		return a.Op&Less != 0 || b.Op&Greater != 0
	}
	return a.Op&b.Op != 0
}
