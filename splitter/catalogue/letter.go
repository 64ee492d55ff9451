package catalogue

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"flatstream/splitter"
)

// letter is the page of all packages whose names begin alike.
type letter struct {
	Name     string // a to z, 0-9 or other
	Page     string
	Names    []*named
	Packages int // builds
}

// named is one package name.
type named struct {
	Name   string
	Builds []*build
	Notes  []note
}

// build is one package of that name, and where it stands.
type build struct {
	Version, Arch string
	In            []*flat
}

// note says why something of that name is not where one may look for it.
type note struct {
	NEVRA string
	Flat  *flat
	Text  string
	By    *flat // repository of the stream that hides it, if it has one
}

// letterOf is the page on which a package name stands. The pages' script does the same.
func letterOf(name string) string {
	switch c := strings.ToLower(name[:min(1, len(name))]); {
	case c >= "a" && c <= "z":
		return c
	case c >= "0" && c <= "9":
		return "0-9"
	}
	return "other"
}

// newLetters sorts every package of every repository under its name.
func (s *site) newLetters() []*letter {
	names := map[string]*named{}
	at := func(name string) *named {
		if names[name] == nil {
			names[name] = &named{Name: name}
		}
		return names[name]
	}
	builds := map[nevra]*build{}
	for _, f := range s.flats {
		for _, p := range f.Holds {
			b := builds[p]
			if b == nil {
				b = &build{Version: p.Version, Arch: p.Arch}
				builds[p] = b
				n := at(p.Name)
				n.Builds = append(n.Builds, b)
			}
			if !slices.Contains(b.In, f) {
				b.In = append(b.In, f)
			}
		}
	}
	for _, f := range s.flats {
		s.note(f, at)
	}
	return pageLetters(names)
}

// note adds what a repository says of packages that are not in it. Of what streams
// hide only the merged repositories are of interest here; a stream's page has its own.
func (s *site) note(f *flat, at func(string) *named) {
	for _, nevra := range f.Absent() {
		n := at(nameOf(nevra))
		n.Notes = append(n.Notes, note{NEVRA: nevra, Flat: f, Text: "the stream's document lists it, but no source has it"})
	}
	if f.Kind != splitter.KindDefault && f.Kind != splitter.KindView {
		return
	}
	for _, h := range f.Hidden {
		n := at(nameOf(h.NEVRA))
		n.Notes = append(n.Notes, note{NEVRA: h.NEVRA, Flat: f, Text: "hidden by " + h.By, By: s.stream(h.By)})
	}
}

// stream finds a repository of module:stream, the one that DNF picks where there are
// several.
func (s *site) stream(name string) *flat {
	i := slices.IndexFunc(s.flats, func(f *flat) bool {
		return f.Kind == splitter.KindStream && f.Module+":"+f.Stream == name
	})
	if i < 0 {
		return nil
	}
	return s.flats[i]
}

func pageLetters(names map[string]*named) []*letter {
	byName := map[string]*letter{}
	var list []*letter
	for _, n := range names {
		l := letterOf(n.Name)
		if byName[l] == nil {
			byName[l] = &letter{Name: l, Page: path.Join(DirName, "packages", l) + ".html"}
			list = append(list, byName[l])
		}
		byName[l].Names = append(byName[l].Names, n)
		byName[l].Packages += len(n.Builds)
	}
	for _, l := range list {
		slices.SortFunc(l.Names, func(a, b *named) int {
			return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Name, b.Name))
		})
	}
	slices.SortFunc(list, func(a, b *letter) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// nameOf is the name of a package that is written as a NEVRA.
func nameOf(nevra string) string {
	for range 2 {
		i := strings.LastIndexByte(nevra, '-')
		if i <= 0 {
			break
		}
		nevra = nevra[:i]
	}
	return nevra
}
