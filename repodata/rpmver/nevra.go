package rpmver

import (
	"cmp"
	"fmt"
	"strings"
)

// NEVRA names one package: name, epoch, version, release and arch. It is
// comparable and keys maps; the arch of a source package is "src".
type NEVRA struct {
	Name string
	EVR
	Arch string
}

// String writes name-epoch:version-release.arch, the epoch always there, as
// modules.yaml artifacts and our reports do.
func (n NEVRA) String() string { return n.Name + "-" + n.Full() + "." + n.Arch }

// CompareNEVRA orders by name, then EVR (rpm's order), then arch, then text, so
// that a sort is total.
func CompareNEVRA(a, b NEVRA) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), Compare(a.EVR, b.EVR), cmp.Compare(a.Arch, b.Arch),
		cmp.Compare(a.Version, b.Version), cmp.Compare(a.Release, b.Release))
}

// ParseNEVRA reads a NEVRA from the right (P16): arch, release, version, and what
// is left is the name. The epoch may be missing or "(none)", both 0; it stands
// before the version, or before the whole name as in yum's old form. A stray
// ".rpm" suffix is dropped.
func ParseNEVRA(s string) (NEVRA, error) {
	bad := func(what string) (NEVRA, error) {
		return NEVRA{}, fmt.Errorf("%q is not a NEVRA (name-epoch:version-release.arch): %s", s, what)
	}
	rest := strings.TrimSuffix(s, ".rpm")
	var n NEVRA
	dot := strings.LastIndexByte(rest, '.')
	if dot < 0 || dot == len(rest)-1 {
		return bad("no arch")
	}
	rest, n.Arch = rest[:dot], rest[dot+1:]
	if n.Arch == "rpm" || strings.ContainsAny(n.Arch, "-:") {
		return bad("no arch at the end")
	}
	dash := strings.LastIndexByte(rest, '-')
	if dash < 0 || dash == len(rest)-1 {
		return bad("no release")
	}
	rest, n.Release = rest[:dash], rest[dash+1:]
	dash = strings.LastIndexByte(rest, '-')
	if dash < 0 || dash == len(rest)-1 {
		return bad("no version")
	}
	n.Name, n.Version = rest[:dash], rest[dash+1:]
	epoch, after, ok := strings.Cut(n.Version, ":")
	if ok {
		n.Version = after
	} else if epoch, after, ok = strings.Cut(n.Name, ":"); ok {
		n.Name = after
	}
	if ok && epoch != "(none)" {
		v, err := ParseEpoch(epoch)
		if err != nil {
			return bad(err.Error())
		}
		n.Epoch = v
	}
	if n.Name == "" || n.Version == "" || strings.ContainsFunc(s, misplaced) {
		return bad("an empty part, a space or a slash")
	}
	return n, nil
}

// misplaced finds what no part of a NEVRA holds; a slash would lead out of a
// directory, white space would cut a list.
func misplaced(c rune) bool { return c <= ' ' || c == '/' || c == 0x7f }
