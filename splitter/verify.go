package splitter

import (
	"context"
	"fmt"
	"io/fs"

	"flatstream/repodata"
	"flatstream/repodata/closure"
	"flatstream/repodata/rpmver"
)

// VerifyOptions says what is checked against what.
type VerifyOptions struct {
	With []Source // supply only
	Arch string   // of the system, such as x86_64; empty: what the report says, or x86_64
	Jobs int      // workers; 0: one for each processor

	Level Level
}

// Level says what is proven of each package.
type Level string

// The levels of verify. The zero value is LevelInstall.
const (
	LevelInstall Level = "install" // it can be installed together with all it needs
	LevelClosure Level = "closure" // every requirement of it has a provider
)

// judge runs the checks at the wanted level.
func (o VerifyOptions) judge(ctx context.Context, u *closure.Universe, checks []closure.Check) (*closure.Report, error) {
	if o.Level == LevelClosure {
		return u.Closure(ctx, checks, closure.Options{Jobs: o.Jobs})
	}
	return u.Install(ctx, checks, closure.Options{Jobs: o.Jobs})
}

// Verify checks every flat repository of a target as it is on disk. Who supplies it
// is what report.json records and its .repo file repeats, so that what is judged is
// what a client configures. Nothing of the split's memory is used.
func Verify(ctx context.Context, target fs.FS, opt VerifyOptions) (*closure.Report, error) {
	report, err := ReadReport(target)
	if err != nil {
		return nil, err
	}
	u := closure.NewUniverse()
	ids := map[string]closure.RepoID{}
	for _, repo := range report.Repos {
		if ids[repo.ID], err = addFlat(ctx, u, target, repo); err != nil {
			return nil, err
		}
	}
	with, err := addSources(ctx, u, opt.With)
	if err != nil {
		return nil, err
	}
	arch := opt.Arch
	if arch == "" {
		arch = report.Arch
	}
	var checks []closure.Check
	for _, repo := range report.Repos {
		check := closure.Check{Repo: ids[repo.ID], Arches: arches(arch)}
		for _, id := range repo.Requires {
			supplier, ok := ids[id]
			if !ok {
				return nil, fmt.Errorf("%s says that %s requires %s, which is not there: split again", ReportName, repo.ID, id)
			}
			check.Suppliers = append(check.Suppliers, supplier)
		}
		check.Suppliers = append(check.Suppliers, with...)
		if check.Hidden, err = hiddenFrom(repo, ids); err != nil {
			return nil, err
		}
		checks = append(checks, check)
	}
	return opt.judge(ctx, u, checks)
}

func addFlat(ctx context.Context, u *closure.Universe, target fs.FS, repo ReportRepo) (closure.RepoID, error) {
	sub, err := fs.Sub(target, repo.Path)
	if err != nil {
		return 0, fmt.Errorf("%s names %s: %w", ReportName, repo.Path, err)
	}
	r, err := repodata.Open(sub)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", repo.Path, err)
	}
	id, err := u.Add(ctx, repo.ID, r)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", repo.Path, err)
	}
	if repo.Kind == KindStream {
		u.Label(id, repo.Module+":"+repo.Stream)
	}
	return id, nil
}

// hiddenFrom says which packages of the non-modular repository a repository's
// streams hide.
func hiddenFrom(repo ReportRepo, ids map[string]closure.RepoID) ([]closure.Hidden, error) {
	base, ok := ids[repoID(KindNonModular)]
	if !ok || repo.Kind == KindDefault || repo.Kind == KindView {
		return nil, nil // a view has the hiding built in
	}
	var list []closure.Hidden
	for _, h := range repo.Hidden {
		n, err := rpmver.ParseNEVRA(h.NEVRA)
		if err != nil {
			return nil, fmt.Errorf("%s: hidden packages of %s: %w", ReportName, repo.ID, err)
		}
		list = append(list, closure.Hidden{Repo: base, Package: n, By: h.By})
	}
	return list, nil
}

func addSources(ctx context.Context, u *closure.Universe, sources []Source) ([]closure.RepoID, error) {
	var ids []closure.RepoID
	for _, s := range sources {
		id, err := u.Add(ctx, s.Name, s.Repo)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// VerifySources checks plain rpm-md repositories. All of them, and those in
// opt.With, supply one another.
func VerifySources(ctx context.Context, sources []Source, opt VerifyOptions) (*closure.Report, error) {
	u := closure.NewUniverse()
	subjects, err := addSources(ctx, u, sources)
	if err != nil {
		return nil, err
	}
	with, err := addSources(ctx, u, opt.With)
	if err != nil {
		return nil, err
	}
	var checks []closure.Check
	for i, id := range subjects {
		check := closure.Check{Repo: id, Arches: arches(opt.Arch)}
		check.Suppliers = append(check.Suppliers, subjects[:i]...)
		check.Suppliers = append(check.Suppliers, subjects[i+1:]...)
		check.Suppliers = append(check.Suppliers, with...)
		checks = append(checks, check)
	}
	return opt.judge(ctx, u, checks)
}

func arches(machine string) []string {
	if machine == "" {
		return nil
	}
	return closure.Arches(machine)
}
