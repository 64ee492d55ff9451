package splitter

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ActiveKind says why a group is active.
type ActiveKind string

// The kinds of active groups.
const (
	Explicit ActiveKind = "enabled" // it was asked for
	Default  ActiveKind = "default" // its stream is its module's default
	Pulled   ActiveKind = "pulled"  // another active group requires it
)

// ActiveGroup is a group with all its builds active, and why.
type ActiveGroup struct {
	*Group
	Kind ActiveKind
}

// DroppedDefault is a default stream that cannot be active beside the others.
type DroppedDefault struct {
	StreamID
	Reason string // a few sentences, joined by semicolons
}

// Activation says which groups are active when some streams are enabled: at most
// one stream of each module.
type Activation struct {
	Groups  []ActiveGroup // sorted by stream, then computed context
	Dropped []DroppedDefault

	warned bool // DNF says when they are enabled that a default stream is in the way
}

// Active finds the active groups of a module, mostly one or none.
func (a *Activation) Active(module string) []ActiveGroup {
	from, _ := slices.BinarySearchFunc(a.Groups, module, func(g ActiveGroup, m string) int { return cmp.Compare(g.Module, m) })
	to := from
	for to < len(a.Groups) && a.Groups[to].Module == module {
		to++
	}
	return a.Groups[from:to]
}

// isDefault says that a stream is active as a default.
func (a *Activation) isDefault(id StreamID) bool {
	return slices.ContainsFunc(a.Active(id.Module), func(g ActiveGroup) bool { return g.StreamID == id && g.Kind == Default })
}

// Requires lists the active groups that meet what g requires, sorted, each once.
func (a *Activation) Requires(g *Group) []*Group {
	var met []*Group
	for _, r := range g.Requires {
		for _, active := range a.Active(r.Module) {
			if wants(r.Streams, active.Stream) && active.Group != g && !slices.Contains(met, active.Group) {
				met = append(met, active.Group)
			}
		}
	}
	slices.SortFunc(met, func(a, b *Group) int { return cmp.Compare(a.id, b.id) })
	return met
}

// wants says whether a stream is one of the alternatives of a requirement: of those
// without a "-", or any when there is none.
func wants(streams []string, stream string) bool {
	some := false
	for _, s := range streams {
		if isExclusion(s) {
			continue
		}
		if s == stream {
			return true
		}
		some = true
	}
	return !some
}

// isExclusion follows libdnf, which looks for a "-" anywhere in the stream and then
// takes off the first byte, whatever it is (rule 5).
func isExclusion(stream string) bool { return strings.Contains(stream, "-") }

// ErrTooHard says that the requires of modules are so entangled that the search was
// given up; no real repository comes near the limit.
var ErrTooHard = errors.New("the requires of the modules are too entangled to resolve")

// ResolveOptions changes what is active besides the enabled streams.
type ResolveOptions struct {
	NoDefaults bool     // start empty, not from the default streams
	Disabled   []string // modules that must not be active
	Force      *Group   // of its stream only this group may be active (P6)

	near bool // of a large index, what has nothing to do with the enabled streams may be left out
}

// Resolve activates the enabled streams, the default streams of the other modules
// and what they require: the rules 2 to 6. A *[Conflict] says why the enabled ones
// cannot be active together.
func (x *Index) Resolve(enabled []StreamID) (*Activation, error) {
	return x.ResolveWith(enabled, ResolveOptions{})
}

// Picked is the group that is active when the stream alone is enabled, nil when it
// cannot be.
func (x *Index) Picked(s StreamID) *Group {
	a, err := x.ResolveWith([]StreamID{s}, ResolveOptions{near: true})
	if err != nil {
		return nil
	}
	return a.Active(s.Module)[0].Group
}

// ResolveGroup enables the stream of g with g as its group, which DNF would not
// choose by itself when it is one of the further ones.
func (x *Index) ResolveGroup(g *Group) (*Activation, error) {
	return x.ResolveWith([]StreamID{g.StreamID}, ResolveOptions{Force: g})
}

// ResolveWith is [Index.Resolve] with options.
func (x *Index) ResolveWith(enabled []StreamID, opt ResolveOptions) (*Activation, error) {
	enabled = slices.Clone(enabled)
	slices.SortFunc(enabled, CompareStreamID)
	enabled = slices.Compact(enabled)
	a, err := x.resolve(enabled, opt)
	var conflict *Conflict
	if errors.As(err, &conflict) {
		x.suggest(conflict, opt)
	}
	return a, err
}

func (x *Index) resolve(enabled []StreamID, opt ResolveOptions) (*Activation, error) {
	if err := x.checkEnabled(enabled, opt.Disabled); err != nil {
		return nil, err
	}
	a, err := x.activate(enabled, enabled, opt, strict, lenient)
	if err != nil || len(enabled) == 0 {
		return a, err
	}
	// dnf module enable also saves what the streams pull in. From then on it counts
	// as enabled: the default streams in its way are not asked for, others may come
	// back, and if its newest build cannot be active, dnf goes on with older ones.
	saved := a.pulledBy(enabled)
	if len(saved) == len(enabled) {
		return a, nil
	}
	again, err := x.activate(saved, enabled, opt, strict, lenient, loose)
	if err != nil {
		return nil, err
	}
	again.remember(a)
	return again, nil
}

