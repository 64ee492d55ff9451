package nightly

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"flatstream/mirror"
	"flatstream/mirror/repofile"
	"flatstream/mirror/tree"
	"flatstream/splitter"
)

// Options is what a run takes from its caller rather than from the config.
type Options struct {
	Vars    repofile.Vars // of the machine; a target's own come first
	Jobs    int           // workers; 0: mirror's and splitter's defaults
	Now     time.Time     // default: the clock
	Version string        // of the program: another one splits again

	// What follows is mirror's (mirror.Options).
	AllowRollback, AllowWeakChecksums bool
	MaxShrink                         float64
	MaxAge                            time.Duration
	LimitRate                         int64 // bytes per second

	// What hears of progress; each may be nil.
	Synced func(*mirror.Summary) // of each repository
	Made   func(TargetReport)    // of each target
	Moved  func(mirror.Event)    // of downloads
}

// Run does one night's work. Nothing is published unless every repository was synced
// and every target was split and verified; then all of it is, by one rename. A
// failure leaves what is published as it was. Hooks run at the end, when the store is
// free again. The report is never nil; an error after a publication comes with
// Published set.
func Run(ctx context.Context, c *Config, opt Options) (*Report, error) {
	n := &night{Config: c, opt: opt, report: newReport()}
	if n.opt.Now.IsZero() {
		n.opt.Now = time.Now()
	}
	err := n.run(ctx)
	if err == nil {
		err = n.toBucket(ctx)
	}
	return n.report, errors.Join(err, n.writeMetrics(err), n.hooks(ctx, err))
}

// night is one run under way.
type night struct {
	*Config
	opt     Options
	tree    *tree.Tree
	all     []upstream
	members map[build][]member
	links   []link
	signer  *splitter.Signer
	made    string // fingerprint of all but upstream's content
	report  *Report
	untold  bool // what an earlier run published was not announced
	unshown bool // what is published could not be put into the bucket

	known, labels map[string]string // labels of package files: of nights before, of this one
}

// run resolves what the config names, takes the store and works.
func (n *night) run(ctx context.Context) (err error) {
	if n.all, n.members, err = n.upstreams(n.opt.Vars); err != nil {
		return err
	}
	if n.links, err = n.Config.links(n.opt.Vars); err != nil {
		return err
	}
	if n.signer, err = n.readSigner(n.opt.Now); err != nil {
		return err
	}
	if n.made, err = n.fingerprint(n.opt.Version, n.all); err != nil {
		return err
	}
	if n.tree, err = tree.Open(n.Store); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.tree.Close()) }()
	unlock, err := n.tree.Lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	err = n.work(ctx)
	if current, ok, e := n.tree.Current(); e == nil && ok {
		n.report.Snapshot = current.Name
	}
	return errors.Join(err, n.record(err))
}

func (n *night) work(ctx context.Context) error {
	if err := n.sync(ctx); err != nil {
		return err
	}
	fresh, err := n.upToDate()
	if err != nil || fresh {
		return err
	}
	if err := n.recallLabels(); err != nil {
		return err
	}
	stage, err := n.tree.NewStage()
	if err != nil {
		return err
	}
	baselines, err := n.fill(ctx, stage)
	if err == nil {
		err = stage.CarryGrace(n.opt.Now, n.Keep.Grace)
	}
	if err == nil {
		err = n.keepAnnounced()
	}
	if err == nil {
		err = ctx.Err() // the last moment at which an interruption publishes nothing
	}
	if err != nil {
		return errors.Join(err, stage.Discard())
	}
	name, err := stage.Publish(n.opt.Now)
	n.report.Published = name != ""
	if name == "" {
		return errors.Join(err, stage.Discard())
	}
	return errors.Join(err, n.remember(name, baselines))
}

