package splitter

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"flatstream/repodata"
	"flatstream/repodata/closure"
	"flatstream/repodata/rpmver"
)

// Shelf is the merged sources of a target, read once and kept at hand, so that the
// view of any set of streams is made in a moment. It may be used by several
// goroutines at once; Close it when none does.
type Shelf struct {
	plan   *Plan // never changed after OpenShelf
	spools *spools
	comps  *repodata.Comps

	judging sync.Mutex // of universe, which grows as it is asked
	verse   *closure.Universe
	ids     []closure.RepoID // by source
	with    []closure.RepoID
	arch    string
}

// ShelfOptions say how a shelf's sources become views: as those of the target that
// was split from them.
type ShelfOptions struct {
	Options
	Unlisted []UnlistedPackage // of the target's report, whose labels count; nil: labels are read
	With     []Source          // supply when a set is verified
}

// OpenShelf reads the sources. dir takes their decompressed metadata, in files that
// have no name any more when it returns.
func OpenShelf(ctx context.Context, sources []Source, opt ShelfOptions, dir string) (*Shelf, error) {
	options, err := opt.normalise()
	if err != nil {
		return nil, err
	}
	if opt.Unlisted != nil {
		options.Labels = LabelsNone
	}
	s := &Shelf{plan: &Plan{Options: options, Sources: sources}, arch: options.Arch}
	s.plan.spools = startSpools(ctx, sources, options, dir, 0)
	group, within := errgroup.WithContext(ctx)
	group.Go(func() error { return s.load(within) })
	group.Go(func() error { return s.index(within, opt.With) })
	group.Go(func() error { return s.readComps() })
	if err = group.Wait(); err == nil {
		s.spools, err = s.plan.takeSpools(ctx, dir)
	}
	if err != nil {
		s.plan.Close()
		return nil, err
	}
	s.plan.label(opt.Unlisted)
	return s, nil
}

// load reads modules and packages, as NewPlan does.
func (s *Shelf) load(ctx context.Context) error {
	p := s.plan
	files, _, err := LoadModules(p.Sources, p.Options.StrictDNF)
	if err != nil {
		return err
	}
	p.Index, _ = NewIndex(files, IndexOptions{Platform: p.Options.Platform, Arch: p.Options.Arch})
	p.exempt = exemptions(files)
	return p.load(ctx)
}

// Close gives the disk space back.
func (s *Shelf) Close() { s.spools.close() }

// index reads what verifying needs.
func (s *Shelf) index(ctx context.Context, with []Source) (err error) {
	s.verse = closure.NewUniverse()
	if s.ids, err = addSources(ctx, s.verse, s.plan.Sources); err != nil {
		return err
	}
	s.with, err = addSources(ctx, s.verse, with)
	return err
}

func (s *Shelf) readComps() error {
	var groups []*repodata.Comps
	for _, src := range s.plan.Sources {
		c, err := readComps(src)
		if err != nil {
			return fmt.Errorf("reading groups of %s: %w", src.Name, err)
		}
		if c != nil {
			groups = append(groups, c)
		}
	}
	var err error
	s.comps, err = repodata.MergeComps(groups...)
	return err
}

// label takes the labels that a report knows.
func (p *Plan) label(unlisted []UnlistedPackage) {
	known := make(map[rpmver.NEVRA]string, len(unlisted))
	for _, u := range unlisted {
		if n, err := rpmver.ParseNEVRA(u.NEVRA); err == nil {
			known[n] = u.Label
		}
	}
	for i := range p.pkgs {
		if k := &p.pkgs[i]; k.unlistable() && known[k.NEVRA] != "" {
			k.label = known[k.NEVRA]
		}
	}
}

// UnknownError says that a set names a module or stream that is not there; the text
// ends in the names that come near.
type UnknownError struct{ Text string }

func (e *UnknownError) Error() string { return e.Text }

// Set is what DNF would make available with some streams enabled.
type Set struct {
	Streams  []string // module:stream that are active, those by default among them
	Packages int
	Warnings []Warning

	plan   *Plan
	flat   *Flat
	places map[string]Place
}

// Place is where a package of a set stands.
type Place struct {
	Source int    // its number on the shelf
	Href   string // below the source
}

