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
	text := fmt.Sprintf("%s %s: the server answers %s", e.Op, e.URL, e.Code)
	if meaning, _ := explainCode(e.Code); meaning != "" {
		text += ": " + meaning
	}
	return text
}

func (e *RequestError) Unwrap() error { return e.Err }

// Hint says what to try next.
func (e *RequestError) Hint() string {
	if e.Code == "" {
		return "is the endpoint right, and the server there? --endpoint or AWS_ENDPOINT_URL"
	}
	if _, hint := explainCode(e.Code); hint != "" {
		return hint
	}
	return "start it again: what is uploaded stays"
}

// explainCode says what S3's word for an error means, and what to try next; empty for one
// that explains itself.
func explainCode(code string) (meaning, hint string) {
	switch code {
	case "NoSuchBucket":
		return "there is no such bucket", "make the bucket first, flatstream makes none; or is the endpoint another one? --endpoint or AWS_ENDPOINT_URL"
	case "AccessDenied", "Forbidden", "AllAccessDisabled", "AccountProblem":
		return "these credentials may not do that", "they need s3:GetObject, PutObject, DeleteObject and AbortMultipartUpload below the prefix, ListBucket and ListBucketMultipartUploads on the bucket"
	case "SignatureDoesNotMatch":
		return "the secret key does not belong to the access key", "see AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials and AWS_PROFILE"
	case "InvalidAccessKeyId", "XAdminUserNotFound":
		return "it does not know this access key", "see AWS_ACCESS_KEY_ID, or ~/.aws/credentials and AWS_PROFILE"
	case "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
		return "the session's credentials have expired", "get new ones; a role or a profile renews them by itself"
	case "RequestTimeTooSkewed", "RequestExpired":
		return "the clocks of this machine and of the server differ too much", "set this machine's clock: timedatectl"
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "MovedPermanently", "TemporaryRedirect", "IllegalLocationConstraintException":
		return "the bucket is in another region", "set AWS_REGION to the bucket's region"
	case "BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest":
		return "it got other bytes than the snapshot says", "the file in the store is damaged, or was on its way: flatstream fsck STORE"
	case "SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout":
		return "it is overloaded, and still was after several attempts", "start it again later, with fewer --jobs: what is uploaded stays"
	case "NotImplemented":
		return "it lacks what flatstream needs", "it needs conditional writes, as AWS, Ceph, MinIO and Versity's gateway have them: is there a newer version of it?"
	}
	return "", ""
}

// ConfigError says that AWS's configuration of this machine is not enough to begin.
type ConfigError struct {
	Text, Try string
	Err       error
}

func (e *ConfigError) Error() string { return e.Text }

// Hint says what to try next.
func (e *ConfigError) Hint() string { return e.Try }

func (e *ConfigError) Unwrap() error { return e.Err }

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
