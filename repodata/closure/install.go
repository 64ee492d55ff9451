package closure

import (
	"cmp"
	"context"
	"slices"

	"flatstream/repodata/rpmver"
)

// Install checks of every package of the given repositories that it can be
// installed into an empty system, together with what it needs, from its repository
// and the suppliers. The judge is libsolv with rpm's semantics: a package can be
// installed when there is a set of packages with it in which every requirement is
// met and nothing collides (see excludes and together).
//
// Beside what [Universe.Closure] reports it finds packages whose requirements all
// have providers and that cannot be installed all the same: because a provider
// cannot (uninstallable), or because what is needed excludes each other (conflict).
// What could not be decided with the effort allowed is a problem too (undecided): nothing is called
// installable that is not proven to be. Errors are those of Closure.
func (u *Universe) Install(ctx context.Context, checks []Check, opt Options) (*Report, error) {
	if err := u.knownAll(checks); err != nil {
		return nil, err
	}
	if err := u.lookUpAll(ctx, opt.Jobs); err != nil {
		return nil, err
	}
	parts := parts(checks)
	u.resolve(opt.Jobs)
	g := u.graphed(opt.Jobs)
	found := make([]Checked, len(parts))
	err := u.evaluate(ctx, parts, opt.Jobs, func(i int, v *view) (err error) {
		found[i], err = v.installed(ctx, g, cmp.Or(opt.Effort, maxEffort))
		return err
	})
	if err != nil {
		return nil, err
	}
	report := u.newReport()
	report.Checked = whole(parts, found)
	report.Tally()
	return report, ctx.Err()
}

// installed judges the view.
func (v *view) installed(ctx context.Context, g *graph, effort int) (Checked, error) {
	j := v.newJudge(g, effort)
	defer j.done()
	if err := j.judge(ctx); err != nil {
		return Checked{}, err
	}
	found := v.checked()
	found.Join(j.problems())
	return found, found.addPlain(ctx, j)
}

// judge decides about all targets.
func (j *judge) judge(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j.reach()
	j.findCauses()
	return j.settle(ctx, j.prove())
}

// problems lists the targets that cannot be installed although every requirement
// of theirs can be read and has a provider.
func (j *judge) problems() []Problem {
	var found []Problem
	var b *blame
	near := make(map[int32][]Near)
	known := make(map[int32]bool) // by package: it has its problem already
	for _, p := range j.view.broken {
		known[p.pkg] = p.unmet != nil || p.unreadable != nil
	}
	for _, p := range j.targets {
		if !j.alive.has(p) && !known[p] {
			if b == nil {
				b = j.newBlame()
			}
			found = append(found, b.problem(p, near))
		}
	}
	for _, p := range j.undecided {
		if j.alive.has(p) && !j.proven.has(p) && slices.Contains(j.targets, p) {
			found = append(found, problemOf(Undecided, j.packages[p].NEVRA, nil, []string{}))
		}
	}
	return found
}

func (b *blame) problem(p int32, near map[int32][]Near) Problem {
	nevra := b.judge.packages[p].NEVRA
	cause := b.cause(p)
	lost := b.lost(cause)
	if p == cause {
		if lost >= 0 {
			return problemOf(Conflict, nevra, []string{b.text(lost)}, []string{b.hopeless(p, lost)})
		}
		c := b.collision(p)
		return problemOf(Conflict, nevra, c.requirements, c.lines)
	}
	var texts []string
	for _, r := range b.deadEnds(p) {
		texts = append(texts, b.text(r))
	}
	found := problemOf(Uninstallable, nevra, texts, b.chain(p))
	if lost >= 0 && !b.all[lost].bad && !b.demanded(cause, lost) && !b.repo.packages.has(cause) {
		found.Near = append(found.Near, b.nearOnce(lost, near)...)
	}
	return found
}

func problemOf(code Code, p rpmver.NEVRA, requirements, chain []string) Problem {
	found := problem(code, p, requirements)
	found.Chain = chain
	return found
}

// Join adds problems, each where it belongs. Packages of one NEVRA share an entry
// for a code: the chain is that of the first. [Report.Tally] then counts anew.
func (c *Checked) Join(more []Problem) {
	all := append(c.Problems, more...)
	keys := make(map[string]rpmver.NEVRA, len(all))
	for _, p := range all {
		n, err := rpmver.ParseNEVRA(p.Package)
		if err != nil {
			n = rpmver.NEVRA{Name: p.Package}
		}
		keys[p.Package] = n
	}
	slices.SortStableFunc(all, func(a, b Problem) int {
		return cmp.Or(rpmver.CompareNEVRA(keys[a.Package], keys[b.Package]), cmp.Compare(a.Code, b.Code))
	})
	c.Problems = all[:0]
	for _, p := range all {
		if n := len(c.Problems); n > 0 && c.Problems[n-1].Package == p.Package && c.Problems[n-1].Code == p.Code {
			last := &c.Problems[n-1]
			last.Requirements = append(last.Requirements, p.Requirements...)
			slices.Sort(last.Requirements)
			last.Requirements = slices.Compact(last.Requirements)
			continue
		}
		c.Problems = append(c.Problems, p)
	}
}
