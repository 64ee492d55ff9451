package mirror

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"flatstream/mirror/fetch"
	"flatstream/repodata/digest"
)

// file is one file of the repository: a record or a package.
type file struct {
	path  string // below the repository, or the source's Parent
	href  string // as a package's entry has it
	sum   digest.Checksum
	size  int64 // bytes, -1: not known
	mtime int64
	base  string // xml:base, mostly empty
	url   string // on demand: where to fetch it; then it is not stored

	signed bool // its signature is to be verified
	stored bool // it need not be fetched
}

const (
	// maxUnsized is the most that a file without an announced size may have:
	// 16 GiB, beyond the largest real package.
	maxUnsized = 16 << 30
	// recheckEvery is how long an answer about repomd.xml is believed. A mirror
	// that lacks a thousand packages is asked a few times, not a thousand.
	recheckEvery = 5 * time.Second
	// maxFailures ends a run: so many files missing are no accident.
	maxFailures = 20
)

// downloads is a bounded number of workers that bring files into the store.
type downloads struct {
	r      *run
	ctx    context.Context
	cancel context.CancelCauseFunc
	queue  chan file
	wg     sync.WaitGroup
	seen   map[digest.Checksum]bool // queued; only add uses it

	mu      sync.Mutex
	event   Event
	failed  []error
	checked sync.Mutex // one recheck at a time
	last    time.Time  // of it
}

func (r *run) downloads(ctx context.Context) *downloads {
	d := &downloads{r: r, queue: make(chan file, 4*r.opt.Jobs), seen: map[digest.Checksum]bool{}}
	d.ctx, d.cancel = context.WithCancelCause(ctx)
	d.event.Source = r.src.Name
	for range r.opt.Jobs {
		d.wg.Add(1)
		go d.work()
	}
	return d
}

// add hands a file to the workers unless the store has it. It returns the reason
// when they have given up.
func (d *downloads) add(f file) error {
	f.signed = f.signed && !d.r.trust.good(f.sum)
	f.stored = d.r.t.Has(f.sum, f.size)
	if d.seen[f.sum] || f.stored && !f.signed {
		return context.Cause(d.ctx)
	}
	d.seen[f.sum] = true
	if !f.stored {
		if err := d.r.room(d.announce(f)); err != nil {
			return err
		}
	}
	select {
	case d.queue <- f:
		return nil
	case <-d.ctx.Done():
		return context.Cause(d.ctx)
	}
}

// announce counts a file that is to be fetched and returns the bytes of all of them.
func (d *downloads) announce(f file) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.event.AllFiles++
	d.event.AllBytes += max(f.size, 0)
	return d.event.AllBytes
}

// wait ends the workers. stop is why the caller has no more to add: nil at the
// end of the plan, else they are cancelled.
func (d *downloads) wait(stop error) error {
	if stop != nil {
		d.cancel(stop)
	}
	close(d.queue)
	d.wg.Wait()
	defer d.cancel(nil)
	d.r.sum.Fetched += d.event.Files
	if cause := context.Cause(d.ctx); cause != nil {
		return cause
	}
	return d.verdict()
}

// verdict is what all failures come to.
func (d *downloads) verdict() error {
	switch n := len(d.failed); n {
	case 0:
		return nil
	case 1:
		return d.failed[0]
	default:
		return fmt.Errorf("%d files cannot be had or trusted: %w", n, errors.Join(d.failed[:min(n, 3)]...))
	}
}

func (d *downloads) work() {
	defer d.wg.Done()
	for f := range d.queue {
		if d.ctx.Err() != nil {
			continue // empty the queue
		}
		if !f.stored {
			if err := d.r.store(d.ctx, f, d.onFail); err != nil {
				d.fail(err)
				continue
			}
			d.done(f)
		}
		if f.signed {
			if err := d.r.verifyPackage(f); err != nil {
				d.fail(err)
			}
		}
	}
}

func (d *downloads) done(f file) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.event.Files++
	d.event.Bytes += max(f.size, 0)
	if d.r.opt.Progress != nil {
		d.r.opt.Progress(d.event)
	}
}

// fail notes that one file cannot be had or is not signed. The others go on: what they bring need
// not be fetched tomorrow. A changed repository, a full disk and too many
// failures end the run.
func (d *downloads) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = append(d.failed, err)
	_, mirrors := errors.AsType[*fetch.FailedError](err)
	_, signature := errors.AsType[*SignatureError](err)
	switch {
	case !mirrors && !signature:
		d.cancel(err)
	case len(d.failed) == maxFailures:
		d.cancel(fmt.Errorf("no more are tried: %w", d.verdict()))
	}
}

// onFail hears of each failure of a mirror.
func (d *downloads) onFail(err error) error {
	if !fetch.Gone(err) {
		return nil
	}
	d.checked.Lock()
	defer d.checked.Unlock()
	if time.Since(d.last) < recheckEvery {
		return nil
	}
	d.last = time.Now()
	return d.r.recheck(d.ctx)
}

// store brings one file into the object store, from the best mirror that has it.
func (r *run) store(ctx context.Context, f file, onFail func(error) error) error {
	bases, urls := r.mirrors.order(), []string{}
	if f.base != "" {
		bases, urls = []string{f.base}, []string{join(f.base, f.href)}
	} else {
		for _, base := range bases {
			urls = append(urls, join(r.src.parentOf(base), f.path))
		}
	}
	job := fetch.File{URLs: urls, Size: f.size, Limit: maxUnsized}
	job.OnFail = func(i int, err error) error {
		r.mirrors.failed(bases[i])
		return onFail(err)
	}
	from, err := r.c.Fetch(ctx, job, func() (fetch.Target, error) {
		w, err := r.t.CreateObject(f.sum, f.size, f.mtime)
		if err != nil {
			return nil, err
		}
		return w, nil
	})
	if err != nil {
		return fmt.Errorf("fetch %s: %w", f.path, err)
	}
	for i, u := range job.URLs {
		if u == from {
			r.mirrors.worked(bases[i])
		}
	}
	return nil
}
