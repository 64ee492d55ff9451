package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flatstream/repodata/digest"
)

// memory is a Target that keeps its bytes; name is filled by Commit alone.
type memory struct {
	want     digest.Checksum
	buf      bytes.Buffer
	final    []byte
	restarts int
	longest  int
}

func (m *memory) Write(p []byte) (int, error) {
	n, err := m.buf.Write(p)
	m.longest = max(m.longest, m.buf.Len())
	return n, err
}
func (m *memory) Offset() int64  { return int64(m.buf.Len()) }
func (m *memory) Restart() error { m.buf.Reset(); m.restarts++; return nil }
func (m *memory) Keep() error    { return nil }
func (m *memory) Abort() error   { m.buf.Reset(); return nil }
func (m *memory) Commit() error {
	if got := digest.OfBytes(m.buf.Bytes()); got != m.want {
		m.buf.Reset()
		return &digest.MismatchError{What: "checksum", Want: m.want.String(), Got: got.String()}
	}
	m.final = bytes.Clone(m.buf.Bytes())
	return nil
}

func (m *memory) create() (Target, error) { return m, nil }

var body = []byte(strings.Repeat("an rpm is a lead, a header and a payload\n", 5000))

func quick(t *testing.T, change func(*Options)) *Client {
	t.Helper()
	opt := Options{Backoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond, MaxRetryAfter: 20 * time.Millisecond}
	if change != nil {
		change(&opt)
	}
	c, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// whole serves the body with ranges and an ETag, as any web server does.
func whole(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"v1"`)
	http.ServeContent(w, r, "a.rpm", time.Unix(1e9, 0), bytes.NewReader(body))
}

// cut sends the header for all of the body, then n bytes of it, then resets.
func cut(w http.ResponseWriter, n int) {
	w.Header().Set("ETag", `"v1"`)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body[:n])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func fetchOne(c *Client, m *memory, urls ...string) (string, error) {
	m.want = digest.OfBytes(body)
	return c.Fetch(context.Background(), File{URLs: urls, Size: int64(len(body))}, m.create)
}

func mustHave(t *testing.T, m *memory, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.final, body) {
		t.Fatal("the target's bytes are not the file's")
	}
}

func TestFetchResumesWhereTheBodyBroke(t *testing.T) {
	var ranges []string
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range")+"|"+r.Header.Get("If-Range"))
		if len(ranges) == 1 {
			cut(w, 100_000)
		}
		whole(w, r)
	})
	var m memory
	c := quick(t, nil)
	_, err := fetchOne(c, &m, u)
	mustHave(t, &m, err)
	if len(ranges) != 2 || !strings.HasPrefix(ranges[1], "bytes=") || !strings.HasSuffix(ranges[1], `|"v1"`) || m.restarts != 0 {
		t.Errorf("requests %q with %d restarts, want a second one with Range and If-Range", ranges, m.restarts)
	}
	if got := c.Stats(); got.Requests != 2 || got.Bytes != int64(len(body)) {
		t.Errorf("stats %+v, want 2 requests and each byte once", got)
	}
}

func TestFetchTakesUpWhatAnEarlierRunKept(t *testing.T) {
	var got string
	u := serve(t, func(w http.ResponseWriter, r *http.Request) { got = r.Header.Get("Range"); whole(w, r) })
	m := memory{}
	m.buf.Write(body[:5])
	_, err := fetchOne(quick(t, nil), &m, u)
	mustHave(t, &m, err)
	if got != "bytes=5-" {
		t.Errorf("Range %q, want bytes=5-", got)
	}
	m = memory{}
	m.buf.Write(body) // killed between the last byte and the name
	c := quick(t, nil)
	_, err = fetchOne(c, &m, u)
	mustHave(t, &m, err)
	if c.Stats().Requests != 0 {
		t.Error("asked the server for a file that was complete")
	}
}

func TestFetchReadsAgainFromTheStartWhenTheKeptBytesWereWrong(t *testing.T) {
	for _, kept := range []string{"from another build", strings.Repeat("x", len(body)), strings.Repeat("x", len(body)+7)} {
		m := memory{}
		m.buf.WriteString(kept)
		c := quick(t, nil)
		_, err := fetchOne(c, &m, serve(t, whole))
		mustHave(t, &m, err)
		if n := c.Stats().Requests; n > 2 || len(kept) > len(body) && n > 1 {
			t.Errorf("%d bytes kept: %d requests", len(kept), n)
		}
	}
}

func TestFetchSurvivesAServerThatIgnoresRangesOrAnswersWrongOnes(t *testing.T) {
	for name, second := range map[string]http.HandlerFunc{
		"ignores": func(w http.ResponseWriter, r *http.Request) { r.Header.Del("Range"); whole(w, r) },
		"wrong range": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", "bytes 7-9/10")
			w.WriteHeader(206)
		},
		"416": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(416) },
		"wrong pieces": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("%s/%d", strings.Replace(r.Header.Get("Range"), "=", " ", 1), len(body)))
			w.WriteHeader(206)
			_, _ = w.Write(make([]byte, 105_000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			u := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch n++; {
				case n == 1:
					cut(w, 100_000)
				case r.Header.Get("Range") != "":
					second(w, r)
				default:
					whole(w, r)
				}
			})
			var m memory
			_, err := fetchOne(quick(t, nil), &m, u)
			mustHave(t, &m, err)
		})
	}
}

func TestFetchGoesToTheNextMirror(t *testing.T) {
	good := serve(t, whole)
	for name, bad := range map[string]struct {
		handler  http.HandlerFunc
		requests int32 // that the bad mirror may see
	}{
		"404":           {http.NotFound, 1},
		"403":           {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403) }, 1},
		"500":           {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }, 1},
		"wrong bytes":   {func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, len(body))) }, 1},
		"wrong length":  {func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(body[1:]) }, 1},
		"endless":       {endless, 1},
		"reset":         {func(w http.ResponseWriter, r *http.Request) { cut(w, 10) }, 1},
		"redirect loop": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) }, 11},
		"redirect file:": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(302)
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var seen atomic.Int32
			u := serve(t, func(w http.ResponseWriter, r *http.Request) { seen.Add(1); bad.handler(w, r) })
			var m memory
			from, err := fetchOne(quick(t, nil), &m, u, good)
			mustHave(t, &m, err)
			if from != good || seen.Load() > bad.requests {
				t.Errorf("from %s after %d requests to the bad mirror, want the good one after %d", from, seen.Load(), bad.requests)
			}
			if m.longest > len(body) {
				t.Errorf("%d bytes were written, the record says %d", m.longest, len(body))
			}
		})
	}
}

// endless announces no length and never stops.
func endless(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write(body); err != nil {
			return
		}
	}
}

func TestFetchRetriesWhatMayPassAndNothingElse(t *testing.T) {
	for code, requests := range map[int]int64{403: 1, 404: 1, 410: 1, 401: 1, 501: 1, 429: 3, 500: 3, 503: 3, 408: 3} {
		u := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) })
		c := quick(t, func(o *Options) { o.Retries = 2 })
		var m memory
		_, err := fetchOne(c, &m, u)
		s, ok := errors.AsType[*StatusError](err)
		if !ok || s.Code != code || c.Stats().Requests != requests {
			t.Errorf("%d: %d requests and %v, want %d requests", code, c.Stats().Requests, err, requests)
		}
		if gone := code == 404 || code == 410; Gone(err) != gone {
			t.Errorf("Gone(%d) = %v", code, !gone)
		}
	}
}

func TestRetryAfterIsHonouredAndCapped(t *testing.T) {
	n := 0
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 {
			w.Header().Set("Retry-After", "86400")
			w.WriteHeader(503)
			return
		}
		whole(w, r)
	})
	c := quick(t, func(o *Options) { o.MaxRetryAfter = 150 * time.Millisecond })
	var m memory
	start := time.Now()
	_, err := fetchOne(c, &m, u)
	mustHave(t, &m, err)
	if took := time.Since(start); took < 150*time.Millisecond || took > 5*time.Second {
		t.Errorf("waited %v, want the cap of 150 ms", took)
	}
	now := time.Unix(1e9, 0)
	h := http.Header{"Retry-After": {now.Add(9 * time.Second).UTC().Format(http.TimeFormat)}}
	if got := retryAfter(h, now); got != 9*time.Second {
		t.Errorf("a date 9 s ahead is read as %v", got)
	}
}

func TestAttackSlowRetrieval(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	})
	c := quick(t, func(o *Options) { o.LowSpeed, o.LowSpeedTime, o.Retries = 10_000, 50*time.Millisecond, -1 })
	var m memory
	if _, err := fetchOne(c, &m, u); !errors.Is(err, errTooSlow) {
		t.Errorf("a body of 100 bytes per second gives %v", err)
	}
	if _, err := c.Get(context.Background(), u, 1<<20, Cond{}); !errors.Is(err, errTooSlow) {
		t.Errorf("Get of it gives %v", err)
	}
}

func TestLimitRateHolds(t *testing.T) {
	u := serve(t, whole)
	c := quick(t, func(o *Options) { o.LimitRate = 1 << 20 })
	start := time.Now()
	var m memory
	_, err := fetchOne(c, &m, u)
	mustHave(t, &m, err)
	if took := time.Since(start); took < 150*time.Millisecond {
		t.Errorf("%d bytes took %v at 1 MiB/s", len(body), took)
	}
}

func TestOnFailCanEndTheDownload(t *testing.T) {
	stop := errors.New("repomd.xml has changed")
	var m memory
	f := File{URLs: []string{serve(t, http.NotFound), serve(t, whole)}, Size: 1,
		OnFail: func(i int, err error) error {
			if i != 0 || !Gone(err) {
				t.Errorf("told of URL %d and %v", i, err)
			}
			return stop
		}}
	if _, err := quick(t, nil).Fetch(context.Background(), f, m.create); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

type fullDisk struct{ memory }

func (*fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestOurOwnDiskIsNoReasonToTryAgain(t *testing.T) {
	c := quick(t, nil)
	u := serve(t, whole)
	_, err := c.Fetch(context.Background(), File{URLs: []string{u, u}, Size: int64(len(body))},
		func() (Target, error) { return &fullDisk{}, nil })
	if err == nil || c.Stats().Requests != 1 {
		t.Errorf("%v after %d requests, want an error after one", err, c.Stats().Requests)
	}
}

func TestCancelEndsAWait(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) })
	c := quick(t, func(o *Options) { o.Backoff, o.MaxBackoff = time.Hour, time.Hour })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	var m memory
	if _, err := c.Fetch(ctx, File{URLs: []string{u}, Size: 1}, m.create); err == nil {
		t.Error("no error")
	}
}
