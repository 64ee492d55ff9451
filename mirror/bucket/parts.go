package bucket

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"flatstream/repodata/digest"
)

const (
	// maxSingle is the largest object, in bytes, that is uploaded in one request; above, in
	// parts.
	maxSingle = 64 << 20
	// partSize of an upload in parts, unless it would need more than S3's 10,000.
	partSize = 16 << 20
	// partsAtOnce of one object. Parts are read from the file as they are sent, so none
	// is held in memory.
	partsAtOnce = 4
	// lastWord is the time for requests that clean up behind a failure: a server that is
	// gone is not waited for.
	lastWord = 10 * time.Second
)

// putParts uploads a large file, some parts at once. Each part is hashed, for the server
// to compare, just before it is sent; with the last one the whole is held against the
// snapshot's checksum, and nothing appears if that differs. An upload that fails is taken
// back; one that is killed is by the next publication.
func (u *uploader) putParts(ctx context.Context, f file, in *os.File, h header) (etag string, err error) {
	key := aws.String(u.key(f.path))
	begun, err := u.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &u.Bucket, Key: key, ContentType: &h.contentType, CacheControl: nonEmpty(h.cacheControl),
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256, Metadata: map[string]string{sumKey: h.sum.String()},
	})
	if err != nil {
		return "", u.explain("put", f.path, err)
	}
	defer func() {
		if err != nil {
			_ = u.abort(ctx, f.path, begun.UploadId) // else the next publication does
		}
	}()
	parts, err := u.sendParts(ctx, f, in, begun.UploadId)
	if err != nil {
		return "", err
	}
	out, err := u.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.Bucket, Key: key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	}, u.patient)
	if err == nil {
		return plainTag(out.ETag), nil
	}
	if o, ok, e := u.head(ctx, f.path); e == nil && ok && status(err) == 404 && o.holds(f) {
		return o.etag, nil // our own, whose answer got lost
	}
	return "", u.explain("put", f.path, err)
}

func (u *uploader) sendParts(ctx context.Context, f file, in *os.File, id *string) ([]types.CompletedPart, error) {
	length := max(u.part, (f.size+9999)/10000)
	parts := make([]types.CompletedPart, (f.size+length-1)/length)
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(partsAtOnce)
	whole := f.sum.New()
	for n := range parts {
		if inner.Err() != nil {
			break
		}
		from := int64(n) * length
		body, part := io.NewSectionReader(in, from, min(length, f.size-from)), sha256.New()
		if _, err := io.Copy(io.MultiWriter(part, whole), body); err != nil {
			return nil, errors.Join(fmt.Errorf("read the store: %w", err), group.Wait())
		}
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return nil, errors.Join(err, group.Wait())
		}
		group.Go(func() (err error) {
			parts[n], err = u.sendPart(inner, f, id, int32(n+1), body, digest.FromHash("sha256", part))
			return err
		})
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return nil, err
	}
	return parts, f.isWhole(whole)
}

func (u *uploader) sendPart(ctx context.Context, f file, id *string, n int32, body *io.SectionReader, sum digest.Checksum) (types.CompletedPart, error) {
	check, err := base64Sum(sum)
	if err != nil {
		return types.CompletedPart{}, err
	}
	out, err := u.api.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.Bucket, Key: aws.String(u.key(f.path)), UploadId: id, PartNumber: &n, ContentLength: aws.Int64(body.Size()),
		ChecksumSHA256: check, Body: u.slowed(ctx, body),
	}, s3.WithAPIOptions(payloadHash(sum.Hex)))
	if err != nil {
		return types.CompletedPart{}, u.explain("put a part of", f.path, err)
	}
	return types.CompletedPart{ETag: out.ETag, PartNumber: &n, ChecksumSHA256: out.ChecksumSHA256}, nil
}

// abort takes an upload in parts back; one that is not there is.
func (r *remote) abort(ctx context.Context, path string, id *string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	_, err := r.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &r.Bucket, Key: aws.String(r.key(path)), UploadId: id})
	if err != nil && status(err) != 404 {
		return r.explain("abort", path, err)
	}
	return nil
}

// begun is an upload in parts that was begun at a path and not ended.
type begun struct {
	path string
	types.MultipartUpload
}

// unfinished lists the uploads in parts that were begun at paths that ours accepts, and not
// ended. Others are of a prefix below this one, whose publisher may live.
func (r *remote) unfinished(ctx context.Context, ours func(path string) bool) (uploads []begun, err error) {
	prefix := r.key("")
	pages := s3.NewListMultipartUploadsPaginator(r.api, &s3.ListMultipartUploadsInput{Bucket: &r.Bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, r.explain("list the unfinished uploads of", "", err)
		}
		for _, up := range page.Uploads {
			if path := strings.TrimPrefix(aws.ToString(up.Key), prefix); ours(path) {
				uploads = append(uploads, begun{path, up})
			}
		}
	}
	return uploads, nil
}

// abortParts takes back what killed publications were uploading in parts.
func (r *remote) abortParts(ctx context.Context, ours func(path string) bool) (int, error) {
	uploads, err := r.unfinished(ctx, ours)
	for n, up := range uploads {
		if err := r.abort(ctx, up.path, up.UploadId); err != nil {
			return n, err
		}
	}
	return len(uploads), err
}

// base64Sum is a checksum as S3's headers have it.
func base64Sum(c digest.Checksum) (*string, error) {
	raw, err := hex.DecodeString(c.Hex)
	if err != nil {
		return nil, err
	}
	return aws.String(base64.StdEncoding.EncodeToString(raw)), nil
}
