package mirror

import (
	"context"
	"iter"
	"sync"

	"flatstream/mirror/tree"
)

// Task is one source to bring in, and how.
type Task struct {
	Source  Source
	Options Options
}

// maxLooks is how many sources are looked at ahead, at once.
const maxLooks = 16

// Each is [Sync] of several sources, one after the other. It looks at the repomd.xml of
// all at once before: where nothing changed, that is all, and a night waits for the network
// once and not for each source.
func Each(ctx context.Context, t *tree.Tree, tasks []Task) iter.Seq2[*Summary, error] {
	return func(yield func(*Summary, error) bool) {
		begun := make([]chan *run, len(tasks))
		places := make(chan struct{}, maxLooks)
		looking, stop := context.WithCancel(ctx)
		var wg sync.WaitGroup
		for i, task := range tasks {
			begun[i] = make(chan *run, 1)
			wg.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				begun[i] <- begin(looking, task.Source, t, task.Options)
			})
		}
		next := 0
		defer func() {
			stop()
			wg.Wait()
			for ; next < len(tasks); next++ {
				(<-begun[next]).close()
			}
		}()
		for next < len(tasks) {
			r := <-begun[next]
			next++
			if !yield(r.finish(ctx)) {
				return
			}
		}
	}
}
