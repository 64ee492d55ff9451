package bucket

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Location is a place in an object store: a bucket and what all keys there begin with.
type Location struct {
	Bucket string
	Prefix string // without slashes at its ends; empty: the whole bucket
}

// LocationError says why a text is no place in an object store. The text itself is not
// repeated where it may hold a password.
type LocationError struct{ Text, Reason string }

func (e *LocationError) Error() string { return fmt.Sprintf("%.200q %s", e.Text, e.Reason) }

// Hint says what to try next.
func (e *LocationError) Hint() string {
	return "write s3://BUCKET/PREFIX; the server is named by --endpoint or AWS_ENDPOINT_URL"
}

// validBucket is S3's rule for names, and with it safe in a URL and in a path.
var validBucket = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]+[a-z0-9]$`)

// maxBucket is how long one may be.
const maxBucket = 63

// maxPrefix leaves room for a snapshot's paths: S3's keys end at 1024 bytes.
const maxPrefix = 300

// ParseLocation reads s3://BUCKET/PREFIX. Errors are a [*LocationError].
func ParseLocation(text string) (Location, error) {
	rest, ok := strings.CutPrefix(text, "s3://")
	if strings.Contains(text, "@") {
		return Location{}, &LocationError{"s3://...", "may hold no user and password: they come from the environment or ~/.aws"}
	}
	if !ok {
		return Location{}, &LocationError{text, "does not begin with s3://"}
	}
	name, prefix, _ := strings.Cut(rest, "/")
	prefix = strings.TrimSuffix(prefix, "/")
	if len(name) > maxBucket || !validBucket.MatchString(name) {
		return Location{}, &LocationError{text, "names no bucket: 3 to 63 lower-case letters, digits, dots and dashes"}
	}
	if len(prefix) > maxPrefix || strings.ContainsFunc(prefix, foreign) {
		return Location{}, &LocationError{text, fmt.Sprintf("has a prefix that is over %d bytes or holds more than letters, digits and ._-/+", maxPrefix)}
	}
	for elem := range strings.SplitSeq(prefix, "/") {
		if prefix != "" && (elem == "" || strings.HasPrefix(elem, ".")) {
			return Location{}, &LocationError{text, "has an empty element in its prefix, or one that begins with a dot"}
		}
	}
	return Location{name, prefix}, nil
}

func foreign(r rune) bool {
	return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-/+", r)
}

// String is the location as [ParseLocation] reads it.
func (l Location) String() string { return "s3://" + l.Bucket + "/" + l.Prefix }

// key is the object for a path.
func (l Location) key(path string) string {
	if l.Prefix == "" {
		return path
	}
	return l.Prefix + "/" + path
}
