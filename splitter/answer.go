package splitter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"flatstream/repodata"
	"flatstream/repodata/closure"
	"flatstream/repodata/rpmver"
)

// Wanted is what one build needs to have installed.
type Wanted struct {
	Name      string   `json:"name"` // of what is built, for people
	Requires  []string `json:"requires"`
	Conflicts []string `json:"conflicts"`
}

// Answer names the smallest sets of streams with which a build root can be installed:
// as small as possible in what is enabled beside the default streams and added from
// overlay sources.
type Answer struct {
	Schema int    `json:"schema"`
	Wanted Wanted `json:"wanted"`
	// Sources are the names of what was searched.
	Sources []string    `json:"sources"`
	Sets    []StreamSet `json:"sets"` // all of the smallest size, sorted; none: it cannot be had
	// Closest is the set that came closest where none works, and Problems what is still
	// wrong with it.
	Closest  *StreamSet        `json:"closest,omitempty"`
	Problems []closure.Problem `json:"problems"`
	// Breaks are the streams with which it cannot be installed, enabled beside the first
	// set or in the place of its stream of that module; of packages that are built already
	// ([Asker.AskBuilt]).
	Breaks []Break `json:"breaks,omitempty"`
	// Refused says which streams would have helped, and why they cannot be enabled.
	Refused []string `json:"refused"`
	// GaveUp says that more sets were possible than were tried, so that a set may exist
	// though none is named.
	GaveUp bool `json:"gave_up,omitempty"`
}

// Break is a stream that keeps packages from being installed, and how.
type Break struct {
	Stream   string            `json:"stream"`            // module:stream
	Refused  string            `json:"refused,omitempty"` // why the set cannot be enabled beside it
	Problems []closure.Problem `json:"problems"`
}

// StreamSet is one set that works, proven by an installation of all that is wanted.
type StreamSet struct {
	View     string   `json:"view"`     // what a view with it may be called; default: it needs none
	Enable   []string `json:"enable"`   // module:stream, beside the default streams
	Overlays []Pick   `json:"overlays"` // packages of overlay sources
	Uses     []Use    `json:"uses"`     // by requirement, in the order wanted
	Dropped  []string `json:"dropped"`  // default streams that drop out, and why
	// Recipes are what to paste into other tools for a view with it, by tool
	// (recipe.ForAnswer).
	Recipes map[string]string `json:"recipes,omitempty"`
}

// Spec is what a view with the set is made of ([View.Spec]).
func (s StreamSet) Spec() []string {
	if len(s.Enable) == 0 {
		return []string{KindDefault}
	}
	return s.Enable
}

// Pick is a package of an overlay source.
type Pick struct {
	Source string `json:"source"`
	NEVRA  string `json:"nevra"`
	Name   string `json:"name"`
	Glob   string `json:"glob"` // by which an overlay takes this build and no other: its name, or else its NEVRA
}

// AskOptions says for which system, and how long to search.
type AskOptions struct {
	Platform, Arch string // as in Options
	Jobs           int
	MaxSize        int // of a set; 0: 4
	MaxChecks      int // installations that are tried; 0: 400
}

// Ask finds out which streams a build needs.
func (a *Asker) Ask(ctx context.Context, want Wanted) (*Answer, error) {
	build, err := want.asPackage(rpmver.NEVRA{Name: "the build of " + want.Name, EVR: rpmver.EVR{Version: "1", Release: "1"}, Arch: "noarch"})
	if err != nil {
		return nil, err
	}
	return a.answer(ctx, want, []*repodata.Package{build})
}

