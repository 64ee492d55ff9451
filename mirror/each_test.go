package mirror

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flatstream/fixtures"
)

// A night in which nothing changed waits for the network once: here every server answers
// only when all have been asked.
func TestUnchangedSourcesAreAskedAtTheSameTime(t *testing.T) {
	const n = 10
	tr := store(t)
	files := http.FileServer(http.Dir(small(t, fixtures.Options{}, two)))
	var all sync.WaitGroup
	var together atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if together.Load() {
			all.Done()
			asked := make(chan struct{})
			go func() { all.Wait(); close(asked) }()
			select {
			case <-asked:
			case <-time.After(20 * time.Second):
				t.Errorf("%s waits for an answer before the others are asked", r.URL.Path)
			}
		}
		http.StripPrefix("/"+r.URL.Path[1:3], files).ServeHTTP(w, r)
	}))
	defer server.Close()
	var sources []Source
	for i := range n {
		sources = append(sources, at(fmt.Sprint("r", i), fmt.Sprintf("%s/r%d/", server.URL, i)))
	}
	mustPublish(t, tr, sources...)
	all.Add(n)
	together.Store(true)
	rep := mustPublish(t, tr, sources...)
	for i, sum := range rep.Repos {
		if sum.ID != sources[i].Name || sum.Outcome != Unchanged || sum.Requests != 1 {
			t.Errorf("%d: %s is %s after %d requests", i, sum.ID, sum.Outcome, sum.Requests)
		}
	}
}
