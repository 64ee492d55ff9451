// Package mirror copies upstream repositories into a store.
//
// [Sync] brings the content of one source into the object store, every byte
// verified as it streams, and publishes nothing; [Summary.Stage] then builds the
// source's part of the next snapshot from hard links; [SyncAll] does both for
// several sources and publishes them together, and [StageAll] is its middle part
// for a run that adds more to the snapshot. The order, and why:
//
//  1. mirrorlist or metalink, then repomd.xml, once and conditional. Its bytes
//     are the run's only truth. Unchanged: one request, nothing else.
//  2. The checks that need repomd.xml alone: metalink hash, signature, rollback, age.
//  3. Every record by its checksum, then its open size and open checksum.
//  4. Packages, planned from primary while it streams, through a bounded number
//     of workers. What the store has is not fetched again. Their signatures, where
//     the source asks for that, each once for a set of keys.
//
// A 404 or wrong bytes: repomd.xml is read again. Changed: start again with what
// is stored, five times at most. Unchanged: the next mirror; then fail.
package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"flatstream/mirror/fetch"
	"flatstream/mirror/tree"
	"flatstream/repodata"
)

const repomdPath = "repodata/repomd.xml"

// maxRestarts is how often a repository may change under a run.
const maxRestarts = 5

// Policy says which packages a run copies.
type Policy string

// The policies of --policy.
const (
	Immediate Policy = "immediate" // all packages
	OnDemand  Policy = "on-demand" // none: the server fetches each at its first request
)

// Options bound one run. The zero value of each field is its default.
type Options struct {
	Jobs   int    // downloads at once; default 8, range 1 to 64
	Policy Policy // default Immediate
	// AllowRollback takes a repomd.xml older than the last accepted one.
	AllowRollback bool
	// AllowWeakChecksums takes md5 and sha1, which no longer prove anything.
	AllowWeakChecksums bool
	// MaxShrink is the fraction of its packages that a repository may lose from
	// one run to the next. Default 0.5, range 0 to 1; a mirror in the middle of
	// its own sync loses more.
	MaxShrink float64
	// MaxAge is the age of the newest record beyond which a warning says that the
	// mirror may be frozen. Default 0: never.
	MaxAge time.Duration
	// LimitRate bounds a source's downloads together, in bytes per second, besides its
	// own limit. Default 0: no bound.
	LimitRate int64
	// Progress, if not nil, hears of each finished file; calls do not overlap.
	Progress func(Event)
	// Now is the run's time; default the clock.
	Now time.Time
}

// Event says how far a source is. Totals grow while primary is read.
type Event struct {
	Source          string
	Files, AllFiles int   // packages and records finished, and known to be missing
	Bytes, AllBytes int64 // of them
}

// The outcomes of a source.
const (
	Changed   = "changed"
	Unchanged = "unchanged"
	Failed    = "failed"
)

