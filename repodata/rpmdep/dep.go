// Package rpmdep holds relations between packages: what one provides, requires,
// conflicts with or obsoletes, plain (name OP EVR) and rich (boolean).
//
// Matching is rpm's rpmdsCompare, not Debian's: a provide without a version meets
// every versioned requirement, and the reverse.
package rpmdep

import "flatstream/repodata/rpmver"

// Op is a set of the three signs that stand between a name and an EVR. The zero
// value says that the relation has no version.
type Op uint8

// The three signs. Less|Equal is "<=", Less|Greater is "<>".
const (
	Less Op = 1 << iota
	Greater
	Equal
)

// Dep is one plain relation. Without an Op the EVR is zero and means nothing.
type Dep struct {
	Name string
	Op   Op
	EVR  rpmver.EVR // the release may be empty: any release
}
