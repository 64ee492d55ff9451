package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// rcloneCase is one comparison: so many objects of about so many bytes, uploaded by both
// in turns, first one first and then the other, to a server that starts empty.
type rcloneCase struct {
	name                 string
	objects, size, pairs int
	flags                []string // of rclone
	least                float64  // times that an unchanged night is faster
}

var (
	// sameJobs are as many at once as ours. rclone would wait a second before each upload of
	// over 2 MB for a word (100 Continue) that this server does not say; ours does not.
	sameJobs = []string{"--transfers", "16", "--checkers", "16", "--expect-continue-timeout", "0"}
	// bestFlags spare rclone all that it does beside uploading: a look at what is there, a
	// checksum of each file, and a question after each upload.
	bestFlags = append([]string{"--s3-no-head", "--s3-disable-checksum", "--s3-no-check-bucket", "--no-traverse", "--no-check-dest", "--ignore-checksum"}, sameJobs...)
)

// The same objects are uploaded by rclone and by us; then both are asked again, when there
// is nothing to do. Medians of the pairs count.
func TestBucketAgainstRclone(t *testing.T) {
	need(t, "rclone")
	if testing.Short() {
		t.Skip("timings are left out of short tests")
	}
	cases := []rcloneCase{{"small", 600, 8 << 10, 1, sameJobs, 5}, {"large", 12, 6 << 20, 1, sameJobs, 1}}
	if os.Getenv("FLATSTREAM_FULL") == "1" {
		cases = []rcloneCase{
			{"small", 10_000, 8 << 10, 3, sameJobs, 5}, {"small, rclone's defaults", 10_000, 8 << 10, 1, nil, 0}, {"small, rclone's best", 10_000, 8 << 10, 3, bestFlags, 0},
			{"large", 200, 8 << 20, 3, sameJobs, 1}, {"large, rclone's defaults", 200, 8 << 20, 1, nil, 0}, {"large, rclone's best", 200, 8 << 20, 3, bestFlags, 0},
			{"many", 100_000, 8 << 10, 1, sameJobs, 50},
		}
	}
	stores := map[int]string{}
	for _, c := range cases {
		if stores[c.objects] == "" {
			stores[c.objects] = filepath.Join(t.TempDir(), "store")
			filled(t, stores[c.objects], c.objects, c.size)
		}
		faster, unchanged := c.measure(t, stores[c.objects])
		if faster < 1 {
			t.Errorf("%s: rclone uploads faster: we have %.2f of its speed", c.name, faster)
		}
		if unchanged < c.least {
			t.Errorf("%s: an unchanged night is %.0f times faster than rclone's, want %.0f", c.name, unchanged, c.least)
		}
	}
}

// measure says how many times faster we are at a first upload and at a second one.
func (c rcloneCase) measure(t *testing.T, store string) (faster, unchanged float64) {
	t.Helper()
	current, err := filepath.EvalSymlinks(filepath.Join(store, "current"))
	must(t, err)
	var upload, again [2][]float64
	for i := range 2 * c.pairs {
		who := (i + i/2) % 2 // ours, rclone; rclone, ours; ...
		t.Run(fmt.Sprintf("%s/%d", c.name, i), func(t *testing.T) {
			g := gateway(t)
			run := func() float64 {
				start := time.Now()
				if who == 0 {
					mustRun(t, []string{"-q", "--jobs", "16", "publish", store, "s3://" + g.Bucket + "/ours"})
				} else {
					args := append([]string{"-u", "AWS_CA_BUNDLE", "rclone", "-q", "--config", os.DevNull, "--s3-provider", "Other", "--s3-env-auth", "--s3-endpoint", g.URL}, c.flags...)
					runTool(t, "env", append(args, "--exclude", "/manifest", "copy", current, ":s3:"+g.Bucket+"/rclone")...)
				}
				return time.Since(start).Seconds()
			}
			upload[who] = append(upload[who], run())
			again[who] = append(again[who], run())
		})
	}
	faster, unchanged = medianRatio(upload[1], upload[0]), medianRatio(again[1], again[0])
	t.Logf("%s: %d objects of %d KiB, seconds of ours and rclone's: upload %s %s: %.2f times as fast; unchanged %s %s: %.0f times", c.name, c.objects, c.size>>10,
		seconds(upload[0]), seconds(upload[1]), faster, seconds(again[0]), seconds(again[1]), unchanged)
	return faster, unchanged
}

func seconds(list []float64) (text string) {
	for _, s := range list {
		text += fmt.Sprintf("%.2f ", s)
	}
	return text
}

// medianRatio is the median of the ratios of pairs.
func medianRatio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}
