package splitter

import (
	"fmt"
	"slices"
	"strings"
)

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

// checkArch refuses a machine that no package is for, though some are for others: it is
// most likely a slip, and its repositories would be all but empty.
func checkArch(machine string, arches map[string]bool) error {
	var others []string
	for arch := range arches {
		switch {
		case arch == "noarch" || isSourceArch(arch):
		case runsOn(arch, machine):
			return nil
		default:
			others = append(others, arch)
		}
	}
	if len(others) == 0 {
		return nil
	}
	slices.Sort(others)
	return &UsageError{fmt.Sprintf("no package of the sources is for the arch %s", machine), "they are for " + strings.Join(others, ", ")}
}

// archScore says how well a machine likes an arch: the lower the better.
type archScore uint8

const (
	archForeign archScore = iota // it cannot run here
	archNone                     // noarch: as good as any
	archBest                     // the machine's own; what follows is worse
)

// scoreArch follows libsolv's pool_setarch. Without a machine everything runs.
func scoreArch(arch, machine string) archScore {
	if arch == "noarch" || arch == "" {
		return archNone
	}
	if machine == "" {
		return archBest
	}
	if i := slices.Index(archPolicy(machine), arch); i >= 0 {
		return archBest + archScore(i)
	}
	return archForeign
}

// archPolicy lists what a machine runs, the best first.
func archPolicy(machine string) []string {
	switch machine {
	case "x86_64", "amd64", "ia32e":
		return []string{machine, "x86_64", "athlon", "i686", "i586", "i486", "i386"}
	case "i686":
		return []string{"i686", "i586", "i486", "i386"}
	case "i586":
		return []string{"i586", "i486", "i386"}
	case "s390x":
		return []string{"s390x", "s390"}
	case "ppc64":
		return []string{"ppc64", "ppc"}
	case "armv7hl":
		return []string{"armv7hl", "armv6hl"}
	}
	return []string{machine}
}
