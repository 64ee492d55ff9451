package bucket

import (
	"flatstream/mirror/tree"
)

// headerOf says what a cache may do with a path. What names the others, and all that
// has a fixed name and changing content, is asked for each time; a checksum in the name
// is for ever. A package is for a day: its name promises one content, but an upstream
// that signs again breaks that promise.
func headerOf(f file) header {
	h := header{contentType: tree.ContentType(f.path), cacheControl: "no-cache", sum: f.sum}
	switch {
	case !tree.ImmutableName(f.path):
	case tree.IsPackage(f.path):
		h.cacheControl = "public, max-age=86400"
	default:
		h.cacheControl = "public, max-age=31536000, immutable"
	}
	return h
}