// sync brings every repository up to date. All are tried; one that fails fails the
// night.
func (n *night) sync(ctx context.Context) error {
	failed := &SyncError{All: len(n.all)}
	var tasks []mirror.Task
	for _, u := range n.all {
		tasks = append(tasks, mirror.Task{Source: u.source, Options: mirror.Options{
			Jobs: n.opt.Jobs, Now: n.opt.Now, Progress: n.opt.Moved, MaxShrink: n.opt.MaxShrink, MaxAge: n.opt.MaxAge, LimitRate: n.opt.LimitRate,
			Policy: u.repo.Policy, AllowRollback: n.opt.AllowRollback, AllowWeakChecksums: n.opt.AllowWeakChecksums,
		}})
	}
	for sum, err := range mirror.Each(ctx, n.tree, tasks) {
		n.report.Repos = append(n.report.Repos, sum)
		if err != nil {
			failed.Failed = append(failed.Failed, err)
		}
		if sum.Outcome == mirror.Changed {
			n.report.Changed = append(n.report.Changed, sum.ID)
		}
		for _, w := range sum.Warnings {
			n.report.warn("%s: %s", sum.ID, w)
		}
		if n.opt.Synced != nil {
			n.opt.Synced(sum)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(failed.Failed) > 0 {
		return failed
	}
	return nil
}

// memory is what a run that published leaves in state/nightly.json.
type memory struct {
	Snapshot string         `json:"snapshot"` // whose flat repositories are up to date
	Made     string         `json:"made"`     // fingerprint of what made them
	Targets  []TargetReport `json:"targets"`
}

const (
	memoryName = "nightly.json"
	reportName = "report.json"
)

// upToDate says whether what is published was made of just this. What is withheld
// stays so: the same sources would be judged in the same way.
func (n *night) upToDate() (bool, error) {
	if len(n.report.Changed) > 0 {
		return false, nil
	}
	current, ok, err := n.tree.Current()
	if err != nil || !ok {
		return false, err
	}
	var last memory
	b, err := n.tree.ReadState(memoryName)
	if err != nil || json.Unmarshal(b, &last) != nil {
		return false, nil // not remembered: split again, which is slow and right
	}
	if last.Snapshot != current.Name || last.Made != n.made || !last.stands(current) {
		return false, nil
	}
	told, err := n.announced()
	if err != nil {
		return false, err
	}
	n.untold = told.Name != current.Name
	for _, t := range last.Targets {
		if !n.untold {
			t.Changed = []string{} // then, not now
		}
		n.report.Targets = append(n.report.Targets, t)
	}
	return true, nil
}

// stands says whether the snapshot has its list of files and the targets that were made
// for it: somebody may have removed them. All else is fsck's to find.
func (m *memory) stands(in tree.Snapshot) bool {
	names := []string{tree.ManifestName}
	for _, t := range m.Targets {
		names = append(names, path.Join(t.Path, splitter.ReportName))
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		_, err := os.Lstat(filepath.Join(in.Dir, filepath.FromSlash(name)))
		return err != nil
	})
}

// Forget makes the next run split again, though nothing changed: for a store of which
// what was made is damaged. The lock must be held.
func Forget(t *tree.Tree) error { return t.WriteState(memoryName, []byte("{}\n")) }

// remember writes what the next run compares with, and collects what no snapshot
// needs any more. A collection that its guard refuses is a warning: what is
// published is good.
func (n *night) remember(snapshot string, baselines map[build]problemKeys) error {
	for b, keys := range baselines {
		if err := n.writeBaseline(b, keys); err != nil {
			return err
		}
	}
	if err := errors.Join(n.rememberLabels(), n.Keep.remember(n.tree)); err != nil {
		return err
	}
	doc, err := json.Marshal(memory{snapshot, n.made, n.report.Targets})
	if err != nil {
		return err
	}
	if err := n.tree.WriteState(memoryName, append(doc, '\n')); err != nil {
		return err
	}
	_, err = n.tree.Prune(n.Keep.Snapshots, n.Keep.Grace, n.Keep.MaxDelete, n.opt.Now, false)
	if guard, ok := errors.AsType[*tree.MaxDeleteError](err); ok {
		n.report.warn("%v", guard)
		return nil
	}
	return err
}

// lastRun is what a run leaves in state/report.json.
type lastRun struct {
	*Report
	Error string `json:"error,omitempty"`
}

// record leaves the report in the store's state. A night that changed nothing after
// one that went well writes nothing: what stands there still holds.
func (n *night) record(failure error) error {
	last := lastRun{Report: n.report}
	if failure != nil {
		last.Error = failure.Error()
	} else if !n.report.Published && n.recorded() {
		return nil
	}
	doc, err := json.MarshalIndent(last, "", "  ")
	if err != nil {
		return err
	}
	err = n.tree.WriteState(reportName, append(doc, '\n'))
	if failure != nil {
		return nil // the same disk, most likely; the failure itself says more
	}
	return err
}

// recorded says whether state/report.json is of a run that did not fail and left the
// snapshot that is current now.
func (n *night) recorded() bool {
	var last lastRun
	b, err := n.tree.ReadState(reportName)
	return err == nil && json.Unmarshal(b, &last) == nil && last.Report != nil && last.Error == "" && last.Snapshot == n.report.Snapshot
}

// in says which target an error is about.
func (b build) in(err error) error {
	if err == nil || b.name() == "" {
		return err
	}
	return fmt.Errorf("%s: %w", b.name(), err)
}
