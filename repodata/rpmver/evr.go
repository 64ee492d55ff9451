// Package rpmver holds the names of RPM packages: EVR (epoch, version, release)
// and NEVRA (name, EVR, arch), their text forms and their order.
//
// The order is rpm's own: rpmvercmp in rpm's rpmio/rpmvercmp.cc, with `~` (sorts
// before everything) and `^` (sorts after the end, before anything else).
package rpmver

import (
	"cmp"
	"strconv"
	"strings"
)

// EVR is the epoch, version and release of a package or of a dependency. In a
// dependency the release may be empty; a missing epoch is 0 (rpm's
// rpmdsCompareEVR). It is comparable; equal text is equal EVR, but two EVRs that
// differ can still compare as 0 (1.0 and 1.00).
type EVR struct {
	Epoch            uint32
	Version, Release string
}

// ParseEVR reads [epoch:]version[-release]. It accepts anything: what stands
// before the first colon counts as an epoch only when it is a number, and an
// empty release ("4-") is a missing one.
func ParseEVR(s string) EVR {
	var e EVR
	if before, after, ok := strings.Cut(s, ":"); ok {
		if n, err := strconv.ParseUint(before, 10, 32); err == nil || before == "" {
			e.Epoch, s = uint32(n), after
		}
	}
	e.Version = s
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		e.Version, e.Release = s[:i], s[i+1:]
	}
	return e
}

// String writes epoch:version-release, the epoch only when it is not 0 (or when
// a colon in the version would be taken for its end), the release only when
// there is one.
func (e EVR) String() string {
	s := e.Version
	if e.Release != "" {
		s += "-" + e.Release
	}
	if e.Epoch != 0 || strings.IndexByte(e.Version, ':') >= 0 {
		s = strconv.FormatUint(uint64(e.Epoch), 10) + ":" + s
	}
	return s
}

// Full writes epoch:version-release with the epoch always there, as modules.yaml
// artifacts do.
func (e EVR) Full() string {
	return strconv.FormatUint(uint64(e.Epoch), 10) + ":" + e.Version + "-" + e.Release
}

// Compare orders a and b: negative when a is older, 0 when neither is newer.
func Compare(a, b EVR) int {
	if c := cmp.Compare(a.Epoch, b.Epoch); c != 0 {
		return c
	}
	if c := CompareVersion(a.Version, b.Version); c != 0 {
		return c
	}
	return CompareVersion(a.Release, b.Release)
}
