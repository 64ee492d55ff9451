package splitter

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"flatstream/repodata"
)

// spools are the element files of the sources, decompressed once: the plan reads
// primary from them, and the split writes all three. They are made while modules.yaml
// is read and resolved, so that both need no longer than one.
type spools struct {
	files  [len(elementTypes)][]*spooling // by type and source; nil where a source lacks it
	group  sync.WaitGroup
	cancel context.CancelFunc
}

// spooling is one file, there when done is closed.
type spooling struct {
	done  chan struct{}
	spool *repodata.Spool
	err   error
}

// heldSpools is how much of the sources a split holds decompressed in memory, bytes:
// several hundred small repositories are written in the time that a disk takes to
// store and read these once. What is larger goes to the disk.
const heldSpools = 32 << 20

// startSpools begins to decompress into dir what a split of these sources needs:
// primary first, since a plan waits for it. Up to held bytes stay in memory.
func startSpools(ctx context.Context, sources []Source, opt Options, dir string, held int64) *spools {
	ctx, cancel := context.WithCancel(ctx)
	s := &spools{cancel: cancel}
	var queue []func()
	for t, typ := range elementTypes {
		s.files[t] = make([]*spooling, len(sources))
		for i, src := range sources {
			rec, listed := src.Repo.MD.Record(typ)
			if !listed || src.Role == RoleSupply || src.Role == RoleOverlay && len(opt.Overlays) == 0 {
				continue
			}
			x := &spooling{done: make(chan struct{})}
			s.files[t][i] = x
			place := dir
			if rec.OpenSize >= 0 && rec.OpenSize <= held {
				held -= rec.OpenSize
				place = ""
			}
			queue = append(queue, func() {
				defer close(x.done)
				if x.spool, x.err = src.Repo.Spool(ctx, typ, place); x.err != nil {
					x.err = fmt.Errorf("reading %s of %s: %w", typ, src.Name, x.err)
				}
			})
		}
	}
	next := make(chan func(), len(queue))
	for _, f := range queue {
		next <- f
	}
	close(next)
	for range min(opt.jobs(), len(queue)) {
		s.group.Go(func() {
			for f := range next {
				f()
			}
		})
	}
	return s
}

// wait waits for one file; nil where the source lacks it.
func (s *spools) wait(t, source int) (*repodata.Spool, error) {
	x := s.files[t][source]
	if x == nil {
		return nil, nil
	}
	<-x.done
	return x.spool, x.err
}

// of is one file, after all were waited for.
func (s *spools) of(t, source int) *repodata.Spool {
	spool, _ := s.wait(t, source)
	return spool
}

// any reports whether some source has that type.
func (s *spools) any(t int) bool {
	return slices.ContainsFunc(s.files[t], func(x *spooling) bool { return x != nil })
}

// close ends what is under way and gives the space back.
func (s *spools) close() {
	if s == nil {
		return
	}
	s.cancel()
	s.group.Wait()
	for _, files := range s.files {
		for _, x := range files {
			if x != nil && x.spool != nil {
				x.spool.Close()
			}
		}
	}
}

// takeSpools waits for the plan's spools, or makes them in dst where the plan was made
// without; they are no longer the plan's.
func (p *Plan) takeSpools(ctx context.Context, dst string) (*spools, error) {
	s := p.spools
	p.spools = nil
	if s == nil {
		s = startSpools(ctx, p.Sources, p.Options, dst, heldSpools)
	}
	for t := range elementTypes {
		for i := range p.Sources {
			if _, err := s.wait(t, i); err != nil {
				s.close()
				return nil, err
			}
		}
	}
	return s, nil
}

// Close gives back what a plan with [Options.Scratch] holds on disk. After [Split]
// there is nothing left to do.
func (p *Plan) Close() {
	p.spools.close()
	p.spools = nil
}
