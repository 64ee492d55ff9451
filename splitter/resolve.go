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

// isDefault says that a dropped default is active as a default after all.
func (a *Activation) isDefault(d DroppedDefault) bool {
	return slices.ContainsFunc(a.Active(d.Module), func(g ActiveGroup) bool { return g.StreamID == d.StreamID && g.Kind == Default })
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

// Conflict says that streams cannot be enabled together, or one not at all.
type Conflict struct {
	Streams []StreamID // what was asked for
	Reasons []string   // the chain of reasons, one sentence each
}

// Error joins the reasons.
func (c *Conflict) Error() string {
	names := make([]string, len(c.Streams))
	for i, s := range c.Streams {
		names[i] = s.String()
	}
	return fmt.Sprintf("cannot enable %s: %s", strings.Join(names, ", "), strings.Join(c.Reasons, "; "))
}

// ErrTooHard says that the requires of modules are so entangled that the search was
// given up; no real repository comes near the limit.
var ErrTooHard = errors.New("the requires of the modules are too entangled to resolve")

// ResolveOptions changes what is active besides the enabled streams.
type ResolveOptions struct {
	NoDefaults bool     // start empty, not from the default streams
	Disabled   []string // modules that must not be active
	Force      *Group   // of its stream only this group may be active (P6)
}

// Resolve activates the enabled streams, the default streams of the other modules
// and what they require: the rules 2 to 6. A *[Conflict] says why the enabled ones
// cannot be active together.
func (x *Index) Resolve(enabled []StreamID) (*Activation, error) {
	return x.ResolveWith(enabled, ResolveOptions{})
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
	if err := x.checkEnabled(enabled, opt.Disabled); err != nil {
		return nil, err
	}
	a, err := x.activate(enabled, opt, enabled)
	if err != nil || len(enabled) == 0 || len(a.Dropped) == 0 {
		return a, err
	}
	// dnf module enable also saves what the streams pull in. From then on it counts
	// as enabled, the default streams in its way are not asked for, and others may
	// come back.
	saved := a.pulledBy(enabled)
	if again, err := x.activate(saved, opt, enabled); err == nil {
		again.Dropped = slices.DeleteFunc(a.Dropped, again.isDefault)
		return again, nil
	}
	return a, nil
}

// activate resolves once. Only the asked streams count as [Explicit] in the result.
func (x *Index) activate(enabled []StreamID, opt ResolveOptions, asked []StreamID) (*Activation, error) {
	jobs := x.problem.jobs(enabled, opt)
	s, err := x.problem.solve(jobs, opt, false)
	if errors.Is(err, errUnsolvable) {
		s, err = x.problem.solve(jobs, opt, true)
	}
	if errors.Is(err, errUnsolvable) {
		return nil, &Conflict{Streams: asked, Reasons: s.reasons()}
	}
	if err != nil {
		return nil, fmt.Errorf("resolving module streams: %w", err)
	}
	return x.activation(s, asked), nil
}

// pulledBy lists the enabled streams and all that they require, directly or not
// (libdnf's enableDependencyTree); sorted.
func (a *Activation) pulledBy(enabled []StreamID) []StreamID {
	saved := slices.Clone(enabled)
	for i := 0; i < len(saved); i++ {
		for _, g := range a.Active(saved[i].Module) {
			for _, met := range a.Requires(g.Group) {
				if !slices.Contains(saved, met.StreamID) {
					saved = append(saved, met.StreamID)
				}
			}
		}
	}
	slices.SortFunc(saved, CompareStreamID)
	return saved
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
		return fmt.Sprintf("there is no module %s", s.Module) + hint(nearest(s.Module, x.modules))
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

func (x *Index) activation(s *search, enabled []StreamID) *Activation {
	a := &Activation{Dropped: s.dropped()}
	for _, g := range s.installed() {
		kind := Pulled
		if _, ok := slices.BinarySearchFunc(enabled, g.StreamID, CompareStreamID); ok {
			kind = Explicit
		} else if s.isDefault(g.StreamID) {
			kind = Default
		}
		a.Groups = append(a.Groups, ActiveGroup{g, kind})
	}
	return a
}
