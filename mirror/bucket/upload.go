package bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"flatstream/repodata/digest"
)

const (
	// worthCopying is from which size on, in bytes, a copy within the server is better
	// than a second upload: below, both are one round trip.
	worthCopying = 128 << 10
	// maxCopy is the largest object that S3 copies in one request.
	maxCopy = 5 << 30
	// maxSingle is the largest that is uploaded in one request; above, in parts.
	maxSingle = 64 << 20
	// partSize of an upload in parts, unless it would need more than S3's 10,000.
	partSize = 16 << 20
	// partsAtOnce of one object. Parts are read from the file as they are sent, so none
	// is held in memory.
	partsAtOnce = 4
)

// origin is an object that has a content already.
type origin struct {
	Location
	path, etag string
}

// uploader writes the tasks of a plan.
type uploader struct {
	*remote
	lease  *lease
	jobs   int
	unsure map[string]bool
	again  map[string]bool // damaged: not to be taken as it is
	known  map[digest.Checksum]origin
	etags  map[string]string // of indexes as they stand, by path

	mu     sync.Mutex
	done   []item
	report *Report
	moved  func(Progress)
	now    Progress
}

// run does one stage, in parallel; the first error ends it.
func (u *uploader) run(ctx context.Context, s stage, tasks []task) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(u.jobs)
	for _, batch := range u.batches(s, tasks) {
		if inner.Err() != nil {
			break
		}
		group.Go(func() error {
			for _, t := range batch {
				if err := u.task(inner, s, t); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return errors.Join(group.Wait(), ctx.Err())
}

// batches are what one worker does in a row: of indexes those of one repository, its
// repomd.xml last.
func (u *uploader) batches(s stage, tasks []task) [][]task {
	var list [][]task
	if s != indexes {
		for _, t := range tasks {
			list = append(list, []task{t})
		}
		return list
	}
	at := map[string]int{}
	for _, t := range tasks {
		dir := path.Dir(t.path)
		n, ok := at[dir]
		if !ok {
			n, at[dir] = len(list), len(list)
			list = append(list, nil)
		}
		list[n] = append(list[n], t)
	}
	for _, batch := range list {
		slices.SortFunc(batch, func(a, b task) int { return cmp.Compare(len(b.path), len(a.path)) })
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
	if o.sum == f.sum.String() && o.size == f.size {
		return o.etag, nil
	}
	return "", nil
}

func (u *uploader) write(ctx context.Context, s stage, f file) (string, error) {
	if s == indexes {
		return u.index(ctx, f)
	}
	u.mu.Lock()
	from, ok := u.known[f.sum]
	u.mu.Unlock()
	if ok && f.size >= worthCopying && f.size <= maxCopy {
		etag, err := u.copy(ctx, from.Location, from.path, from.etag, f.path, headerOf(f))
		if err == nil {
			u.count(func(r *Report) { r.Copied++ })
			return etag, nil
		}
		if status(err) == 0 {
			return "", err
		} // refused: it is gone, or changed, or in a bucket that may not be read
	}
	return u.upload(ctx, f, cond{})
}

func (u *uploader) upload(ctx context.Context, f file, c cond) (string, error) {
	parts := f.size > maxSingle
	in, sum, err := f.open(parts)
	if err != nil {
		return "", err
	}
	defer in.Close()
	h := headerOf(f)
	h.sha256 = sum
	var etag string
	if parts {
		etag, err = u.putParts(ctx, f, in, h)
	} else {
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

// putParts uploads a large file, some parts at once. An upload that fails is taken back;
// one that is killed is by the next publication.
func (u *uploader) putParts(ctx context.Context, f file, in *os.File, h header) (etag string, err error) {
	key := aws.String(u.key(f.path))
	begun, err := u.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &u.Bucket, Key: key, ContentType: &h.contentType, CacheControl: nonEmpty(h.cacheControl),
		Metadata: map[string]string{sumKey: h.sum.String()},
	})
	if err != nil {
		return "", u.explain("put", f.path, err)
	}
	defer func() {
		if err != nil {
			_, e := u.api.AbortMultipartUpload(context.WithoutCancel(ctx), &s3.AbortMultipartUploadInput{Bucket: &u.Bucket, Key: key, UploadId: begun.UploadId})
			if e != nil {
				err = errors.Join(err, u.explain("abort", f.path, e))
			}
		}
	}()
	length := max(partSize, (f.size+9999)/10000)
	parts := make([]types.CompletedPart, (f.size+length-1)/length)
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(partsAtOnce)
	for n := range parts {
		group.Go(func() error {
			from := int64(n) * length
			size := min(length, f.size-from)
			out, err := u.api.UploadPart(inner, &s3.UploadPartInput{
				Bucket: &u.Bucket, Key: key, UploadId: begun.UploadId, PartNumber: aws.Int32(int32(n + 1)), ContentLength: &size,
				Body: u.slowed(inner, io.NewSectionReader(in, from, size)),
			})
			if err != nil {
				return u.explain("put a part of", f.path, err)
			}
			parts[n] = types.CompletedPart{ETag: out.ETag, PartNumber: aws.Int32(int32(n + 1))}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	out, err := u.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.Bucket, Key: key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		return "", u.explain("put", f.path, err)
	}
	return plainTag(out.ETag), nil
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
	if _, ok := u.known[f.sum]; !ok {
		u.known[f.sum] = origin{u.Location, f.path, etag}
	}
	u.now.Files++
	u.now.Bytes += f.size
	if u.moved != nil {
		u.moved(u.now)
	}
}
