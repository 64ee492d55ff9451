package bucket

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// RequestError is a request that the server refused, or that never was answered. It holds
// neither credentials nor the request.
type RequestError struct {
	Op, URL string
	Code    string // S3's, such as AccessDenied; empty: no answer
	Err     error
}

func (e *RequestError) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("%s %s: %v", e.Op, e.URL, e.Err)
	}
	return fmt.Sprintf("%s %s: the server answers %s", e.Op, e.URL, e.Code)
}

func (e *RequestError) Unwrap() error { return e.Err }

// Hint says what to try next.
func (e *RequestError) Hint() string {
	switch e.Code {
	case "NoSuchBucket":
		return "make the bucket first: flatstream makes none"
	case "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return "the credentials need s3:GetObject, PutObject, DeleteObject and AbortMultipartUpload below the prefix, ListBucket and ListBucketMultipartUploads on the bucket"
	case "BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest":
		return "the file in the store is damaged, or was on its way: flatstream fsck STORE"
	case "":
		return "are the endpoint, the region and the credentials right? AWS_ENDPOINT_URL, AWS_REGION, AWS_PROFILE"
	}
	return "start it again: what is uploaded stays"
}

func (r *remote) explain(op, path string, err error) error {
	e := &RequestError{Op: op, URL: "s3://" + r.Bucket + "/" + r.key(path), Code: code(err), Err: err}
	if inner, ok := errors.AsType[*url.Error](err); ok {
		e.Err = inner.Err
	}
	return e
}

// code is S3's word for an error; empty when there was no answer.
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// status is the HTTP status of an error's answer; 0 without one.
func status(err error) int {
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return answer.HTTPStatusCode()
	}
	return 0
}

// refused reports whether a condition of a write did not hold. Conflicts of writes at
// the same time are answered so too.
func refused(err error) bool {
	s := status(err)
	return s == http.StatusPreconditionFailed || s == http.StatusConflict
}
