package buildreq

import (
	"maps"
	"strings"
)

// System has the macros of an Enterprise Linux or Fedora build for a machine: those
// that spec files ask about or put into build requirements. platform is "el8", "f40"
// and the like, arch the machine's.
func System(platform, arch string) map[string]string {
	lib := "lib"
	if strings.HasSuffix(arch, "64") || strings.HasSuffix(arch, "64le") || arch == "s390x" {
		lib = "lib64"
	}
	d := maps.Clone(paths)
	maps.Copy(d, map[string]string{
		"_lib": lib, "_libdir": "/usr/" + lib, "_arch": arch, "_target_cpu": arch, "_host_cpu": arch, "_build_cpu": arch, "_build_arch": arch,
		"_os": "linux", "_target_os": "linux", "_host_os": "linux", "_isa": isa(arch), "dist": "." + platform,
	})
	for prefix, name := range map[string]string{"el": "rhel", "f": "fedora"} {
		if n, ok := strings.CutPrefix(platform, prefix); ok && n != "" && strings.Trim(n, "0123456789") == "" {
			d[name], d[platform] = n, "1"
		}
	}
	maps.Copy(d, machineLists)
	return d
}

// machineLists are redhat-rpm-config's, cut down to what EL and Fedora build for.
var machineLists = map[string]string{
	"ix86": "i386 i486 i586 i686 pentium3 pentium4 athlon geode", "arm": "armv7hl armv7hnl", "arm64": "aarch64", "power64": "ppc64 ppc64p7 ppc64le",
	"mips": "mips mipsel mips64 mips64el", "sparc": "sparc sparcv9 sparc64", "alpha": "alpha",
	"golang_arches": "x86_64 aarch64 ppc64le s390x i386 i486 i586 i686", "nodejs_arches": "x86_64 aarch64 ppc64le s390x i386 i486 i586 i686",
	"java_arches": "x86_64 aarch64 ppc64le s390x", "rust_arches": "x86_64 i686 aarch64 ppc64le s390x", "kernel_arches": "x86_64 s390x ppc64le aarch64",
	"ocaml_native_compiler": "aarch64 ppc64le s390x x86_64 i386 i486 i586 i686", "valgrind_arches": "x86_64 i386 i486 i586 i686 ppc64le s390x aarch64",
}

// isa is the suffix that rpm adds to names of one width.
func isa(arch string) string {
	names := map[string]string{
		"x86_64": "x86-64", "i386": "x86-32", "i686": "x86-32", "aarch64": "aarch-64", "ppc64le": "ppc-64", "s390x": "s390-64", "riscv64": "riscv-64",
	}
	if name, ok := names[arch]; ok {
		return "(" + name + ")"
	}
	return ""
}

// paths are rpm's, as Red Hat sets them, and what language packages define.
var paths = map[string]string{
	"nil": "", "_prefix": "/usr", "_exec_prefix": "/usr", "_bindir": "/usr/bin", "_sbindir": "/usr/sbin", "_libexecdir": "/usr/libexec",
	"_datadir": "/usr/share", "_datarootdir": "/usr/share", "_sysconfdir": "/etc", "_sharedstatedir": "/var/lib", "_localstatedir": "/var",
	"_includedir": "/usr/include", "_mandir": "/usr/share/man", "_infodir": "/usr/share/info", "_rundir": "/run", "_var": "/var", "_usr": "/usr",
	"_docdir": "/usr/share/doc", "_unitdir": "/usr/lib/systemd/system", "_udevrulesdir": "/usr/lib/udev/rules.d", "_rpmconfigdir": "/usr/lib/rpm",
	"__python3": "/usr/bin/python3", "__python2": "/usr/bin/python2", "__perl": "/usr/bin/perl", "python3_pkgversion": "3", "_vendor": "redhat",
	"__make": "/usr/bin/make", "__sed": "/usr/bin/sed", "__gcc": "/usr/bin/gcc", "__cc": "gcc",
}
