package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"flatstream/fixtures"
)

// A disk that fails, and a process that dies, at each call that changes files: the
// kernel asks the test before every such call of the real program (fixtures.Disk).

// diskCases are the ways in which call k of a run goes wrong.
var diskCases = []struct {
	name  string
	judge func(k int) func(fixtures.Call) fixtures.Verdict
}{
	{"kill", func(k int) func(fixtures.Call) fixtures.Verdict {
		return func(c fixtures.Call) fixtures.Verdict { return fixtures.Verdict{Kill: c.N == k} }
	}},
	{"EIO", func(k int) func(fixtures.Call) fixtures.Verdict {
		return func(c fixtures.Call) (v fixtures.Verdict) {
			if c.N == k {
				v.Errno = syscall.EIO
			}
			return v
		}
	}},
	{"full", func(k int) func(fixtures.Call) fixtures.Verdict { // from call k on
		return func(c fixtures.Call) (v fixtures.Verdict) {
			if c.N >= k && needsSpace[c.Name] {
				v.Errno = syscall.ENOSPC
			}
			return v
		}
	}},
}

var needsSpace = map[string]bool{"openat": true, "mkdirat": true, "linkat": true, "symlinkat": true, "write": true,
	"pwrite64": true, "copy_file_range": true, "sendfile": true}

// scene is a command that brings a directory from one good state to another.
type scene struct {
	below string // the directory of which every call counts
	args  []string
	reset func()                 // back to the state before
	state func() (string, error) // a digest of what users of the directory see
	left  func() []string        // names of what a finished run must not leave behind
}

// suffer plays a scene with each way to fail at every call, or without FLATSTREAM_FULL
// at a seeded few of them.
func suffer(t *testing.T, s scene) {
	t.Helper()
	if testing.Short() {
		t.Skip("failing disks are left out of short tests")
	}
	s.reset()
	before, err := s.state()
	must(t, err)
	var last []fixtures.Call
	out, calls, err := (&fixtures.Disk{Below: s.below, Judge: func(c fixtures.Call) fixtures.Verdict {
		last = append(last, c)
		return fixtures.Verdict{}
	}}).Run("behind-disk", "flatstream", s.args...)
	if err != nil {
		t.Fatalf("undisturbed: %v\n%s", err, out)
	}
	after, err := s.state()
	must(t, err)
	if before == after || calls < 10 {
		t.Fatalf("the command changes nothing (%d calls): disturbing it proves nothing", calls)
	}
	names := map[string]int{}
	for _, c := range last {
		names[c.Name]++
	}
	t.Logf("%d calls: %v", calls, names)
	for _, how := range diskCases {
		at := moments(last, how.name == "full")
		hit, early, tolerated := 0, 0, 0
		for _, k := range at {
			reached, old, fine := s.disturb(t, how.name, how.judge(k), k, before, after)
			if reached {
				hit++
			}
			if old {
				early++
			}
			if fine {
				tolerated++
			}
		}
		t.Logf("%s: hit %d of %d calls at %d places; %d times the old state stayed; %d runs went on and succeeded", how.name, hit, calls, len(at), early, tolerated)
		if hit < len(at)*9/10 {
			t.Errorf("%s: only %d of %d were hit", how.name, hit, len(at))
		}
	}
}

// moments are the calls to hit, in order: all of them, or all that need space.
func moments(all []fixtures.Call, space bool) []int {
	var at []int
	for _, c := range all {
		if !space || needsSpace[c.Name] {
			at = append(at, c.N)
		}
	}
	if os.Getenv("FLATSTREAM_FULL") != "1" {
		rand.New(rand.NewPCG(killSeed, uint64(len(at)))).Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
		at = at[:min(len(at), 4)]
		slices.Sort(at)
	}
	return at
}

// disturb runs the scene once with a failure. Afterwards one of the two good states is
// published, whatever failed is said in one sentence, and the next run heals.
func (s scene) disturb(t *testing.T, how string, judge func(fixtures.Call) fixtures.Verdict, k int, before, after string) (hit, old, fine bool) {
	t.Helper()
	s.reset()
	where := fmt.Sprintf("%s at call %d", how, k)
	out, _, err := (&fixtures.Disk{Below: s.below, Judge: func(c fixtures.Call) fixtures.Verdict {
		v := judge(c)
		if v != (fixtures.Verdict{}) && !hit {
			hit, where = true, fmt.Sprintf("%s at %s", how, c)
		}
		return v
	}}).Run("behind-disk", "flatstream", s.args...)
	status := exitOf(t, err)
	switch {
	case status < 0 && how != "kill", status > 1:
		t.Errorf("%s: exit status %d, want 0 or 1:\n%s", where, status, out)
	case status == 1 && !strings.Contains(out, "flatstream: ") || strings.Contains(out, "goroutine "):
		t.Errorf("%s: it does not say what failed:\n%s", where, out)
	}
	state, err := s.state()
	if err != nil {
		t.Fatalf("%s: what is published cannot be read: %v", where, err)
	}
	if state != before && state != after {
		t.Fatalf("%s: neither the old nor the new state is published", where)
	}
	if status == 0 && state != after {
		t.Errorf("%s: the run says that all is well, and the old state is published", where)
	}
	if out, err := exec.Command("flatstream", s.args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: the next run does not heal it: %v\n%s", where, err, out)
	}
	if healed, err := s.state(); err != nil || healed != after {
		t.Fatalf("%s: the next run ends in another state than an undisturbed one: %v", where, err)
	}
	if left := s.left(); len(left) > 0 {
		t.Fatalf("%s: the next run leaves %v", where, left)
	}
	return hit, state == before, status == 0
}

// exitOf is the exit status, -1 for a process that was killed.
func exitOf(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	must(t, err)
	return 0
}
