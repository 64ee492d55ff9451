package mirror

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	"flatstream/mirror/fetch"
	"flatstream/mirror/tree"
	"flatstream/repodata"
	"flatstream/repodata/digest"
)

// Remote is the metadata of a remote repository as a read-only directory, for
// repodata.Open. repomd.xml was read when it was opened; each record is fetched
// when it is first opened, verified, and kept in the cache under its checksum.
// It may be used by several goroutines.
type Remote struct {
	objectFS
	r   *run
	ctx context.Context
}

// OpenRemote reads repomd.xml of src now; the rest comes when it is asked for,
// under the same ctx. cacheDir is empty, new, or was used here before: what it
// has is not fetched again. Several processes may share it. Close the Remote at
// the end.
func OpenRemote(ctx context.Context, src Source, cacheDir string) (*Remote, error) {
	r, err := openRemote(ctx, src, cacheDir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", src.Name, err)
	}
	return r, nil
}

func openRemote(ctx context.Context, src Source, cacheDir string) (*Remote, error) {
	var opt Options
	if err := opt.fill(); err != nil {
		return nil, err
	}
	if err := src.check(); err != nil {
		return nil, err
	}
	src.GPGCheck = false // no package is read here
	c, err := src.client(opt.Jobs, 0)
	if err != nil {
		return nil, err
	}
	t, err := tree.Open(cacheDir)
	if err != nil {
		c.Close()
		return nil, err
	}
	r := &run{src: &src, t: t, c: c, opt: opt, sum: &Summary{ID: src.Name, Warnings: src.warnings(c, opt.Now)}}
	remote := &Remote{r: r, ctx: ctx}
	resp, err := r.readRepoMD(ctx, nil)
	if err == nil {
		r.md, err = repodata.ParseRepoMD(resp.Body)
	}
	if err != nil {
		remote.Close()
		return nil, err
	}
	remote.objectFS = objectFS{r.md, remote.record}
	return remote, nil
}

// Warnings says what of the source's configuration was not kept.
func (r *Remote) Warnings() []string { return r.r.sum.Warnings }

// Base is the mirror that gave repomd.xml, for locations of packages. It may
// hold a secret; see fetch.Redact.
func (r *Remote) Base() string { return r.r.base }

// Close drops the connections and the cache's directory handle.
func (r *Remote) Close() error {
	r.r.c.Close()
	return r.r.t.Close()
}

// record opens one record's file, fetching it where the cache has none.
func (r *Remote) record(sum digest.Checksum) (*os.File, error) {
	for _, rec := range r.md.Records {
		if rec.Checksum != sum {
			continue
		}
		if !r.r.t.Has(sum, rec.Size) {
			if err := r.r.store(r.ctx, record(rec), r.changed); err != nil {
				return nil, err
			}
		}
		return r.r.t.OpenObject(sum)
	}
	return nil, fs.ErrNotExist
}

func (r *Remote) changed(err error) error {
	if !fetch.Gone(err) {
		return nil
	}
	if err := r.r.recheck(r.ctx); err != nil {
		return fmt.Errorf("%w; run it again", err)
	}
	return nil
}
