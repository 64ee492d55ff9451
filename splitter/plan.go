// Package splitter decides which packages belong into which flat repository, by
// DNF's rules for modules, writes those repositories, and checks and explains what
// it wrote.
//
// A plan is a pure value: sources in, placements with their reasons out, nothing
// touched. [Split] carries a plan out into an empty directory. What DNF would make
// available with a set of streams enabled is the definition of right; the rules
// are in resolve.go and view.go.
package splitter

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"

	"flatstream/repodata/rpmver"
	"flatstream/splitter/modulemd"
)

// Plan says which package goes into which flat repository.
type Plan struct {
	Options  Options
	Sources  []Source
	Index    *Index
	Repos    []*Flat
	Warnings []Warning

	pkgs       []pkg             // of all merged sources, in their order; then those of overlay sources
	merged     int               // how many of pkgs are of merged sources
	overlays   *overlays         // nil without --overlay
	counts     []int             // packages of each source, as its primary lists them
	shadowable map[int32][]int32 // by artifact name: packages in no module of that name, or that provide it
	hides      []groupArtifacts  // by group: the names of shadowable packages that it hides
	groupRepos groupRepos
	builtWith  map[string]*BuildNeeds // by the streams that buildrequires name
	plainBuild *BuildNeeds            // in a layout without default view: what is built with no stream
	exempt     map[rpmver.NEVRA]bool
	damage     []Damaged // in what the documents require
	carried    carried
	spools     *spools // nil without Options.Scratch, and after Split
}

// exemptions are the packages that documents list which were left out.
func exemptions(files []SourceModules) map[rpmver.NEVRA]bool {
	set := map[rpmver.NEVRA]bool{}
	for _, f := range files {
		for _, b := range f.File.Rejected {
			for _, text := range b.Artifacts {
				if n, err := rpmver.ParseNEVRA(text); err == nil {
					set[n] = true
				}
			}
		}
	}
	return set
}

// Flat is one flat repository to be written.
type Flat struct {
	ID, Kind, Path string // Path is relative to the target, with slashes
	Module, Stream string // of a stream repository
	Name           string // of a view
	Group          *Group // of a stream repository; nil where it mixes groups
	Choice         Choice // of a stream repository
	Builds         []*modulemd.Build
	LeftOut        []*modulemd.Build // of the group, by --versions latest
	Requires       []string          // ids of the repositories that it needs
	Declared       []string          // of Requires, those that the module itself asks for, directly or not
	Build          *BuildNeeds       // of a stream repository; nil: what every stream has
	Hidden         []Hidden
	Missing        []Missing
	Clashes        []Clash // of a view

	members []int32 // into Plan.pkgs, ascending
}

// Choice says why the builds of a stream repository stand together.
type Choice string

// The choices. There is always one repository that is picked, mixed or refused.
const (
	ChoicePicked  Choice = "picked"  // the group that DNF takes when the stream alone is enabled
	ChoiceFurther Choice = "further" // another group, for where other streams are enabled
	ChoiceRefused Choice = "refused" // DNF cannot enable it: what it requires is not there
	ChoiceMixed   Choice = "mixed"   // every build, by --versions all
)

// Len is how many packages the repository holds.
func (f *Flat) Len() int { return len(f.members) }

// Packages lists what the repository holds, in the order of the sources.
func (p *Plan) Packages(f *Flat) []rpmver.NEVRA {
	all := make([]rpmver.NEVRA, len(f.members))
	for i, m := range f.members {
		all[i] = p.pkgs[m].NEVRA
	}
	return all
}

// NewPlan reads the modules and packages of the sources and decides. It fails on
// metadata that cannot be trusted, on a name that does not exist ([UsageError])
// and on a view that DNF would refuse ([Conflict]).
func NewPlan(ctx context.Context, sources []Source, opt Options) (_ *Plan, err error) {
	opt, err = opt.normalise()
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(sources, func(s Source) bool { return s.Role == RoleMerge }) {
		return nil, &UsageError{"no source is left to split: each one only supplies or overlays", "give one the role merge"}
	}
	p := &Plan{Options: opt, Sources: sources}
	if opt.Scratch != "" {
		p.spools = startSpools(ctx, sources, opt, opt.Scratch, heldSpools)
		defer func() {
			if err != nil {
				p.Close()
			}
		}()
	}
	files, warnings, err := LoadModules(sources, opt.StrictDNF)
	if err != nil {
		return nil, err
	}
	p.Warnings = warnings
	p.Index, warnings = NewIndex(files, IndexOptions{Platform: opt.Platform, Arch: opt.Arch})
	p.Warnings = append(p.Warnings, warnings...)
	p.exempt = exemptions(files)
	p.carried = newCarried(files, p.Index)
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	p.warnDuplicates()
	p.warnFacts()
	if opt.Layout == LayoutGrobiSplitter {
		return p, p.planGrobi()
	}
	return p, p.planFlat()
}

