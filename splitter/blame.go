package splitter

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"flatstream/repodata/rpmver"
)

// Moment is one published state as [Blame] reads it.
type Moment struct {
	Name string
	FS   fs.FS
	// Repos are the directories that are repositories, and Targets those that hold a
	// report.json of a split, each with what tells its states apart: two moments in which
	// that is the same have the same repomd.xml, or report.json, there.
	Repos, Targets map[string]string
	// Problems reads what verify found wrong with what was published, and what it found
	// with what was held back: by target, each a repository's id and a problem's key
	// ([closure.Problem.Key]) with a blank between them.
	Problems func() (known, withheld map[string][]string, err error)
}

// Blamed is the history of a package, a stream or a capability. Its JSON form is part of
// the interface.
type Blamed struct {
	Schema    int          `json:"schema"`
	Word      string       `json:"word"`
	Snapshots int          `json:"snapshots"` // that were looked at
	Skipped   []Skipped    `json:"skipped"`   // that cannot be read
	Events    []BlameEvent `json:"events"`    // oldest first
	Near      []string     `json:"near"`      // names that look alike, when nothing was found
}

// Skipped is a snapshot that cannot be read: what happened in it is told of the next one.
type Skipped struct {
	Snapshot string `json:"snapshot"`
	Reason   string `json:"reason"`
}

// BlameEvent is one thing that happened from a snapshot to the next.
type BlameEvent struct {
	Snapshot string    `json:"snapshot"`        // that has it first
	First    bool      `json:"first,omitempty"` // it is the first one, so that it may have happened before
	Kind     BlameKind `json:"kind"`
	What     string    `json:"what"`  // NEVRA, NAME.ARCH, module:stream, module or capability
	Repos    []string  `json:"repos"` // ids
	From     []string  `json:"from"`  // of changes: EVRs, builds (NSVCA) or streams
	To       []string  `json:"to"`
	Provides string    `json:"provides,omitempty"` // by which a package is what was asked for
	Builds   []string  `json:"builds"`             // NSVCA that brought what came, or had what went
	Reason   string    `json:"reason,omitempty"`   // why it is hidden, or what is wrong
	Because  []string  `json:"because"`            // of what broke: what changed under it
}

// BlameKind says what happened.
type BlameKind string

// The kinds, in the order in which those of one snapshot are told.
const (
	BlameAppeared BlameKind = "appeared"
	BlameChanged  BlameKind = "changed"
	BlameDefault  BlameKind = "default"       // a module has another default stream
	BlameHidden   BlameKind = "hidden"        // it is in the target, and DNF would not offer it there
	BlameGone     BlameKind = "gone"          // from the repository
	BlameLost     BlameKind = "lost-provider" // nothing in the repository provides the capability any more
	BlameBroke    BlameKind = "broke"
	BlameWithheld BlameKind = "withheld" // it would have broken, so what was published stayed
	BlameMended   BlameKind = "mended"
)

var blameOrder = [...]BlameKind{BlameAppeared, BlameChanged, BlameDefault, BlameHidden, BlameGone, BlameLost, BlameBroke, BlameWithheld, BlameMended}

// Blame says in which of the moments, oldest first, what a word means appeared, changed,
// was hidden, went, or broke, and which build of a module did it. held says which package
// files are where, so that few states of a repository must be read, whatever their number;
// without it every one is, once, jobs at a time (0: one per processor). A moment of which
// something cannot be read that no other one tells is skipped, and the result says so.
func Blame(ctx context.Context, moments []Moment, held []Held, word string, jobs int) (*Blamed, error) {
	b := &blamer{jobs: jobs, held: newHoldings(held), sights: map[sightKey]*sight{}, keys: map[string]keyed{}, word: newLookup(word),
		result: &Blamed{Schema: 1, Word: word, Skipped: []Skipped{}, Events: []BlameEvent{}, Near: []string{}}}
	states, err := b.read(ctx, moments)
	if err != nil {
		return nil, err
	}
	if states, err = b.look(ctx, states, []lookup{b.word}); err != nil {
		return nil, err
	}
	b.result.Snapshots = len(states)
	if len(states) == 0 {
		return b.result, nil
	}
	if err := b.prepare(ctx, states); err != nil {
		return nil, err
	}
	before := &state{}
	for _, now := range states {
		if err := b.step(ctx, before, now); err != nil {
			return nil, err
		}
		before = now
	}
	if len(b.result.Events) == 0 {
		b.result.Near, err = namesNear(ctx, before, word)
	}
	return b.result, err
}

// blamer tells the history of one word.
type blamer struct {
	jobs    int
	held    *holdings
	modules moduleFiles
	word    lookup
	sights  map[sightKey]*sight
	keys    map[string]keyed // of problems
	result  *Blamed
	events  []BlameEvent // of the snapshot at hand
	last    *Report      // that was read last, and its checksum
	lastSum string
}

