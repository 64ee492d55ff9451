package main

import (
	"fmt"
	"os"
	"sync"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"flatstream/mirror"
	"flatstream/mirror/bucket"
)

// bar shows how far a command is: a bar on a terminal, otherwise a line for each
// repository. It may be used by several goroutines.
type bar struct {
	out   *output
	mu    sync.Mutex
	shown *progressbar.ProgressBar // nil: lines
	off   bool

	onlyDrawn bool // no lines where there is no terminal
}

// bar starts to show progress on stderr. total is how many steps there are; -1 when
// nobody knows.
func (o *output) bar(doing string, total int) *bar {
	b := &bar{out: o, off: o.quiet}
	if f, ok := o.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) && !b.off && !o.noProgress {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil || width <= 0 {
			width = 80
		}
		b.shown = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(f),
			progressbar.OptionSetDescription(doing),
			progressbar.OptionSetWidth(max(10, min(40, width-50))),
			progressbar.OptionShowCount(),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(100_000_000), // nanoseconds
		)
	}
	return b
}

// step says that one repository is done; line is what a log shows for it.
func (b *bar) step(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.off || b.onlyDrawn && b.shown == nil:
	case b.shown != nil:
		_ = b.shown.Add(1) // a bar that cannot be drawn is no reason to stop
	default:
		b.out.note("%s", line)
	}
}

// finish takes the bar away.
func (b *bar) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown != nil {
		_ = b.shown.Finish() // see step
		b.shown = nil
		b.off = true
	}
}

// moved shows downloads; a log has no line for them.
func (b *bar) moved(e mirror.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown != nil && !b.off {
		b.shown.Describe(fmt.Sprintf("%s %s of %s", e.Source, byteCount(e.Bytes), byteCount(e.AllBytes)))
		b.shown.ChangeMax(e.AllFiles)
		_ = b.shown.Set(e.Files) // see step
	}
}

// read shows how many bytes were read.
func (b *bar) read(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown != nil && !b.off {
		b.shown.Describe("read " + byteCount(n))
		_ = b.shown.Add(0) // see step
	}
}

// uploaded shows what was written to a bucket.
func (b *bar) uploaded(p bucket.Progress) {
	b.moved(mirror.Event{Source: "bucket:", Files: p.Files, AllFiles: p.AllFiles, Bytes: p.Bytes, AllBytes: p.AllBytes})
}
