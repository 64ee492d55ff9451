package splitter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"flatstream/repodata/closure"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// maxCauses bounds the requirements of one step whose providers are looked for.
const maxCauses = 20

// problem is one that verify found, as a report keeps it.
type problem struct {
	path, repo   string // of the repository, and its id
	code         closure.Code
	nameArch     string
	requirements []string
}

// reason is what is wrong, as the nightly summary says it.
func (p problem) reason() string {
	return fmt.Sprintf("%s: %s", p.code, strings.Join(p.requirements, ", "))
}

// about picks the problems of a moment that are about the word: of a package that it
// names, or with a capability.
func (b *blamer) about(s *state) {
	s.names = map[string]bool{}
	for _, p := range s.paths {
		seen := b.sight(s, p, b.word.word)
		for n := range seen.Packages {
			if seen.how[n.String()] == "" {
				s.names[n.Name+"."+n.Arch] = true
			}
		}
	}
	s.wrong, s.held = b.pick(s, s.known), b.pick(s, s.withheld)
	s.known, s.withheld = nil, nil
}

func (b *blamer) pick(s *state, kept map[string][]string) map[string]problem {
	found := map[string]problem{}
	for target, keys := range kept {
		for _, key := range keys {
			k := b.parsed(key)
			if k.ok && (k.asksFor || s.names[k.nameArch]) {
				k.path = s.pathOf(target, k.repo)
				found[target+" "+key] = k.problem
			}
		}
	}
	return found
}

// keyed is a problem as its key tells it.
type keyed struct {
	problem
	ok, asksFor bool
}

// parsed reads a key once, since most nights have the problems of the night before.
func (b *blamer) parsed(key string) keyed {
	if k, ok := b.keys[key]; ok {
		return k
	}
	var k keyed
	var rest string
	k.repo, rest, _ = strings.Cut(key, " ")
	k.code, k.nameArch, k.requirements, k.ok = closure.ParseKey(rest)
	k.asksFor = slices.ContainsFunc(k.requirements, b.asksFor)
	b.keys[key] = k
	return k
}

// asksFor says whether a requirement is for the capability that was asked for.
func (b *blamer) asksFor(requirement string) bool {
	if requirement == b.word.word {
		return true
	}
	dep, err := rpmdep.Parse(requirement)
	return err == nil && b.word.want.Name != "" && dep.Name == b.word.want.Name
}

// pathOf is where a repository of a target stands.
func (s *state) pathOf(target, id string) string {
	for p, r := range s.reports {
		if r.Target == target && r.ID == id {
			return p
		}
	}
	return ""
}

// prepare finds the problems of all moments that are about the word, and what the
// requirements of those that came mean in the moments before and after, all at once.
func (b *blamer) prepare(ctx context.Context, states []*state) error {
	const most = 400 // words to look for at once; what is above is looked for when it is told
	var words []lookup
	var around []*state
	before := &state{}
	for _, now := range states {
		b.about(now)
		if more := causeWords(brokeSince(before, now)); before.Name != "" && len(more) > 0 && len(words) < most {
			words, around = append(words, more...), append(around, before, now)
		}
		before = now
	}
	slices.SortFunc(words, func(x, y lookup) int { return strings.Compare(x.word, y.word) })
	words = slices.CompactFunc(words, func(x, y lookup) bool { return x.word == y.word })
	_, err := b.look(ctx, slices.Compact(around), words)
	return err
}

// brokeSince lists the problems that a moment has and the one before had not.
func brokeSince(before, now *state) (broke []problem) {
	for _, key := range slices.Sorted(maps.Keys(now.wrong)) {
		if _, had := before.wrong[key]; !had {
			broke = append(broke, now.wrong[key])
		}
	}
	return broke
}

// causeWords are the first requirements of problems.
func causeWords(broke []problem) (words []lookup) {
	for _, p := range broke {
		for _, r := range p.requirements {
			if len(words) < maxCauses && !slices.ContainsFunc(words, func(w lookup) bool { return w.word == r }) {
				words = append(words, newLookup(r))
			}
		}
	}
	return words
}

// problems tells what broke and what was mended.
func (b *blamer) problems(ctx context.Context, before, now *state) error {
	broke := brokeSince(before, now)
	for _, key := range slices.Sorted(maps.Keys(now.held)) {
		if _, had := before.held[key]; !had {
			p := now.held[key]
			b.add(p.repo, BlameEvent{Kind: BlameWithheld, What: p.nameArch, Reason: p.reason()})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(before.wrong)) {
		p := before.wrong[key]
		if _, has := now.wrong[key]; !has && (now.names[p.nameArch] || !before.names[p.nameArch]) {
			b.add(p.repo, BlameEvent{Kind: BlameMended, What: p.nameArch, Reason: p.reason()})
		}
	}
	causes, err := b.causes(ctx, before, now, broke)
	if err != nil {
		return err
	}
	for i, p := range broke {
		b.add(p.repo, BlameEvent{Kind: BlameBroke, What: p.nameArch, Reason: p.reason(), Because: causes[i]})
	}
	return nil
}

// causes says of each problem which providers of its requirements went.
func (b *blamer) causes(ctx context.Context, before, now *state, broke []problem) ([][]string, error) {
	causes := make([][]string, len(broke))
	if before.Name == "" || len(broke) == 0 {
		return causes, nil
	}
	words := causeWords(broke)
	if states, err := b.look(ctx, []*state{before, now}, words); err != nil || len(states) < 2 {
		return causes, err
	}
	for i, p := range broke {
		for _, w := range words {
			if slices.Contains(p.requirements, w.word) {
				causes[i] = append(causes[i], b.lost(before, now, p, w.word)...)
			}
		}
	}
	return causes, nil
}

// lost says which providers of a requirement a repository and its suppliers had and have
// no more.
func (b *blamer) lost(before, now *state, p problem, requirement string) []string {
	have, had := b.supply(now, p, requirement), b.supply(before, p, requirement)
	var lines []string
	for _, n := range slices.SortedFunc(maps.Keys(had), rpmver.CompareNEVRA) {
		if _, still := have[n]; !still {
			line := fmt.Sprintf("%s provided %s, and is not there any more", n, requirement)
			if builds := had[n]; len(builds) > 0 {
				line += "; it was of " + strings.Join(builds, ", ")
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// supply finds the providers of a requirement in a repository and those that it needs,
// and the builds that they are of.
func (b *blamer) supply(s *state, p problem, requirement string) map[rpmver.NEVRA][]string {
	providers := map[rpmver.NEVRA][]string{}
	of := s.reports[p.path]
	for _, other := range s.paths {
		r := s.reports[other]
		if other != p.path && (r.Target != of.Target || !slices.Contains(of.Requires, r.ID)) {
			continue
		}
		for n := range b.sight(s, other, requirement).Packages {
			providers[n] = nil
		}
	}
	for n := range providers {
		for _, other := range s.paths {
			for _, build := range b.sight(s, other, requirement).builds[n.String()] {
				if !slices.Contains(providers[n], build) {
					providers[n] = append(providers[n], build)
				}
			}
		}
	}
	return providers
}
