package nightly

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"flatstream/fixtures"
)

// TestMetricsKeepTheLastGoodTime: a view that is held back and a run that fails leave
// the times of the last good night.
func TestMetricsKeepTheLastGoodTime(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), holdable, fixtures.Options{}))
	config := holdableConfig + "metrics: flatstream.prom\n"
	read := func() metrics {
		t.Helper()
		m, err := readMetrics(filepath.Join(s.dir, "flatstream.prom"))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	const repo = `flatstream_repository_good_timestamp_seconds{repository="r"}`
	const plainView = `flatstream_view_good_timestamp_seconds{target="",arch="x86_64",view="default"}`
	const nodeView = `flatstream_view_good_timestamp_seconds{target="",arch="x86_64",view="n"}`
	check := func(night string, want metrics) {
		t.Helper()
		got := read()
		for series, v := range want {
			if had, ok := got[series]; !ok || had != v {
				t.Errorf("%s: %s is %d, %t, want %d", night, series, had, ok, v)
			}
		}
	}
	s.mustRun(config)
	first := s.clock.Unix()
	check("first", metrics{repo: first, plainView: first, nodeView: first, "flatstream_run_success": 1, "flatstream_snapshot_timestamp_seconds": first})
	bad := write(t, t.TempDir(), holdable+"  requires libgone.so.1\n", fixtures.Options{Time: fixtures.Epoch + 9})
	if err := s.Switch(bad); err != nil {
		t.Fatal(err)
	}
	s.mustRun(config)
	second := s.clock.Unix()
	check("held back", metrics{repo: second, plainView: second, nodeView: first, `flatstream_new_problems{target="",arch="x86_64"}`: 2})
	s.mustRun(config)
	third := s.clock.Unix()
	check("unchanged", metrics{repo: third, plainView: third, nodeView: first})
	s.Fault(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusNotFound); return true })
	if _, err := s.run(config); err == nil {
		t.Error("no error")
	}
	check("failed", metrics{repo: third, plainView: third, nodeView: first, "flatstream_run_success": 0, "flatstream_run_timestamp_seconds": s.clock.Unix()})
	text := string(mustRead(t, filepath.Join(s.dir, "flatstream.prom")))
	if strings.Count(text, "# TYPE flatstream_view_good_timestamp_seconds gauge\n") != 1 {
		t.Errorf("not Prometheus' text format:\n%s", text)
	}
}
