package closure

import (
	"slices"
	"strings"

	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
)

// requirement is one distinct thing that packages require or exclude: a name with
// a version, a rich dependency, or (within one) a with or without, which is a set
// of packages. What a rich conflict demands is one too, see conflict.go.
type requirement struct {
	name, version int32
	rich          *rich    // of a rich dependency that could be read
	set           *setExpr // of a with or without
	bad           bool     // a rich dependency that could not
	rpmlib        bool
	obsolete      bool // packages of that name and EVR, whatever they provide
	path          bool // a path that only filelists can tell about
}

// maxVersions bounds how many requirements of one name are found one after the other:
// further versions of it are in a map. Most names have one to three.
const maxVersions = 8

// requirementTable numbers the distinct requirements.
type requirementTable struct {
	all       []requirement
	links     []link              // by requirement
	touched   int32               // nobody uses it, see touchLinks
	latest    []int32             // by name: its latest requirement and 1, see linked
	plain     map[[2]int32]int32  // by name and version: those beyond maxVersions
	conflicts map[int32]*conflict // rich ones, by name
	obsoletes map[[2]int32]int32  // by name and version
	providers lists               // by requirement, ascending; see resolve
}

// link leads from a requirement, plain or rich, to the one of the same name that came
// before. It stands apart from what else is known of it, since it is read millions of
// times while packages are.
type link struct {
	version int32 // of a plain one; written: it is a rich dependency
	before  int32 // the requirement and 1
}

// written marks a rich dependency, as a package writes it.
const written = -1

// requirement numbers what one relation requires.
func (u *Universe) requirement(name int32, r *repodata.Relation) int32 {
	if r.Rich {
		return u.richRequirement(name)
	}
	return u.plainRequirement(name, r.Dep)
}

// linked finds the requirement of that name and version, or -1, and how many of that
// name it has looked at.
func (u *Universe) linked(name, version int32) (id int32, n int) {
	if int(name) >= len(u.latest) {
		return -1, 0
	}
	for id = u.latest[name] - 1; id >= 0; id = u.links[id].before - 1 {
		if u.links[id].version == version {
			return id, n
		}
		n++
	}
	return -1, n
}

// touchLinks reads what linked will read first of these names: all at once, for the
// reason that symbols.internAll gives.
func (u *Universe) touchLinks(names []int32) {
	read := int32(0)
	for _, name := range names {
		if int(name) < len(u.latest) {
			read += u.latest[name]
		}
	}
	for _, name := range names {
		if int(name) < len(u.latest) && u.latest[name] != 0 {
			read += u.links[u.latest[name]-1].version
		}
	}
	u.touched = read // without a use nothing would be read
}

// addLinked adds a requirement as the latest of its name.
func (u *Universe) addLinked(r requirement, version int32) int32 {
	id := u.addRequirement(r)
	for len(u.latest) < u.names.len() {
		u.latest = push(u.latest, 0)
	}
	u.links[id] = link{version, u.latest[r.name]}
	u.latest[r.name] = id + 1
	return id
}

func (u *Universe) plainRequirement(name int32, d rpmdep.Dep) int32 {
	version := u.versions.intern(d, &u.words)
	id, n := u.linked(name, version)
	if id >= 0 {
		return id
	}
	key := [2]int32{name, version}
	if n >= maxVersions {
		if id, ok := u.plain[key]; ok {
			return id
		}
	}
	r := requirement{
		name: name, version: version,
		rpmlib: strings.HasPrefix(d.Name, "rpmlib("),
		path:   strings.HasPrefix(d.Name, "/") && !primaryLists(d.Name),
	}
	if n < maxVersions {
		return u.addLinked(r, version)
	}
	if u.plain == nil {
		u.plain = make(map[[2]int32]int32)
	}
	u.plain[key] = u.addRequirement(r)
	return u.plain[key]
}

