package nightly

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"flatstream/mirror"
	"flatstream/mirror/tree"
)

// The series of metrics:, a file in Prometheus' text format for the textfile collector
// of its node_exporter. Times are seconds since 1970, so that an age is time() minus
// one of them, and goes on growing while no run ends well.
const (
	metricRun      = "flatstream_run_timestamp_seconds"             // end of the last run
	metricSuccess  = "flatstream_run_success"                       // 1: it did not fail
	metricSnapshot = "flatstream_snapshot_timestamp_seconds"        // when the current snapshot was published
	metricRepo     = "flatstream_repository_good_timestamp_seconds" // when what is published of it was last known to be upstream's
	metricView     = "flatstream_view_good_timestamp_seconds"       // when what is published of it was last known to be up to date
	metricProblems = "flatstream_problems"                          // of a target and arch, as it was last made
	metricNew      = "flatstream_new_problems"                      // of these, those that hold something back
)

var metricHelp = map[string]string{
	metricRun: "End of the last run.", metricSuccess: "Whether the last run did not fail.",
	metricSnapshot: "When the current snapshot was published.",
	metricRepo:     "When the published copy of a repository was last known to be upstream's.",
	metricView:     "When the published view was last known to be up to date.",
	metricProblems: "Problems that verify found.", metricNew: "Problems that the published repositories do not have.",
}

// metrics are values by series, which is a name with its labels.
type metrics map[string]int64

func label(name string, pairs ...string) string {
	var b strings.Builder
	b.WriteString(name)
	for i := 0; i < len(pairs); i += 2 {
		b.WriteByte("{,"[min(i, 1)])
		fmt.Fprintf(&b, "%s=%q", pairs[i], pairs[i+1]) // names and paths of a config need no other escapes than Go's
	}
	if len(pairs) > 0 {
		b.WriteByte('}')
	}
	return b.String()
}

// writeMetrics replaces the file. What this run could not find good keeps the time that
// the file has for it; one that was never good has none.
func (n *night) writeMetrics(failure error) error {
	if _, locked := errors.AsType[*tree.LockedError](failure); n.Metrics == "" || locked {
		return nil
	}
	before, err := readMetrics(n.Metrics)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	m := n.measure(failure, before)
	if err := replaceFile(n.Metrics, m.text()); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

func (n *night) measure(failure error, before metrics) metrics {
	now := n.opt.Now.Unix()
	m := metrics{metricRun: now, metricSuccess: 1}
	wrong := failure != nil && !n.report.Published
	if failure != nil {
		m[metricSuccess] = 0
	}
	if when, err := time.Parse(tree.TimeFormat, n.report.Snapshot); err == nil {
		m[metricSnapshot] = when.Unix()
	}
	good := func(series string, ok bool) {
		if had, known := before[series]; ok {
			m[series] = now
		} else if known {
			m[series] = had
		}
	}
	outcomes := map[string]string{}
	for _, s := range n.report.Repos {
		outcomes[s.ID] = s.Outcome
	}
	for _, u := range n.all {
		outcome := outcomes[u.source.Name]
		good(label(metricRepo, "repository", u.source.Name), outcome == mirror.Unchanged || outcome == mirror.Changed && !wrong)
	}
	for i, b := range n.builds() {
		made := !wrong && i < len(n.report.Targets)
		var t TargetReport
		if made {
			t = n.report.Targets[i]
			m[label(metricProblems, "target", b.target.Name, "arch", b.arch)] = int64(t.Problems)
			m[label(metricNew, "target", b.target.Name, "arch", b.arch)] = int64(len(t.New))
		}
		for view, path := range n.viewPaths(b) {
			held := slices.Contains(t.HeldBack, path) || slices.Contains(t.HeldBack, wholeTarget)
			good(label(metricView, "target", b.target.Name, "arch", b.arch, "view", view), made && !held)
		}
	}
	return m
}

// viewPaths maps the views of a target to their paths in it.
func (n *night) viewPaths(b build) map[string]string {
	views := map[string]string{"default": "default"}
	for _, v := range n.Views {
		if v.Target == b.target.Name {
			views[v.Name] = "views/" + v.Name
		}
	}
	return views
}

// text sorts the series, so that each stands below its help.
func (m metrics) text() []byte {
	var b strings.Builder
	last := ""
	for _, series := range slices.Sorted(maps.Keys(m)) {
		name, _, _ := strings.Cut(series, "{")
		if name != last {
			fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n", name, metricHelp[name], name)
			last = name
		}
		fmt.Fprintf(&b, "%s %d\n", series, m[series])
	}
	return []byte(b.String())
}

// readMetrics reads what a run wrote; what else may stand there is passed over.
func readMetrics(file string) (metrics, error) {
	b, err := readFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return metrics{}, nil
	}
	m := metrics{}
	for line := range strings.Lines(string(b)) {
		series, value, _ := strings.Cut(line, " ")
		var v int64
		if _, err := fmt.Sscan(value, &v); err == nil && !strings.HasPrefix(series, "#") {
			m[series] = v
		}
	}
	return m, err
}

// replaceFile gives a file new content by one rename. Its name begins with a dot until
// then, and the collector reads *.prom alone.
func replaceFile(name string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".flatstream-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