// step tells what happened from one snapshot to the next.
func (b *blamer) step(ctx context.Context, before, now *state) error {
	b.events = nil
	paths := eitherOf(before.paths, now.paths)
	for _, p := range paths {
		if before.Repos[p] != now.Repos[p] {
			b.compare(before, now, p)
		}
	}
	if err := b.hiding(before, now); err != nil {
		return err
	}
	if err := b.problems(ctx, before, now); err != nil {
		return err
	}
	slices.SortStableFunc(b.events, func(x, y BlameEvent) int {
		return cmp.Or(slices.Index(blameOrder[:], x.Kind)-slices.Index(blameOrder[:], y.Kind), strings.Compare(x.What, y.What), strings.Compare(x.Reason, y.Reason))
	})
	for i := range b.events {
		b.events[i].Snapshot, b.events[i].First = now.Name, before.Name == ""
	}
	b.result.Events = append(b.result.Events, b.events...)
	return nil
}

// add tells of an event, once for all repositories in which it is the same.
func (b *blamer) add(repo string, e BlameEvent) {
	for i := range b.events {
		have := &b.events[i]
		if have.Kind == e.Kind && have.What == e.What && have.Reason == e.Reason && have.Provides == e.Provides &&
			slices.Equal(have.From, e.From) && slices.Equal(have.To, e.To) {
			have.Repos = append(have.Repos, repo)
			have.Builds = append(have.Builds, e.Builds...)
			slices.Sort(have.Builds)
			have.Builds = slices.Compact(have.Builds)
			return
		}
	}
	e.Repos = []string{repo}
	for _, list := range []*[]string{&e.From, &e.To, &e.Builds, &e.Because} {
		*list = append([]string{}, *list...)
	}
	b.events = append(b.events, e)
}

// compare tells what happened in the repository at one path.
func (b *blamer) compare(before, now *state, p string) {
	word := b.word.word
	a, c := b.sight(before, p, word), b.sight(now, p, word)
	d := a.Inventory.Diff(c.Inventory)
	id := cmp.Or(now.id(p), before.id(p))
	for _, n := range d.Added {
		b.add(id, BlameEvent{Kind: BlameAppeared, What: n, Provides: c.how[n], Builds: b.buildsOf(now, n)})
	}
	for _, n := range d.Removed {
		if nevra, err := rpmver.ParseNEVRA(n); err != nil || !b.hidden(now, p, nevra) {
			b.add(id, BlameEvent{Kind: BlameGone, What: n, Provides: a.how[n], Builds: b.buildsOf(before, n)})
		}
	}
	for _, change := range d.Changed {
		e := BlameEvent{Kind: BlameChanged, What: change.Name + "." + change.Arch, From: change.From, To: change.To}
		for _, evr := range change.To {
			n := change.Name + "-" + evr + "." + change.Arch
			e.Builds = append(e.Builds, b.buildsOf(now, n)...)
			e.Provides = c.how[n]
		}
		b.add(id, e)
	}
	if a.byCapability() && len(c.Packages) == 0 {
		b.add(id, BlameEvent{Kind: BlameLost, What: word})
	}
	for _, s := range d.Streams.Added {
		b.add(id, BlameEvent{Kind: BlameAppeared, What: s, Builds: c.allBuilds(s)})
	}
	for _, s := range d.Streams.Removed {
		b.add(id, BlameEvent{Kind: BlameGone, What: s, Builds: a.allBuilds(s)})
	}
	for _, s := range d.Streams.Changed {
		b.add(id, BlameEvent{Kind: BlameChanged, What: s.Stream, From: s.Removed, To: s.Added, Builds: s.Added})
	}
	for _, m := range d.Defaults {
		b.add(id, BlameEvent{Kind: BlameDefault, What: m.Module, From: some(m.From), To: some(m.To)})
	}
}

// some is a list of what is not empty.
func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// namesNear lists names of the last snapshot that look like a word.
func namesNear(ctx context.Context, s *state, word string) ([]string, error) {
	names := map[string]bool{}
	for _, p := range s.paths {
		if _, made := s.reports[p]; made {
			continue
		}
		inv, err := inventoryAt(ctx, PublishedTree{s.FS, []string{p}}, p)
		if err != nil {
			return nil, fmt.Errorf("snapshot %s: %w", s.Name, err)
		}
		for n := range inv.Packages {
			names[n.Name] = true
		}
		for id := range inv.Streams {
			names[id.String()] = true
		}
	}
	return append([]string{}, Nearest(word, slices.Sorted(maps.Keys(names)))...), nil
}
