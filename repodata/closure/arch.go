package closure

// Arches lists the package arches that a system of the given base arch installs:
// for x86_64 its multilib too, for every other its own; noarch always. The empty
// string means x86_64.
func Arches(basearch string) []string {
	switch basearch {
	case "", "x86_64":
		return []string{"x86_64", "i686", "i586", "i486", "i386", "noarch"}
	case "i686", "i586", "i486", "i386":
		return []string{"i686", "i586", "i486", "i386", "noarch"}
	}
	return []string{basearch, "noarch"}
}

// isSource reports whether an arch marks a source package: it provides nothing,
// not even its name, and what it requires is needed to build it.
func isSource(arch string) bool { return arch == "src" || arch == "nosrc" }
