package closure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"flatstream/repodata/rpmver"
)

// Schema is the version of the JSON form. Fields are only ever added to one.
const Schema = 1

// Code says what kind of finding a [Problem] is. Codes are stable.
type Code string

// The codes of the verify report. Closure finds the first two, Install the next two
// as well; the others are of the comparison with the disk.
const (
	MissingRequirement Code = "missing-requirement" // nothing available provides it
	BadDependency      Code = "bad-dependency"      // a rich dependency that rpm could not read
	Uninstallable      Code = "uninstallable"       // every requirement has a provider, of one none can be installed
	Conflict           Code = "conflict"            // what it requires can be had, and excludes each other
	Undecided          Code = "undecided"           // the search for a way to install it was given up
	MissingFile        Code = "missing-file"        // listed, not on disk
	BadChecksum        Code = "bad-checksum"        // on disk with other bytes
	LabelMismatch      Code = "label-mismatch"      // the package's own module label says otherwise
)

// The codes of the warnings that this package gives.
const (
	WarnForeignArch   = "foreign-arch"          // packages of an arch that such a system does not install
	WarnSource        = "source-packages"       // source packages, not checked here
	WarnRPMLib        = "unknown-rpmlib"        // a feature that rpm 4.14 does not have
	WarnNoFilelists   = "no-filelists"          // a supplier cannot be asked who owns a required path
	WarnOtherMetadata = "differing-package"     // one pkgid described in two ways
	WarnPlainNewer    = "plain-newer"           // a package outside the stream would win, were it not hidden
	WarnPlainBroken   = "plain-broken"          // and then others could not be installed
	WarnUndeclared    = "undeclared-default"    // a requirement met only by a default stream that the module does not require
	WarnDynamicBuild  = "dynamic-buildrequires" // source packages some of whose requirements no metadata has
)

// Report is what verify prints; its JSON form is part of the interface. A slice
// is empty rather than null there.
type Report struct {
	Schema  int       `json:"schema"`
	Checked []Checked `json:"checked"`
	Summary Summary   `json:"summary"`
	Fixed   []Entry   `json:"fixed,omitempty"` // of the baseline, what does not occur any more: see [Report.Apply]

	streams map[string]string // by repository name, for prose; not part of the JSON form
}

// Checked is the result for one repository.
type Checked struct {
	Repo      string    `json:"repo"`
	Packages  int       `json:"packages"`  // that were checked: without foreign arches and source packages
	Suppliers []string  `json:"suppliers"` // without the repository itself
	Problems  []Problem `json:"problems"`  // by package, then code
	Warnings  []Warning `json:"warnings"`  // by code, then text

	// Of a check with [Build]: source packages that were checked, and who supplies
	// the systems that they are built in, without the repository itself.
	Sources        int      `json:"sources,omitempty"`
	BuildSuppliers []string `json:"build_suppliers,omitempty"`
}

// Problem is one finding about one package; there is at most one per repository,
// package and code.
type Problem struct {
	Code         Code     `json:"code"`
	Package      string   `json:"package"`         // name-epoch:version-release.arch
	Requirements []string `json:"requirements"`    // as the package writes them, sorted
	Chain        []string `json:"chain"`           // from the package to the cause; see Install
	Near         []Near   `json:"near"`            // what came close, at most 5 for each requirement
	Known        bool     `json:"known,omitempty"` // a baseline has it: see [Report.Apply]
}

// Near is a package that almost meets a requirement.
type Near struct {
	Requirement string `json:"requirement"` // which of the problem's
	NEVRA       string `json:"nevra"`
	Repo        string `json:"repo"`
	Stream      string `json:"stream"` // module:stream of that repository, mostly empty
	Reason      string `json:"reason"` // why it does not count, as the rest of a sentence
}

// Warning is something to know that breaks nothing.
type Warning struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Summary counts over all repositories. A problem is new unless a baseline knows
// it; fixed are those that only the baseline has.
type Summary struct {
	Repos    int `json:"repos"`
	Packages int `json:"packages"`
	Sources  int `json:"sources,omitempty"`
	Problems int `json:"problems"`
	New      int `json:"new"`
	Known    int `json:"known"`
	Fixed    int `json:"fixed"`
}

// Tally counts the summary anew, after problems were added or taken away. Fixed
// stays as a baseline said.
func (r *Report) Tally() {
	s := Summary{Repos: len(r.Checked), Fixed: r.Summary.Fixed}
	for _, c := range r.Checked {
		s.Packages += c.Packages
		s.Sources += c.Sources
		s.Problems += len(c.Problems)
		for _, p := range c.Problems {
			if p.Known {
				s.Known++
			}
		}
	}
	s.New = s.Problems - s.Known
	r.Summary = s
}

// Warn adds a warning where it belongs.
func (c *Checked) Warn(code, text string) {
	c.Warnings = append(c.Warnings, Warning{code, text})
	slices.SortFunc(c.Warnings, compareWarnings)
}

// compareWarnings orders by code, then text.
func compareWarnings(a, b Warning) int {
	return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Text, b.Text))
}

// Key names a problem without the versions of its package, so that the next release
// with the same fault has the same key: code, name.arch and requirements.
func (p Problem) Key() string { return problemKey(p.Code, p.nameArch(), p.Requirements) }

func problemKey(code Code, nameArch string, requirements []string) string {
	return fmt.Sprintf("%s %s %s", code, nameArch, strings.Join(requirements, ", "))
}

// ParseKey reads what [Problem.Key] wrote; ok is false for another text.
func ParseKey(key string) (code Code, nameArch string, requirements []string, ok bool) {
	parts := strings.SplitN(key, " ", 3)
	if len(parts) < 3 {
		return "", "", nil, false
	}
	return Code(parts[0]), parts[1], strings.Split(parts[2], ", "), true
}

// nameArch is the package without its version.
func (p Problem) nameArch() string {
	if n, err := rpmver.ParseNEVRA(p.Package); err == nil {
		return n.Name + "." + n.Arch
	}
	return p.Package
}
