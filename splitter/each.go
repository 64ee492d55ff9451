package splitter

import (
	"sync"
	"sync/atomic"
)

// each calls f for 0 to n-1, from as many goroutines as there are jobs.
func (p *Plan) each(n int, f func(int)) {
	var next atomic.Int64
	var work sync.WaitGroup
	for range min(p.Options.jobs(), n) {
		work.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	work.Wait()
}
