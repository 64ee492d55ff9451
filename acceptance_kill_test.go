package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"flatstream/fixtures"
)

// killSeed is where the moments of the kills come from.
const killSeed = 20260101

// kills is how often each command is killed.
func kills() int {
	if os.Getenv("FLATSTREAM_FULL") == "1" {
		return 500
	}
	return 50
}

// victim is a command that is killed again and again on its way from one state of a
// directory to another.
type victim struct {
	args  []string
	reset func() // back to the state before
	// state is a digest of what users of the directory see.
	state func() (string, error)
	// left names what a finished run must not leave behind.
	left func() []string
}

// survive kills the victim at random moments of its run. Each time its directory must
// show the state before or the state after, never something between; and the next run
// must succeed and end in the state after.
func survive(t *testing.T, v victim) {
	t.Helper()
	v.reset()
	before, err := v.state()
	must(t, err)
	whole := mustRun(t, v.args)
	after, err := v.state()
	must(t, err)
	if before == after {
		t.Fatal("the command changes nothing: killing it proves nothing")
	}
	random := rand.New(rand.NewPCG(killSeed, uint64(len(v.args))))
	killed, early := 0, 0
	for i := range kills() {
		v.reset()
		moment := time.Duration(random.Int64N(int64(whole * 5 / 4))) // what comes after publishing too
		if killAfter(t, moment, v.args) {
			killed++
		}
		state, err := v.state()
		if err != nil {
			t.Fatalf("kill %d after %v: what is published cannot be read: %v", i, moment, err)
		}
		if state != before && state != after {
			t.Fatalf("kill %d after %v of %v: neither the old nor the new state is published", i, moment, whole)
		}
		took := mustRun(t, v.args)
		if state == before {
			early++
			whole = took // this machine's pace may change
		}
		if state, err = v.state(); err != nil || state != after {
			t.Fatalf("kill %d after %v: the next run ends in another state than an undisturbed one: %v", i, moment, err)
		}
		if left := v.left(); len(left) > 0 {
			t.Fatalf("kill %d after %v: the next run leaves %v", i, moment, left)
		}
	}
	t.Logf("killed %d of %d runs of about %v; %d times before it was published", killed, kills(), whole.Round(time.Millisecond), early)
	if killed < kills()/2 {
		t.Errorf("only %d of %d runs were alive when they were to be killed", killed, kills())
	}
}

// mustRun runs the program, which must exit with 0, and says how long it took.
func mustRun(t *testing.T, args []string) time.Duration {
	t.Helper()
	start := time.Now()
	if out, err := exec.Command("flatstream", args...).CombinedOutput(); err != nil {
		t.Fatalf("flatstream %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return time.Since(start)
}

// killAfter starts the program and sends it SIGKILL; false when it was done before.
func killAfter(t *testing.T, moment time.Duration, args []string) bool {
	t.Helper()
	cmd := exec.Command("flatstream", args...)
	must(t, cmd.Start())
	time.Sleep(moment)
	_ = cmd.Process.Kill() // it may be done already
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		must(t, err)
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("it ended by itself: %v", err)
	}
	return true
}

// shaped writes a repository of small RPMs, n of them in modules or beside them.
func shaped(t *testing.T, dir string, n int) string {
	t.Helper()
	must(t, fixtures.Generate(dir, "bench-rpms", 1, n))
	return dir
}

// restore makes dir a copy of saved.
func restore(t *testing.T, saved, dir string) {
	t.Helper()
	must(t, os.RemoveAll(dir))
	runTool(t, "cp", "-a", saved, dir)
}

func TestKilledSplit(t *testing.T) {
	if testing.Short() {
		t.Skip("fifty kills are left out of short tests")
	}
	work := t.TempDir()
	source := shaped(t, filepath.Join(work, "source"), 400)
	target := filepath.Join(work, "flat")
	mustRun(t, []string{"-q", "split", source, "--target", target})
	saved := filepath.Join(work, "saved")
	runTool(t, "cp", "-al", target, saved)
	survive(t, victim{
		args: []string{"-q", "split", source, "--target", target, "--modulemd", "--compress", "zstd"},
		reset: func() {
			must(t, os.RemoveAll(target))
			runTool(t, "cp", "-al", saved, target)
		},
		state: func() (string, error) { return hashTree(target) },
		left:  func() []string { return leftovers(target) },
	})
}

// nights are the small upstream's two days.
func nights(t *testing.T, dir string) (first, second string) {
	t.Helper()
	for name, night := range map[string]func() (*fixtures.Night, error){"night1": fixtures.NightOne, "night2": fixtures.NightTwo} {
		n, err := night()
		must(t, err)
		must(t, n.Write(filepath.Join(dir, name), fixtures.Options{}))
	}
	return filepath.Join(dir, "night1"), filepath.Join(dir, "night2")
}

// published is a digest of what clients see of a store: the trees that current leads
// to, not the report beside them, which says how long things took. Pages are among it:
// they tell what the last announced publication changed, whoever was killed meanwhile.
func published(store string) (string, error) {
	var sums []string
	for _, tree := range []string{"mirror", "flat"} {
		dir, err := filepath.EvalSymlinks(filepath.Join(store, "current", tree))
		if errors.Is(err, os.ErrNotExist) && tree == "flat" {
			continue
		}
		if err != nil {
			return "", err
		}
		sum, err := hashTree(dir)
		if err != nil {
			return "", err
		}
		sums = append(sums, sum)
	}
	return strings.Join(sums, " "), nil
}

// unfinished are snapshots and objects that no finished run leaves.
func unfinished(t *testing.T, store string) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"snapshots/.*", ".current*", "objects/*/*/*.part"} {
		names, err := filepath.Glob(filepath.Join(store, pattern))
		must(t, err)
		found = append(found, names...)
	}
	return found
}

// killedStore kills a command that brings a store from the first night to the second.
func killedStore(t *testing.T, args func(url, store, work string) []string) {
	if testing.Short() {
		t.Skip("fifty kills are left out of short tests")
	}
	work := t.TempDir()
	first, second := nights(t, work)
	server, err := fixtures.Serve(first)
	must(t, err)
	defer server.Close()
	store := filepath.Join(work, "store")
	command := args(server.URL, store, work)
	mustRun(t, command)
	saved := filepath.Join(work, "saved")
	restore(t, store, saved)
	must(t, server.Switch(second))
	survive(t, victim{
		args:  command,
		reset: func() { restore(t, saved, store) },
		state: func() (string, error) { return published(store) },
		left:  func() []string { return unfinished(t, store) },
	})
}

func TestKilledSync(t *testing.T) {
	killedStore(t, func(url, store, work string) []string {
		return []string{"-q", "sync", "--store", store, "baseos=" + url + "/baseos", "appstream=" + url + "/appstream"}
	})
}

func TestKilledRun(t *testing.T) {
	killedStore(t, func(url, store, work string) []string {
		config := filepath.Join(work, "config.yaml")
		must(t, os.WriteFile(config, fmt.Appendf(nil, `store: %s
repos:
  baseos:    { baseurl: "%[2]s/baseos/" }
  appstream: { baseurl: "%[2]s/appstream/" }
views:
  perl-build: { streams: ["perl:5.30"] }
`, store, url), 0o644))
		return []string{"-q", "run", "--config", config}
	})
}
