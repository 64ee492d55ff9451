// Package repodata reads and writes rpm-md repositories: repomd.xml and the files
// that it lists, as createrepo_c writes them.
//
// One file per metadata type, reader and writer side by side. Package elements
// move through the house as byte ranges of the decompressed file; only what must
// be understood is parsed.
package repodata

import (
	"flatstream/repodata/digest"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// The metadata types that this package understands. A repomd may list others;
// they are carried as they are.
const (
	TypePrimary    = "primary"
	TypeFilelists  = "filelists"
	TypeOther      = "other"
	TypeUpdateinfo = "updateinfo"
	TypeGroup      = "group"
	TypeModules    = "modules"
)

// Package is one package as the metadata describes it. Which fields beyond the
// first block are filled depends on the [Parts] asked for.
type Package struct {
	rpmver.NEVRA
	PkgID     digest.Checksum // checksum of the package file
	Location  string          // href, relative to the repository (or to Base)
	Base      string          // xml:base of the location, mostly empty
	FileTime  int64           // mtime of the package file, seconds since 1970
	BuildTime int64           // seconds since 1970
	Size      int64           // of the package file, bytes
	SourceRPM string          // file name of the source package, empty for a source package

	// PartRelations
	Provides, Requires, Conflicts, Obsoletes    []Relation
	Recommends, Suggests, Supplements, Enhances []Relation

	// PartFiles: the paths that primary lists; PartAllFiles: all of filelists.
	Files []File
}

// Relation is one rpm:entry: a plain dependency, or a rich one (Rich is its text
// then, with the parentheses, and Dep.Name is the same text).
type Relation struct {
	rpmdep.Dep
	Rich bool // Name is a rich dependency, still to be parsed by rpmdep
	Pre  bool // pre="1": needed by a scriptlet
}

// File is one path that a package owns.
type File struct {
	Path string
	Kind FileKind
}

// FileKind tells directories and ghosts from plain files.
type FileKind uint8

// The kinds that filelists knows.
const (
	PlainFile FileKind = iota
	Directory
	Ghost
)

// Parts says how much of each package is read. Identity comes always.
type Parts uint8

// Each part costs time; ask only for what is used.
const (
	PartIdentity  Parts = 0
	PartRelations Parts = 1 << (iota - 1) // from primary
	PartFiles                             // from primary: only bin/, /etc/ and /usr/lib/sendmail
	PartAllFiles                          // from filelists, read in lock-step
)
