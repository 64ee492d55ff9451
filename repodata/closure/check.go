package closure

import (
	"context"
	"maps"
	"slices"

	"flatstream/repodata/rpmver"
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
	views, err := u.evaluate(ctx, parts, opt.Jobs)
	if err != nil {
		return nil, err
	}
	found := make([]Checked, len(parts))
	parallel(opt.Jobs, len(parts), func(i int) { found[i] = views[i].checked() })
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

// evaluate decides every requirement of every check: first by what primary says;
// if paths are left that only filelists know, again with those looked up.
func (u *Universe) evaluate(ctx context.Context, checks []Check, jobs int) ([]*view, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		u.resolve(jobs)
		views := make([]*view, len(checks))
		byNEVRA := u.byNEVRA(checks)
		parallel(jobs, len(checks), func(i int) {
			views[i] = u.newView(checks[i], byNEVRA)
			views[i].decide()
		})
		paths := make(map[int32]bool)
		for _, v := range views {
			maps.Copy(paths, v.paths)
		}
		again, err := u.lookUp(ctx, paths, jobs)
		if err != nil {
			return nil, err
		}
		if !again {
			return views, nil
		}
	}
}

// byNEVRA indexes the packages by name, if any check hides some.
func (u *Universe) byNEVRA(checks []Check) map[rpmver.NEVRA][]int32 {
	if !slices.ContainsFunc(checks, func(c Check) bool { return len(c.Hidden) > 0 }) {
		return nil
	}
	m := make(map[rpmver.NEVRA][]int32, len(u.packages))
	for i, p := range u.packages {
		m[p.NEVRA] = append(m[p.NEVRA], int32(i))
	}
	return m
}