// answer finds the smallest sets with which packages that stand in no source can be
// installed.
func (a *Asker) answer(ctx context.Context, want Wanted, packages []*repodata.Package) (*Answer, error) {
	want.Requires, want.Conflicts = append([]string{}, want.Requires...), append([]string{}, want.Conflicts...)
	if err := a.enter(want, packages); err != nil {
		return nil, err
	}
	answer := &Answer{Schema: 1, Wanted: want, Sources: []string{}, Problems: []closure.Problem{}, Refused: []string{}}
	for _, s := range a.plan.Sources {
		answer.Sources = append(answer.Sources, s.Name)
	}
	level := []trial{{}}
	checks := 0
	for size := 0; size <= a.opt.MaxSize && len(level) > 0 && len(a.works) == 0; size++ {
		if left := a.opt.MaxChecks - checks; len(level) > left {
			level, answer.GaveUp = level[:max(0, left)], true
		}
		checks += len(level)
		outcomes, err := a.try(ctx, level)
		if err != nil {
			return nil, err
		}
		var next []trial
		for i, o := range outcomes {
			switch {
			case o.refused != "":
				answer.Refused = append(answer.Refused, o.refused)
			case len(o.problems) == 0:
				a.works = append(a.works, worked{level[i], o, a.describe(level[i], o), 0})
			default:
				if answer.Closest == nil || unmet(o.problems) < unmet(answer.Problems) {
					closest := a.describe(level[i], o)
					answer.Closest, answer.Problems = &closest, o.problems
				}
				next = append(next, a.remedies(level[i], o)...)
			}
		}
		slices.SortStableFunc(next, func(x, y trial) int { return strings.Compare(x.key(), y.key()) })
		level = slices.CompactFunc(next, func(x, y trial) bool { return x.key() == y.key() })
	}
	if len(a.works) > 0 {
		answer.Closest, answer.Problems = nil, []closure.Problem{}
	}
	var err error
	if answer.Sets, err = a.finish(ctx); err != nil {
		return nil, err
	}
	slices.Sort(answer.Refused)
	answer.Refused = slices.Compact(answer.Refused)
	return answer, nil
}

// unmet weighs what is wrong: a requirement whose providers cannot be installed is
// nearer to being met than one without a provider.
func unmet(problems []closure.Problem) int {
	n := 0
	for _, p := range problems {
		weight := 1
		if p.Code == closure.MissingRequirement {
			weight = 8
		}
		n += weight * len(p.Requirements)
	}
	return n
}

// trial is a set that may work.
type trial struct {
	streams []StreamID // sorted
	picks   []pick     // sorted
	why     []string   // requirements for which it grew, in that order
}

// pick is a package of an overlay source.
type pick struct {
	source string
	nevra  rpmver.NEVRA
}

func (t trial) key() string { return fmt.Sprint(t.streams, t.picks) }

func (t trial) picked(source string, n rpmver.NEVRA) bool {
	return slices.Contains(t.picks, pick{source, n})
}

// enables says whether a stream, written as module:stream, is one of the trial's.
func (t trial) enables(stream string) bool { return slices.Contains(streamTexts(t.streams), stream) }

// with is the trial and one more stream, of a module that it has none of.
func (t trial) with(id StreamID, why string) (trial, bool) {
	if slices.ContainsFunc(t.streams, func(s StreamID) bool { return s.Module == id.Module }) {
		return t, false
	}
	t.streams, t.why = append(slices.Clone(t.streams), id), append(slices.Clone(t.why), why)
	slices.SortFunc(t.streams, CompareStreamID)
	return t, true
}

// picking is the trial and one more package.
func (t trial) picking(source string, n rpmver.NEVRA, why string) (trial, bool) {
	if t.picked(source, n) {
		return t, false
	}
	t.picks, t.why = append(slices.Clone(t.picks), pick{source, n}), append(slices.Clone(t.why), why)
	slices.SortFunc(t.picks, func(a, b pick) int {
		return cmp.Or(strings.Compare(a.source, b.source), rpmver.CompareNEVRA(a.nevra, b.nevra))
	})
	return t, true
}

// outcome is what became of a trial.
type outcome struct {
	active   *Activation
	filter   *Filter
	refused  string
	problems []closure.Problem
}

// Asker has sources read once, for any number of questions, one at a time.
type Asker struct {
	plan     *Plan // not carried out: what the sources hold, and their modules
	u        *closure.Universe
	ids      []closure.RepoID         // by source
	overlaid [][]offer                // by source: what an overlay offers
	at       map[rpmver.NEVRA][]int32 // packages of merged sources
	opt      AskOptions

	want   Wanted
	wanted closure.RepoID
	asked  int      // questions so far
	works  []worked // of the last one, the sets that work
}

