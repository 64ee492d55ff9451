package bucket

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// damage flips a byte of a file in place, through all its names.
func damage(t testing.TB, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	must(t, err)
	text[len(text)/2] ^= 1
	must(t, os.WriteFile(name, text, 0o644))
}

// deadOwner is a publisher of this machine whose process has ended.
func deadOwner(run string) *holder {
	h := thisProcess(run)
	h.Started = "1" // so it is another process of that id
	return &h
}

// skips leaves most cases to the long version; which ones moves on with the requests,
// since the number of cases for each has no divisor in common with it.
func skips(n int) bool {
	every := 5
	if testing.Short() {
		every = 25
	}
	return os.Getenv("FLATSTREAM_FULL") != "1" && n%every != 0
}

// consistent checks what a client may ever see: every repomd.xml is of one generation,
// and each file that it names is there.
func consistent(g *gateway, prefix string, dirs ...string) error {
	for _, dir := range dirs {
		index, _, code, err := g.read(prefix + "/" + dir + "/repodata/repomd.xml")
		if err != nil {
			return err
		}
		if code == http.StatusNotFound {
			continue // not published yet
		}
		lines := strings.Split(index, "\n")
		for _, name := range lines[1:] {
			text, _, code, err := g.read(prefix + "/" + dir + "/" + name)
			if err != nil || code != 200 || !strings.HasPrefix(text, "pa") && text != "primary of "+lines[0] {
				return fmt.Errorf("%s of %s names %s: %d %q %v", dir, lines[0], name, code, text, err)
			}
		}
	}
	return nil
}

// A publication is broken off at each of its requests in turn, before the request and
// after it, and from then on nothing gets through, as when the machine dies. Clients see
// no half repository, and the next publication ends with exactly what it should, in
// whichever direction it goes: on to the new snapshot, or back to the old one.
func TestBrokenOffAtEveryRequest(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	first := merged(aRepo("mirror/r", "one", "a.rpm", "b.rpm"), aRepo("flat/d", "one", "a.rpm"), map[string]string{"index.html": "1"})
	second := merged(aRepo("mirror/r", "two", "a.rpm", "c.rpm"), aRepo("flat/d", "two", "c.rpm"), map[string]string{"index.html": "2"})
	one := snapshot(t, s, night1, 0, first)
	two := snapshot(t, s, night1.Add(time.Hour), 0, second)
	run, tried := 0, 0
	for k, ended := 1, false; !ended; k++ {
		if k > 200 {
			t.Fatal("a publication of a dozen files takes over 200 requests")
		}
		for _, how := range []fate{lost, deaf, cutMidway} {
			for _, next := range []string{one, two} {
				if tried++; skips(tried) {
					continue
				}
				run++
				prefix := fmt.Sprintf("p%d", run)
				opt := Options{Endpoint: g.url, Now: night1, MaxDelete: 1, tries: 2, Jobs: 1}
				opt.Snapshot = one
				_, err := Publish(t.Context(), s, at(t, prefix), opt)
				must(t, err)
				p := startProxy(t, g, func(n int, _ *http.Request) fate {
					switch {
					case n < k:
						return pass
					case n == k:
						return how
					}
					return lost
				})
				broken := opt
				broken.Endpoint, broken.Snapshot, broken.tries, broken.owner = p.URL, two, 1, deadOwner(prefix)
				_, err = Publish(t.Context(), s, at(t, prefix), broken)
				p.Close()
				ended = err == nil && int(p.n.Load()) < k
				if e := consistent(g, prefix, "mirror/r", "flat/d"); e != nil {
					t.Errorf("request %d, %d, %s: a client sees: %v", k, how, p.log[len(p.log)-1], e)
				}
				opt.Snapshot, opt.Now = next, night1.Add(time.Hour)
				if _, err := Publish(t.Context(), s, at(t, prefix), opt); err != nil {
					t.Fatalf("request %d, %d: the next publication: %v", k, how, err)
				}
				opt.Now = opt.Now.Add(time.Second)
				if _, err := Publish(t.Context(), s, at(t, prefix), opt); err != nil {
					t.Fatalf("request %d, %d: the one after it: %v", k, how, err)
				}
				for _, d := range differences(t, g, prefix, map[string]map[string]string{one: first, two: second}[next]) {
					if !strings.Contains(d, lockName) { // when nothing is to be done nobody looks at it; it ends by itself
						t.Errorf("request %d, %d, to %s: %s", k, how, next, d)
					}
				}
			}
		}
	}
	t.Logf("%d publications broken off", run)
}

