package serve

import (
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"sync/atomic"
	"time"

	"flatstream/mirror/tree"
)

// metrics counts answers since the handler was made.
type metrics struct {
	answers [600]atomic.Int64 // by status code
	bytes   atomic.Int64      // of bodies

	redirected atomic.Int64 // to where clients find what is not here
}

func (m *metrics) count(r *recorder) {
	code := r.code
	if code == 0 {
		code = http.StatusOK
	}
	if code < len(m.answers) {
		m.answers[code].Add(1)
	}
	m.bytes.Add(r.bytes)
}

// published is the current snapshot's name, empty before the first and for what
// is no store.
func (h *handler) published() string {
	to, err := os.Readlink(filepath.Join(h.dir, "current"))
	if err != nil || !tree.IsStore(h.dir) {
		return ""
	}
	return path.Base(to)
}

// health answers 200 when there is something to serve.
func (h *handler) health(w http.ResponseWriter) {
	v, err := h.resolve(".")
	if err != nil {
		fail(w, err)
		return
	}
	v.root.Close()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	fmt.Fprintln(w, "ok", h.published())
}

// writeMetrics answers in Prometheus' text format 0.0.4.
func (h *handler) writeMetrics(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	fmt.Fprint(w, "# HELP flatstream_http_requests_total Answered requests by status code.\n# TYPE flatstream_http_requests_total counter\n")
	for code := range h.metrics.answers {
		if n := h.metrics.answers[code].Load(); n > 0 {
			fmt.Fprintf(w, "flatstream_http_requests_total{code=\"%d\"} %d\n", code, n)
		}
	}
	fmt.Fprint(w, "# HELP flatstream_http_response_bytes_total Bytes of answers' bodies.\n# TYPE flatstream_http_response_bytes_total counter\n")
	fmt.Fprintf(w, "flatstream_http_response_bytes_total %d\n", h.metrics.bytes.Load())
	fmt.Fprint(w, "# HELP flatstream_redirected_total Requests for what is not here that were sent to the bucket.\n# TYPE flatstream_redirected_total counter\n")
	fmt.Fprintf(w, "flatstream_redirected_total %d\n", h.metrics.redirected.Load())
	h.sets.writeMetrics(w)
	h.demand.writeMetrics(w)
	when, err := time.Parse(tree.TimeFormat, h.published())
	if err != nil {
		return
	}
	fmt.Fprint(w, "# HELP flatstream_snapshot_timestamp_seconds When the current snapshot was published.\n# TYPE flatstream_snapshot_timestamp_seconds gauge\n")
	fmt.Fprintf(w, "flatstream_snapshot_timestamp_seconds{snapshot=%q} %d\n", h.published(), when.Unix())
}
