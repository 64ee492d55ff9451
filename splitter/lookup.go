package splitter

import (
	"bytes"
	"slices"
	"strings"

	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// lookup is a word that is looked for: a package by its name or by its NEVRA in any
// form, or what packages provide.
type lookup struct {
	word    string
	want    rpmdep.Dep
	names   []string // a package that matches has one of them, or provides or owns it
	needles [][]byte // the element of a package that matches holds one of them
}

func newLookup(word string) lookup {
	l := lookup{word: word}
	names := []string{word}
	if want, err := rpmdep.Parse(word); err == nil {
		l.want = want
		names = append(names, want.Name)
	}
	if n, err := rpmver.ParseNEVRA(word); err == nil {
		names = append(names, n.Name)
	}
	if i := strings.LastIndexByte(word, '.'); i > 0 {
		names = append(names, word[:i]) // NAME.ARCH
	}
	if name := beforeEVR(word); name != "" {
		names = append(names, name)
	}
	slices.Sort(names)
	l.names = slices.Compact(names)
	for _, name := range l.names {
		if i := strings.IndexAny(name, `&<>"'`); i >= 0 { // these are written in several ways
			name = name[:i]
		}
		l.needles = append(l.needles, []byte(name))
	}
	return l
}

// matches says whether a package is what was asked for: by name, by NEVRA in any
// form, or as a provider; then how says what it provides.
func (l *lookup) matches(p *repodata.Package) (how string, ok bool) {
	if p.Name == l.word {
		return "", true
	}
	if n, err := rpmver.ParseNEVRA(l.word); err == nil && n == p.NEVRA {
		return "", true
	}
	if l.word == p.Name+"-"+p.EVR.String() || l.word == p.Name+"."+p.Arch {
		return "", true
	}
	return provides(p, l.want, nil)
}

// mayMatch says whether a package can be what was asked for, by the bytes of its
// element: where it says no, matches would.
func (l *lookup) mayMatch(element []byte) bool {
	for _, needle := range l.needles {
		if bytes.Contains(element, needle) {
			return true
		}
	}
	return bytes.Contains(element, []byte("&#")) // any letter may be written so
}

// isStream says whether a stream is what was asked for: by its module, or as
// module:stream.
func (l *lookup) isStream(module, stream string) bool {
	return l.word == module || l.word == module+":"+stream
}
