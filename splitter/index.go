package splitter

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"flatstream/splitter/modulemd"
)

// SourceModules is the modules.yaml of one source.
type SourceModules struct {
	Source string
	File   *modulemd.File
}

// IndexOptions says for which system the modules are resolved.
type IndexOptions struct {
	// Platform is the stream of the platform module ("el8"). Empty: the one that
	// the newest builds require most.
	Platform string
	// Arch is the machine's ("x86_64"). Empty: the one most builds are for.
	Arch string
}

// Index merges the modules of all sources (P17): streams, the groups of their
// builds, default streams, and who lists which package. It never changes after
// [NewIndex] and may be used by several goroutines at once.
type Index struct {
	platform, arch string
	groups         []*Group // sorted; a group's id is its place
	streams        []StreamID
	byStream       map[StreamID][]*Group
	modules        []string
	defaults       map[string]string
	obsoletes      []*modulemd.Obsoletes
	artifacts      *artifactTable
	problem        *moduleProblem
}

// NewIndex merges the modules of the sources, given in the order of the
// repositories, which decides between equals. What is odd in them comes back as
// warnings (the parser's own stay with its File); nothing in a document makes it fail.
func NewIndex(files []SourceModules, opt IndexOptions) (*Index, []Warning) {
	w := &indexWarnings{}
	builds := mergeBuilds(files, w)
	x := &Index{
		platform:  cmp.Or(opt.Platform, commonPlatform(builds)),
		arch:      cmp.Or(opt.Arch, commonArch(builds)),
		groups:    groupBuilds(builds),
		byStream:  map[StreamID][]*Group{},
		defaults:  mergeDefaults(files, w),
		obsoletes: mergeObsoletes(files),
	}
	for _, g := range x.groups {
		if x.byStream[g.StreamID] == nil {
			x.streams = append(x.streams, g.StreamID)
		}
		x.byStream[g.StreamID] = append(x.byStream[g.StreamID], g)
	}
	for _, s := range x.streams {
		x.modules = append(x.modules, s.Module)
	}
	x.modules = slices.Compact(x.modules)
	x.warnDefaults(w)
	x.warnVersions(w)
	x.warnExclusions(w)
	x.artifacts = newArtifactTable(x.groups, w)
	x.problem = newModuleProblem(x, builds)
	return x, w.list
}

// Platform is the stream of the platform module that the index is resolved for.
func (x *Index) Platform() string { return x.platform }

// Arch is the machine's arch that the index is resolved for.
func (x *Index) Arch() string { return x.arch }

// Modules lists the modules that have a stream, sorted bytewise.
func (x *Index) Modules() []string { return x.modules }

// Streams lists all streams, sorted bytewise by module, then stream.
func (x *Index) Streams() []StreamID { return x.streams }

// Groups lists the groups of a stream, sorted bytewise by computed context; none
// when there is no such stream.
func (x *Index) Groups(s StreamID) []*Group { return x.byStream[s] }

// AllGroups lists the groups of all streams, sorted.
func (x *Index) AllGroups() []*Group { return x.groups }

// Default is the default stream of a module, empty when it has none. The stream
// need not exist.
func (x *Index) Default(module string) string { return x.defaults[module] }

// Obsoletes lists what the sources say about a stream (rule 10): per context the
// newest statement, resets left out. It is for reports; nothing is dropped for it.
func (x *Index) Obsoletes(s StreamID) []*modulemd.Obsoletes {
	var found []*modulemd.Obsoletes
	for _, o := range x.obsoletes {
		if o.Module == s.Module && o.Stream == s.Stream {
			found = append(found, o)
		}
	}
	return found
}

// indexWarnings gathers findings.
type indexWarnings struct{ list []Warning }

func (w *indexWarnings) add(code, format string, args ...any) {
	w.list = append(w.list, Warning{Code: code, Text: fmt.Sprintf(format, args...)})
}

// nsvca writes the name of a build.
func nsvca(b *modulemd.Build) string {
	return fmt.Sprintf("%s:%s:%d:%s:%s", b.Name, b.Stream, b.Version, b.Context, b.Arch)
}

// mergeBuilds lists the builds of all sources in order: sources as given; within
// one, modules bytewise and each module's builds in document order, as
// libmodulemd's index hands them out. Of two documents of one source with the same
// name the first stays (P18).
func mergeBuilds(files []SourceModules, w *indexWarnings) []*modulemd.Build {
	var all []*modulemd.Build
	sourceOf := map[string]*modulemd.Build{}
	for _, f := range files {
		seen := map[string]bool{}
		start := len(all)
		for _, b := range f.File.Builds {
			name := nsvca(b)
			if seen[name] {
				w.add("duplicate-document", "%s: document %d repeats %s, the first one stays", f.Source, b.Doc, name)
				continue
			}
			seen[name] = true
			if other := sourceOf[name]; other == nil {
				sourceOf[name] = b
			} else if !sameArtifacts(other, b) {
				w.add("differing-document", "%s is in %s and in %s with different packages, both count", name, other.Source, f.Source)
			}
			all = append(all, b)
		}
		slices.SortStableFunc(all[start:], func(a, b *modulemd.Build) int { return cmp.Compare(a.Name, b.Name) })
	}
	return all
}

func sameArtifacts(a, b *modulemd.Build) bool {
	if slices.Equal(a.Artifacts, b.Artifacts) {
		return true
	}
	return slices.Equal(slices.Sorted(slices.Values(a.Artifacts)), slices.Sorted(slices.Values(b.Artifacts)))
}

// commonPlatform is the platform stream that the newest build of each stream
// requires most often; of equals the bytewise smallest.
func commonPlatform(builds []*modulemd.Build) string {
	newest := map[StreamID]*modulemd.Build{}
	for _, b := range builds {
		id := StreamID{b.Name, b.Stream}
		if n := newest[id]; n == nil || b.Version > n.Version {
			newest[id] = b
		}
	}
	count := map[string]int{}
	for _, b := range newest {
		for _, entry := range b.Requires {
			for _, r := range entry {
				if r.Module != PlatformModule {
					continue
				}
				for _, s := range r.Streams {
					if !strings.HasPrefix(s, "-") {
						count[s]++
					}
				}
			}
		}
	}
	return mostFrequent(count)
}

func commonArch(builds []*modulemd.Build) string {
	count := map[string]int{}
	for _, b := range builds {
		if b.Arch != "noarch" && b.Arch != "" {
			count[b.Arch]++
		}
	}
	return mostFrequent(count)
}

func mostFrequent(count map[string]int) string {
	best := ""
	for key, n := range count {
		if best == "" || n > count[best] || n == count[best] && key < best {
			best = key
		}
	}
	return best
}

// warnExclusions names requirements that DNF reads otherwise than they look: a "-"
// within a stream makes it an exclusion (rule 5).
func (x *Index) warnExclusions(w *indexWarnings) {
	for _, g := range x.groups {
		for _, r := range g.Requires {
			for _, s := range r.Streams {
				if isExclusion(s) && s[0] != '-' {
					w.add("odd-exclusion", "%s requires %s:%s, which DNF reads as any stream but %s", g.StreamID, r.Module, s, s[1:])
				}
			}
		}
	}
}
