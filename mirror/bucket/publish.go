package bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

// Publish makes a location show a snapshot of a store. It may be started again at any
// moment, and goes on where one before it ended or was killed. The store need not be
// locked: a snapshot does not change, and prune leaves the current one alone.
func Publish(ctx context.Context, t *tree.Tree, l Location, opt Options) (*Report, error) {
	begun := time.Now()
	if opt.Now.IsZero() {
		opt.Now = begun
	}
	opt.Lease = cmp.Or(opt.Lease, DefaultLease)
	opt.single, opt.part = cmp.Or(opt.single, maxSingle), cmp.Or(opt.part, partSize)
	p := &publication{opt: opt, tree: t, report: &Report{Location: l.String(), DryRun: opt.DryRun, Warnings: []string{}}}
	err := p.run(ctx, l)
	p.report.Seconds = time.Since(begun).Seconds()
	if err != nil {
		return p.report, fmt.Errorf("publish to %s: %w", l, err)
	}
	return p.report, nil
}

// publication is one under way.
type publication struct {
	*remote
	opt      Options
	tree     *tree.Tree
	snapshot tree.Snapshot
	source   string
	report   *Report
	parts    func(path string) bool // where uploads in parts of others were taken back
}

func (p *publication) run(ctx context.Context, l Location) (err error) {
	name := p.opt.Snapshot
	if name == "" {
		name = "current"
	}
	if p.snapshot, err = p.tree.Snapshot(name); err != nil {
		return err
	}
	p.report.Snapshot = p.snapshot.Name
	if p.source, err = fingerprint(p.snapshot); err != nil {
		return err
	}
	if p.opt.PlusCopies {
		p.source += " plus" // what was published without is not up to date
	}
	if p.remote, err = open(ctx, l, p.opt); err != nil {
		return err
	}
	old, err := p.published(ctx)
	if err != nil {
		return err
	}
	if p.upToDate(old) {
		p.report.Files, p.report.Bytes = old.Files, old.Bytes
		return nil
	}
	if p.opt.DryRun {
		plan, have, err := p.plan(ctx, old, nil)
		if err == nil {
			_, err = p.uploader(ctx, nil, plan, have, nil)
		}
		p.foretell(plan)
		return err
	}
	held, lease, err := p.acquire(ctx, p.opt.Lease, p.opt.holder())
	if err != nil {
		return err
	}
	err = p.work(held, lease)
	if _, e := os.Stat(p.snapshot.Dir); err != nil && errors.Is(e, fs.ErrNotExist) {
		err = &PrunedError{p.snapshot.Name}
	}
	if cause := context.Cause(held); cause != nil && ctx.Err() == nil {
		err = cause
	}
	if e := lease.release(ctx); err == nil {
		err = e
	}
	return err
}

// PrunedError says that a snapshot was removed from the store while it was being published.
type PrunedError struct{ Snapshot string }

func (e *PrunedError) Error() string {
	return fmt.Sprintf("snapshot %s was pruned from the store meanwhile", e.Snapshot)
}

// Hint says what to try next.
func (e *PrunedError) Hint() string {
	return "start it again: what is uploaded stays; a tag keeps a snapshot from being pruned"
}

// published is the state of the prefix; a damaged one is none when it is made anew.
func (p *publication) published(ctx context.Context) (state, error) {
	s, err := p.readState(ctx)
	if _, damaged := errors.AsType[*DamageError](err); damaged && p.opt.rebuild {
		return s, nil
	}
	return s, err
}

// upToDate says whether nothing is to be done: this snapshot is published, and nothing
// is old enough to be deleted.
func (p *publication) upToDate(s state) bool {
	return s.etag != "" && !s.Unfinished && s.Snapshot == p.snapshot.Name && s.Source == p.source && p.opt.again == nil &&
		(s.Due == 0 || p.opt.Now.Unix() < s.Due)
}

func (p *publication) work(ctx context.Context, l *lease) error {
	old, err := p.published(ctx) // again: another publisher may have ended meanwhile
	if err != nil {
		return err
	}
	unsure, err := p.readIntent(ctx)
	if err != nil {
		return err
	}
	if p.opt.rebuild {
		unsure, err = p.present(ctx, unsure)
	}
	if err != nil {
		return err
	}
	if unsure != nil {
		p.report.Resumed = len(unsure)
		if err := p.clean(ctx, old); err != nil {
			return err
		}
	}
	plan, have, err := p.plan(ctx, old, unsure)
	if err != nil {
		return err
	}
	up, err := p.uploader(ctx, l, plan, have, unsure)
	if err != nil {
		return err
	}
	if err := p.takeBack(ctx, plan, unsure); err != nil {
		return err
	}
	if old, err = p.begin(ctx, old); err != nil {
		return err
	}
	if err := p.writeIntent(ctx, plan); err != nil {
		return err
	}
	for s := range stages {
		if err := up.run(ctx, s, plan.tasks[s]); err != nil {
			return err
		}
	}
	orphans, err := p.orphans(ctx, plan.orphans)
	if err != nil {
		return err
	}
	return p.finish(ctx, l, old, plan, slices.Concat(plan.kept, up.done, orphans))
}

