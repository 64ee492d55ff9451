package repodata

import (
	"context"
	"fmt"
	"iter"
	"sync"
)

// spoolChunk is how many neighbours one worker decodes at once.
const spoolChunk = 512

// decoded is what became of one chunk.
type decoded struct {
	packages []*Package
	err      error
}

// PackagesProviding yields what [Repo.PackagesProviding] does, in the same order, from
// a spooled primary that up to jobs goroutines decode. Twice as many chunks of 512
// packages as there are jobs wait in memory.
func (s *Spool) PackagesProviding(ctx context.Context, names map[string]bool, jobs int) iter.Seq2[*Package, error] {
	return func(yield func(*Package, error) bool) {
		var group sync.WaitGroup
		defer group.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for answer := range s.decodeChunks(ctx, names, jobs, &group) {
			chunk := <-answer
			for _, p := range chunk.packages {
				if !yield(p, nil) {
					return
				}
			}
			if chunk.err != nil {
				yield(nil, chunk.err)
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// decodeChunks starts the workers; the answers come in the order of the file.
func (s *Spool) decodeChunks(ctx context.Context, names map[string]bool, jobs int, group *sync.WaitGroup) <-chan chan decoded {
	type task struct {
		from, to int
		answer   chan decoded
	}
	if len(names) == 0 {
		names = nil
	}
	tasks, ordered := make(chan task), make(chan chan decoded, 2*jobs)
	group.Go(func() {
		defer close(ordered)
		defer close(tasks)
		for from := 0; from < s.Len(); from += spoolChunk {
			t := task{from, min(from+spoolChunk, s.Len()), make(chan decoded, 1)}
			select {
			case tasks <- t:
			case <-ctx.Done():
				return
			}
			select {
			case ordered <- t.answer:
			case <-ctx.Done():
				return
			}
		}
	})
	for range jobs {
		group.Go(func() {
			d := Decoder{providing: names}
			for t := range tasks {
				t.answer <- s.decode(&d, t.from, t.to)
			}
		})
	}
	return ordered
}

func (s *Spool) decode(d *Decoder, from, to int) (chunk decoded) {
	positions := make([]int, to-from)
	for i := range positions {
		positions[i] = from + i
	}
	chunk.packages = make([]*Package, 0, to-from)
	for e, err := range s.Elements(positions) {
		if err != nil {
			return decoded{chunk.packages, err}
		}
		p, err := d.Package(e, PartIdentity)
		if err != nil {
			return decoded{chunk.packages, fmt.Errorf("read %s: %w", s.name, err)}
		}
		chunk.packages = append(chunk.packages, p)
	}
	return chunk
}