// activate resolves, with more given up each time until it works. Only the asked
// streams count as [Explicit] in the result.
func (x *Index) activate(enabled, asked []StreamID, opt ResolveOptions, efforts ...effort) (*Activation, error) {
	var s *solution
	var err error
	for i, e := range efforts {
		if s, err = x.problem.solve(enabled, opt, e); err == nil {
			a := newActivation(s, asked)
			a.warned = i > 0
			return a, nil
		}
		if !errors.Is(err, errUnsolvable) {
			return nil, fmt.Errorf("resolving module streams: %w", err)
		}
	}
	return nil, &Conflict{Streams: asked, Reasons: s.reasons}
}

// pulledBy lists the enabled streams and all that their builds require, directly or
// not (libdnf's enableDependencyTree); sorted.
func (a *Activation) pulledBy(enabled []StreamID) []StreamID {
	saved := slices.Clone(enabled)
	for i := 0; i < len(saved); i++ {
		for _, g := range a.Active(saved[i].Module) {
			for _, met := range a.requiredByBuilds(g.Group) {
				if !slices.Contains(saved, met) {
					saved = append(saved, met)
				}
			}
		}
	}
	slices.SortFunc(saved, CompareStreamID)
	return saved
}

// requiredByBuilds lists the active streams that any build of g requires: those of a
// static context need not require the same.
func (a *Activation) requiredByBuilds(g *Group) []StreamID {
	var met []StreamID
	for _, b := range g.Builds {
		for _, entry := range b.Requires {
			for _, r := range entry {
				for _, active := range a.Active(r.Module) {
					if wants(r.Streams, active.Stream) {
						met = append(met, active.StreamID)
					}
				}
			}
		}
	}
	return met
}

// remember adds what was known before the pulled streams were saved: which default
// streams are active as such, and which were dropped and did not come back.
func (a *Activation) remember(first *Activation) {
	a.warned = first.warned
	for i, g := range a.Groups {
		if first.isDefault(g.StreamID) {
			a.Groups[i].Kind = Default
		}
	}
	for _, d := range first.Dropped {
		again := slices.ContainsFunc(a.Dropped, func(o DroppedDefault) bool { return o.StreamID == d.StreamID })
		if !again && !a.isDefault(d.StreamID) {
			a.Dropped = append(a.Dropped, d)
		}
	}
	slices.SortFunc(a.Dropped, compareDropped)
}

func (x *Index) checkEnabled(enabled []StreamID, disabled []string) error {
	var reasons []string
	for i, s := range enabled {
		switch {
		case x.byStream[s] == nil:
			reasons = append(reasons, x.unknownStream(s))
		case i > 0 && enabled[i-1].Module == s.Module:
			reasons = append(reasons, fmt.Sprintf("%s and %s are streams of one module", enabled[i-1], s))
		case slices.Contains(disabled, s.Module):
			reasons = append(reasons, fmt.Sprintf("module %s is disabled", s.Module))
		}
	}
	if len(reasons) > 0 {
		return &Conflict{Streams: enabled, Reasons: reasons}
	}
	return nil
}

// unknownStream says what there is instead.
func (x *Index) unknownStream(s StreamID) string {
	if _, ok := slices.BinarySearch(x.modules, s.Module); !ok {
		return fmt.Sprintf("there is no module %s", s.Module) + hint(Nearest(s.Module, x.modules))
	}
	var streams []string
	for _, other := range x.streams {
		if other.Module == s.Module {
			streams = append(streams, other.Stream)
		}
	}
	if padded := paddedStream(s.Stream, streams); padded != "" {
		return fmt.Sprintf("there is no stream %s, but there is %s:%s (a stream is text, not a number)", s, s.Module, padded)
	}
	return fmt.Sprintf("there is no stream %s, module %s has %s", s, s.Module, strings.Join(streams, ", "))
}

func hint(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ", did you mean " + strings.Join(names, " or ") + "?"
}

// paddedStream finds the stream that a YAML writer damaged by taking it for a
// number: 5.3 was 5.30 (P21).
func paddedStream(stream string, streams []string) string {
	for padded := stream + "0"; len(padded) <= len(stream)+2; padded += "0" {
		if strings.Contains(stream, ".") && slices.Contains(streams, padded) {
			return padded
		}
	}
	return ""
}

func newActivation(s *solution, enabled []StreamID) *Activation {
	a := &Activation{Dropped: s.dropped}
	for _, g := range s.groups {
		kind := Pulled
		if _, ok := slices.BinarySearchFunc(enabled, g.StreamID, CompareStreamID); ok {
			kind = Explicit
		} else if s.defaults[g.StreamID] {
			kind = Default
		}
		a.Groups = append(a.Groups, ActiveGroup{g, kind})
	}
	return a
}
