package serve

import (
	"net/http"
	"strings"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

// sendElsewhere redirects a client to where it finds what is not here, and says whether
// it did: a package that the snapshot promises, by its checksum; else what has a name
// that never gets another content. repomd.xml, its signature and pages are never
// fetched elsewhere: those there are of another generation. 302 Found is what every
// client follows, and no cache keeps it.
func (h *handler) sendElsewhere(w http.ResponseWriter, r *http.Request, path string, sum digest.Checksum, size int64) bool {
	if h.elsewhere == nil || sum.IsZero() && !tree.ImmutableName(path) {
		return false
	}
	if !sum.IsZero() && strings.Contains(r.Header.Get("If-None-Match"), sum.Hex) {
		return false // the client has it
	}
	to := h.elsewhere(r.Context(), path, sum, size)
	if to == "" {
		return false
	}
	w.Header().Set("Location", to)
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusFound)
	h.metrics.redirected.Add(1)
	return true
}
