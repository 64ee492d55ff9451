package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// rounds tries each URL in turn until one succeeds, then again those that may
// yet, with a pause between the rounds. onFail as in [File].
func (c *Client) rounds(ctx context.Context, urls []string, try func(i int) error, onFail func(int, error) error) (int, error) {
	failed := make([]error, len(urls))
	live := make([]int, len(urls))
	for i := range live {
		live[i] = i
	}
	for round := 0; ; round++ {
		var last error
		again := live[:0]
		for _, i := range live {
			err := try(i)
			if err == nil {
				return i, nil
			}
			failed[i] = err
			if ctx.Err() != nil {
				return 0, fmt.Errorf("%s: %w", Redact(urls[i]), context.Cause(ctx))
			}
			if _, ours := errors.AsType[*targetError](err); ours {
				return 0, err
			}
			if onFail != nil {
				if stop := onFail(i, err); stop != nil {
					return 0, stop
				}
			}
			if Temporary(err) {
				again, last = append(again, i), err
			}
		}
		live = again
		if len(live) == 0 || round >= c.opt.Retries || c.pause(ctx, round, last) != nil {
			return 0, &FailedError{failed}
		}
	}
}

// pause sleeps before the next round: exponential, with jitter, or as long as
// the server asked for, within the cap.
func (c *Client) pause(ctx context.Context, round int, err error) error {
	d := c.opt.MaxBackoff
	if round < 16 {
		d = min(d, c.opt.Backoff<<round)
	}
	d -= rand.N(d/2 + 1)
	if s, ok := errors.AsType[*StatusError](err); ok {
		d = max(d, min(s.RetryAfter, c.opt.MaxRetryAfter))
	}
	return sleep(ctx, d)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// retryAfter reads the header in both its forms (RFC 9110, 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}

// isCertificateError tells a server that we do not trust from a broken network.
func isCertificateError(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

// limiter is a token bucket over all connections; nil is unlimited.
type limiter struct {
	mu   sync.Mutex
	rate float64   // bytes per second
	next time.Time // when the bytes passed so far are paid for
}

func newLimiter(rate int64) *limiter {
	if rate <= 0 {
		return nil
	}
	return &limiter{rate: float64(rate)}
}

// chunk is the largest read that keeps the flow even: a quarter of a second.
func (l *limiter) chunk(most int) int {
	if l == nil {
		return most
	}
	return min(most, max(int(l.rate/4), 1))
}

func (l *limiter) wait(ctx context.Context, n int) error {
	if l == nil || n == 0 {
		return nil
	}
	l.mu.Lock()
	now := time.Now()
	if l.next.Before(now) {
		l.next = now
	}
	l.next = l.next.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
	d := l.next.Sub(now)
	l.mu.Unlock()
	return sleep(ctx, d)
}

// watch ends a body that is slower than the low-speed limit over a whole window.
type watch struct {
	seen   atomic.Int64 // bytes so far, counted by the reader
	before int64        // at the last look; only the timer's goroutine uses it
	least  int64        // bytes per window
	window time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

func (c *Client) watch(cancel context.CancelCauseFunc) *watch {
	w := &watch{window: c.opt.LowSpeedTime, cancel: cancel}
	w.least = int64(math.Ceil(float64(c.opt.LowSpeed) * w.window.Seconds())) // at least one byte, whatever the window
	w.timer = time.AfterFunc(time.Hour, w.look)                              // armed only once w.timer is set
	if w.least > 0 {
		w.timer.Reset(w.window)
	} else {
		w.timer.Stop()
	}
	return w
}

func (w *watch) look() {
	now := w.seen.Load()
	if now-w.before < w.least {
		w.cancel(errTooSlow)
		return
	}
	w.before = now
	w.timer.Reset(w.window)
}

func (w *watch) stop() { w.timer.Stop() }
