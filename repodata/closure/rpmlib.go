package closure

import (
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// rpmlibVersion is the version in which rpm 4.14, the rpm of EL8, has a feature:
// the table in its lib/rpmds.c. It is empty for a feature that came later, such as
// CaretInVersions and DynamicBuildRequires (4.15).
func rpmlibVersion(feature string) string {
	switch feature {
	case "rpmlib(VersionedDependencies)":
		return "3.0.3-1"
	case "rpmlib(CompressedFileNames)":
		return "3.0.4-1"
	case "rpmlib(PayloadIsBzip2)":
		return "3.0.5-1"
	case "rpmlib(PayloadFilesHavePrefix)", "rpmlib(ExplicitPackageProvide)":
		return "4.0-1"
	case "rpmlib(HeaderLoadSortsTags)":
		return "4.0.1-1"
	case "rpmlib(ScriptletInterpreterArgs)":
		return "4.0.3-1"
	case "rpmlib(PartialHardlinkSets)":
		return "4.0.4-1"
	case "rpmlib(ConcurrentAccess)":
		return "4.1-1"
	case "rpmlib(BuiltinLuaScripts)":
		return "4.2.2-1"
	case "rpmlib(PayloadIsLzma)":
		return "4.4.2-1"
	case "rpmlib(FileDigests)":
		return "4.6.0-1"
	case "rpmlib(FileCaps)":
		return "4.6.1-1"
	case "rpmlib(ScriptletExpansion)":
		return "4.9.0-1"
	case "rpmlib(TildeInVersions)":
		return "4.10.0-1"
	case "rpmlib(LargeFiles)", "rpmlib(RichDependencies)":
		return "4.12.0-1"
	case "rpmlib(PayloadIsXz)":
		return "5.2-1"
	case "rpmlib(PayloadIsZstd)":
		return "5.4.18-1"
	}
	return ""
}

// rpmKnows reports whether rpm 4.14 meets an rpmlib() requirement.
func rpmKnows(d rpmdep.Dep) bool {
	v := rpmlibVersion(d.Name)
	return v != "" && rpmdep.Overlap(rpmdep.Dep{Op: rpmdep.Equal, EVR: rpmver.ParseEVR(v)}, d)
}
