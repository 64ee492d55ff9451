package splitter

import "slices"

// multilib lists the arches whose packages run beside a machine's own, as the
// distribution ships them (P15).
var multilib = map[string][]string{
	"x86_64":  {"i686", "i586", "i486", "i386"},
	"aarch64": {},
	"ppc64le": {},
	"s390x":   {},
}

// runsOn says whether a package of one arch belongs to a distribution for another:
// the same arch, noarch, sources, and its multilib.
func runsOn(arch, machine string) bool {
	return arch == machine || arch == "noarch" || isSourceArch(arch) || slices.Contains(multilib[machine], arch)
}
