package splitter

import (
	"cmp"
	"maps"
	"slices"

	"flatstream/splitter/modulemd"
)

// mergeDefaults finds each module's default stream (rule 7): within one file the
// last document wins, whatever its age; between sources the newer one. Two equally
// new ones that differ give none, but a third source can still set one. One that
// names no stream clears nothing, however new. Where equally new ones disagree about
// the profiles of a stream, libmodulemd cannot merge them at all, and DNF goes on
// without a default stream of any module.
func mergeDefaults(files []SourceModules, w *indexWarnings) map[string]string {
	merged := map[string]defaultState{}
	mergeable := true
	for _, f := range files {
		last := lastDefaults(f, w)
		for _, module := range slices.Sorted(maps.Keys(last)) {
			d := defaultState{last[module].Stream, f.Source, last[module].Modified, maps.Clone(last[module].Profiles)}
			if old, ok := merged[module]; ok {
				if old.disagrees(d) {
					w.add("conflicting-default", "%s says that the default stream of %s is %q, %s says %q: they cancel each other",
						old.source, module, old.stream, d.source, d.stream)
				}
				if stream, ok := old.mergeProfiles(&d); !ok {
					mergeable = false
					w.add("conflicting-profiles", "%s and %s give %s different default profiles and are equally new: DNF then knows no default stream of any module",
						old.source, d.source, StreamID{module, stream})
				}
				d = old.merge(d)
			}
			merged[module] = d
		}
	}
	defaults := map[string]string{}
	for module, s := range merged {
		if mergeable && s.stream != "" {
			defaults[module] = s.stream
		}
	}
	return defaults
}

// defaultState is what the sources read so far say about one module.
type defaultState struct {
	stream, source string
	modified       uint64
	profiles       map[string][]string // by stream
}

// mergeProfiles adds to next what old says of streams' profiles, the newer counts. It
// fails at a stream of which equally new ones differ (libmodulemd's
// modulemd_defaults_v1_merge_default_profiles).
func (old defaultState) mergeProfiles(next *defaultState) (stream string, ok bool) {
	if next.profiles == nil {
		next.profiles = map[string][]string{}
	}
	for _, stream := range slices.Sorted(maps.Keys(old.profiles)) {
		theirs, both := next.profiles[stream]
		switch {
		case !both || old.modified > next.modified:
			next.profiles[stream] = old.profiles[stream]
		case old.modified == next.modified && !sameNames(old.profiles[stream], theirs):
			return stream, false
		}
	}
	return "", true
}

// sameNames compares two lists as sets.
func sameNames(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}

// disagrees says whether next is as new as old and names another stream.
func (old defaultState) disagrees(next defaultState) bool {
	return next.modified == old.modified && old.stream != "" && next.stream != "" && old.stream != next.stream
}

// merge does what libmodulemd was seen to do with defaults of two indexes.
func (old defaultState) merge(next defaultState) defaultState {
	newest := max(old.modified, next.modified)
	switch {
	case old.disagrees(next):
		next.stream = ""
	case next.stream == "", old.stream != "" && next.modified < old.modified:
		next.stream, next.source = old.stream, old.source
	}
	next.modified = newest
	return next
}

// lastDefaults is the last document of each module in one file.
func lastDefaults(f SourceModules, w *indexWarnings) map[string]*modulemd.Defaults {
	last := map[string]*modulemd.Defaults{}
	for _, d := range f.File.Defaults {
		if other := last[d.Module]; other != nil && other.Stream != d.Stream {
			w.add("repeated-default", "%s: two documents give %s a default stream, %q and %q; the last one counts",
				f.Source, d.Module, other.Stream, d.Stream)
		}
		last[d.Module] = d
	}
	return last
}

// warnDefaults names the defaults that point nowhere.
func (x *Index) warnDefaults(w *indexWarnings) {
	for _, m := range x.modules {
		if s := x.defaults[m]; s != "" && x.byStream[StreamID{m, s}] == nil {
			w.add("absent-default", "the default stream %s has no document", StreamID{m, s})
		}
	}
}

// mergeObsoletes keeps, per stream and context, the newest statement, and leaves
// out those that were reset.
func mergeObsoletes(files []SourceModules) []*modulemd.Obsoletes {
	type key struct{ module, stream, context string }
	newest := map[key]*modulemd.Obsoletes{}
	for _, f := range files {
		for _, o := range f.File.Obsoletes {
			k := key{o.Module, o.Stream, o.Context}
			if old := newest[k]; old == nil || !o.OlderThan(old) {
				newest[k] = o
			}
		}
	}
	var all []*modulemd.Obsoletes
	for _, o := range newest {
		if !o.Reset {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *modulemd.Obsoletes) int {
		return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Context, b.Context))
	})
	return all
}