// Summary is what became of one source.
type Summary struct {
	ID       string   `json:"id"`
	Outcome  string   `json:"outcome"`
	Packages int      `json:"packages"` // of the repository
	Fetched  int      `json:"fetched"`  // files downloaded, records included
	Bytes    int64    `json:"bytes"`    // downloaded
	Requests int64    `json:"requests"`
	Seconds  float64  `json:"seconds"`
	Error    string   `json:"error,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Kept     int      `json:"kept,omitempty"` // packages that upstream deleted and that stay; counted when a snapshot is built

	path  string // below the snapshot
	home  string // of the repository: path, or below it
	files []file // empty unless changed
	md    []byte
	keep  []string // globs; nil: not said
	asc   []byte   // repomd.xml's signature, where it was checked
}

// RollbackError says that upstream offers something older than was accepted.
type RollbackError struct{ What, Have, Got string }

func (e *RollbackError) Error() string {
	return fmt.Sprintf("repomd.xml goes back: %s %s, the last accepted one had %s (--allow-rollback takes it)", e.What, e.Got, e.Have)
}

// ShrinkError says that too many packages are gone at once.
type ShrinkError struct {
	Had, Has int
	Max      float64
}

func (e *ShrinkError) Error() string {
	return fmt.Sprintf("the repository shrinks from %d to %d packages, more than %.0f%%; look at upstream, then raise --max-shrink",
		e.Had, e.Has, e.Max*100)
}

// errChanged says that repomd.xml is another one than the run began with.
var errChanged = errors.New("the repository changed during the run")

// Sync brings what src has now into t's object store. Nothing is published:
// that is [Summary.Stage]'s part and [tree.Stage.Publish]'s. The store's lock
// must be held. The Summary is never nil; with an error its Outcome is Failed.
func Sync(ctx context.Context, src Source, t *tree.Tree, opt Options) (*Summary, error) {
	return begin(ctx, src, t, opt).finish(ctx)
}

// begin does what comes before a source's content: its client, and the first look at
// repomd.xml. What went wrong finish says.
func begin(ctx context.Context, src Source, t *tree.Tree, opt Options) *run {
	start := time.Now()
	sum := &Summary{ID: src.Name, Outcome: Failed, path: src.path(), keep: src.KeepAlways}
	r := &run{src: &src, t: t, opt: opt, sum: sum}
	if r.first.err = r.open(); r.first.err == nil {
		r.first = r.look(ctx)
	}
	r.first.at = time.Now()
	sum.Seconds = r.first.at.Sub(start).Seconds()
	return r
}

// open checks what was asked for and makes the client.
func (r *run) open() (err error) {
	if err := r.opt.fill(); err != nil {
		return err
	}
	if err := r.src.check(); err != nil {
		return err
	}
	r.sum.home = r.src.home()
	if r.src.GPGCheck && r.opt.Policy == OnDemand {
		return errors.New("gpgcheck is on, and on demand packages arrive after they are published; use --policy immediate, or turn gpgcheck off and repo_gpgcheck on")
	}
	if r.c, err = r.src.client(r.opt.Jobs, r.opt.LimitRate); err != nil {
		return err
	}
	r.sum.Warnings = r.src.warnings(r.c, r.opt.Now)
	return nil
}

// finish brings in what the first look found.
func (r *run) finish(ctx context.Context) (*Summary, error) {
	start := time.Now()
	err := r.first.err
	if r.c != nil {
		err = r.tryAll(ctx)
		st := r.c.Stats()
		r.sum.Bytes, r.sum.Requests = st.Bytes, st.Requests
		r.close()
	}
	r.sum.Seconds += time.Since(start).Seconds()
	if err != nil {
		r.sum.Outcome = Failed // also when only the last step, writing it down, failed
		err = fmt.Errorf("sync %s: %w", r.src.Name, err)
		r.sum.Error = err.Error()
	}
	return r.sum, err
}

func (r *run) close() {
	if r.c != nil {
		r.c.Close()
	}
}

// maxAhead is how old a first look may be: a mirror has another state soon enough.
const maxAhead = time.Minute

func (r *run) tryAll(ctx context.Context) error {
	for try := 0; ; try++ {
		seen := r.first
		if try > 0 || time.Since(seen.at) > maxAhead {
			seen = r.look(ctx)
		}
		err := r.once(ctx, seen)
		if err != nil && fetch.Gone(err) && r.md != nil {
			err = cmp.Or(r.recheck(ctx), err)
		}
		if !errors.Is(err, errChanged) || try == maxRestarts {
			return err
		}
		r.md, r.sum.files = nil, nil
	}
}

func (o *Options) fill() error {
	if o.Jobs == 0 {
		o.Jobs = 8
	}
	if o.Policy == "" {
		o.Policy = Immediate
	}
	if o.MaxShrink == 0 {
		o.MaxShrink = 0.5
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	switch {
	case o.Jobs < 1 || o.Jobs > 64:
		return fmt.Errorf("%d jobs: use 1 to 64", o.Jobs)
	case o.Policy != Immediate && o.Policy != OnDemand:
		return fmt.Errorf("policy %q: use %s or %s", o.Policy, Immediate, OnDemand)
	case o.MaxShrink < 0 || o.MaxShrink > 1:
		return fmt.Errorf("max-shrink %g: use 0 to 1", o.MaxShrink)
	}
	return nil
}

// run is one Sync.
type run struct {
	src *Source
	t   *tree.Tree
	c   *fetch.Client
	opt Options
	sum *Summary

	mirrors *mirrors
	base    string // that gave repomd.xml
	md      *repodata.RepoMD
	trust   trust
	first   look
	free    int64 // bytes on the file system when the run began to fetch, 0: not asked
}

// look is what one look at repomd.xml found: nil for what the current snapshot has.
type look struct {
	last *state // what the last run left
	resp *fetch.Response
	err  error
	at   time.Time // when it ended; of the first
}

// look is step 1.
func (r *run) look(ctx context.Context) (l look) {
	l.last = readState(r.t, r.src)
	l.resp, l.err = r.readRepoMD(ctx, l.last)
	return l
}

// once is steps 2 to 4 with one repomd.xml.
func (r *run) once(ctx context.Context, seen look) (err error) {
	last, resp := seen.last, seen.resp
	if seen.err != nil {
		return seen.err
	}
	if resp == nil {
		r.sum.Outcome, r.sum.Packages = Unchanged, last.Packages
		return nil
	}
	if r.md, err = repodata.ParseRepoMD(resp.Body); err != nil {
		return fmt.Errorf("%s: %w", resp.URL, err)
	}
	if err := r.judge(last); err != nil {
		return err
	}
	if err := r.openVerified(); err != nil {
		return err
	}
	err = r.content(ctx, last)
	if err := errors.Join(err, r.saveVerified(err == nil)); err != nil {
		return err
	}
	r.sum.Outcome, r.sum.md = Changed, resp.Body
	now := state{From: fingerprint(r.base), Base: openBase(r.base), ETag: resp.ETag, Modified: resp.LastModified,
		RepoMD: checksum(resp.Body), Policy: r.opt.Policy, Keys: r.trust.mark,
		Revision: r.md.Revision, Timestamp: newest(r.md), Packages: r.sum.Packages}
	return now.write(r.t, r.src)
}

// judge refuses what is older than the last accepted repomd.xml, and warns of
// what is old.
func (r *run) judge(last *state) error {
	stamp := newest(r.md)
	if age := r.opt.Now.Sub(time.Unix(stamp, 0)); stamp > 0 && r.opt.MaxAge > 0 && age > r.opt.MaxAge {
		r.warn("the newest metadata is of %s, %d days ago: the mirror may be frozen",
			time.Unix(stamp, 0).UTC().Format(time.DateOnly), int(age.Hours()/24))
	}
	if last == nil || r.opt.AllowRollback {
		return nil
	}
	had, err1 := strconv.ParseInt(last.Revision, 10, 64)
	has, err2 := strconv.ParseInt(r.md.Revision, 10, 64)
	switch {
	case err1 == nil && err2 == nil && has < had:
		return &RollbackError{"revision", last.Revision, r.md.Revision}
	case stamp < last.Timestamp:
		return &RollbackError{"newest timestamp", day(last.Timestamp), day(stamp)}
	}
	return nil
}

func day(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }

func (r *run) warn(format string, a ...any) {
	r.sum.Warnings = append(r.sum.Warnings, fmt.Sprintf(format, a...))
}
