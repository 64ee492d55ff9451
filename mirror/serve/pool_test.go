package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestPoolKeepsWhatWasUsedLast(t *testing.T) {
	var closed []string
	p := &pool[string, string]{max: 2, maxBytes: 100, close: func(v string) { closed = append(closed, v) }}
	get := func(key string, size int64) func() {
		v, release, err := p.get(t.Context(), key, func() (string, int64, error) { return key, size, nil })
		if err != nil || v != key {
			t.Fatal(v, err)
		}
		return release
	}
	held := get("a", 1)
	get("b", 1)()
	get("c", 1)() // a is in use, so b goes
	if want := []string{"b"}; !slices.Equal(closed, want) {
		t.Fatalf("closed %v, want %v", closed, want)
	}
	held()
	get("a", 1)()
	get("d", 99)() // c is older than a, and then a and d together are too large
	if want := []string{"b", "c"}; !slices.Equal(closed, want) {
		t.Fatalf("closed %v, want %v", closed, want)
	}
	get("e", 2)()
	if want := []string{"b", "c", "a", "d"}; !slices.Equal(closed, want) {
		t.Fatalf("closed %v, want %v", closed, want)
	}
	if kept, bytes, made := p.counts(); kept != 1 || bytes != 2 || made != 5 {
		t.Errorf("%d kept, %d bytes, %d made", kept, bytes, made)
	}
}

func TestPoolMakesOnceAndForgetsErrors(t *testing.T) {
	var made atomic.Int32
	p := &pool[int, int]{max: 1, close: func(int) {}}
	begun := make(chan bool)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			_, release, err := p.get(context.Background(), 1, func() (int, int64, error) {
				made.Add(1)
				<-begun
				return 0, 0, errors.New("no")
			})
			release()
			if err == nil {
				t.Error("no error")
			}
		})
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.get(gone, 1, func() (int, int64, error) { <-begun; return 0, 0, errors.New("no") }); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that left got %v", err)
	}
	close(begun)
	wg.Wait()
	if n := made.Load(); n > 100 {
		t.Errorf("made %d times", n)
	}
	if _, release, err := p.get(t.Context(), 1, func() (int, int64, error) { return 7, 0, nil }); err != nil {
		t.Error(err)
	} else {
		release()
	}
}

// More sets than may wait are refused, with an answer that says so.
func TestSetsAreRefusedWhenTooManyWait(t *testing.T) {
	h := &handler{dir: t.TempDir()}
	h.sets = newSets(h)
	h.sets.waiting.Store(maxWaiting)
	_, _, err := h.sets.get(t.Context(), setKey{name: "default"}, []string{"default"})
	var status *statusError
	if !errors.As(err, &status) || status.code != 503 {
		t.Errorf("%v", err)
	}
	if n := h.sets.waiting.Load(); n != maxWaiting {
		t.Errorf("%d wait", n)
	}
}

func FuzzSetName(f *testing.F) {
	for _, s := range []string{"default+nodejs:18+-perl", "none+a:1", "a~2Bb:1+all", "+", "~", "-a:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, element string) {
		specs, canonical, err := setName(element)
		if err != nil {
			return
		}
		again, same, err := setName(canonical)
		if err != nil || same != canonical || fmt.Sprint(again) != fmt.Sprint(specs) {
			t.Fatalf("%q: %q, then %q, %v", element, canonical, same, err)
		}
	})
}

// What a killed server left half made goes; what another one makes stays.
func TestSetsOfKilledServersAreSwept(t *testing.T) {
	dir := t.TempDir()
	old, fresh := filepath.Join(dir, "state", setPrefix+"old"), filepath.Join(dir, "state", setPrefix+"fresh")
	for _, d := range []string{old, fresh} {
		if err := os.MkdirAll(filepath.Join(d, "repodata"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	newSets(&handler{dir: dir})
	if _, err := os.Stat(old); err == nil {
		t.Error("what was left is still there")
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error(err)
	}
}
