package modulemd

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Key is what tells one build from every other, a comparable NSVCA.
type Key struct {
	Name, Stream string
	Version      uint64
	Context      string
	Arch         string
}

// String writes name:stream:version:context:arch, version 0 as nothing and without
// colons at the end, as libmodulemd's get_NSVCA.
func (k Key) String() string {
	version := ""
	if k.Version != 0 {
		version = strconv.FormatUint(k.Version, 10)
	}
	return strings.TrimRight(strings.Join([]string{k.Name, k.Stream, version, k.Context, k.Arch}, ":"), ":")
}

func (k Key) nsvc() string {
	return strings.Join([]string{k.Name, k.Stream, strconv.FormatUint(k.Version, 10), k.Context}, ":")
}

// Key returns b's identity.
func (b *Build) Key() Key { return Key{b.Name, b.Stream, b.Version, b.Context, b.Arch} }

// NSVCA writes name:stream:version:context:arch, see Key.String.
func (b *Build) NSVCA() string { return b.Key().String() }

// NSVC writes name:stream:version:context.
func (b *Build) NSVC() string { return b.Key().nsvc() }

// sameContent reports whether two documents with one NSVCA say the same in all
// that this package reads (P18): lists of names are sets, texts and the parts
// that only build systems use do not count, since the first document stays anyway.
func sameContent(a, b *Build) bool {
	return a.Static == b.Static &&
		sameSet(a.Artifacts, b.Artifacts) &&
		sameSet(a.Demodularized, b.Demodularized) &&
		sameSet(a.API, b.API) &&
		maps.EqualFunc(a.Profiles, b.Profiles, sameSet) &&
		slices.EqualFunc(a.Requires, b.Requires, sameRequires) &&
		slices.EqualFunc(a.BuildRequires, b.BuildRequires, sameRequires) &&
		a.Macros == b.Macros
}

func sameSet(a, b []string) bool {
	return slices.Equal(asSet(a), asSet(b))
}

func asSet(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

func sameRequires(a, b Requires) bool {
	byModule := func(r Requires) map[string][]string {
		m := make(map[string][]string, len(r))
		for _, one := range r {
			m[one.Module] = one.Streams
		}
		return m
	}
	return maps.EqualFunc(byModule(a), byModule(b), sameSet)
}
