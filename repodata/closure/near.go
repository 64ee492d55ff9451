package closure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// maxNear bounds what a report says to have come near one requirement.
const maxNear = 5

// closeness orders what came near: what is most likely to be the remedy first.
type closeness uint8

const (
	otherStream  closeness = iota // it provides just that, in a stream that does not supply here
	otherRepo                     // the same in a repository without a stream
	hiddenHere                    // the same in a supplier, hidden
	foreignArch                   // the same for an arch that does not count
	otherVersion                  // a supplier has the capability in another version, or a part of a rich one
	twinName                      // a supplier has a name that means almost the same
	elsewhere                     // another version, in a repository that does not supply
)

// candidate is a Near with what it is ordered by.
type candidate struct {
	rank  closeness
	nevra rpmver.NEVRA
	Near
}

// near finds what came close to a requirement that nothing available meets. Of a
// rich one its parts are looked at, see leaves.
func (v *view) near(r int32) []Near {
	text := v.text(r)
	var found []candidate
	for _, leaf := range v.leaves(r) {
		q := v.all[leaf]
		found = v.exactOrOther(found, v.dep(q.name, q.version))
		found = v.twins(found, v.names.text(q.name))
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.nevra.Name, b.nevra.Name),
			rpmver.CompareNEVRA(b.nevra, a.nevra), cmp.Compare(a.Repo, b.Repo), cmp.Compare(a.Reason, b.Reason))
	})
	near := make([]Near, 0, min(len(found), maxNear))
	seen := make(map[rpmver.NEVRA]bool)
	for _, c := range found {
		if len(near) == maxNear {
			break
		}
		if !seen[c.nevra] {
			seen[c.nevra] = true
			c.Requirement = text
			near = append(near, c.Near)
		}
	}
	return near
}

// leaves lists the plain requirements within r that nothing available meets, or
// all that r wants where each is met by itself and only not as r wants it: of a
// plain one itself.
func (v *view) leaves(r int32) []int32 {
	q := v.all[r]
	var parts []int32
	switch {
	case q.rich != nil:
		parts = q.rich.formula.wanted(nil)
	case q.set != nil:
		parts = q.set.args
	default:
		return []int32{r}
	}
	var all, missing []int32
	for _, p := range parts {
		all = append(all, v.leaves(p)...)
		if !v.has(p) {
			missing = append(missing, v.leaves(p)...)
		}
	}
	if missing != nil {
		return missing
	}
	return all
}

// wanted appends the leaves that f wants to have.
func (f *formula) wanted(leaves []int32) []int32 {
	if f.kind == have {
		return append(leaves, f.leaf)
	}
	for _, a := range f.args {
		leaves = a.wanted(leaves)
	}
	return leaves
}

// exactOrOther adds the packages that have the capability itself.
func (v *view) exactOrOther(found []candidate, want rpmdep.Dep) []candidate {
	name, _ := v.names.lookup(want.Name)
	for _, p := range v.index.of(name) {
		has := v.dep(p.name, p.version)
		if c, ok := v.candidate(p.pkg, has, rpmdep.Overlap(has, want)); ok {
			found = append(found, c)
		}
	}
	return found
}

