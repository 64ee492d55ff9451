package bucket

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"flatstream/repodata/digest"
)

// sumKey is the user metadata that says what an object holds: x-amz-meta-flatstream.
const sumKey = "flatstream"

// remote is a location on its server.
type remote struct {
	Location
	api   *s3.Client
	limit *rate.Limiter // of bytes sent; nil: none
	// patient is for requests during which the server works and is silent.
	patient func(*s3.Options)
	// answered says that the server is there. Until then no more attempts than first are
	// made.
	answered atomic.Bool
	first    int
}

// firstAttempts of a server that never answered.
const firstAttempts = 3

// EndpointError says that a text names no server.
type EndpointError struct{ Reason string }

func (e *EndpointError) Error() string { return "the endpoint " + e.Reason }

// Hint says what to try next.
func (e *EndpointError) Hint() string { return "write a URL such as https://s3.example.org" }

// CheckEndpoint wants the http or https URL of a server, without a password; empty means
// none. Errors are an [*EndpointError].
func CheckEndpoint(text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return nil
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return &EndpointError{"is no http or https URL"}
	case u.User != nil:
		return &EndpointError{"may hold no user and password"}
	}
	return nil
}

// open makes a client. Credentials, region and endpoint come by the ordinary AWS chain:
// the environment, the shared files with their profiles, web identity, the roles of
// containers and instances. A server that is not AWS is spoken to with the bucket in the
// path, and has the region us-east-1 where nothing says another.
func open(ctx context.Context, l Location, opt Options) (*remote, error) {
	if err := CheckEndpoint(opt.Endpoint); err != nil {
		return nil, err
	}
	c, err := config.LoadDefaultConfig(ctx,
		config.WithLogger(logging.Nop{}), // errors say what is to be said
		config.WithHTTPClient(client(opt.jobs(), 30*time.Second)),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff = opt.attempts(), 20*time.Second
				o.RateLimiter = unlimited{}
			})
		}))
	if missing, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		return nil, &ConfigError{fmt.Sprintf("there is no profile %s in AWS's configuration", missing.Profile), "see AWS_PROFILE, ~/.aws/config and ~/.aws/credentials", err}
	}
	if err != nil {
		return nil, fmt.Errorf("read the configuration of AWS: %w", err)
	}
	if opt.Endpoint != "" {
		c.BaseEndpoint = &opt.Endpoint
	}
	if c.BaseEndpoint == nil && c.Region == "" {
		return nil, &ConfigError{"no region is set", "set AWS_REGION to the bucket's region; for a server that is not AWS, --endpoint or AWS_ENDPOINT_URL", nil}
	}
	if _, err := c.Credentials.Retrieve(ctx); err != nil {
		return nil, &ConfigError{"no credentials can be had", "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role", err}
	}
	copying := client(opt.jobs(), 10*time.Minute)
	r := &remote{Location: l, first: min(firstAttempts, opt.attempts()), patient: func(o *s3.Options) { o.HTTPClient = copying }, api: s3.NewFromConfig(c, func(o *s3.Options) {
		if o.BaseEndpoint != nil {
			o.UsePathStyle = true
			o.Region = cmp.Or(o.Region, "us-east-1")
		}
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})}
	if opt.LimitRate > 0 {
		// Small bites where it is slow: no connection shall look as if nothing moved.
		r.limit = rate.NewLimiter(rate.Limit(opt.LimitRate), int(min(max(opt.LimitRate/64, 512), 64<<10)))
	}
	return r, nil
}

// at is another location on the same server.
func (r *remote) at(l Location) *remote {
	return &remote{Location: l, api: r.api, limit: r.limit, patient: r.patient, first: r.first}
}

// unlimited retries as often as the attempts say. The library's own token bucket is
// shared by all requests, so that a burst of broken connections would end a long upload.
type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (unlimited) AddTokens(uint) error { return nil }

// header is what an object is stored with.
type header struct {
	contentType, cacheControl string
	sum                       digest.Checksum // what it says of itself; zero: nothing
	sha256                    digest.Checksum // of its bytes; the server compares
}

// cond makes a write conditional; the zero value writes always.
type cond struct {
	etag   string // only over this version
	absent bool   // only where there is nothing
}

// put writes one object and returns its ETag. The SHA-256 is part of the request's
// signature and stands in x-amz-checksum-sha256 too, so a server that takes other
// bytes for it breaks the protocol.
func (r *remote) put(ctx context.Context, path string, body io.ReadSeeker, size int64, h header, c cond) (string, error) {
	check, err := base64Sum(h.sha256)
	if err != nil {
		return "", err
	}
	in := &s3.PutObjectInput{
		Bucket: &r.Bucket, Key: aws.String(r.key(path)), Body: r.slowed(ctx, body), ContentLength: &size,
		ContentType: &h.contentType, CacheControl: nonEmpty(h.cacheControl), ChecksumSHA256: check,
	}
	if !h.sum.IsZero() {
		in.Metadata = map[string]string{sumKey: h.sum.String()}
	}
	if c.absent {
		in.IfNoneMatch = aws.String("*")
	} else if c.etag != "" {
		in.IfMatch = aws.String(quoted(c.etag))
	}
	out, err := r.api.PutObject(ctx, in, s3.WithAPIOptions(payloadHash(h.sha256.Hex)))
	if err != nil {
		return "", r.explain("put", path, err)
	}
	return plainTag(out.ETag), nil
}