func (p *Plan) load(ctx context.Context) error {
	names := p.Index.ArtifactNames()
	seen := newFirsts(0)
	var ids []string // pkgids: the same file in two places is one package
	arches := map[string]bool{}
	for i, s := range p.Sources {
		if s.Role != RoleMerge {
			n, err := countPackages(ctx, s)
			if err != nil {
				return err
			}
			p.counts = append(p.counts, n)
			continue
		}
		list, err := p.loadPackages(ctx, s, i, names)
		if err != nil {
			return err
		}
		p.counts = append(p.counts, len(list))
		list = slices.DeleteFunc(list, func(k pkg) bool {
			again := seen.first(len(ids), seen.string(k.pkgid), func(j int) bool { return ids[j] == k.pkgid }) < len(ids)
			if !again {
				ids = append(ids, k.pkgid)
			}
			return again
		})
		if p.Options.Arch != "" {
			all := len(list)
			list = slices.DeleteFunc(list, func(k pkg) bool {
				arches[k.Arch] = true
				return !runsOn(k.Arch, p.Options.Arch)
			})
			if left := all - len(list); left > 0 {
				p.warn("other-arch", "%s: left out %d packages that are not for %s", s.Name, left, p.Options.Arch)
			}
		}
		if p.pkgs == nil { // most often there is one source, and no second copy
			p.pkgs = list
		} else {
			p.pkgs = append(p.pkgs, list...)
		}
	}
	if err := checkArch(p.Options.Arch, arches); err != nil {
		return err
	}
	p.merged = len(p.pkgs)
	p.shadowable = map[int32][]int32{}
	for i := range p.pkgs {
		k := &p.pkgs[i]
		k.exempt = p.exempt[k.NEVRA]
		for _, name := range k.subject.shadowNames() {
			p.shadowable[name] = append(p.shadowable[name], int32(i))
		}
	}
	p.hides = p.Index.hides(p.shadowable)
	if err := p.readLabels(ctx); err != nil {
		return err
	}
	return p.loadOverlays(ctx)
}

func (p *Plan) warn(code, format string, args ...any) {
	p.Warnings = append(p.Warnings, Warning{code, fmt.Sprintf(format, args...)})
}

// planFlat places packages in our own layout.
func (p *Plan) planFlat() error {
	if err := p.planStreams(); err != nil {
		return err
	}
	if err := p.planBase(); err != nil {
		return err
	}
	return p.planViews()
}

// planBase places what is in no stream: non-modular/ and unlisted/.
func (p *Plan) planBase() error {
	plain := &Flat{ID: repoID(KindNonModular), Kind: KindNonModular, Path: "non-modular"}
	odd := &Flat{ID: repoID(KindUnlisted), Kind: KindUnlisted, Path: "unlisted"}
	for i := range p.pkgs[:p.merged] {
		k := &p.pkgs[i]
		switch {
		case k.subject.Modular():
		case k.unlisted() && p.Options.Unlisted != UnlistedKeep:
			odd.members = append(odd.members, int32(i))
		default:
			plain.members = append(plain.members, int32(i))
		}
	}
	defaults, err := p.Index.Resolve(nil)
	if err != nil {
		return err
	}
	needs := p.needs(defaults, nil)
	plain.Requires = slices.DeleteFunc(slices.Clone(needs.ids), isID(plain.ID))
	plain.Hidden = p.hidden(p.hiding(defaults))
	p.Repos = append(p.Repos, plain)
	if n := len(odd.members); n > 0 {
		p.warnUnlisted(odd.members, unlistedFate[p.Options.Unlisted])
		if p.Options.Unlisted == UnlistedQuarantine {
			odd.Requires, odd.Hidden = needs.ids, plain.Hidden
			p.Repos = append(p.Repos, odd)
		}
	}
	return nil
}

// unlistedFate says what becomes of unlisted packages, and the option that decides.
var unlistedFate = map[Unlisted]string{
	UnlistedQuarantine: "they stand in unlisted/ and in no view (unlisted: quarantine)",
	UnlistedKeep:       "they count as non-modular (unlisted: keep)",
	UnlistedDrop:       "they stand in no flat repository (unlisted: drop)",
}

// warnUnlisted counts modular packages that no document lists, and what says so.
func (p *Plan) warnUnlisted(members []int32, then string) {
	labelled := 0
	var names []string
	for _, m := range members {
		k := &p.pkgs[m]
		names = append(names, k.NEVRA.String())
		if k.label != "" {
			labelled++
		}
	}
	p.warn("unlisted", "no modules.yaml document lists %s (%s): %d by label, %d by release alone; %s",
		counted(len(members), "modular package"), someOf(names), labelled, len(members)-labelled, then)
}

// warnDuplicates reports one NEVRA with several checksums (P11). Both stay: they
// are told apart by checksum.
func (p *Plan) warnDuplicates() {
	seen := newFirsts(len(p.pkgs))
	var twice []string
	for i := range p.pkgs {
		k := &p.pkgs[i]
		first := seen.first(i, maphash.Comparable(seen.seed, k.NEVRA), func(j int) bool { return p.pkgs[j].NEVRA == k.NEVRA })
		if other := &p.pkgs[first]; other.pkgid != k.pkgid {
			twice = append(twice, fmt.Sprintf("%s (%s in %s and %s in %s)", k.NEVRA, other.href, p.Sources[other.source].Name, k.href, p.Sources[k.source].Name))
		}
	}
	if n := len(twice); n > 0 {
		p.warn("same-nevra", "%s twice with different checksums; both are kept: %s", counted(n, "package"), someOf(twice))
	}
}
