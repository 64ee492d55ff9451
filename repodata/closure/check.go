package closure

import (
	"cmp"
	"context"
	"maps"
	"sync"
)

// Closure checks that every requirement of every package of the given
// repositories has a provider, and reports those that have none, repository by
// repository in the order of the checks. Errors are those of a filelists that
// cannot be read, of ctx, or of a Check that names a repository that was not
// added; nothing is proven then.
func (u *Universe) Closure(ctx context.Context, checks []Check, opt Options) (*Report, error) {
	if err := u.knownAll(checks); err != nil {
		return nil, err
	}
	parts := parts(checks)
	found := make([]Checked, len(parts))
	err := u.evaluate(ctx, parts, opt.Jobs, func(i int, v *view) error {
		found[i] = v.checked()
		return nil
	})
	if err != nil {
		return nil, err
	}
	report := u.newReport()
	report.Checked = whole(parts, found)
	report.Tally()
	return report, ctx.Err()
}

func (u *Universe) newReport() *Report {
	report := &Report{Schema: Schema, streams: make(map[string]string)}
	for _, r := range u.repos {
		if r.stream != "" {
			report.streams[r.name] = r.stream
		}
	}
	return report
}

// evaluate decides every requirement of every check, and gives each view to use, which
// has it alone and for that call only. It goes by what primary says; where paths are
// left that only filelists know, it looks these up and decides again.
func (u *Universe) evaluate(ctx context.Context, checks []Check, jobs int, use func(i int, v *view) error) error {
	used := make([]bool, len(checks))
	for {
		u.resolve(jobs)
		var mutex sync.Mutex
		paths := make(map[int32]bool)
		errs := make([]error, len(checks))
		parallelWith(jobs, len(checks), u.newBench, func(b *bench, i int) {
			if errs[i] = ctx.Err(); used[i] || errs[i] != nil {
				return
			}
			v := b.newView(checks[i])
			defer v.done()
			v.decide()
			if used[i] = u.lookedUp(v.paths); used[i] {
				errs[i] = use(i, v)
				return
			}
			mutex.Lock()
			defer mutex.Unlock()
			maps.Copy(paths, v.paths)
		})
		if err := cmp.Or(errs...); err != nil || len(paths) == 0 {
			return err
		}
		again, err := u.lookUp(ctx, paths, jobs)
		if err != nil {
			return err
		}
		if again {
			clear(used)
		}
	}
}

// lookedUp reports whether all these paths were looked up.
func (u *Universe) lookedUp(paths map[int32]bool) bool {
	for p := range paths {
		if !u.looked[p] {
			return false
		}
	}
	return true
}
