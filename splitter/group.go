package splitter

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"flatstream/splitter/modulemd"
)

// PlatformModule is the module that no document defines: it stands for the
// distribution itself, and every build requires a stream of it.
const PlatformModule = "platform"

// noRequires is the computed context of a build that requires nothing but the
// platform.
const noRequires = "NoRequires"

// StreamID names one stream of one module.
type StreamID struct{ Module, Stream string }

// String writes module:stream.
func (s StreamID) String() string { return s.Module + ":" + s.Stream }

// ParseStreamID reads module:stream. Neither part may be empty; a stream holds no
// further colon.
func ParseStreamID(s string) (StreamID, error) {
	module, stream, ok := strings.Cut(s, ":")
	if !ok || module == "" || stream == "" || strings.Contains(stream, ":") {
		return StreamID{}, fmt.Errorf("%q does not name a stream, write module:stream", s)
	}
	return StreamID{module, stream}, nil
}

// CompareStreamID orders bytewise by module, then by stream.
func CompareStreamID(a, b StreamID) int {
	return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.Stream, b.Stream))
}

// Group holds the builds of a stream that are active together or not at all: those
// with the same computed context (rule 1). libdnf calls them one module with
// several versions.
type Group struct {
	StreamID
	// Context is computed: what the builds require without the platform, or the
	// context of the document for static ones.
	Context string
	Static  bool // at least one build has a static context
	// Builds are all of them, in every source: newest version first, then in the
	// order of sources and documents. Never empty.
	Builds []*modulemd.Build
	// Requires is what the newest build requires without the platform: modules
	// and, within each, streams sorted bytewise, "-" kept. Several entries are ANDed.
	Requires modulemd.Requires

	id int
}

// String writes module:stream:context; of two groups DNF prefers the one whose
// string is bytewise smaller (rule 2).
func (g *Group) String() string { return g.StreamID.String() + ":" + g.Context }

// dependencyKey is libdnf's text of what a build requires besides the platform: one
// "module:[stream,stream]" per requirement, only "module" where any stream would do,
// sorted and joined; what two entries require alike is written twice. Its bytes decide
// which group DNF prefers.
func dependencyKey(b *modulemd.Build) string {
	var parts []string
	for _, entry := range b.Requires {
		for _, r := range entry {
			if r.Module == PlatformModule {
				continue
			}
			part := r.Module
			if streams := sortedStreams(r); len(streams) > 0 {
				part += ":[" + strings.Join(streams, ",") + "]"
			}
			parts = append(parts, part)
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ";")
}

// withoutPlatform lists what b requires of other modules, sorted, each entry with
// its streams sorted and unique.
func withoutPlatform(b *modulemd.Build) modulemd.Requires {
	var all modulemd.Requires
	for _, entry := range b.Requires {
		for _, r := range entry {
			if r.Module == PlatformModule {
				continue
			}
			all = append(all, modulemd.Require{Module: r.Module, Streams: sortedStreams(r)})
		}
	}
	slices.SortFunc(all, compareRequire)
	return slices.CompactFunc(all, func(a, b modulemd.Require) bool { return compareRequire(a, b) == 0 })
}

func sortedStreams(r modulemd.Require) []string {
	return slices.Compact(slices.Sorted(slices.Values(r.Streams)))
}

func compareRequire(a, b modulemd.Require) int {
	return cmp.Or(cmp.Compare(a.Module, b.Module), slices.Compare(a.Streams, b.Streams))
}

// groupBuilds sorts the builds into groups as libdnf's addVersion2Modules does:
// static documents of all sources first; then each other build joins the first
// static one of its stream that requires the same, or founds a group named by what
// it requires.
func groupBuilds(builds []*modulemd.Build) []*Group {
	type staticKey struct {
		StreamID
		requires string
	}
	joined := map[staticKey]string{}
	groups := map[string]*Group{}
	var order []*Group
	add := func(b *modulemd.Build, context string) {
		id := StreamID{b.Name, b.Stream}
		key := id.Module + "\x00" + id.Stream + "\x00" + context
		g := groups[key]
		if g == nil {
			g = &Group{StreamID: id, Context: context}
			groups[key] = g
			order = append(order, g)
		}
		g.Builds = append(g.Builds, b)
		g.Static = g.Static || b.Static
	}
	for _, b := range builds {
		if b.Static {
			key := staticKey{StreamID{b.Name, b.Stream}, dependencyKey(b)}
			if _, ok := joined[key]; !ok {
				joined[key] = b.Context
			}
			add(b, b.Context)
		}
	}
	for _, b := range builds {
		if b.Static {
			continue
		}
		requires := dependencyKey(b)
		context, ok := joined[staticKey{StreamID{b.Name, b.Stream}, requires}]
		if !ok {
			context = cmp.Or(requires, noRequires)
		}
		add(b, context)
	}
	for _, g := range order {
		slices.SortStableFunc(g.Builds, func(a, b *modulemd.Build) int { return cmp.Compare(b.Version, a.Version) })
		g.Requires = withoutPlatform(g.Builds[0])
	}
	slices.SortStableFunc(order, func(a, b *Group) int {
		return cmp.Or(CompareStreamID(a.StreamID, b.StreamID), cmp.Compare(a.Context, b.Context))
	})
	for i, g := range order {
		g.id = i
	}
	return order
}
