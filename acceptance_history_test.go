package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"flatstream/fixtures"
)

// history is a store with two nights, flat repositories among them, and its config.
func history(t *testing.T) (store, config string, snapshots []string) {
	t.Helper()
	if testing.Short() {
		t.Skip("kills are left out of short tests")
	}
	work := t.TempDir()
	first, second := nights(t, work)
	server, err := fixtures.Serve(first)
	must(t, err)
	t.Cleanup(func() { server.Close() })
	store, config = filepath.Join(work, "store"), filepath.Join(work, "config.yaml")
	must(t, os.WriteFile(config, fmt.Appendf(nil, `store: %s
keep: { grace: 0s }
repos:
  baseos:    { baseurl: "%[2]s/baseos/" }
  appstream: { baseurl: "%[2]s/appstream/" }
verify: { on-problems: warn }
`, store, server.URL), 0o644))
	mustRun(t, []string{"-q", "run", "--config", config})
	must(t, server.Switch(second))
	mustRun(t, []string{"-q", "run", "--config", config})
	entries, err := os.ReadDir(filepath.Join(store, "snapshots"))
	must(t, err)
	for _, e := range entries {
		snapshots = append(snapshots, e.Name())
	}
	return store, config, snapshots
}

// TestKilledPrune kills a prune: what is published and tagged stays whole, and the next
// prune ends where an undisturbed one does.
func TestKilledPrune(t *testing.T) {
	store, _, snapshots := history(t)
	mustRun(t, []string{"-q", "rollback", store, snapshots[0], "--grace", "0s"})
	mustRun(t, []string{"-q", "tag", store, snapshots[0], "first"})
	saved := store + ".saved"
	restore(t, store, saved)
	args := []string{"-q", "prune", store, "--keep", "1", "--grace", "0s", "--max-delete", "100%"}
	took := mustRun(t, args)
	want := inventoryOf(t, store)
	restore(t, saved, store)
	before := inventoryOf(t, store)
	if slices.Equal(before, want) {
		t.Fatal("the prune removes nothing: killing it proves nothing")
	}
	public, err := published(store)
	must(t, err)
	random := rand.New(rand.NewPCG(killSeed, 5))
	killed, between := 0, 0
	for i := range kills() / 4 {
		restore(t, saved, store)
		if killAfter(t, time.Duration(random.Int64N(int64(took))), args) {
			killed++
		}
		if now, err := published(store); err != nil || now != public {
			t.Fatalf("kill %d: what is published changed: %v", i, err)
		}
		if got := inventoryOf(t, store); !slices.Equal(got, before) && !slices.Equal(got, want) {
			between++
		}
		mustRun(t, []string{"-q", "fsck", store})
		mustRun(t, args)
		if got := inventoryOf(t, store); !slices.Equal(got, want) {
			t.Fatalf("kill %d: the next prune leaves\n%v\nan undisturbed one\n%v", i, got, want)
		}
		if left := unfinished(t, store); len(left) > 0 {
			t.Fatalf("kill %d: the next prune leaves %v", i, left)
		}
	}
	t.Logf("killed %d of %d prunes of about %v, %d in the middle of their work", killed, kills()/4, took.Round(time.Millisecond), between)
}

// inventoryOf names every snapshot and object of a store.
func inventoryOf(t *testing.T, store string) []string {
	t.Helper()
	snapshots, err := filepath.Glob(filepath.Join(store, "snapshots", "*"))
	must(t, err)
	objects, err := filepath.Glob(filepath.Join(store, "objects", "*", "*", "*"))
	must(t, err)
	return append(snapshots, objects...)
}

