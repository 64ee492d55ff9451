package closure

import (
	"cmp"
	"context"
	"slices"

	"github.com/go-air/gini/z"
)

// maxTogether bounds the packages that are settled in one formula: each answer takes time
// in proportion to it, and so does writing it down.
const maxTogether = 400

// settle puts the packages that the greedy search could not place to the SAT solver, many
// in one formula; those that were built together come one after the other, since they need
// much the same.
func (j *judge) settle(ctx context.Context, hard []int32) error {
	if len(hard) == 0 {
		return nil
	}
	hard = slices.Clone(hard)
	slices.SortStableFunc(hard, func(a, b int32) int { return cmp.Compare(j.packages[a].batch, j.packages[b].batch) })
	asked := make(set, len(j.available))
	for len(hard) > 0 {
		n := min(len(hard), maxTogether)
		open := slices.DeleteFunc(slices.Clone(hard[:n]), func(p int32) bool { return j.proven.has(p) || !j.alive.has(p) })
		if err := j.settleTogether(ctx, open, asked); err != nil {
			return err
		}
		hard = hard[n:]
	}
	return nil
}

// settleTogether puts some packages to the SAT solver in one formula for all, the cone of
// them: first as many as possible at once, then one after the other. A solution proves all
// packages in it. Where there is none, the package is broken; then its providers are
// settled first of all, since the cause may be in them. What the solver does not find out
// within the effort stays undecided, and is said to be.
func (j *judge) settleTogether(ctx context.Context, hard []int32, asked set) error {
	if len(hard) == 0 {
		return nil
	}
	f := j.newProblem(hard)
	if err := f.settleAtOnce(ctx, hard); err != nil {
		return err
	}
	queue := slices.Clone(hard)
	slices.Reverse(queue)
	for len(queue) > 0 {
		p := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if asked.has(p) || j.proven.has(p) || !j.alive.has(p) {
			continue
		}
		asked.add(p)
		answer, err := f.solve(ctx, p)
		if err != nil {
			return err
		}
		switch answer {
		case 0:
			j.undecided = append(j.undecided, p)
			continue
		case 1:
			f.learn()
			continue
		}
		j.culprit.add(p)
		j.fell(p)
		j.spread()
		for _, r := range j.obliges(p) {
			queue = append(queue, j.choices(r)...)
		}
	}
	return nil
}

// learn takes what the solution that was found last holds as proven.
func (f *satProblem) learn() {
	for _, p := range f.packages {
		if f.chosen(p) {
			f.proven.add(p)
		}
	}
}

// maxRounds bounds how often many packages are asked for at once: what is left is asked
// for one by one.
const maxRounds = 60

// settleAtOnce looks for systems with as many of the packages as there can be at once: it
// asks for all, and where they exclude each other leaves those out until the next
// round that the solver names last.
func (f *satProblem) settleAtOnce(ctx context.Context, hard []int32) error {
	for range maxRounds {
		var wanted []z.Lit
		for _, p := range f.oneOfName(hard) {
			wanted = append(wanted, f.lit(p))
		}
		answer := -1
		for len(wanted) > 1 && answer < 0 {
			if answer, _ = f.answer(ctx, 1, wanted...); answer < 0 {
				why := f.g.Why(nil)
				last := 0
				for i, l := range wanted {
					if slices.Contains(why, l) {
						last = i
					}
				}
				wanted = slices.Delete(wanted, last, last+1)
			}
		}
		if answer != 1 {
			break
		}
		f.learn()
	}
	return ctx.Err()
}

// oneOfName lists packages that are still open, of one name one only.
func (f *satProblem) oneOfName(packages []int32) []int32 {
	var list []int32
	known := make(map[string]bool)
	for _, p := range packages {
		if name := f.Universe.packages[p].Name; !known[name] && !f.proven.has(p) && f.alive.has(p) {
			known[name] = true
			list = append(list, p)
		}
	}
	return list
}

// choices lists the packages not known to be broken that r could want.
func (j *judge) choices(r int32) []int32 {
	if rich := j.all[r].rich; rich != nil {
		var found []int32
		for _, leaf := range rich.formula.wanted(nil) {
			found = append(found, j.choices(leaf)...)
		}
		return found
	}
	var found []int32
	for _, p := range j.providers.of(r) {
		if j.alive.has(p) {
			found = append(found, p)
		}
	}
	return found
}

// coneOf lists packages with all that they could need, of those in among.
func (j *judge) coneOf(packages []int32, among set) []int32 {
	in := make(set, len(among))
	var cone []int32
	seen := make(map[int32]bool)
	var want func(r int32)
	enter := func(p int32) {
		if among.has(p) && !in.has(p) {
			in.add(p)
			cone = append(cone, p)
		}
	}
	want = func(r int32) {
		if seen[r] {
			return
		}
		seen[r] = true
		if rich := j.all[r].rich; rich != nil {
			for _, leaf := range rich.formula.wanted(nil) {
				want(leaf)
			}
			return
		}
		for _, p := range j.providers.of(r) {
			enter(p)
		}
	}
	for _, p := range packages {
		enter(p)
	}
	for i := 0; i < len(cone); i++ {
		for _, r := range j.obliges(cone[i]) {
			want(r)
		}
	}
	return cone
}
