package closure

import (
	"context"
	"time"

	"github.com/go-air/gini/z"
)

// How hard the SAT solver tries. Its work is counted in slices, not in time, so that a
// result is the same on a busy machine: gini looks at the clock after 20,000 propagations,
// so that one that has to stop at once does just these, and goes on with what it learned.
// Real packages take it one slice each; dependencies can be written that would keep it
// for years.
const (
	maxEffort = 2000 // slices for the packages of one check altogether, see Options
	minEffort = 2    // for each package, when these are used up
	maxExcuse = 80   // for the reason of one package that cannot be installed
)

// A slice must be long enough to try out a value of each variable. So in problems with more
// than maxSliced variables it takes time, of which the effort for a check is minutes: far
// from what real packages take on any machine.
const (
	maxSliced = 8000
	longSlice = 200 * time.Millisecond
)

// answer tells whether all of the literals can be true: 1 or -1, or 0 if that effort did not
// tell. It returns what is left of the effort.
func (f *satProblem) answer(ctx context.Context, effort int, literals ...z.Lit) (answer, left int) {
	slice := time.Nanosecond
	if f.g.MaxVar() > maxSliced {
		slice = longSlice
	}
	for ; effort > 0 && ctx.Err() == nil; effort-- {
		f.g.Assume(literals...)
		if answer = f.g.Try(slice); answer != 0 {
			return answer, effort
		}
	}
	return 0, effort
}
