package bucket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	lockName = ".flatstream/lock"
	maxDoc   = 1 << 20 // bytes of a lock or a state
)

// LockedError says that another publisher holds the prefix.
type LockedError struct {
	Location Location
	Host     string
	PID      int
	Age      time.Duration // since it last said that it lives
	Lease    time.Duration
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s is locked by process %d on %s, which said so %s ago; wait until it ends", e.Location, e.PID, e.Host, e.Age)
}

// Hint says what to try next.
func (e *LockedError) Hint() string {
	return fmt.Sprintf("if that machine is gone, its lock ends %s after its last word", e.Lease)
}

// LostError says that this publisher was taken for dead and another one works in its
// place.
type LostError struct{ Location Location }

func (e *LostError) Error() string {
	return fmt.Sprintf("the lock of %s was lost: it could not be renewed in time, or another publisher took it", e.Location)
}

// Hint says what to try next.
func (e *LostError) Hint() string { return "start it again: what is uploaded stays" }

// ConditionsError says that a server writes where a condition of the request forbids it.
type ConditionsError struct {
	Location Location
	Header   string // that it ignores
}

func (e *ConditionsError) Error() string {
	return fmt.Sprintf("the server of %s ignores %s: two publishers could overwrite each other, so nothing is published", e.Location, e.Header)
}

// Hint says what to try next.
func (e *ConditionsError) Hint() string {
	return "it needs conditional writes, as AWS, Ceph, MinIO and Versity's gateway have them: is there a newer version of it?"
}

// holder is the publisher that a lock object names.
type holder struct {
	Host    string `json:"host"`
	Boot    string `json:"boot"`    // of the kernel, and the name space of its process ids
	PID     int    `json:"pid"`     //
	Started string `json:"started"` // of the process, in ticks since boot
	Run     string `json:"run"`     // random
	Beat    int    `json:"beat"`    // counts its signs of life, so that each has its own ETag
}

func thisProcess(run string) holder {
	host, _ := os.Hostname() // without a name a lock still has its random run
	return holder{Host: host, Boot: bootID(), PID: os.Getpid(), Started: startOf(os.Getpid()), Run: run}
}

func bootID() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	space, errSpace := os.Readlink("/proc/self/ns/pid")
	if errors.Join(err, errSpace) != nil {
		return "" // then nobody is known to be dead
	}
	return strings.TrimSpace(string(boot)) + " " + space
}

// startOf is field 22 of proc_pid_stat(5); empty for a process that is not there.
func startOf(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	return fields[19]
}

// dead reports whether the holder ran here and has ended: then nobody need wait for its
// lease. Elsewhere one cannot know.
func (h holder) dead() bool {
	me := thisProcess("")
	if h.Host != me.Host || h.Boot != me.Boot || me.Boot == "" {
		return false
	}
	return errors.Is(unix.Kill(h.PID, 0), unix.ESRCH) || startOf(h.PID) != h.Started
}

// lease is a lock that ends by itself when its holder says nothing any more. It is one
// object. It is made only where there is none, and renewed or taken over only in the
// version last seen, so that the server decides between two.
type lease struct {
	r     *remote
	me    holder
	every time.Duration // a renewal, a third of the whole

	mu   sync.Mutex
	etag string
	ends time.Time // by our clock, before it does by the server's

	lost context.CancelCauseFunc
	done chan struct{}
	stop context.CancelFunc
}

// acquire takes the prefix or says who has it. The context that it returns ends when the
// lease is lost.
func (r *remote) acquire(ctx context.Context, length time.Duration, me holder) (context.Context, *lease, error) {
	l := &lease{r: r, me: me, every: length / 3, done: make(chan struct{})}
	if err := l.take(ctx, length); err != nil {
		return nil, nil, err
	}
	if err := l.probe(ctx); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
		defer cancel()
		_ = l.r.remove(ctx, []string{lockName}) // else it ends by age
		return nil, nil, err
	}
	ctx, l.lost = context.WithCancelCause(ctx)
	beat, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	go l.renew(beat)
	return ctx, l, nil
}

func (l *lease) take(ctx context.Context, length time.Duration) error {
	for range 3 {
		err := l.write(ctx, cond{absent: true})
		if err == nil || !refused(err) {
			return err
		}
		doc, o, err := l.r.getBytes(ctx, lockName, maxDoc)
		if err != nil {
			return err
		}
		var h holder
		if doc == nil {
			continue // just released
		}
		_ = json.Unmarshal(doc, &h) // what is no lock of ours ends by age too
		if h.Run == l.me.Run {      // our own write, whose answer got lost
			l.keep(o.etag, time.Now())
			return nil
		}
		if !h.dead() && o.age <= length+time.Second {
			return &LockedError{l.r.Location, h.Host, h.PID, o.age, length}
		}
		if err = l.write(ctx, cond{etag: o.etag}); err == nil || !refused(err) {
			return err
		}
	}
	return &LockedError{Location: l.r.Location, Host: "another machine", Lease: length}
}

// probe sees whether the server keeps to conditions: two writes of the lock that it must
// refuse. One that does not would let two publishers in.
func (l *lease) probe(ctx context.Context) error {
	for header, c := range map[string]cond{"If-None-Match": {absent: true}, "If-Match": {etag: "00000000000000000000000000000000"}} {
		err := l.write(ctx, c)
		if err == nil {
			err = &ConditionsError{l.r.Location, header}
		}
		if !refused(err) {
			return err
		}
	}
	return nil
}

func (l *lease) write(ctx context.Context, c cond) error {
	l.me.Beat++
	doc, err := json.Marshal(l.me)
	if err != nil {
		return err
	}
	begun := time.Now()
	etag, err := l.r.putBytes(ctx, lockName, doc, "application/json", c)
	if err == nil {
		l.keep(etag, begun)
	}
	return err
}

func (l *lease) keep(etag string, begun time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.etag, l.ends = etag, begun.Add(3*l.every)
}

// renew says again and again that we live.
func (l *lease) renew(ctx context.Context) {
	defer close(l.done)
	tick := time.NewTicker(l.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l.mu.Lock()
		etag, ends := l.etag, l.ends
		l.mu.Unlock()
		try, cancel := context.WithDeadline(ctx, ends)
		err := l.write(try, cond{etag: etag})
		if err != nil && refused(err) && l.ours(try) {
			err = nil
		}
		cancel()
		if err != nil && ctx.Err() == nil && (refused(err) || !l.held()) {
			l.lost(&LostError{l.r.Location})
			return
		}
	}
}

// ours finds out whether a refused renewal was written after all, by an attempt whose
// answer got lost.
func (l *lease) ours(ctx context.Context) bool {
	begun := time.Now()
	doc, o, err := l.r.getBytes(ctx, lockName, maxDoc)
	var h holder
	if err != nil || json.Unmarshal(doc, &h) != nil || h.Run != l.me.Run {
		return false
	}
	l.keep(o.etag, begun.Add(-l.every))
	return true
}

// held reports whether the lease surely is ours at this moment.
func (l *lease) held() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Before(l.ends)
}

// release gives the prefix back. A failure costs the next one a wait.
func (l *lease) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	l.stop()
	<-l.done
	l.lost(nil)
	if !l.held() {
		return nil
	}
	return l.r.remove(ctx, []string{lockName})
}
