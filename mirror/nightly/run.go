package nightly

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	"flatstream/mirror"
	"flatstream/mirror/repofile"
	"flatstream/mirror/tree"
	"flatstream/repodata"
	"flatstream/repodata/closure"
	"flatstream/splitter"
	"flatstream/splitter/catalogue"
)

// Options is what a run takes from its caller rather than from the config.
type Options struct {
	Vars    repofile.Vars      // variables of the machine, over those of the target
	Jobs    int                // workers; 0: mirror's and splitter's defaults
	Now     time.Time          // default: the clock
	Version string             // of the program: another one splits again
	Say     func(string)       // hears one line per repository and target; nil: nobody
	Moved   func(mirror.Event) // hears of downloads; nil: nobody
}

// Report is what a night did.
type Report struct {
	Schema    int               `json:"schema"`
	Generator string            `json:"generator"`
	Repos     []*mirror.Summary `json:"repos"`
	Targets   []TargetReport    `json:"targets"`
	Snapshot  string            `json:"snapshot"` // that is current now; empty: none
	Changed   []string          `json:"changed"`  // ids of the repositories that changed
	Published bool              `json:"published"`
	Warnings  []string          `json:"warnings"`
}

// TargetReport is what became of one target for one arch.
type TargetReport struct {
	Name     string            `json:"name"`
	Path     string            `json:"path"`
	Repos    int               `json:"repos"`
	Packages int               `json:"packages"`
	Problems int               `json:"problems"`
	New      []closure.Problem `json:"new"` // that the published snapshot does not have
	Withheld bool              `json:"withheld"`
}

// Withheld says whether some target stays at what was published before.
func (r *Report) Withheld() bool {
	for _, t := range r.Targets {
		if t.Withheld {
			return true
		}
	}
	return false
}

// memory is what a published run leaves in state/nightly.json.
type memory struct {
	Snapshot string `json:"snapshot"` // whose flat repositories are up to date
	Config   string `json:"config"`   // checksum of what made them
}

const memoryName = "nightly.json"

// Run does one night's work. Nothing is published unless every repository was synced
// and every target was split and verified; then all of it is, by one rename. The
// report is never nil.
func Run(ctx context.Context, c *Config, opt Options) (report *Report, err error) {
	n := &night{Config: c, opt: opt, report: &Report{
		Schema: 1, Generator: "flatstream run", Repos: []*mirror.Summary{}, Targets: []TargetReport{}, Changed: []string{}, Warnings: []string{},
	}}
	if n.opt.Now.IsZero() {
		n.opt.Now = time.Now()
	}
	if n.all, n.builds, err = c.upstreams(opt.Vars); err != nil {
		return n.report, err
	}
	if n.tree, err = tree.Open(c.Store); err != nil {
		return n.report, err
	}
	defer func() { err = errors.Join(err, n.tree.Close()) }()
	unlock, err := n.tree.Lock()
	if err != nil {
		return n.report, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	err = n.work(ctx)
	if current, ok, e := n.tree.Current(); e == nil && ok {
		n.report.Snapshot = current.Name
	}
	return n.report, errors.Join(err, n.hooks(ctx, err))
}

// night is one run under way.
type night struct {
	*Config
	opt    Options
	tree   *tree.Tree
	all    []upstream
	builds map[build][]upstream
	report *Report
}

func (n *night) say(format string, args ...any) {
	if n.opt.Say != nil {
		n.opt.Say(fmt.Sprintf(format, args...))
	}
}

func (n *night) work(ctx context.Context) error {
	if err := n.sync(ctx); err != nil {
		return err
	}
	fresh, err := n.upToDate()
	if err != nil || fresh {
		return err
	}
	stage, err := n.tree.NewStage()
	if err != nil {
		return err
	}
	defer func() {
		if stage != nil {
			_ = stage.Discard() // what stays is removed by the next run
		}
	}()
	baselines, err := n.fill(ctx, stage)
	if err != nil {
		return err
	}
	if err := stage.CarryGrace(n.opt.Now, n.Keep.Grace); err != nil {
		return err
	}
	name, err := stage.Publish(n.opt.Now)
	if err != nil {
		return err
	}
	stage = nil
	n.report.Published = true
	n.say("published snapshot %s", name)
	return n.remember(name, baselines)
}

// sync brings every repository up to date. All are tried; one that fails fails the
// night.
func (n *night) sync(ctx context.Context) error {
	var errs []error
	for _, u := range n.all {
		sum, err := mirror.Sync(ctx, u.source, n.tree, mirror.Options{Jobs: n.opt.Jobs, Now: n.opt.Now, Progress: n.opt.Moved})
		n.report.Repos = append(n.report.Repos, sum)
		if err != nil {
			errs = append(errs, err)
			n.say("%s: failed: %v", u.source.Path, err)
			continue
		}
		if sum.Outcome == mirror.Changed {
			n.report.Changed = append(n.report.Changed, sum.ID)
		}
		n.say("%s: %s, %d packages, %d bytes in %d requests", u.source.Path, sum.Outcome, sum.Packages, sum.Bytes, sum.Requests)
		for _, w := range sum.Warnings {
			n.report.Warnings = append(n.report.Warnings, sum.ID+": "+w)
			n.say("%s: warning: %s", u.source.Path, w)
		}
	}
	return errors.Join(errs...)
}

// upToDate says whether what is published was made of just this.
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
		return false, nil // not remembered: split again
	}
	sum, err := n.checksum()
	return err == nil && last == memory{current.Name, sum}, err
}

