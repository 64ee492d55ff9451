package splitter

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"flatstream/repodata"
	"flatstream/repodata/closure"
	"flatstream/repodata/rpmver"
)

// VerifyOptions says what is checked against what.
type VerifyOptions struct {
	With  []Source // supply only, but for the source packages in them: see Build
	Aside []Source // supply nobody; a hint may say that they have what is missing
	Arch  string   // of the system, such as x86_64; empty: what the report says, or x86_64
	Jobs  int      // workers; 0: one for each processor

	Level Level
	Build bool // check too that source packages can be built, those of With as well
	Files bool // read every package file too: is it there, with its checksum and the right label?
}

// Level says what is proven of each package.
type Level string

// The levels of verify. The zero value is LevelInstall.
const (
	LevelInstall Level = "install" // it can be installed together with all it needs
	LevelClosure Level = "closure" // every requirement of it has a provider
)

// Unasked lists the codes of problems that verify does not look for at this level.
func (l Level) Unasked() []closure.Code {
	if l == LevelClosure {
		return []closure.Code{closure.Uninstallable, closure.Conflict}
	}
	return nil
}

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
	return VerifyReport(ctx, target, report, opt)
}

// VerifyReport is [Verify] where the target's report was read before: with a thousand
// repositories it is large.
func VerifyReport(ctx context.Context, target fs.FS, report *Report, opt VerifyOptions) (*closure.Report, error) {
	v := &verifying{VerifyOptions: opt, report: report, u: closure.NewUniverse(), ids: map[string]closure.RepoID{}}
	if opt.Arch == "" {
		v.Arch = report.Arch
	}
	if err := v.read(ctx, target); err != nil {
		return nil, err
	}
	var checks []closure.Check
	for i := range report.Repos {
		check, err := v.check(&report.Repos[i])
		if err != nil {
			return nil, err
		}
		checks = append(checks, check)
	}
	if opt.Build {
		more, err := v.buildWith()
		if err != nil {
			return nil, err
		}
		checks = append(checks, more...)
	}
	found, err := opt.judge(ctx, v.u, checks)
	if err != nil {
		return nil, err
	}
	if opt.Build {
		v.warnBuild(found)
	}
	if opt.Files {
		err = v.files(ctx, target, found)
	}
	return found, err
}

// files reads the package files of the target.
func (v *verifying) files(ctx context.Context, target fs.FS, found *closure.Report) error {
	if v.report.Link == string(LinkNothing) {
		return &UsageError{"this target holds metadata only (--link none), so it has no package files to read", "leave --files out, or read the sources' with verify SOURCE --files"}
	}
	var places []filePlace
	for _, repo := range v.report.Repos {
		dir, err := fs.Sub(target, repo.Path)
		if err != nil {
			return fmt.Errorf("%s names %s: %w", ReportName, repo.Path, err)
		}
		r, err := repodata.Open(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", repo.Path, err)
		}
		place := filePlace{id: repo.ID, dir: dir, repo: r}
		if repo.Kind == KindStream {
			place.stream = repo.Module + ":" + repo.Stream
		}
		places = append(places, place)
	}
	return checkFiles(ctx, places, found, v.Jobs)
}

// verifying is one run of Verify.
type verifying struct {
	VerifyOptions
	report *Report
	u      *closure.Universe
	ids    map[string]closure.RepoID // of the target's repositories
	with   []closure.RepoID
}

// read takes in the target's repositories and the other sources.
func (v *verifying) read(ctx context.Context, target fs.FS) (err error) {
	for _, repo := range v.report.Repos {
		if v.ids[repo.ID], err = addFlat(ctx, v.u, target, repo); err != nil {
			return err
		}
	}
	if v.with, err = addSources(ctx, v.u, v.With); err != nil {
		return err
	}
	isWith := func(s Source) bool {
		return slices.ContainsFunc(v.With, func(w Source) bool { return w.Name == s.Name })
	}
	aside, err := addSources(ctx, v.u, slices.DeleteFunc(slices.Clone(v.Aside), isWith))
	for _, id := range aside {
		v.u.Remark(id, "that source only overlays, and no --overlay names it here")
	}
	return err
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
	switch repo.Kind {
	case KindStream:
		u.Label(id, repo.Module+":"+repo.Stream)
	case KindUnlisted:
		u.Remark(id, "it is unlisted: no modules.yaml document lists it, so it supplies nobody")
	}
	return id, nil
}

// check asks about one flat repository.
func (v *verifying) check(repo *ReportRepo) (check closure.Check, err error) {
	check = closure.Check{Repo: v.ids[repo.ID], Arches: arches(v.Arch), Asks: repo.Depends, Plain: repo.Kind == KindStream}
	if check.Suppliers, err = v.suppliers(repo.ID, repo.Requires); err != nil {
		return check, err
	}
	if repo.Kind != KindDefault && repo.Kind != KindView { // a view has the hiding built in
		if check.Hidden, err = v.hidden(repo.ID, repo.Hidden); err != nil {
			return check, err
		}
	}
	if repo.Kind == KindStream {
		for i := range repo.optionalAt {
			check.Optional = append(check.Optional, check.Suppliers[i])
		}
	}
	if v.Build {
		check.Build, err = v.build(repo)
	}
	return check, err
}

// suppliers finds the repositories that another requires, and adds those that supply all.
func (v *verifying) suppliers(repo string, requires []string) ([]closure.RepoID, error) {
	list := make([]closure.RepoID, 0, len(requires)+len(v.with))
	for _, id := range requires {
		supplier, ok := v.ids[id]
		if !ok {
			return nil, fmt.Errorf("%s says that %s requires %s, which is not there: split again", ReportName, repo, id)
		}
		list = append(list, supplier)
	}
	return append(list, v.with...), nil
}

// hidden says which packages of the non-modular repository a repository's streams hide.
func (v *verifying) hidden(repo string, hidden []Hidden) ([]closure.Hidden, error) {
	base, ok := v.ids[repoID(KindNonModular)]
	if !ok {
		return nil, nil
	}
	var list []closure.Hidden
	for _, h := range hidden {
		n, err := rpmver.ParseNEVRA(h.NEVRA)
		if err != nil {
			return nil, fmt.Errorf("%s: hidden packages of %s: %w", ReportName, repo, err)
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
// opt.With, supply one another. With opt.Build the source packages of all are checked,
// each in a system that all supply.
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
	all := slices.Concat(subjects, with)
	var checks []closure.Check
	for i, id := range all {
		check := closure.Check{Repo: id, Arches: arches(opt.Arch), Suppliers: slices.Delete(slices.Clone(all), i, i+1)}
		if opt.Build {
			check.Build = &closure.Build{Suppliers: check.Suppliers, Sources: []closure.Sources{{Repo: id}}, Alone: i >= len(subjects)}
		} else if i >= len(subjects) {
			break
		}
		checks = append(checks, check)
	}
	found, err := opt.judge(ctx, u, checks)
	if err != nil || !opt.Files {
		return found, err
	}
	var places []filePlace
	for _, s := range sources {
		if s.Dir == "" {
			return nil, &UsageError{fmt.Sprintf("--files reads package files on this machine, and %s is not", s.Name), "mirror it with flatstream sync, which checks each"}
		}
		places = append(places, filePlace{id: s.Name, dir: os.DirFS(s.Dir), repo: s.Repo})
	}
	return found, checkFiles(ctx, places, found, opt.Jobs)
}

func arches(machine string) []string {
	if machine == "" {
		return nil
	}
	return closure.Arches(machine)
}
