package closure

import (
	"strings"

	"flatstream/repodata/rpmver"
)

// together reports whether two packages of one name can be installed side by side:
// builds of one EVR for different widths, as libsolv's IMPLICITOBSOLETEUSESCOLORS
// and the lock-step of its arch rules have it. The name counts, whether they
// provide it or not. A source package is not installed, so it is in nobody's way.
func (u *Universe) together(a, b int32) bool {
	p, q := &u.packages[a], &u.packages[b]
	return isSource(p.Arch) || isSource(q.Arch) ||
		width(p.Arch)&width(q.Arch) == 0 && rpmver.Compare(p.EVR, q.EVR) == 0
}

// width is libsolv's pool_arch2color: 64 bits, 32 bits, or both for what goes with
// either.
func width(arch string) uint8 {
	switch {
	case arch == "noarch":
		return 3
	case arch == "s390x" || strings.Contains(arch, "64"):
		return 2
	}
	return 1
}