// candidate says how near a package is that provides has, which is what is
// required (exact) or has its name only.
func (v *view) candidate(id int32, has rpmdep.Dep, exact bool) (candidate, bool) {
	holder, ok := v.source(id)
	if !ok {
		return candidate{}, false
	}
	p := v.packages[id].NEVRA
	c := candidate{nevra: p, Near: Near{NEVRA: p.String(), Repo: holder.name, Stream: holder.stream}}
	by, hidden := v.hidden[id]
	switch {
	case !v.allowed.has(id):
		c.rank, c.Reason = foreignArch, fmt.Sprintf("provides %s, for %s", has, p.Arch)
		return c, exact
	case hidden && by == "":
		c.rank, c.Reason = hiddenHere, fmt.Sprintf("provides %s, and is hidden", has)
	case hidden:
		c.rank, c.Reason = hiddenHere, fmt.Sprintf("provides %s, and is hidden by %s", has, by)
	case v.available.has(id):
		c.rank, c.Reason = otherVersion, fmt.Sprintf("provides %s", has)
	case exact && holder.stream != "":
		c.rank, c.Reason = otherStream, fmt.Sprintf("provides %s", has)
	case exact:
		c.rank, c.Reason = otherRepo, fmt.Sprintf("provides %s", has)
	default:
		c.rank, c.Reason = elsewhere, fmt.Sprintf("provides %s", has)
	}
	if !exact && c.rank == hiddenHere {
		c.rank = elsewhere
	}
	if c.rank == otherStream || c.rank == otherRepo || c.rank == elsewhere && !hidden {
		c.Reason += v.whyNot(holder)
	}
	return c, true
}

// whyNot says why a repository that does not supply does not, as far as that is known.
func (v *view) whyNot(r *repository) string {
	module, _, isStream := strings.Cut(r.stream, ":")
	switch {
	case r.remark != "":
		return "; " + r.remark
	case !isStream || v.repo.stream == "":
		return ""
	case r.stream == v.repo.stream:
		return "; that is another group of the same stream"
	}
	var asked []string
	for _, s := range v.check.Asks {
		if m, _, _ := strings.Cut(s, ":"); m == module {
			asked = append(asked, s)
		}
	}
	no, yes, list := "does not require "+module, "requires it", "requires"
	if v.build != nil {
		no, yes, list = "is not built with "+module, "is built with it", "buildrequires"
	}
	switch {
	case asked == nil:
		return "; the module " + no
	case slices.Contains(asked, r.stream):
		return "; the module " + yes
	}
	return fmt.Sprintf("; the module's %s name %s", list, strings.Join(asked, " or "))
}

// source is the repository to name for a package: the checked one or a supplier
// where that has it, else one that holds a stream, else the first that was added.
func (v *view) source(id int32) (*repository, bool) {
	if v.repo.packages.has(id) {
		return v.repo, true
	}
	for _, s := range v.suppliers {
		if v.repos[s].packages.has(id) {
			return &v.repos[s], true
		}
	}
	var first *repository
	for i := range v.repos {
		switch r := &v.repos[i]; {
		case !r.packages.has(id):
		case r.stream != "":
			return r, true
		case first == nil:
			first = r
		}
	}
	return first, first != nil
}

// twins adds available packages that provide what means almost the same.
func (v *view) twins(found []candidate, name string) []candidate {
	for _, twin := range twinNames(name) {
		id, ok := v.names.lookup(twin)
		if !ok {
			continue
		}
		for _, p := range v.index.of(id) {
			if !v.available.has(p.pkg) {
				continue
			}
			if c, ok := v.candidate(p.pkg, v.dep(p.name, p.version), false); ok {
				c.rank = twinName
				found = append(found, c)
			}
		}
	}
	return found
}

// twinNames lists other spellings that a reader may have meant: the path on the
// other side of the UsrMerge, the library without its symbol version or of the
// other width, the package for the other width.
func twinNames(name string) []string {
	if strings.HasPrefix(name, "/") {
		if rest, ok := strings.CutPrefix(name, "/usr"); ok {
			name = rest
		} else {
			name = "/usr" + name
		}
		return []string{name}
	}
	if rest, ok := strings.CutSuffix(name, "(x86-64)"); ok {
		return []string{rest + "(x86-32)"}
	}
	if rest, ok := strings.CutSuffix(name, "(x86-32)"); ok {
		return []string{rest + "(x86-64)"}
	}
	at := strings.Index(name, ".so")
	open := strings.IndexByte(name, '(')
	if at < 0 || open < at {
		return nil
	}
	library := name[:open]
	if strings.HasSuffix(name, "(64bit)") {
		return []string{library + "()(64bit)", library}
	}
	return []string{library, library + "()(64bit)"}
}
