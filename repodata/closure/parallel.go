package closure

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// parallel calls work for 0 to n-1 from so many workers (0: one per processor)
// and returns when all are done. What each call finds it puts into a place of its
// own, so that the order does not show.
func parallel(workers, n int, work func(i int)) {
	parallelWith(workers, n, func() struct{} { return struct{}{} }, func(_ struct{}, i int) { work(i) })
}

// parallelWith is parallel where each worker has a tool of its own.
func parallelWith[T any](workers, n int, tool func() T, work func(tool T, i int)) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var (
		next atomic.Int64
		wg   sync.WaitGroup
	)
	for range min(workers, n) {
		wg.Go(func() {
			own := tool()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(own, i)
			}
		})
	}
	wg.Wait()
}
