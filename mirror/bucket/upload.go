package bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"flatstream/repodata/digest"
)

const (
	// maxCopy is the largest object that S3 copies in one request.
	maxCopy = 5 << 30
)

// origin is an object that has a content already; without a path there is none.
type origin struct {
	Location
	path, etag string
}

// uploader writes the tasks of a plan.
type uploader struct {
	*remote
	lease  *lease
	jobs   int
	single int64 // the largest object that is uploaded in one request
	part   int64 // bytes of each part of a larger one
	unsure map[string]bool
	again  map[string]bool            // damaged: not to be taken as it is
	known  map[digest.Checksum]origin // of all that is to be written
	etags  map[string]string          // of indexes as they stand, by path

	mu     sync.Mutex
	done   []item
	report *Report
	moved  func(Progress)
	now    Progress
}

// run does one stage, in parallel; the first error ends it. Workers stay, since the
// library's stack is deep and a new goroutine would have to grow its own for each object.
func (u *uploader) run(ctx context.Context, s stage, tasks []task) error {
	rows := batches(s, tasks)
	group, inner := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(u.jobs, len(rows)) {
		group.Go(func() error {
			for n := next.Add(1) - 1; n < int64(len(rows)) && inner.Err() == nil; n = next.Add(1) - 1 {
				for _, t := range rows[n] {
					if err := u.task(inner, s, t); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	return errors.Join(group.Wait(), ctx.Err())
}

// batches are what one worker does in a row: one task, or of indexes those of one
// repository, its repomd.xml last.
func batches(s stage, tasks []task) [][]task {
	if s == indexes { // a repository's repomd.xml is the shortest of its names
		slices.SortFunc(tasks, func(a, b task) int {
			return cmp.Or(strings.Compare(path.Dir(a.path), path.Dir(b.path)), cmp.Compare(len(b.path), len(a.path)))
		})
	}
	list := make([][]task, 0, len(tasks))
	for from := 0; from < len(tasks); {
		end := from + 1
		for s == indexes && end < len(tasks) && path.Dir(tasks[end].path) == path.Dir(tasks[from].path) {
			end++
		}
		list = append(list, tasks[from:end])
		from = end
	}
	return list
}

// task gives one content to its paths.
func (u *uploader) task(ctx context.Context, s stage, t task) error {
	for _, p := range t.paths {
		f := t.file
		f.path = p
		if !u.lease.held() {
			return &LostError{u.Location}
		}
		etag, err := u.adopt(ctx, f)
		if err == nil && etag == "" {
			etag, err = u.write(ctx, s, f)
		}
		if err != nil {
			return err
		}
		u.finished(f, etag)
	}
	return nil
}

// adopt takes what an unfinished publication uploaded.
func (u *uploader) adopt(ctx context.Context, f file) (etag string, err error) {
	if !u.unsure[f.path] {
		return "", nil
	}
	o, ok, err := u.head(ctx, f.path)
	if err != nil || !ok {
		return "", err
	}
	if o.holds(f) {
		return o.etag, nil
	}
	return "", nil
}

func (u *uploader) write(ctx context.Context, s stage, f file) (string, error) {
	if s == indexes {
		return u.index(ctx, f)
	}
	u.mu.Lock()
	from := u.known[f.sum]
	u.mu.Unlock()
	if from.path != "" && f.size <= maxCopy {
		etag, err := u.copy(ctx, from.Location, from.path, from.etag, f.path, headerOf(f))
		if err == nil {
			u.count(func(r *Report) { r.Copied++ })
			return etag, nil
		}
		if status(err) == 0 {
			return "", err
		} // refused: it is gone, or changed, or in a bucket that may not be read
	}
	if f.promised {
		return "", &OnDemandError{u.report.Snapshot, 1, f.path}
	}
	return u.upload(ctx, f, cond{})
}

func (u *uploader) upload(ctx context.Context, f file, c cond) (string, error) {
	in, err := f.open()
	if err != nil {
		return "", err
	}
	defer in.Close()
	h := headerOf(f)
	var etag string
	if f.size > u.single {
		etag, err = u.putParts(ctx, f, in, h)
	} else if h.sha256, err = f.sha256(in); err == nil {
		etag, err = u.put(ctx, f.path, io.NewSectionReader(in, 0, f.size), f.size, h, c)
	}
	if err == nil {
		u.count(func(r *Report) { r.Uploaded++; r.UploadedBytes += f.size })
	}
	return etag, err
}

// index writes what names other files, only over the version that was there: a publisher
// that was taken for dead and wakes up cannot bring back what it had in hand.
func (u *uploader) index(ctx context.Context, f file) (string, error) {
	c := cond{etag: u.etags[f.path], absent: u.etags[f.path] == ""}
	for range 3 {
		etag, err := u.upload(ctx, f, c)
		if err == nil || !refused(err) {
			return etag, err
		}
		if !u.lease.held() {
			return "", &LostError{u.Location}
		}
		o, ok, err := u.head(ctx, f.path)
		if err != nil {
			return "", err
		}
		if ok && o.sum == f.sum.String() && !u.again[f.path] {
			return o.etag, nil // our own write, whose answer got lost
		}
		c = cond{etag: o.etag, absent: !ok}
	}
	return "", fmt.Errorf("put s3://%s/%s: somebody else writes it all the time", u.Bucket, u.key(f.path))
}

func (u *uploader) count(add func(*Report)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	add(u.report)
}

// finished records an object that is there now.
func (u *uploader) finished(f file, etag string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.done = append(u.done, item{path: f.path, size: f.size, sum: f.sum, etag: etag})
	if u.known[f.sum].path == "" {
		u.known[f.sum] = origin{u.Location, f.path, etag}
	}
	u.now.Files++
	u.now.Bytes += f.size
	if u.moved != nil {
		u.moved(u.now)
	}
}
