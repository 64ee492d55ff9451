package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"flatstream/fixtures"
)

// smallNights writes two days of a repository with two streams, in which packages come,
// go and change.
func smallNights(t *testing.T, dir string) (first, second string) {
	t.Helper()
	const stable = `module perl:5.26:1:aaaaaaaa:x86_64
  default
module perl:5.30:2:bbbbbbbb:x86_64
package perl-libs 4:5.30.1-452.module+el8 x86_64
  label perl:5.30:2:bbbbbbbb
package perl-libs 4:5.26.3-416.el8 x86_64
package bash 4.4.19-12.el8 x86_64
`
	for i, text := range []string{stable + "package old 1-1 noarch\n", stable + "package new 1-1 noarch\n"} {
		repo, err := fixtures.Parse(text)
		must(t, err)
		must(t, repo.Write(filepath.Join(dir, fmt.Sprint("night", i+1)), fixtures.Options{Time: fixtures.Epoch + int64(i)*86400}))
	}
	return filepath.Join(dir, "night1"), filepath.Join(dir, "night2")
}

// storeScene is a command on a store that has the first night, or nothing, when the
// upstream offers the second.
func storeScene(t *testing.T, empty bool, args func(url, store, work string) []string, spoil func(store, second string)) scene {
	t.Helper()
	work, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	first, second := smallNights(t, work)
	server, err := fixtures.Serve(first)
	must(t, err)
	t.Cleanup(func() { server.Close() })
	store, saved := filepath.Join(work, "store"), filepath.Join(work, "saved")
	command := args(server.URL, store, work)
	if empty {
		must(t, os.MkdirAll(store, 0o755))
	} else {
		mustRun(t, command)
	}
	if spoil != nil {
		spoil(store, second)
	}
	restore(t, store, saved)
	must(t, server.Switch(second))
	return scene{
		below: store, args: command,
		reset: func() { restore(t, saved, store) },
		state: func() (string, error) {
			if _, err := os.Lstat(filepath.Join(store, "current")); errors.Is(err, os.ErrNotExist) {
				return "nothing", nil
			}
			return published(store)
		},
		left: func() []string { return append(unfinished(t, store), damaged(t, store)...) },
	}
}

// damaged are objects whose bytes are not what their names say, and snapshots that are
// not all there.
func damaged(t *testing.T, store string) []string {
	t.Helper()
	var found []string
	names, err := filepath.Glob(filepath.Join(store, "objects", "sha256", "*", "*"))
	must(t, err)
	for _, name := range names {
		b, err := os.ReadFile(name)
		must(t, err)
		if fmt.Sprintf("%x", sha256.Sum256(b)) != filepath.Base(name) {
			found = append(found, name)
		}
	}
	return found
}

func syncArgs(url, store, work string) []string {
	return []string{"-q", "sync", "--store", store, "--grace", "0s", "r=" + url}
}

// runArgs keeps one snapshot without grace, so that each night collects, too.
func runArgs(t *testing.T) func(url, store, work string) []string {
	return func(url, store, work string) []string {
		config := filepath.Join(work, "config.yaml")
		must(t, os.WriteFile(config, fmt.Appendf(nil, `store: %s
repos:
  r: { baseurl: "%s/" }
keep: { snapshots: 1, grace: 0s, max-delete: 100%% }
`, store, url), 0o644))
		return []string{"-q", "run", "--config", config}
	}
}

func TestDiskFailsPublishAndCollect(t *testing.T) {
	suffer(t, storeScene(t, false, runArgs(t), nil))
}

func TestDiskFailsFirstRun(t *testing.T) {
	suffer(t, storeScene(t, true, runArgs(t), nil))
}

func TestDiskFailsSync(t *testing.T) {
	suffer(t, storeScene(t, false, syncArgs, nil))
}

// Every package that the second night needs is there by half, from a run that was
// killed; one of them with wrong bytes.
func TestDiskFailsResume(t *testing.T) {
	suffer(t, storeScene(t, true, syncArgs, func(store, second string) {
		names, err := filepath.Glob(filepath.Join(second, "Packages", "*", "*.rpm"))
		must(t, err)
		if len(names) < 3 {
			t.Fatalf("the second night has %d packages", len(names))
		}
		for i, name := range names {
			b, err := os.ReadFile(name)
			must(t, err)
			sum := fmt.Sprintf("%x", sha256.Sum256(b))
			if i == 0 {
				b[0]++
			}
			dir := filepath.Join(store, "objects", "sha256", sum[:2])
			must(t, os.MkdirAll(dir, 0o755))
			must(t, os.WriteFile(filepath.Join(dir, sum+".part"), b[:len(b)/2], 0o644))
		}
		must(t, os.MkdirAll(filepath.Join(store, "state"), 0o755))
		must(t, os.WriteFile(filepath.Join(store, "state", "flatstream-store"), []byte("flatstream store 1\n"), 0o644))
	}))
}

