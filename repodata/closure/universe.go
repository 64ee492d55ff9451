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
	repos     []repository
	packages  []pkg
	elements  map[element]int32 // package by what was read
	seed      maphash.Seed
	arches    map[string]set // packages by arch
	pkgids    symbols
	first     []int32 // by number in pkgids: the first package that has it; more: see pkg.twin
	differing set     // packages that are not the first with their pkgid

	names    symbols // capabilities, paths and rich dependencies, as written
	words    symbols // package names, versions, releases and arches
	versions versions

	emptied chan readings   // to be filled again
	memory  repodata.Memory // of the document that is read
	numbers numbers         // of what is being indexed

	provides []provide // in the order they were read; see indexed
	required []int32   // requirements of the packages: three runs for each, see pkg
	named    lists     // packages by word, see listNames

	badConflicts map[int32][]string // by package: rich ones that do not parse
	requirementTable

	index  *index         // without provides
	graph  *graph         // nil when the providers were listed anew since
	spared map[int32]runs // packages that would conflict with themselves, see spare
	looked map[int32]bool // paths that were looked up in every repository's filelists
}

// NewUniverse returns an empty universe.
func NewUniverse() *Universe {
	return &Universe{
		elements:     make(map[element]int32),
		seed:         maphash.MakeSeed(),
		arches:       make(map[string]set),
		emptied:      make(chan readings, heldReadings),
		badConflicts: make(map[int32][]string),
	}
}

// repository is a set of packages under a name.
type repository struct {
	name     string
	stream   string
	remark   string // why it supplies nobody, for the reader
	source   *repodata.Repo
	packages set
	first    int        // of its words in use
	unlisted bool       // it has no filelists
	differs  [][2]int32 // packages whose pkgid was met before with another element, and that one
}

// pkg is one package. It keeps what a check needs; relations are ids.
type pkg struct {
	rpmver.NEVRA
	word  int32 // its name
	twin  int32 // another package with the same pkgid, or -1
	batch int32 // the same for what was probably built together, see batchOf

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
	d := u.versions.dep(version)
	d.Name = u.names.text(name)
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

// indexed takes into the index what was provided since.
func (u *Universe) indexed() *index {
	old := u.index
	if old != nil && len(u.provides) == 0 {
		return old
	}
	if old == nil {
		old = &index{start: []int32{0}}
	}
	x := &index{make([]int32, u.names.len()+2), make([]provide, len(old.entries)+len(u.provides))}
	for name := range len(old.start) - 2 {
		x.start[name+2] = old.start[name+1] - old.start[name]
	}
	for _, p := range u.provides {
		x.start[p.name+2]++
	}
	for i := 2; i < len(x.start); i++ {
		x.start[i] += x.start[i-1]
	}
	for name := range len(old.start) - 2 {
		x.start[name+1] += int32(copy(x.entries[x.start[name+1]:], old.of(int32(name))))
	}
	for _, p := range u.provides {
		x.entries[x.start[p.name+1]] = p
		x.start[p.name+1]++
	}
	u.index, u.provides = x, nil
	return x
}

// listNames lists the packages of each name, unless they are.
func (u *Universe) listNames() {
	if len(u.named.items) != len(u.packages) {
		u.named = newLists(u.words.len(), func(yield func(word, p int32)) {
			for p := range u.packages {
				yield(u.packages[p].word, int32(p))
			}
		})
	}
}

// namesakes lists the packages of p's name, p too, ascending.
func (u *Universe) namesakes(p int32) []int32 { return u.named.of(u.packages[p].word) }

// namedAs lists the packages of a name, ascending.
func (u *Universe) namedAs(name string) []int32 {
	u.listNames()
	if word, ok := u.words.lookup(name); ok && int(word) < len(u.named.start)-2 {
		return u.named.of(word)
	}
	return nil
}