// putBytes writes a document of ours.
func (r *remote) putBytes(ctx context.Context, path string, doc []byte, contentType string, c cond) (string, error) {
	h := header{contentType: contentType, cacheControl: "no-store", sha256: digest.OfBytes(doc)}
	return r.put(ctx, path, bytes.NewReader(doc), int64(len(doc)), h, c)
}

// payloadHash spares the library a reading of the body: what it holds is known.
func payloadHash(hex string) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("flatstream.PayloadHash",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				return next.HandleInitialize(v4.SetPayloadHash(ctx, hex), in)
			}), middleware.After)
	}
}

// object is what the server says of a key.
type object struct {
	etag string
	size int64
	sum  string        // what it was uploaded as
	age  time.Duration // by the server's own clock, in whole seconds
}

// holds says whether it was uploaded as this file.
func (o object) holds(f file) bool { return o.sum == f.sum.String() && o.size == f.size }

// head asks for an object; ok is false where there is none.
func (r *remote) head(ctx context.Context, path string) (o object, ok bool, err error) {
	out, err := r.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &r.Bucket, Key: aws.String(r.key(path))})
	if status(err) == http.StatusNotFound {
		return o, false, nil
	}
	if err != nil {
		return o, false, r.explain("head", path, err)
	}
	return object{etag: plainTag(out.ETag), size: aws.ToInt64(out.ContentLength), sum: out.Metadata[sumKey]}, true, nil
}

// get opens an object; ok is false where there is none.
func (r *remote) get(ctx context.Context, path string) (body io.ReadCloser, o object, ok bool, err error) {
	out, err := r.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &r.Bucket, Key: aws.String(r.key(path))}, func(o *s3.Options) {
		if !r.answered.Load() {
			o.RetryMaxAttempts = r.first
		}
	})
	r.answered.Store(r.answered.Load() || err == nil || status(err) != 0)
	if status(err) == http.StatusNotFound && code(err) != "NoSuchBucket" {
		return nil, o, false, nil
	}
	if err != nil {
		return nil, o, false, r.explain("get", path, err)
	}
	o = object{etag: plainTag(out.ETag), size: aws.ToInt64(out.ContentLength), sum: out.Metadata[sumKey]}
	if date, known := awsmiddleware.GetServerTime(out.ResultMetadata); known && out.LastModified != nil {
		o.age = max(0, date.Sub(*out.LastModified))
	}
	return out.Body, o, true, nil
}

// getBytes reads a document of at most limit bytes; nil where there is none.
func (r *remote) getBytes(ctx context.Context, path string, limit int64) ([]byte, object, error) {
	body, o, ok, err := r.get(ctx, path)
	if err != nil || !ok {
		return nil, o, err
	}
	defer body.Close()
	doc, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err == nil && int64(len(doc)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	if err != nil {
		return nil, o, r.explain("get", path, err)
	}
	return doc, o, nil
}

// copy makes path from an object that has that ETag, within the server.
func (r *remote) copy(ctx context.Context, from Location, fromPath, etag, path string, h header) (string, error) {
	out, err := r.api.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: &r.Bucket, Key: aws.String(r.key(path)), CopySource: aws.String(from.Bucket + "/" + escapeKey(from.key(fromPath))),
		CopySourceIfMatch: aws.String(quoted(etag)), MetadataDirective: types.MetadataDirectiveReplace,
		ContentType: &h.contentType, CacheControl: nonEmpty(h.cacheControl), Metadata: map[string]string{sumKey: h.sum.String()},
	}, r.patient)
	if err != nil {
		return "", r.explain("copy", path, err)
	}
	return plainTag(out.CopyObjectResult.ETag), nil
}

// remove deletes objects, a thousand in a request. What is not there is no error.
func (r *remote) remove(ctx context.Context, paths []string) error {
	ids := make([]types.ObjectIdentifier, len(paths))
	for i, p := range paths {
		ids[i] = types.ObjectIdentifier{Key: aws.String(r.key(p))}
	}
	out, err := r.api.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &r.Bucket, Delete: &types.Delete{Objects: ids, Quiet: aws.Bool(true)}})
	if err != nil {
		return r.explain("delete", paths[0], err)
	}
	for _, e := range out.Errors {
		if aws.ToString(e.Code) != "NoSuchKey" {
			return fmt.Errorf("delete s3://%s/%s: %s: %s", r.Bucket, aws.ToString(e.Key), aws.ToString(e.Code), aws.ToString(e.Message))
		}
	}
	return nil
}

// slowed holds a body to the rate of all uploads together.
func (r *remote) slowed(ctx context.Context, body io.ReadSeeker) io.ReadSeeker {
	if r.limit == nil {
		return body
	}
	return &slowReader{body, r.limit, ctx}
}

type slowReader struct {
	io.ReadSeeker
	limit *rate.Limiter
	ctx   context.Context // of the request, which a Read has no other way to see
}

func (s *slowReader) Read(p []byte) (int, error) {
	n, err := s.ReadSeeker.Read(p[:min(len(p), s.limit.Burst())])
	if n > 0 {
		if e := s.limit.WaitN(s.ctx, n); e != nil {
			return n, e
		}
	}
	return n, err
}

func quoted(etag string) string { return `"` + etag + `"` }

func plainTag(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// escapeKey writes a key as the header x-amz-copy-source wants it.
func escapeKey(key string) string {
	elems := strings.Split(key, "/")
	for i := range elems {
		elems[i] = strings.ReplaceAll(url.PathEscape(elems[i]), "+", "%2B")
	}
	return strings.Join(elems, "/")
}
