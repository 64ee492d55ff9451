package splitter

import (
	"errors"
	"slices"
	"strings"

	"flatstream/splitter/modulemd"
)

// BuildNeeds is what the systems have in which a stream's packages are built: the view
// that DNF would have with the streams enabled that the document's buildrequires name,
// beside the stream itself, since a module's packages are built one upon the other. A
// stream that builds with nothing but the platform has no BuildNeeds of its own: it has
// the default view, in a layout without one [Report.Build].
type BuildNeeds struct {
	Streams  []string `json:"streams"`           // module:stream that buildrequires name and a document has
	Requires []string `json:"requires"`          // ids of the repositories that supply beside its own
	Hidden   []Hidden `json:"hidden"`            // packages of these that such a system must not see
	Absent   []string `json:"absent,omitempty"`  // module:stream that buildrequires name and no document has
	Refused  string   `json:"refused,omitempty"` // why DNF cannot enable them together; then only non-modular packages supply
}

// buildNeeds finds out what the newest build of a stream's repository is built with.
// It is nil where that is what every stream has.
func (p *Plan) buildNeeds(f *Flat) (*BuildNeeds, error) {
	if !buildsWithModules(f.Builds[0]) {
		return nil, nil
	}
	streams, absent := p.Index.buildStreams(f.Builds[0])
	needs, err := p.builtIn(streams)
	if err != nil {
		return nil, err
	}
	own := *needs
	own.Absent = absent
	own.Requires = slices.DeleteFunc(slices.Clone(own.Requires), isID(f.ID))
	return &own, nil
}

// builtIn is what a system has that enables these streams, found out once.
func (p *Plan) builtIn(streams []StreamID) (*BuildNeeds, error) {
	if needs := p.builtWith[streamsKey(streams)]; needs != nil {
		return needs, nil
	}
	needs := &BuildNeeds{Streams: []string{}, Requires: []string{repoID(KindNonModular)}, Hidden: []Hidden{}}
	for _, s := range streams {
		needs.Streams = append(needs.Streams, s.String())
	}
	a, err := p.Index.Resolve(streams)
	conflict, refused := errors.AsType[*Conflict](err)
	switch {
	case refused:
		needs.Refused = conflict.Error()
	case err != nil:
		return nil, err
	default:
		needs.Requires = p.needs(a, nil).ids
		needs.Hidden = p.hidden(p.hiding(a))
	}
	if p.builtWith == nil {
		p.builtWith = map[string]*BuildNeeds{}
	}
	p.builtWith[streamsKey(streams)] = needs
	return needs, nil
}

func streamsKey(streams []StreamID) string {
	var b strings.Builder
	for _, s := range streams {
		b.WriteString(s.String() + " ")
	}
	return b.String()
}

// buildStreams lists the streams that a build's buildrequires name, one of each module,
// and those that no document has; sorted. Where several would do, the module's default
// stream is taken, else the bytewise smallest, as DNF prefers it.
func (x *Index) buildStreams(b *modulemd.Build) (there []StreamID, absent []string) {
	asked := map[string]bool{}
	for _, entry := range b.BuildRequires {
		for _, r := range entry {
			if r.Module == PlatformModule || asked[r.Module] {
				continue
			}
			asked[r.Module] = true
			if s, ok := x.streamFor(r); ok {
				there = append(there, s)
			} else {
				absent = append(absent, r.Module+":"+strings.Join(r.Streams, ","))
			}
		}
	}
	slices.SortFunc(there, CompareStreamID)
	slices.Sort(absent)
	return there, absent
}

// streamFor picks a stream that meets a requirement.
func (x *Index) streamFor(r modulemd.Require) (StreamID, bool) {
	if s := (StreamID{r.Module, x.defaults[r.Module]}); x.byStream[s] != nil && allows(r.Streams, s.Stream) {
		return s, true
	}
	i := slices.IndexFunc(x.streams, func(s StreamID) bool { return s.Module == r.Module && allows(r.Streams, s.Stream) })
	if i < 0 {
		return StreamID{}, false
	}
	return x.streams[i], true
}

// allows is wants, and the stream is not excluded.
func allows(streams []string, stream string) bool {
	excluded := func(s string) bool { return isExclusion(s) && s[1:] == stream }
	return wants(streams, stream) && !slices.ContainsFunc(streams, excluded)
}

// buildsWithModules says whether a document's buildrequires name more than the platform.
func buildsWithModules(b *modulemd.Build) bool {
	for _, entry := range b.BuildRequires {
		if slices.ContainsFunc(entry, func(r modulemd.Require) bool { return r.Module != PlatformModule }) {
			return true
		}
	}
	return false
}
