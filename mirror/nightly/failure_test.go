package nightly

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/mirror/tree"
)

// Every request of a night fails in three ways, for good from there on: what is
// published stays, and the next night is a good one.
func TestUpstreamFailsAtEveryRequest(t *testing.T) {
	first := write(t, t.TempDir(), plain, fixtures.Options{Revision: "1"})
	second := write(t, t.TempDir(), plain+"package new 1-1 noarch\n", fixtures.Options{Revision: "2", Time: fixtures.Epoch + 9})
	all := requestsOf(t, first, second)
	if all < 5 {
		t.Fatalf("a changed night asks %d times", all)
	}
	for name, answer := range map[string]http.HandlerFunc{
		"404":     http.NotFound,
		"500":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"garbage": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>sign in</html>")) },
		"reset":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		for k := range all {
			t.Run(fmt.Sprintf("%s from request %d", name, k), func(t *testing.T) {
				t.Parallel() // most of the time is the pause before a retry
				mustSurvive(t, first, second, int32(k), answer)
			})
		}
	}
}

func requestsOf(t *testing.T, first, second string) int {
	s := newSite(t, first)
	s.mustRun(one)
	if err := s.Switch(second); err != nil {
		t.Fatal(err)
	}
	s.mustRun(one)
	return len(s.Requests())
}

func mustSurvive(t *testing.T, first, second string, k int32, answer http.HandlerFunc) {
	t.Helper()
	s := newSite(t, first)
	s.mustRun(one)
	before := s.published()
	if err := s.Switch(second); err != nil {
		t.Fatal(err)
	}
	var n atomic.Int32
	s.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		if n.Add(1) <= k {
			return false
		}
		answer(w, r)
		return true
	})
	if _, err := s.run(one); err == nil {
		t.Errorf("request %d: no error", k)
	}
	if s.published() != before || len(s.leftovers()) > 0 {
		t.Errorf("request %d: another snapshot, or %v is left behind", k, s.leftovers())
	}
	s.Fault(nil)
	if r := s.mustRun(one); !r.Published || s.published() == before {
		t.Errorf("request %d: the next night publishes nothing", k)
	}
}

func TestUpstreamChangesInTheMiddle(t *testing.T) {
	first, second := nights(t)
	for k := range int32(7) {
		s := newSite(t, first)
		var n atomic.Int32
		s.Fault(func(http.ResponseWriter, *http.Request) bool {
			if n.Add(1) == 17*k+2 {
				if err := s.Switch(second); err != nil {
					t.Error(err)
				}
			}
			return false
		})
		if _, err := s.run(two); err != nil {
			t.Errorf("changed at request %d: %v", 17*k+2, err)
		}
		s.published()
	}
}

func TestInterruptedAtEveryRequest(t *testing.T) {
	dir := write(t, t.TempDir(), plain, fixtures.Options{})
	for k := range int32(6) {
		s := newSite(t, dir)
		ctx, cancel := context.WithCancel(context.Background())
		var n atomic.Int32
		s.Fault(func(http.ResponseWriter, *http.Request) bool {
			if n.Add(1) == k+1 {
				cancel()
			}
			return false
		})
		r, err := Run(ctx, s.config(one), Options{})
		if !errors.Is(err, context.Canceled) || r.Published || s.published() != "" || len(s.leftovers()) > 0 {
			t.Errorf("request %d: %v, %+v", k, err, r)
		}
		cancel()
		s.Fault(nil)
		s.mustRun(one)
	}
}

func TestTwoRunsAtOnce(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), plain, fixtures.Options{}))
	ran := filepath.Join(s.dir, "ran")
	config := one + "hooks: { on-failure: [touch, " + ran + "] }\n"
	s.mustRun(config)
	tr, err := tree.Open(filepath.Join(s.dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	unlock, err := tr.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	_, err = s.run(config)
	if locked, ok := errors.AsType[*tree.LockedError](err); !ok || locked.PID != os.Getpid() {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("another run at work is no failure, but on-failure ran")
	}
}

// A person who stops a run is told so, not that something failed.
func TestHookAfterAnInterruption(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), plain, fixtures.Options{}))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	got := filepath.Join(s.dir, "got")
	if _, err := Run(ctx, s.config(one+"hooks: { on-failure: [sh, -c, 'cat > "+got+"'] }\n"), Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if text := string(mustRead(t, got)); !strings.HasPrefix(text, "interrupted; nothing was published\n") {
		t.Errorf("on-failure got %q", text)
	}
}