// NewAsker reads sources. Those that merge have the modules; those that overlay give
// single packages, those that supply all of theirs.
func NewAsker(ctx context.Context, sources []Source, opt AskOptions) (*Asker, error) {
	opt.MaxSize, opt.MaxChecks = cmp.Or(opt.MaxSize, 4), cmp.Or(opt.MaxChecks, 400)
	files, _, err := LoadModules(sources, false)
	if err != nil {
		return nil, err
	}
	x, _ := NewIndex(files, IndexOptions{Platform: opt.Platform, Arch: opt.Arch})
	a := &Asker{plan: &Plan{Sources: sources, Index: x}, u: closure.NewUniverse(), opt: opt, at: map[rpmver.NEVRA][]int32{}}
	if err := a.plan.load(ctx); err != nil {
		return nil, err
	}
	for i := range a.plan.pkgs[:a.plan.merged] {
		a.at[a.plan.pkgs[i].NEVRA] = append(a.at[a.plan.pkgs[i].NEVRA], int32(i))
	}
	for i, s := range sources {
		id, err := a.u.Add(ctx, s.Name, s.Repo)
		if err != nil {
			return nil, err
		}
		a.ids = append(a.ids, id)
		a.overlaid = append(a.overlaid, nil)
		if s.Role != RoleOverlay {
			continue
		}
		if a.overlaid[i], err = readOffers(ctx, s); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Platform is the stream of the platform that answers are for, such as el8; it may be
// empty.
func (a *Asker) Platform() string { return a.plan.Index.Platform() }

// Arch is the arch that answers are for; it may be empty.
func (a *Asker) Arch() string { return a.plan.Index.Arch() }

// enter puts what is wanted into the universe.
func (a *Asker) enter(want Wanted, packages []*repodata.Package) (err error) {
	a.asked++
	a.want, a.works = want, nil
	a.wanted, err = a.u.AddMade(fmt.Sprintf("wanted %d", a.asked), packages)
	return err
}

// try puts all trials of one size to the verifier at once.
func (a *Asker) try(ctx context.Context, level []trial) ([]outcome, error) {
	outcomes := make([]outcome, len(level))
	var checks []closure.Check
	var of []int
	for i, t := range level {
		active, err := a.plan.Index.Resolve(t.streams)
		if conflict, ok := errors.AsType[*Conflict](err); ok {
			outcomes[i].refused = fmt.Sprintf("%s cannot be enabled: %s", streamNames(t.streams, " and "), conflict.Error())
			continue
		} else if err != nil {
			return nil, err
		}
		o := &outcomes[i]
		o.active, o.filter = active, a.plan.Index.Filter(active)
		check := closure.Check{Repo: a.wanted, Suppliers: a.ids, Hidden: a.hiddenFor(t, o.filter)}
		if a.plan.Index.Arch() != "" {
			check.Arches = closure.Arches(a.plan.Index.Arch())
		}
		checks, of = append(checks, check), append(of, i)
	}
	report, err := a.u.Install(ctx, checks, closure.Options{Jobs: a.opt.Jobs})
	if err != nil {
		return nil, err
	}
	for n, c := range report.Checked {
		outcomes[of[n]].problems = c.Problems
	}
	return outcomes, nil
}

func streamTexts(ids []StreamID) []string {
	var names []string
	for _, id := range ids {
		names = append(names, id.String())
	}
	return names
}

// hiddenFor lists what cannot be seen in a trial.
func (a *Asker) hiddenFor(t trial, filter *Filter) []closure.Hidden {
	var list []closure.Hidden
	for i := range a.plan.pkgs[:a.plan.merged] {
		k := &a.plan.pkgs[i]
		by := ""
		if v := filter.Verdict(k.subject); !v.Available() {
			by = v.Groups[0].StreamID.String()
			if v.Kind == Excluded {
				by += ", which is not enabled"
			}
		} else if !k.unlisted() {
			continue
		}
		list = append(list, closure.Hidden{Repo: a.ids[k.source], Package: k.NEVRA, By: by})
	}
	for i, offered := range a.overlaid {
		for _, n := range offered {
			if !t.picked(a.plan.Sources[i].Name, n.NEVRA) {
				list = append(list, closure.Hidden{Repo: a.ids[i], Package: n.NEVRA, By: "being of an overlay source"})
			}
		}
	}
	return list
}
