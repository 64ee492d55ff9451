package splitter

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"flatstream/repodata/rpmver"
	"flatstream/splitter/modulemd"
)

// holders maps each build to the packages that it lists and a source has.
func (p *Plan) holders() map[*modulemd.Build][]int32 {
	held := map[*modulemd.Build][]int32{}
	for i := range p.pkgs[:p.merged] {
		if p.pkgs[i].subject.Modular() {
			for _, b := range p.Index.Owners(p.pkgs[i].NEVRA) {
				held[b] = append(held[b], int32(i))
			}
		}
	}
	return held
}

// maxCompany bounds what the reports and .repo files of all streams record of one
// another: each names all default streams. A large real index has some 20,000 of it.
const maxCompany = 10_000_000

// planStreams makes the repositories below streams/.
func (p *Plan) planStreams() error {
	wanted, err := p.wantedStreams()
	if err != nil {
		return err
	}
	var repos []*Flat
	activations := map[*Flat]*Activation{}
	company := 0
	for some := range slices.Chunk(p.Index.Streams(), 256) {
		enabled := p.enableEach(some)
		for i, id := range some {
			made, err := p.planStream(id, enabled[i], activations)
			if err != nil {
				return err
			}
			for _, f := range made {
				if a := activations[f]; a != nil {
					company += len(a.Groups)
				}
			}
			if company > maxCompany {
				return fmt.Errorf("%s and those before it stand beside more than %d others, most of them default streams, which no report can hold: %w", id, maxCompany, ErrTooHard)
			}
			if wanted == nil || wanted[id] {
				repos = append(repos, made...)
			}
		}
	}
	p.Repos = repos
	if err := p.complete(repos, p.holders(), func(f *Flat) *Activation { return activations[f] }); err != nil {
		return err
	}
	if p.Options.Versions == VersionsLatest {
		p.warn("latest-only", "--versions latest leaves out packages that only an older build has; DNF would offer them")
	}
	return nil
}

// complete finds out what stream repositories hold, need and are built with.
func (p *Plan) complete(repos []*Flat, held map[*modulemd.Build][]int32, activation func(*Flat) *Activation) error {
	p.findRepos()
	p.each(len(repos), func(i int) {
		p.fill(repos[i], held)
		p.connect(repos[i], activation(repos[i]))
	})
	for _, f := range repos {
		var err error
		if f.Build, err = p.buildNeeds(f); err != nil {
			return err
		}
	}
	return nil
}

// enabling is what becomes active with one stream.
type enabling struct {
	active *Activation
	err    error
}

// enableEach enables each of the streams alone.
func (p *Plan) enableEach(streams []StreamID) []enabling {
	all := make([]enabling, len(streams))
	p.each(len(streams), func(i int) { all[i].active, all[i].err = p.Index.Resolve(streams[i : i+1]) })
	return all
}

// planStream makes the repositories of one stream, the one that DNF picks first.
func (p *Plan) planStream(id StreamID, enabled enabling, activations map[*Flat]*Activation) ([]*Flat, error) {
	groups := p.Index.Groups(id)
	a := enabled.active
	main := groups[0]
	var conflict *Conflict
	switch {
	case errors.As(enabled.err, &conflict):
		p.warn("cannot-enable", "%s%s", conflict, p.meant(conflict))
	case enabled.err != nil:
		return nil, enabled.err
	default:
		main = a.Active(id.Module)[0].Group
	}
	if p.Options.Versions == VersionsAll && p.Options.By == ByStream {
		f, err := p.newStream(id, nil, "")
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			f.Builds = append(f.Builds, g.Builds...)
		}
		f.Choice = ChoiceMixed
		activations[f] = a
		return []*Flat{f}, nil
	}
	var repos []*Flat
	for _, g := range orderGroups(groups, main) {
		own, choice := a, ChoicePicked
		if g != main {
			own, _ = p.Index.ResolveGroup(g) // nil: it cannot be enabled, and has no company
			choice = ChoiceFurther
		}
		if own == nil {
			choice = ChoiceRefused
		}
		made, err := p.planGroup(g, main)
		if err != nil {
			return nil, err
		}
		for _, f := range made {
			f.Choice = choice
			activations[f] = own
		}
		repos = append(repos, made...)
	}
	return repos, nil
}