func TestDiskFailsReplace(t *testing.T) {
	work, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	first, second := smallNights(t, work)
	parent := filepath.Join(work, "targets")
	must(t, os.Mkdir(parent, 0o755))
	target, saved := filepath.Join(parent, "flat"), filepath.Join(work, "saved")
	mustRun(t, []string{"-q", "split", first, "--target", target, "--link", "copy"})
	restore(t, parent, saved)
	suffer(t, scene{
		below: parent, args: []string{"-q", "split", second, "--target", target},
		reset: func() { restore(t, saved, parent) },
		state: func() (string, error) { return hashTree(target) },
		left:  func() []string { return leftovers(target) },
	})
}

// On a small file system of its own a run ends with "no space left" at one place after
// another as the file system grows. Each time the old state stays, and once there is
// space the next run heals.
func TestDiskIsSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("small disks are left out of short tests")
	}
	work, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	disk := filepath.Join(work, "disk")
	must(t, os.Mkdir(disk, 0o755))
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64m", "flatstream-test", disk).CombinedOutput(); err != nil {
		t.Logf("no file system of its own here (%v: %s); the full disks of TestDiskFails... stand for it", err, out)
		return
	}
	t.Cleanup(func() { runTool(t, "umount", disk) })
	resize := func(kib int) { runTool(t, "mount", "-o", fmt.Sprintf("remount,size=%dk", kib), disk) }
	used := func() int {
		var st syscall.Statfs_t
		must(t, syscall.Statfs(disk, &st))
		return int((st.Blocks - st.Bfree) * uint64(st.Bsize) / 1024)
	}
	first, second := smallNights(t, work)
	server, err := fixtures.Serve(first)
	must(t, err)
	defer server.Close()
	store := filepath.Join(disk, "store")
	command := runArgs(t)(server.URL, store, work)
	mustRun(t, command)
	saved := filepath.Join(work, "saved")
	restore(t, store, saved)
	before, err := published(store)
	must(t, err)
	least := used()
	must(t, server.Switch(second))
	mustRun(t, command)
	after, err := published(store)
	must(t, err)
	failed, steps := 0, 40
	if os.Getenv("FLATSTREAM_FULL") != "1" {
		steps = 6
	}
	for step := range steps {
		must(t, os.RemoveAll(store))
		resize(64 << 10)
		restore(t, saved, store)
		size := least + 4 + step*480/steps // a night needs about 200 KiB more
		resize(size)
		out, err := exec.Command("flatstream", command...).CombinedOutput()
		state, broken := published(store)
		must(t, broken)
		if err != nil {
			failed++
		}
		if err != nil && !strings.Contains(string(out), "no space left") || state != after && (err == nil || state != before) {
			t.Errorf("%d KiB: the old state is published: %v, the new: %v; %v: %s", size, state == before, state == after, err, out)
		}
		resize(64 << 10)
		mustRun(t, command)
		if state, err := published(store); err != nil || state != after || len(unfinished(t, store)) > 0 {
			t.Errorf("%d KiB: the next run does not heal it: %v, %v", size, err, unfinished(t, store))
		}
	}
	t.Logf("%d of %d runs found no space", failed, steps)
	if failed == 0 || failed == steps {
		t.Error("disks that are all too small, or all large enough, prove nothing")
	}
}

func TestDiskFailsRollback(t *testing.T) {
	work, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	first, second := smallNights(t, work)
	store, saved := filepath.Join(work, "store"), filepath.Join(work, "saved")
	mustRun(t, []string{"-q", "sync", "--store", store, "r=" + first})
	to, err := os.Readlink(filepath.Join(store, "current"))
	must(t, err)
	mustRun(t, []string{"-q", "sync", "--store", store, "r=" + second})
	restore(t, store, saved)
	suffer(t, scene{
		below: store, args: []string{"-q", "rollback", store, filepath.Base(to)},
		reset: func() { restore(t, saved, store) },
		state: func() (string, error) { return published(store) },
		left:  func() []string { return append(unfinished(t, store), damaged(t, store)...) },
	})
}