// checksum is over all that decides how sources are split: the config and the
// program.
func (n *night) checksum() (string, error) {
	b, err := os.ReadFile(n.File)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(b, n.opt.Version...))
	return hex.EncodeToString(sum[:]), nil
}

// fill builds the next snapshot: the mirror, then every target. It returns the
// problems that each target will be published with.
func (n *night) fill(ctx context.Context, stage *tree.Stage) (map[build]problemKeys, error) {
	for _, sum := range n.report.Repos {
		if err := sum.Stage(stage); err != nil {
			return nil, err
		}
	}
	baselines := map[build]problemKeys{}
	for i := range n.Targets {
		for _, arch := range n.Targets[i].Arches {
			b := build{&n.Targets[i], arch}
			keys, err := n.make(ctx, stage, b)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", cmp.Or(b.name(), "flat"), err)
			}
			baselines[b] = keys
		}
	}
	doc, err := json.MarshalIndent(n.report, "", "  ")
	if err != nil {
		return nil, err
	}
	return baselines, stage.WriteFile("report.json", append(doc, '\n'))
}

// make splits and verifies one target, or carries over what is published when it
// would get worse.
func (n *night) make(ctx context.Context, stage *tree.Stage, b build) (problemKeys, error) {
	report, err := n.split(ctx, stage, b)
	if err != nil {
		return nil, err
	}
	for _, w := range report.Warnings {
		n.report.Warnings = append(n.report.Warnings, w.Text)
	}
	verdict, err := n.verify(ctx, stage, b)
	if err != nil {
		return nil, err
	}
	keys := keysOf(verdict)
	t := TargetReport{Name: b.name(), Path: b.flat(), Repos: len(report.Repos), Packages: verdict.Summary.Packages, Problems: verdict.Summary.Problems, New: []closure.Problem{}}
	old, published, err := n.baseline(b)
	if err != nil {
		return nil, err
	}
	if published {
		t.New = newProblems(verdict, old)
	}
	if len(t.New) > 0 && n.Verify.OnProblems == "keep-old" {
		t.Withheld = true
		if err := os.RemoveAll(filepath.Join(stage.Dir(), b.flat())); err != nil {
			return nil, err
		}
		if err := stage.Carry(b.flat()); err != nil {
			return nil, err
		}
		keys = old
	}
	n.report.Targets = append(n.report.Targets, t)
	n.say("%s: %d repositories, %d problems, %d of them new%s", t.Path, t.Repos, t.Problems, len(t.New), map[bool]string{true: ": withheld, the published one stays"}[t.Withheld])
	return keys, nil
}

func (n *night) split(ctx context.Context, stage *tree.Stage, b build) (*splitter.Report, error) {
	sources, err := n.sources(stage, b, splitter.RoleMerge)
	if err != nil {
		return nil, err
	}
	options := b.target.Options
	options.Jobs = n.opt.Jobs
	options.BaseURL = n.baseURL(b)
	for _, v := range n.Views {
		if v.Target == b.target.Name {
			options.Views = append(options.Views, splitter.View{Name: v.Name, Spec: v.Streams})
		}
	}
	plan, err := splitter.NewPlan(ctx, sources, options)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(stage.Dir(), b.flat())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	report, err := splitter.Split(ctx, plan, dir, filepath.Join(n.Store, "current", b.flat()), nil)
	if err != nil {
		return nil, err
	}
	return report, catalogue.Write(dir, report)
}

// baseURL is what the .repo files of a target say.
func (n *night) baseURL(b build) string {
	if n.BaseURL == "" {
		return "file://" + path.Join(n.Store, "current", b.flat())
	}
	if b.name() == "" {
		return n.BaseURL
	}
	return n.BaseURL + "/" + b.name()
}

// sources opens the staged repositories of one role.
func (n *night) sources(stage *tree.Stage, b build, role splitter.Role) ([]splitter.Source, error) {
	var list []splitter.Source
	for _, u := range n.builds[b] {
		if u.repo.Role != role {
			continue
		}
		dir := filepath.Join(stage.Dir(), filepath.FromSlash(u.source.Path))
		r, err := repodata.Open(os.DirFS(dir))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", u.source.Path, err)
		}
		list = append(list, splitter.Source{
			Name: u.source.Name, Role: role, Repo: r, Dir: dir, Origin: u.source.Path,
			GPGCheck: u.source.GPGCheck, GPGKeys: u.source.GPGKeys,
		})
	}
	return list, nil
}

func (n *night) verify(ctx context.Context, stage *tree.Stage, b build) (*closure.Report, error) {
	with, err := n.sources(stage, b, splitter.RoleSupply)
	if err != nil {
		return nil, err
	}
	return splitter.Verify(ctx, os.DirFS(filepath.Join(stage.Dir(), b.flat())), splitter.VerifyOptions{With: with, Arch: b.arch, Jobs: n.opt.Jobs})
}

// remember writes what the next run compares with, and collects what no snapshot
// needs any more.
func (n *night) remember(snapshot string, baselines map[build]problemKeys) error {
	for b, keys := range baselines {
		if err := n.writeBaseline(b, keys); err != nil {
			return err
		}
	}
	sum, err := n.checksum()
	if err != nil {
		return err
	}
	doc, err := json.Marshal(memory{snapshot, sum})
	if err != nil {
		return err
	}
	if err := n.tree.WriteState(memoryName, append(doc, '\n')); err != nil {
		return err
	}
	_, err = n.tree.Prune(n.Keep.Snapshots, n.Keep.Grace, n.Keep.MaxDelete, n.opt.Now, false)
	return err
}