func orderGroups(groups []*Group, main *Group) []*Group {
	ordered := []*Group{main}
	for _, g := range groups {
		if g != main {
			ordered = append(ordered, g)
		}
	}
	return ordered
}

// planGroup makes one repository of a group, or one per build.
func (p *Plan) planGroup(g, main *Group) ([]*Flat, error) {
	builds := g.Builds
	if p.Options.Versions == VersionsLatest {
		builds = slices.DeleteFunc(slices.Clone(builds), func(b *modulemd.Build) bool { return b.Version != builds[0].Version })
	}
	if p.Options.By == ByNSVCA {
		return p.planBuilds(g, builds)
	}
	suffix := ""
	if g != main {
		suffix = p.groupSuffix(g)
	}
	f, err := p.newStream(g.StreamID, g, suffix)
	if err != nil {
		return nil, err
	}
	f.Builds, f.LeftOut = builds, g.Builds[len(builds):] // newest first
	return []*Flat{f}, nil
}

func (p *Plan) planBuilds(g *Group, builds []*modulemd.Build) ([]*Flat, error) {
	var repos []*Flat
	byKey := map[modulemd.Key]*Flat{}
	for _, b := range builds {
		if f := byKey[b.Key()]; f != nil { // the same document in two sources
			f.Builds = append(f.Builds, b)
			continue
		}
		name := b.NSVCA()
		last := strings.TrimPrefix(name, b.Name+":"+b.Stream+":")
		dir, err := joinEscaped("streams", b.Name, b.Stream, strings.ReplaceAll(last, ":", "."))
		if err != nil {
			return nil, err
		}
		f := &Flat{ID: repoID(name), Kind: KindStream, Path: dir, Module: b.Name, Stream: b.Stream, Group: g, Builds: []*modulemd.Build{b}}
		byKey[b.Key()] = f
		repos = append(repos, f)
	}
	return repos, nil
}

// newStream names a stream's repository; suffix tells further groups apart (P6).
func (p *Plan) newStream(id StreamID, g *Group, suffix string) (*Flat, error) {
	dir, err := joinEscaped("streams", id.Module, id.Stream)
	if err != nil {
		return nil, err
	}
	dir += escapeSuffix(suffix)
	if len(path.Base(dir)) > MaxElement {
		return nil, tooLong(path.Base(dir))
	}
	return &Flat{
		ID: repoID(id.String() + suffix), Kind: KindStream, Path: dir,
		Module: id.Module, Stream: id.Stream, Group: g,
	}, nil
}

// fill places the packages that the repository's builds list, and says which of
// them no source has.
func (p *Plan) fill(f *Flat, held map[*modulemd.Build][]int32) {
	present := map[rpmver.NEVRA]bool{}
	for _, b := range f.Builds {
		f.members = append(f.members, held[b]...)
	}
	slices.Sort(f.members)
	f.members = slices.Compact(f.members)
	for _, m := range f.members {
		present[p.pkgs[m].NEVRA] = true
	}
	f.Missing = missing(f.Builds, present, p.Index.Arch())
}

// missing lists the artifacts of the builds that are not present, each once (P7).
func missing(builds []*modulemd.Build, present map[rpmver.NEVRA]bool, machine string) []Missing {
	var gaps []rpmver.NEVRA
	for _, b := range builds {
		for _, text := range b.Artifacts {
			if n, err := rpmver.ParseNEVRA(text); err == nil && !present[n] { // a bad one is warned of by the index
				gaps = append(gaps, n)
			}
		}
	}
	slices.SortFunc(gaps, rpmver.CompareNEVRA)
	gaps = slices.Compact(gaps)
	list := make([]Missing, len(gaps))
	for i, n := range gaps {
		list[i] = Missing{n.String(), classify(n, machine)}
	}
	return list
}

// classify says why an artifact may well be missing: debug packages and sources
// have repositories of their own, other arches too; what is left is truly absent.
func classify(n rpmver.NEVRA, machine string) string {
	switch {
	case isSourceArch(n.Arch):
		return "source"
	case strings.HasSuffix(n.Name, "-debuginfo"), strings.HasSuffix(n.Name, "-debugsource"), strings.Contains(n.Name, "-debuginfo-"):
		return "debug"
	case machine != "" && !runsOn(n.Arch, machine):
		return "other-arch"
	}
	return "absent"
}