func (u *Universe) richRequirement(name int32) int32 {
	if id, _ := u.linked(name, written); id >= 0 {
		return id
	}
	r := requirement{name: name}
	e, err := rpmdep.ParseRich(u.names.text(name))
	if err == nil {
		r.rich, err = u.compile(e, true)
	}
	r.bad = err != nil
	return u.addLinked(r, written)
}

// obsolete numbers what one relation obsoletes.
func (u *Universe) obsolete(name int32, d rpmdep.Dep) int32 {
	key := [2]int32{name, u.versions.intern(d, &u.words)}
	id, ok := u.obsoletes[key]
	if !ok {
		if u.obsoletes == nil {
			u.obsoletes = make(map[[2]int32]int32)
		}
		id = u.addRequirement(requirement{name: key[0], version: key[1], obsolete: true})
		u.obsoletes[key] = id
	}
	return id
}

func (u *Universe) addRequirement(r requirement) int32 {
	u.all = push(u.all, r)
	u.links = push(u.links, link{})
	return int32(len(u.all) - 1)
}

// primaryLists reports whether createrepo_c puts a path into primary: rpm-md's
// fixed rule, which DNF relies on in the same way. A repository that breaks it is
// not searched further, as DNF does not.
func primaryLists(path string) bool {
	return strings.Contains(path, "bin/") || strings.HasPrefix(path, "/etc/") || path == "/usr/lib/sendmail"
}

// resolveBlock is how many requirements one worker resolves at a time.
const resolveBlock = 4096

// resolve lists, for every requirement, the packages of the whole universe that
// meet it. A with or without has a higher id than its parts, so that one pass in
// order does for these.
func (u *Universe) resolve(jobs int) {
	if len(u.providers.start) == len(u.all)+1 {
		return
	}
	x := u.indexed()
	u.listNames()
	u.graph, u.spared = nil, nil
	blocks := make([]lists, (len(u.all)+resolveBlock-1)/resolveBlock)
	parallel(jobs, len(blocks), func(i int) {
		for r := i * resolveBlock; r < min((i+1)*resolveBlock, len(u.all)); r++ {
			blocks[i].start = append(blocks[i].start, int32(len(blocks[i].items)))
			blocks[i].items = u.meeting(blocks[i].items, x, &u.all[r])
		}
		blocks[i].start = append(blocks[i].start, int32(len(blocks[i].items)))
	})
	u.providers = lists{start: make([]int32, 1, len(u.all)+1)}
	for r := range u.all {
		found := blocks[r/resolveBlock].of(int32(r % resolveBlock))
		if s := u.all[r].set; s != nil {
			found = s.packages(u.providers)
		}
		u.providers.items = append(u.providers.items, found...)
		u.providers.start = append(u.providers.start, int32(len(u.providers.items)))
	}
}

// meeting appends the packages that meet r by themselves, ascending.
func (u *Universe) meeting(found []int32, x *index, r *requirement) []int32 {
	switch {
	case r.obsolete:
		return u.obsoleted(found, r)
	case r.rich == nil && r.set == nil && !r.bad:
		return u.providing(found, x, r)
	}
	return found
}

// obsoleted appends the packages that an obsoletes names. (libsolv asks that they
// also provide what it says, as every package that rpm built does.)
func (u *Universe) obsoleted(found []int32, r *requirement) []int32 {
	d := u.dep(r.name, r.version)
	for _, p := range u.namedAs(d.Name) {
		n := &u.packages[p]
		if !isSource(n.Arch) && rpmdep.Overlap(rpmdep.Dep{Op: rpmdep.Equal, EVR: n.EVR}, d) {
			found = append(found, p)
		}
	}
	return found
}

func (u *Universe) providing(found []int32, x *index, r *requirement) []int32 {
	start := len(found)
	want := u.versions.dep(r.version)
	for _, p := range x.of(r.name) {
		if rpmdep.Overlap(u.versions.dep(p.version), want) {
			found = append(found, p.pkg)
		}
	}
	slices.Sort(found[start:])
	return found[:start+len(slices.Compact(found[start:]))]
}