func TestHooks(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), plain, fixtures.Options{Revision: "1"}))
	got, failed := filepath.Join(s.dir, "published"), filepath.Join(s.dir, "failed")
	config := one + `hooks:
  on-publish: [sh, -c, 'cat > "$1"; echo "$FLATSTREAM_VIEWS, $FLATSTREAM_ARCHES, $FLATSTREAM_PATHS, $FLATSTREAM_REPOS, $FLATSTREAM_SNAPSHOT" >> "$1"; echo "$2" >> "$1"', sh, ` + got + `, "$HOME; rm -rf /"]
  on-failure: [sh, -c, 'cat > "$1"', sh, ` + failed + `]
`
	r := s.mustRun(config)
	if text := string(mustRead(t, got)); !strings.HasPrefix(text, "published snapshot "+r.Snapshot+"\n") || !strings.HasSuffix(text, "\ndefault, x86_64, flat/default, r, "+r.Snapshot+"\n$HOME; rm -rf /\n") {
		t.Errorf("on-publish got %q", text)
	}
	if err := os.Remove(got); err != nil {
		t.Fatal(err)
	}
	s.mustRun(config)
	if r := s.mustRun(config + "# another config: published again\n"); !r.Published {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(got); err == nil {
		t.Error("on-publish ran though nothing changed")
	}
	if _, err := os.Stat(failed); err == nil {
		t.Error("on-failure ran though nothing failed")
	}
	s.Fault(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(404); return true })
	if _, err := s.run(config); err == nil {
		t.Error("no error")
	}
	if text := string(mustRead(t, failed)); !strings.HasPrefix(text, "failed: 1 of 1 repositories failed") || !strings.Contains(text, "r: failed") {
		t.Errorf("on-failure got %q", text)
	}
}

// A hook may use the store, and one that fails takes nothing back.
func TestAHookThatFails(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), plain, fixtures.Options{}))
	lock := filepath.Join(s.dir, "store", "state", "lock")
	r, err := s.run(one + "hooks: { on-publish: [sh, -c, 'flock -n " + lock + " echo free; head -c 100000 /dev/zero | tr \"\\\\0\" x; echo sorry; exit 9'] }\n")
	hook, ok := errors.AsType[*HookError](err)
	if !ok || !strings.HasSuffix(err.Error(), "sorry") || !strings.Contains(hook.Reason, "9") || len(hook.Output) > tailSize {
		t.Errorf("%v", err)
	}
	if !r.Published || s.published() == "" {
		t.Errorf("%+v", r)
	}
	if _, err := s.run(one + "views: { new: { streams: [none] } }\nhooks: { on-publish: [/no/such/program] }\n"); err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("%v", err)
	}
}

// What a hook did not hear, since it failed or the run was killed before it, the next
// run says, though nothing changed since; then no run says it again.
func TestAHookIsMadeUpFor(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), plain, fixtures.Options{}))
	good, heard := filepath.Join(s.dir, "good"), filepath.Join(s.dir, "heard")
	config := one + "hooks: { on-publish: [sh, -c, 'test -e " + good + " && echo $FLATSTREAM_VIEWS $FLATSTREAM_SNAPSHOT >> " + heard + "'] }\n"
	first, err := s.run(config)
	if _, ok := errors.AsType[*HookError](err); !ok || !first.Published {
		t.Fatalf("%+v, %v", first, err)
	}
	if err := os.WriteFile(good, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if r := s.mustRun(config); r.Published {
			t.Errorf("%+v", r)
		}
	}
	if text := string(mustRead(t, heard)); text != "default "+first.Snapshot+"\n" {
		t.Errorf("on-publish heard %q", text)
	}
}

func TestAHookThatHangsIsEndedWithItsChildren(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	start := time.Now()
	n := &night{Config: &Config{}, report: newReport()}
	err := n.runHook(context.Background(), 200*time.Millisecond, "on-publish", []string{"sh", "-c", "(sleep 2; touch " + mark + ") & sleep 60"}, "")
	if hook, ok := errors.AsType[*HookError](err); !ok || hook.Reason != "ended after 200ms" || time.Since(start) > hookGrace+time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	time.Sleep(2200 * time.Millisecond)
	if _, err := os.Stat(mark); err == nil {
		t.Error("its child lives on")
	}
}
