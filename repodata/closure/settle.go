package closure

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// How long the SAT solver works. Real packages take it microseconds to milliseconds;
// dependencies can be written that would keep it for years.
const (
	patience   = 200 * time.Millisecond // before it looks whether it is still wanted
	maxThought = time.Minute            // on the packages of one check altogether, see Options
	minThought = 50 * time.Millisecond  // on each package, when that is used up
	maxExcuse  = 2 * time.Second        // on the reason of one package that cannot be installed
)

// maxTogether bounds the packages that are settled in one formula: each answer takes time
// in proportion to it.
const maxTogether = 50

// settle puts the packages that the greedy search could not place to the SAT solver,
// those that were built together in one formula, since they need much the same.
func (j *judge) settle(ctx context.Context, hard []int32) error {
	hard = slices.Clone(hard)
	slices.SortStableFunc(hard, func(a, b int32) int { return cmp.Compare(j.packages[a].batch, j.packages[b].batch) })
	asked := make(set, len(j.available))
	for len(hard) > 0 {
		n := 1
		for n < min(len(hard), maxTogether) && j.packages[hard[n]].batch == j.packages[hard[0]].batch {
			n++
		}
		open := slices.DeleteFunc(slices.Clone(hard[:n]), func(p int32) bool { return j.proven.has(p) || !j.alive.has(p) })
		if err := j.settleTogether(ctx, open, asked); err != nil {
			return err
		}
		hard = hard[n:]
	}
	return nil
}

// settleTogether puts some packages to the SAT solver, one after the other, in one
// formula for all: the cone of them. A solution proves all packages in it. Where there is none, the package is broken;
// then its providers are settled first of all, since the cause may be in them. What
// the solver does not find out in time stays undecided, and is said to be.
func (j *judge) settleTogether(ctx context.Context, hard []int32, asked set) error {
	if len(hard) == 0 {
		return nil
	}
	f := j.newProblem(hard)
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
			for _, q := range f.packages {
				if f.chosen(q) {
					j.proven.add(q)
				}
			}
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
	for _, p := range j.providers[r] {
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
		for _, p := range j.providers[r] {
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