// TestKilledRepair kills a repair of a store of which every package lost a byte. At each
// moment every file is there, as it was damaged or as it should be; the next repair heals
// all of it.
func TestKilledRepair(t *testing.T) {
	store, config, _ := history(t)
	sound := bytesBelow(t, filepath.Join(store, "snapshots"))
	packages, err := filepath.Glob(filepath.Join(store, "current/mirror/*/Packages/*/*.rpm"))
	must(t, err)
	for _, name := range packages {
		flipByte(t, name)
	}
	damaged := bytesBelow(t, filepath.Join(store, "snapshots"))
	saved := store + ".saved"
	restore(t, store, saved)
	args := []string{"-q", "fsck", store, "--repair", "--config", config}
	took := mustRun(t, args)
	random := rand.New(rand.NewPCG(killSeed, 6))
	killed, between := 0, 0
	for i := range kills() / 4 {
		restore(t, saved, store)
		if killAfter(t, took/3+time.Duration(random.Int64N(int64(took*2/3))), args) { // it reads everything first
			killed++
		}
		now, healed := bytesBelow(t, filepath.Join(store, "snapshots")), 0
		for name, b := range sound {
			got, ok := now[name]
			if !ok || !bytes.Equal(got, b) && !bytes.Equal(got, damaged[name]) {
				t.Fatalf("kill %d: %s is neither damaged nor sound (there: %v)", i, name, ok)
			}
			if bytes.Equal(got, b) && !bytes.Equal(b, damaged[name]) {
				healed++
			}
		}
		if healed > 0 && healed < len(packages) {
			between++
		}
		mustRun(t, args)
		for name, got := range bytesBelow(t, filepath.Join(store, "snapshots")) {
			if !bytes.Equal(got, sound[name]) {
				t.Fatalf("kill %d: after the next repair %s is not what it was", i, name)
			}
		}
		if left := unfinished(t, store); len(left) > 0 {
			t.Fatalf("kill %d: the next repair leaves %v", i, left)
		}
	}
	t.Logf("killed %d of %d repairs of %d packages in about %v, %d in the middle of their work", killed, kills()/4, len(packages), took.Round(time.Millisecond), between)
}

func flipByte(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	must(t, err)
	b := make([]byte, 1)
	_, err = f.ReadAt(b, 200)
	must(t, err)
	_, err = f.WriteAt([]byte{b[0] ^ 1}, 200)
	must(t, errors.Join(err, f.Close()))
}

// bytesBelow reads every file below dir.
func bytesBelow(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files[name[len(dir):]], err = os.ReadFile(name)
		}
		return err
	}))
	return files
}

var heldBy = regexp.MustCompile(`is locked by (another run|process ([0-9]+))`)

// TestOneWorksOthersWait starts all that changes a store at once, again and again: each
// either does its work or says who holds the lock, and the store stays sound.
func TestOneWorksOthersWait(t *testing.T) {
	store, config, snapshots := history(t)
	target := filepath.Join(filepath.Dir(store), "target")
	commands := [][]string{
		{"sync", "--store", store, "baseos=" + filepath.Join(filepath.Dir(store), "night1", "baseos"), "--allow-rollback", "--max-shrink", "1"},
		{"run", "--config", config, "--allow-rollback", "--max-shrink", "1"},
		{"rollback", store, snapshots[0]},
		{"rollback", store},
		{"prune", store, "--keep", "2", "--dry-run"},
		{"prune", store, "--keep", "3", "--max-delete", "100%"},
		{"tag", store, "current", "now", "--move"},
		{"fsck", store, "--repair"},
		{"snapshots", store},
		{"split", store + "/current/mirror/baseos", store + "/current/mirror/appstream", "--target", target},
	}
	mustRun(t, []string{"-q", "tag", store, snapshots[0], "first"})
	refused := 0
	for round := range 8 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		worked, pids := 0, map[string]bool{}
		var holders []string
		for _, args := range commands {
			wg.Go(func() {
				cmd := exec.Command("flatstream", append([]string{"-q"}, args...)...)
				var out bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &out
				err := cmd.Run()
				mu.Lock()
				defer mu.Unlock()
				pids[strconv.Itoa(cmd.ProcessState.Pid())] = true
				var exit *exec.ExitError
				switch {
				case err == nil:
					worked++
				case errors.As(err, &exit) && exit.ExitCode() == 4:
					m := heldBy.FindStringSubmatch(out.String())
					if m == nil {
						t.Errorf("round %d: %s does not say who holds the lock: %s", round, args[0], &out)
						return
					}
					holders = append(holders, m[2])
				default:
					t.Errorf("round %d: flatstream %s: %v\n%s", round, strings.Join(args, " "), err, &out)
				}
			})
		}
		wg.Wait()
		if worked == 0 {
			t.Errorf("round %d: nobody did his work", round)
		}
		for _, pid := range holders {
			if pid != "" && !pids[pid] {
				t.Errorf("round %d: process %s is said to hold the lock, and is none of them", round, pid)
			}
		}
		refused += len(holders)
		mustRun(t, []string{"-q", "fsck", store})
	}
	t.Logf("8 rounds of %d commands: %d were refused", len(commands), refused)
}