// Set resolves SPECs. The error is an [*UnknownError] for a name that is not there; a
// [*Conflict] or [*UsageError] says why the set is impossible.
func (s *Shelf) Set(specs []string) (*Set, error) {
	p := *s.plan
	p.Repos, p.Warnings, p.Options.Link = nil, nil, LinkHard
	if err := p.checkNames(specs); err != nil {
		return nil, err
	}
	sel, err := p.parseSpecs(specs)
	if err != nil {
		return nil, err
	}
	a, err := p.Index.ResolveWith(sel.streams(), ResolveOptions{NoDefaults: sel.empty, Disabled: sel.disabled})
	if conflict, ok := errors.AsType[*Conflict](err); ok {
		return nil, fmt.Errorf("%w%s", err, p.meant(conflict))
	}
	if err != nil {
		return nil, err
	}
	name := strings.Join(specs, "+")
	f := &Flat{ID: repoID("set-" + name), Kind: KindView, Name: name}
	if err := p.planView(f, a, p.Options.Newest); err != nil {
		return nil, err
	}
	set := &Set{Packages: f.Len(), Warnings: p.Warnings, plan: &p, flat: f, places: make(map[string]Place, f.Len())}
	for _, g := range a.Groups {
		set.Streams = append(set.Streams, g.StreamID.String())
	}
	set.Streams = slices.Compact(set.Streams)
	for i, at := range p.places(f, nil) {
		k := &p.pkgs[f.members[i]]
		set.places[at.href] = Place{k.source, path.Clean(k.href)}
	}
	return set, nil
}

// checkNames finds names that no source has, before anything else is said of them.
func (p *Plan) checkNames(specs []string) error {
	for _, spec := range specs {
		switch spec {
		case "default", "none", "all":
			continue
		}
		module, stream, exact := strings.Cut(strings.TrimPrefix(spec, "-"), ":")
		id := StreamID{module, stream}
		switch {
		case !slices.Contains(p.Index.Modules(), module), exact && len(p.Index.Groups(id)) == 0:
			return &UnknownError{p.Index.unknownStream(id)}
		case !exact && spec[0] != '-' && len(p.Index.Groups(StreamID{module, p.Index.Default(module)})) == 0:
			return &UnknownError{fmt.Sprintf("module %s has no default stream; write one of %s", module, joinStreams(module, p.Index.Streams()))}
		}
	}
	return nil
}

// ID is a repository id that dnf takes.
func (set *Set) ID() string { return set.flat.ID }

// Places says of every package, by the place that the set's metadata gives it, where
// it stands.
func (set *Set) Places() map[string]Place { return set.places }

// Write writes the set's metadata into dir, an empty directory; packages stay where
// they are, to be found by [Set.Places].
func (s *Shelf) Write(ctx context.Context, set *Set, dir string) (*repodata.RepoMD, error) {
	work := splitting{Plan: set.plan, dst: dir, spools: s.spools, extras: &extras{updateinfo: map[*Flat]*advisories{}, comps: s.comps}}
	work.Repos = []*Flat{set.flat}
	if err := set.plan.readAdvisories(work.extras, false); err != nil {
		return nil, err
	}
	scratch, err := repodata.NewScratch(work.Options.Format)
	if err != nil {
		return nil, err
	}
	return work.writeMetadata(ctx, set.flat, dir, work.places(set.flat, nil), &worker{scratch: scratch})
}

// Verify checks that every package of the set can be installed from it and what
// supplies.
func (s *Shelf) Verify(ctx context.Context, set *Set) (*closure.Report, error) {
	part := &closure.Part{Name: set.flat.ID, Members: make([]closure.Member, 0, set.flat.Len())}
	for _, m := range set.flat.members {
		k := &set.plan.pkgs[m]
		part.Members = append(part.Members, closure.Member{Repo: s.ids[k.source], PkgID: k.pkgid})
	}
	s.judging.Lock()
	defer s.judging.Unlock()
	check := closure.Check{Part: part, Suppliers: s.with, Arches: arches(s.arch)}
	return s.verse.Install(ctx, []closure.Check{check}, closure.Options{Jobs: runtime.GOMAXPROCS(0)})
}
