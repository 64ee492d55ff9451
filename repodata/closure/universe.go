package closure

import (
	"hash/maphash"

	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// Universe is all packages of all repositories that a verification knows, each
// indexed once. It may be changed (Add, Label) by one goroutine at a time, and
// Closure and Install count as changes: they may have to look up paths.
type Universe struct {
	repos    []repository
	packages []pkg
	elements map[element]int32 // package by what was read
	seed     maphash.Seed
	arches   map[string]set   // packages by arch
	pkgids   map[string]int32 // the first package with a pkgid; more: see pkg.twin

	names    symbols // capabilities, paths and rich dependencies, as written
	words    symbols // package names, versions, releases and arches
	versions versions

	provides []provide          // in the order they were read
	required []int32            // requirements of the packages: three runs for each, see pkg
	named    map[string][]int32 // packages by name, ascending
	requirementTable

	index  *index         // nil when provides has grown since
	graph  *graph         // nil when the providers were listed anew since
	spared map[int32]runs // packages that would conflict with themselves, see spare
	looked map[int32]bool // paths that were looked up in every repository's filelists
}

// NewUniverse returns an empty universe.
func NewUniverse() *Universe {
	return &Universe{
		elements: make(map[element]int32),
		seed:     maphash.MakeSeed(),
		arches:   make(map[string]set),
		pkgids:   make(map[string]int32),
		named:    make(map[string][]int32),
	}
}

// repository is a set of packages under a name.
type repository struct {
	name     string
	stream   string
	remark   string // why it supplies nobody, for the reader
	source   *repodata.Repo
	packages set
	unlisted bool       // it has no filelists
	differs  [][2]int32 // packages whose pkgid was met before with another element, and that one
}

// pkg is one package. It keeps what a check needs; relations are ids.
type pkg struct {
	rpmver.NEVRA
	badConflicts []string // rich ones that do not parse
	twin         int32    // another package with the same pkgid, or -1
	batch        int32    // the same for what was probably built together, see batchOf

	// Where its runs of Universe.required start, side by side, and where the last
	// one ends; each is distinct and ascending: what it requires, what the rich
	// conflicts demand, and what it cannot be beside (conflicts and obsoletes).
	requires, demands, excludes, end int32
}

// provide says that a package has a capability or owns a path.
type provide struct{ name, pkg, version int32 }

func (u *Universe) requires(p int32) []int32 {
	return u.required[u.packages[p].requires:u.packages[p].demands]
}

// obliges lists what must hold where p is: what it requires, then what its rich
// conflicts demand.
func (u *Universe) obliges(p int32) []int32 {
	if r, ok := u.spared[p]; ok {
		return r.obliges
	}
	return u.required[u.packages[p].requires:u.packages[p].excludes]
}

// excludes lists what p cannot be beside: whatever meets one of these.
func (u *Universe) excludes(p int32) []int32 {
	if r, ok := u.spared[p]; ok {
		return r.excludes
	}
	return u.required[u.packages[p].excludes:u.packages[p].end]
}

// dep puts a name and a version together again.
func (u *Universe) dep(name, version int32) rpmdep.Dep {
	d := rpmdep.Dep{Name: u.names.text[name]}
	if version != 0 {
		v := u.versions.all[version]
		d.Op, d.EVR = v.op, v.evr
	}
	return d
}

// Label says which module:stream a repository holds, for the reader of a report. An
// id that is not of this universe is left alone.
func (u *Universe) Label(id RepoID, stream string) {
	if u.known(id) == nil {
		u.repos[id].stream = stream
	}
}

// Remark says why a repository supplies nobody, for the reader of what came near: the
// rest of a sentence about a package of it, such as "no document lists it".
func (u *Universe) Remark(id RepoID, remark string) {
	if u.known(id) == nil {
		u.repos[id].remark = remark
	}
}

// index lists the provides by name.
type index struct {
	start   []int32 // by name; one more than there are names
	entries []provide
}

// of lists who provides a name, whatever the version, in the order of package ids
// but for paths that were looked up later.
func (x *index) of(name int32) []provide {
	if int(name)+1 >= len(x.start) {
		return nil
	}
	return x.entries[x.start[name]:x.start[name+1]]
}

// indexed builds the index when provides has grown.
func (u *Universe) indexed() *index {
	if u.index != nil {
		return u.index
	}
	x := &index{make([]int32, len(u.names.text)+2), make([]provide, len(u.provides))}
	for _, p := range u.provides {
		x.start[p.name+2]++
	}
	for i := 2; i < len(x.start); i++ {
		x.start[i] += x.start[i-1]
	}
	for _, p := range u.provides {
		x.entries[x.start[p.name+1]] = p
		x.start[p.name+1]++
	}
	u.index = x
	return x
}
