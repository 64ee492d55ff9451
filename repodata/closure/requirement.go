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

// requirementTable numbers the distinct requirements.
type requirementTable struct {
	all       []requirement
	plain     map[[2]int32]int32  // by name and version
	richTexts map[int32]int32     // by name
	conflicts map[int32]*conflict // rich ones, by name
	obsoletes map[[2]int32]int32  // by name and version
	providers [][]int32           // by requirement, ascending; see resolve
}

// requirement numbers what one relation requires.
func (u *Universe) requirement(r repodata.Relation) int32 {
	if r.Rich {
		return u.richRequirement(r.Name)
	}
	return u.plainRequirement(r.Dep)
}

func (u *Universe) plainRequirement(d rpmdep.Dep) int32 {
	key := [2]int32{u.names.intern(d.Name), u.versions.intern(d, &u.words)}
	id, ok := u.plain[key]
	if ok {
		return id
	}
	if u.plain == nil {
		u.plain = make(map[[2]int32]int32)
	}
	id = u.addRequirement(requirement{
		name: key[0], version: key[1],
		rpmlib: strings.HasPrefix(d.Name, "rpmlib("),
		path:   strings.HasPrefix(d.Name, "/") && !primaryLists(d.Name),
	})
	u.plain[key] = id
	return id
}

func (u *Universe) richRequirement(text string) int32 {
	name := u.names.intern(text)
	id, ok := u.richTexts[name]
	if ok {
		return id
	}
	if u.richTexts == nil {
		u.richTexts = make(map[int32]int32)
	}
	r := requirement{name: name}
	e, err := rpmdep.ParseRich(u.names.text[name])
	if err == nil {
		r.rich, err = u.compile(e, true)
	}
	r.bad = err != nil
	id = u.addRequirement(r)
	u.richTexts[name] = id
	return id
}

// obsolete numbers what one relation obsoletes.
func (u *Universe) obsolete(d rpmdep.Dep) int32 {
	key := [2]int32{u.names.intern(d.Name), u.versions.intern(d, &u.words)}
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
	u.all = append(u.all, r)
	return int32(len(u.all) - 1)
}

// primaryLists reports whether createrepo_c puts a path into primary: rpm-md's
// fixed rule, which DNF relies on in the same way. A repository that breaks it is
// not searched further, as DNF does not.
func primaryLists(path string) bool {
	return strings.Contains(path, "bin/") || strings.HasPrefix(path, "/etc/") || path == "/usr/lib/sendmail"
}

// resolve lists, for every requirement, the packages of the whole universe that
// meet it. A with or without has a higher id than its parts, so that one pass in
// order does for these.
func (u *Universe) resolve(jobs int) {
	if u.providers != nil && len(u.providers) == len(u.all) {
		return
	}
	x := u.indexed()
	u.graph, u.spared = nil, nil
	u.providers = make([][]int32, len(u.all))
	parallel(jobs, len(u.all), func(i int) {
		switch r := &u.all[i]; {
		case r.obsolete:
			u.providers[i] = u.obsoleted(r)
		case r.rich == nil && r.set == nil && !r.bad:
			u.providers[i] = u.providersOf(x, r)
		}
	})
	for i, r := range u.all {
		if r.set != nil {
			u.providers[i] = r.set.packages(u.providers)
		}
	}
}

// obsoleted lists the packages that an obsoletes names. (libsolv asks that they
// also provide what it says, as every package that rpm built does.)
func (u *Universe) obsoleted(r *requirement) []int32 {
	var found []int32
	d := u.dep(r.name, r.version)
	for _, p := range u.named[d.Name] {
		n := &u.packages[p]
		if !isSource(n.Arch) && rpmdep.Overlap(rpmdep.Dep{Op: rpmdep.Equal, EVR: n.EVR}, d) {
			found = append(found, p)
		}
	}
	return found
}

func (u *Universe) providersOf(x *index, r *requirement) []int32 {
	entries := x.of(r.name)
	if len(entries) == 0 {
		return nil
	}
	want := u.dep(r.name, r.version)
	found := make([]int32, 0, len(entries))
	for _, p := range entries {
		if rpmdep.Overlap(u.dep(p.name, p.version), want) {
			found = append(found, p.pkg)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