// One request that fails, wherever it is, costs nothing but a second attempt.
func TestOneRequestFails(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	one := snapshot(t, s, night1, 0, aRepo("r", "one", "a.rpm", "b.rpm"))
	second := aRepo("r", "two", "a.rpm", "c.rpm")
	two := snapshot(t, s, night1.Add(time.Hour), 0, second)
	run, tried := 0, 0
	for k, ended := 1, false; !ended; k++ {
		for _, how := range []fate{lost, deaf} {
			if tried++; skips(tried) {
				continue
			}
			run++
			prefix := fmt.Sprintf("q%d", run)
			opt := Options{Endpoint: g.url, Now: night1, MaxDelete: 1, Snapshot: one, Jobs: 2}
			_, err := Publish(t.Context(), s, at(t, prefix), opt)
			must(t, err)
			p := startProxy(t, g, func(n int, _ *http.Request) fate {
				if n == k {
					return how
				}
				return pass
			})
			opt.Endpoint, opt.Snapshot = p.URL, two
			if _, err := Publish(t.Context(), s, at(t, prefix), opt); err != nil {
				t.Errorf("request %d, %d: %v", k, how, err)
			}
			p.Close()
			ended = int(p.n.Load()) < k
			holds(t, g, prefix, second)
		}
	}
}

// A publisher excludes another one while it lives. One that stops saying so, as a machine
// that was put to sleep, loses the prefix, and does no harm when it wakes: what it had in
// hand is refused.
func TestTwoPublishers(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	one := snapshot(t, s, night1, 0, aRepo("r", "one", "a.rpm", "b.rpm"))
	second := aRepo("r", "two", "a.rpm", "c.rpm")
	two := snapshot(t, s, night1.Add(time.Hour), 0, second)
	inside, wake := make(chan bool, 100), make(chan bool)
	asleep := false
	p := startProxy(t, g, nil)
	p.fate = func(_ int, r *http.Request) fate {
		p.mu.Lock()
		asleep = asleep || strings.HasSuffix(r.URL.Path, "repomd.xml")
		sleep := asleep
		p.mu.Unlock()
		if sleep {
			inside <- true
			<-wake
		}
		return pass
	}
	done := make(chan error)
	opt := Options{Snapshot: one, Lease: time.Second, MaxDelete: 1}
	go func() {
		asleep := opt
		asleep.Endpoint = p.URL
		_, err := Publish(t.Context(), s, at(t, "p"), asleep)
		done <- err
	}()
	<-inside
	opt.Endpoint, opt.Snapshot = g.url, two
	_, err := Publish(t.Context(), s, at(t, "p"), opt)
	if locked, ok := errors.AsType[*LockedError](err); !ok || locked.PID != os.Getpid() {
		t.Errorf("the second publisher: %v", err)
	}
	for range 50 {
		if _, err = Publish(t.Context(), s, at(t, "p"), opt); err == nil {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	must(t, err)
	close(wake)
	if err := <-done; err == nil {
		t.Error("the publisher that lost its lease says that all is well")
	}
	_, err = Publish(t.Context(), s, at(t, "p"), opt)
	must(t, err)
	holds(t, g, "p", second)
}

// Many at once for one prefix: one publishes, the others are told so or find it done.
func TestRace(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	content := aRepo("r", "one", "a.rpm", "b.rpm")
	snapshot(t, s, night1, 0, content)
	results := make(chan error, 8)
	for range cap(results) {
		go func() {
			_, err := Publish(t.Context(), s, at(t, "p"), Options{Endpoint: g.url})
			results <- err
		}()
	}
	won := 0
	for range cap(results) {
		err := <-results
		if _, locked := errors.AsType[*LockedError](err); err == nil {
			won++
		} else if !locked {
			t.Error(err)
		}
	}
	if won == 0 {
		t.Error("nobody published")
	}
	holds(t, g, "p", content)
}

// Clients read all the time while one generation follows another, packages come and go,
// and nothing that a repomd.xml names is ever missing or of another generation.
func TestReadersDuringPublications(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	nights := 15
	if testing.Short() {
		nights = 7
	}
	if os.Getenv("FLATSTREAM_FULL") == "1" {
		nights = 50
	}
	done := make(chan struct{})
	var reads atomic.Int64
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := consistent(g, "p", "mirror/r", "flat/d"); err != nil {
					t.Error(err)
					return
				}
				reads.Add(1)
			}
		})
	}
	for n := range nights {
		now := night1.Add(time.Duration(n) * 24 * time.Hour)
		generation := fmt.Sprint("generation ", n)
		snapshot(t, s, now, 0, merged(
			aRepo("mirror/r", generation, "a.rpm", fmt.Sprintf("p%d.rpm", n), fmt.Sprintf("p%d.rpm", n+1)), aRepo("flat/d", generation, fmt.Sprintf("p%d.rpm", n))))
		// A grace of two nights: shorter ones are for clients that are faster than these.
		r, err := Publish(t.Context(), s, at(t, "p"), Options{Endpoint: g.url, Now: now, Grace: 48 * time.Hour, MaxDelete: 1})
		must(t, err)
		if n > 5 && r.Deleted == 0 {
			t.Error("nothing is ever deleted")
		}
		time.Sleep(20 * time.Millisecond)
	}
	close(done)
	readers.Wait()
	t.Logf("%d publications, %d readings", nights, reads.Load())
	if reads.Load() < int64(nights) {
		t.Error("hardly a reading")
	}
}
