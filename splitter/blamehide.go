package splitter

import (
	"maps"
	"slices"
	"strings"

	"flatstream/repodata/rpmver"
)

// hiding tells which packages DNF would not offer any more in what merges streams.
func (b *blamer) hiding(before, now *state) error {
	for _, p := range now.paths {
		r, ok := now.merged(p)
		if !ok {
			continue
		}
		seen, here := b.sight(before, p, b.word.word).Packages, b.sight(now, p, b.word.word).Packages
		for _, n := range b.inTarget(now, r.Target) {
			if _, shown := here[n]; shown || b.hidden(before, p, n) {
				continue
			}
			nevra := n.String()
			_, was := seen[n]
			streams := b.streamsOf(now, r.Target, n)
			reasons, err := b.absence(now, p, nevra, streams)
			if err != nil {
				return err
			}
			for _, reason := range reasons {
				by, shadowed := strings.CutSuffix(reason, hidesOthers)
				if was || shadowed {
					b.add(r.ID, BlameEvent{Kind: BlameHidden, What: nevra, Reason: reason, Builds: now.newBuilds(before, r.Target, append(streams, by))})
				}
			}
		}
	}
	return nil
}

// inTarget lists the matching packages of a target's own repositories, sorted.
func (b *blamer) inTarget(s *state, target string) []rpmver.NEVRA {
	all := map[rpmver.NEVRA]bool{}
	for _, p := range s.paths {
		if _, merged := s.merged(p); !merged && s.reports[p].Target == target {
			for n := range b.sight(s, p, b.word.word).Packages {
				all[n] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(all), rpmver.CompareNEVRA)
}

// hidden says whether a package of a target is not in what merges its streams at p.
func (b *blamer) hidden(s *state, p string, n rpmver.NEVRA) bool {
	r, ok := s.merged(p)
	if !ok {
		return false
	}
	_, here := b.sight(s, p, b.word.word).Packages[n]
	return !here && slices.Contains(b.inTarget(s, r.Target), n)
}

// streamsOf lists the streams of a target that have a package, as module:stream.
func (b *blamer) streamsOf(s *state, target string, n rpmver.NEVRA) []string {
	var streams []string
	for _, p := range s.paths {
		r := s.reports[p]
		if r.Target != target || r.Kind != KindStream {
			continue
		}
		if _, has := b.sight(s, p, b.word.word).Packages[n]; has {
			streams = append(streams, r.Module+":"+r.Stream)
		}
	}
	slices.Sort(streams)
	return slices.Compact(streams)
}

// newBuilds lists the builds of streams of a target that the moment before did not
// have; all of them where it had every one.
func (s *state) newBuilds(before *state, target string, streams []string) []string {
	list := func(s *state) (builds []string) {
		for _, r := range s.reports {
			if r.Target == target && r.Kind == KindStream && slices.Contains(streams, r.Module+":"+r.Stream) {
				builds = append(builds, r.Builds...)
			}
		}
		slices.Sort(builds)
		return slices.Compact(builds)
	}
	now := list(s)
	if fresh := without(now, list(before)); len(fresh) > 0 {
		return fresh
	}
	return now
}
