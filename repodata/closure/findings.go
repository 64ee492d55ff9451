package closure

import (
	"cmp"
	"fmt"
	"slices"

	"flatstream/repodata/rpmver"
)

// checked puts a view's result into the report's words.
func (v *view) checked() Checked {
	c := Checked{
		Repo:      v.repo.name,
		Packages:  len(v.targets),
		Suppliers: make([]string, 0, len(v.suppliers)),
		Problems:  v.problems(),
		Warnings:  v.warnings(),
	}
	for _, s := range v.suppliers {
		c.Suppliers = append(c.Suppliers, v.repos[s].name)
	}
	return c
}

// problems lists what is broken by package and code; packages of one NEVRA share
// an entry.
func (v *view) problems() []Problem {
	slices.SortFunc(v.broken, func(a, b broken) int {
		return cmp.Or(rpmver.CompareNEVRA(v.packages[a.pkg].NEVRA, v.packages[b.pkg].NEVRA), cmp.Compare(a.pkg, b.pkg))
	})
	problems := make([]Problem, 0, len(v.broken))
	near := make(map[int32][]Near)
	for i := 0; i < len(v.broken); {
		nevra := v.packages[v.broken[i].pkg].NEVRA
		var unmet []int32
		var unreadable []string
		for ; i < len(v.broken) && v.packages[v.broken[i].pkg].NEVRA == nevra; i++ {
			b := v.broken[i]
			unmet = append(unmet, b.unmet...)
			for _, r := range b.unreadable {
				unreadable = append(unreadable, v.text(r))
			}
			unreadable = append(unreadable, v.badConflicts[b.pkg]...)
		}
		if unreadable != nil {
			problems = append(problems, problem(BadDependency, nevra, unreadable))
		}
		if unmet != nil {
			problems = append(problems, v.missing(nevra, unmet, near))
		}
	}
	return problems
}

func problem(code Code, p rpmver.NEVRA, requirements []string) Problem {
	slices.Sort(requirements)
	requirements = append([]string{}, requirements...)
	return Problem{
		Code:         code,
		Package:      p.String(),
		Requirements: slices.Compact(requirements),
		Chain:        []string{},
		Near:         []Near{},
	}
}

// missing is the problem of requirements that nothing meets, with what came near
// each; near remembers that for the other packages that require the same.
func (v *view) missing(p rpmver.NEVRA, unmet []int32, near map[int32][]Near) Problem {
	slices.SortFunc(unmet, func(a, b int32) int { return cmp.Compare(v.text(a), v.text(b)) })
	unmet = slices.Compact(unmet)
	texts := make([]string, len(unmet))
	for i, r := range unmet {
		texts[i] = v.text(r)
	}
	found := problem(MissingRequirement, p, texts)
	for _, r := range unmet {
		found.Near = append(found.Near, v.nearOnce(r, near)...)
	}
	return found
}

// nearOnce is near, remembered.
func (v *view) nearOnce(r int32, known map[int32][]Near) []Near {
	n, ok := known[r]
	if !ok {
		n = v.near(r)
		known[r] = n
	}
	return n
}

// text writes a requirement as packages do.
func (u *Universe) text(r int32) string {
	return u.dep(u.all[r].name, u.all[r].version).String()
}

// warnings are about what was not checked, and what looks odd.
func (v *view) warnings() []Warning {
	warnings := []Warning{}
	for arch, n := range v.skipped {
		if isSource(arch) {
			warnings = append(warnings, Warning{WarnSource, fmt.Sprintf("%s not checked: what they require is needed to build them", count(n, arch))})
		} else {
			warnings = append(warnings, Warning{WarnForeignArch, fmt.Sprintf("%s not checked: such a system does not install them", count(n, arch))})
		}
	}
	for r := range v.features {
		if v.build != nil && v.names.text(v.all[r].name) == dynamicBuildRequires {
			continue // see unseen
		}
		warnings = append(warnings, Warning{WarnRPMLib, fmt.Sprintf("%s is required, which rpm 4.14 (EL8) does not have", v.text(r))})
	}
	warnings = append(warnings, v.unlisted()...)
	warnings = append(warnings, v.unseen()...)
	if v.build == nil {
		warnings = append(warnings, v.undeclared(v.check.Optional)...)
	}
	if n := len(v.repo.differs); n > 0 {
		warnings = append(warnings, Warning{WarnOtherMetadata, v.differing(n, v.repo.differs[0])})
	}
	slices.SortFunc(warnings, compareWarnings)
	return warnings
}

// differing says that one pkgid stands for two descriptions: one of the two is not
// what the package says of itself.
func (v *view) differing(n int, pair [2]int32) string {
	where := ""
	if i := v.holder(pair[1]); i >= 0 {
		where = " in " + v.repos[i].name
	}
	text := fmt.Sprintf("%s has the checksum of %s%s and is described in another way", v.packages[pair[0]].NEVRA, v.packages[pair[1]].NEVRA, where)
	if n > 1 {
		text += fmt.Sprintf(" (and %d more)", n-1)
	}
	return text
}

// unlisted warns of repositories without filelists where those were asked for.
func (v *view) unlisted() []Warning {
	if len(v.paths) == 0 {
		return nil
	}
	var warnings []Warning
	warn := func(r *repository) {
		if r.unlisted {
			warnings = append(warnings, Warning{WarnNoFilelists, fmt.Sprintf(
				"%s has no file lists, so that who owns %s there is not known", r.name, v.aPath())})
		}
	}
	warn(v.repo)
	for _, s := range v.suppliers {
		warn(&v.repos[s])
	}
	return warnings
}

// aPath names the paths that filelists were asked for, or the first and how many
// more.
func (v *view) aPath() string {
	names := make([]string, 0, len(v.paths))
	for id := range v.paths {
		names = append(names, v.names.text(id))
	}
	slices.Sort(names)
	if len(names) == 1 {
		return names[0]
	}
	return fmt.Sprintf("%s (and %d more paths)", names[0], len(names)-1)
}

func count(n int, arch string) string {
	if n == 1 {
		return "1 package of arch " + arch
	}
	return fmt.Sprintf("%d packages of arch %s", n, arch)
}
