package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"flatstream/mirror/fetch"
	"flatstream/repodata"
	"flatstream/repodata/digest"
)

func checksum(b []byte) string { return digest.OfBytes(b).String() }

// readRepoMD locates the mirrors and reads repomd.xml from the first that has an
// acceptable one. A nil response says that it is what the current snapshot has.
func (r *run) readRepoMD(ctx context.Context, last *state) (*fetch.Response, error) {
	bases, meta, err := r.src.locate(ctx, r.c)
	if err != nil {
		return nil, err
	}
	r.mirrors = newMirrors(bases)
	if err := r.loadKeys(ctx); err != nil {
		return nil, err
	}
	have, err := published(r.t, r.src)
	if err != nil {
		return nil, err
	}
	if last == nil || have == nil || last.RepoMD != checksum(have) || last.Policy != r.opt.Policy || last.Keys != r.trust.mark {
		have, last = nil, nil // what is published is not what the last good run brought
	}
	if meta != nil {
		r.sum.Warnings = append(r.sum.Warnings, meta.Warnings...)
		if have != nil && meta.Accepted[0].Is(have) {
			return nil, nil // the metalink itself says so
		}
	}
	order := r.mirrors.order()
	i, resp, err := r.c.GetAny(ctx, fetch.Small{
		URLs: joinAll(order, repomdPath), Limit: repodata.MaxRepoMD,
		Cond: func(i int) fetch.Cond { return last.cond(order[i]) },
		Accept: func(i int, resp *fetch.Response) error {
			return r.accept(ctx, order[i], resp, func() error {
				if meta != nil {
					if err := meta.Check(resp.Body); err != nil {
						return err
					}
				}
				if have != nil && bytes.Equal(resp.Body, have) {
					return nil // its signature was good when it was published
				}
				return r.checkRepoMD(ctx, order[i], resp.Body)
			})
		},
	})
	if err != nil {
		if _, ok := errors.AsType[*fetch.StatusError](err); ok {
			return nil, fmt.Errorf("read repomd.xml: %w; is this the directory above repodata/?", err)
		}
		return nil, fmt.Errorf("read repomd.xml: %w", err)
	}
	r.base = order[i]
	r.mirrors.prefer(r.base)
	if resp.NotModified || have != nil && bytes.Equal(resp.Body, have) {
		return nil, nil
	}
	return resp, nil
}

// recheck reads repomd.xml again after a 404 or wrong bytes: errChanged when it
// is another one, nil when the mirror is to blame.
func (r *run) recheck(ctx context.Context) error {
	resp, err := r.c.Get(ctx, join(r.base, repomdPath), repodata.MaxRepoMD, fetch.Cond{})
	if err == nil && !bytes.Equal(resp.Body, r.md.Raw) {
		return errChanged
	}
	return nil // a mirror that cannot be read has not changed
}
