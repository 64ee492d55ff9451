package splitter

import "golang.org/x/sync/errgroup"

// each calls f for 0 to n-1, in as many goroutines at once as there are jobs.
func (p *Plan) each(n int, f func(int)) {
	var work errgroup.Group
	work.SetLimit(p.Options.jobs())
	for i := range n {
		work.Go(func() error {
			f(i)
			return nil
		})
	}
	_ = work.Wait() // f does not fail
}