// takeBack ends uploads in parts that killed publications began at paths of ours. Nobody
// else writes there now.
func (p *publication) takeBack(ctx context.Context, made plan, unsure map[string]bool) (err error) {
	if unsure == nil && p.opt.again == nil && made.largest <= p.opt.single {
		return nil
	}
	ours := pathsOf(made.kept)
	made.each(func(_ file, path string) { ours[path] = true })
	p.parts = func(path string) bool { return ours[path] || unsure[path] }
	p.report.Aborted, err = p.abortParts(ctx, p.parts)
	return err
}

// plan compares; it changes nothing.
func (p *publication) plan(ctx context.Context, old state, unsure map[string]bool) (plan, []item, error) {
	if p.opt.rebuild {
		old = state{}
	}
	have, err := p.readItems(ctx, old)
	if err != nil {
		return plan{}, nil, err
	}
	want, err := files(p.tree, p.snapshot, p.opt.PlusCopies)
	if err != nil {
		return plan{}, nil, err
	}
	have = slices.DeleteFunc(have, func(i item) bool { return p.opt.again[i.path] })
	made := makePlan(have, want, unsure, p.opt.Now, p.opt.Grace)
	p.report.Files, p.report.Bytes = made.files, made.bytes
	if n := len(made.delete); made.guard(p.opt.MaxDelete) {
		p.report.Warnings = append(p.report.Warnings, fmt.Sprintf(
			"%d of %d objects should be deleted, more than max-delete %g%%: none is; raise it for one run if that is right",
			n, n+made.files, p.opt.MaxDelete*100))
	}
	return made, have, nil
}

func (p *publication) foretell(made plan) {
	p.report.Uploaded, p.report.UploadedBytes, p.report.Deleted = made.todo, made.todoLen, len(made.delete)
}

func (p *publication) uploader(ctx context.Context, l *lease, made plan, have []item, unsure map[string]bool) (*uploader, error) {
	u := &uploader{
		remote: p.remote, lease: l, jobs: p.opt.jobs(), unsure: unsure, again: p.opt.again, report: p.report, moved: p.opt.Moved,
		single: p.opt.single, part: p.opt.part, known: map[digest.Checksum]origin{}, etags: map[string]string{},
		now: Progress{AllFiles: made.todo, AllBytes: made.todoLen},
	}
	for _, i := range have {
		if stageOf(i.path, false) == indexes {
			u.etags[i.path] = i.etag
		}
	}
	if made.todo == 0 {
		return u, nil
	}
	made.each(func(f file, _ string) { u.known[f.sum] = origin{} })
	for _, from := range p.opt.CopyFrom {
		other := p.at(from)
		s, err := other.readState(ctx)
		if err != nil {
			return nil, err
		}
		items, err := other.readItems(ctx, s)
		if err != nil {
			return nil, err
		}
		u.learn(from, items, nil)
	}
	u.learn(p.Location, have, unsure)
	missing := &OnDemandError{Snapshot: p.snapshot.Name}
	made.each(func(f file, path string) {
		if f.promised && u.known[f.sum].path == "" && !unsure[path] {
			if missing.Missing++; missing.First == "" {
				missing.First = path
			}
		}
	})
	if missing.Missing > 0 {
		return nil, missing
	}
	return u, nil
}

// learn remembers where content that is needed can be copied from.
func (u *uploader) learn(l Location, items []item, unsure map[string]bool) {
	for _, i := range items {
		if _, needed := u.known[i.sum]; needed && !unsure[i.path] {
			u.known[i.sum] = origin{l, i.path, i.etag}
		}
	}
}

// orphans finds out what is at paths that an unfinished publication was about to change
// and that the snapshot does not have. What is there goes the way of old files.
func (p *publication) orphans(ctx context.Context, paths []string) ([]item, error) {
	var found []item
	for _, path := range paths {
		o, ok, err := p.head(ctx, path)
		if err != nil {
			return nil, err
		}
		if sum, err := parseSum(o.sum); ok && err == nil {
			found = append(found, item{path: path, size: o.size, sum: sum, etag: o.etag, gone: p.opt.Now.Unix()})
		}
	}
	return found, nil
}

// finish commits, then deletes what is old. Deleting comes after the manifest no longer
// has it, while the intent still does: nobody ever takes for there what may be gone.
func (p *publication) finish(ctx context.Context, l *lease, old state, made plan, items []item) error {
	now, err := p.commit(ctx, state{
		Snapshot: p.snapshot.Name, Source: p.source, Files: made.files, Bytes: made.bytes,
		Due: due(items, p.opt.Grace), Published: p.opt.Now.UTC(), etag: old.etag,
	}, items)
	if err != nil {
		return err
	}
	p.report.Published = true
	if p.report.Aborted > 0 { // a part that was on its way may have brought one back
		if _, err := p.abortParts(ctx, p.parts); err != nil {
			return err
		}
	}
	for batch := range slices.Chunk(made.delete, 1000) {
		paths := make([]string, len(batch))
		for i := range batch {
			paths[i] = batch[i].path
		}
		if !l.held() {
			return &LostError{p.Location}
		}
		if err := p.remove(ctx, paths); err != nil {
			return err
		}
		p.report.Deleted += len(batch)
	}
	rest := []string{intentName}
	if old.Manifest != "" && old.Manifest != now.Manifest {
		rest = append(rest, manifestPrefix+old.Manifest)
	}
	if !l.held() {
		return &LostError{p.Location}
	}
	if err := p.remove(ctx, rest); err != nil {
		return err
	}
	now.Unfinished = false
	_, err = p.writeState(ctx, now)
	return err
}
