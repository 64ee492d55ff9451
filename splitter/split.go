package splitter

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"

	"flatstream/repodata"
)

// elementTypes are the metadata files made of package elements.
var elementTypes = [...]string{repodata.TypePrimary, repodata.TypeFilelists, repodata.TypeOther}

// Split carries the plan out: it writes every flat repository, the .repo files and
// report.json into dst, an empty directory that will become target by a rename
// within its parent directory. The same plan gives the same bytes, whatever the
// number of workers and whatever stands in target; what stands there and would come
// out again is linked (earlier.go). done, if not nil, is called after each repository, from
// several goroutines.
func Split(ctx context.Context, p *Plan, dst, target string, done func(*Flat)) (*Report, error) {
	s := &splitting{Plan: p, dst: dst, target: target, done: done, earlier: p.earlierTarget(target)}
	defer s.close()
	var err error
	if s.spools, err = p.takeSpools(ctx, dst); err != nil {
		return nil, err
	}
	if s.extras, err = p.readExtras(); err != nil {
		return nil, err
	}
	base := cmp.Or(p.Options.BaseURL, "file:///")
	s.report = p.Report()
	s.dotRepos = newDotRepos(s.report, base, p.trust(base))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.writeRepos(ctx) })
	group.Go(s.writeTop) // of hundreds of repositories it takes as long as some of them
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return s.report, nil
}

// splitting is one split under way.
type splitting struct {
	*Plan
	dst, target string
	done        func(*Flat)
	earlier     string // the former target, if what stands there may be used again; else empty
	spools      *spools
	extras      *extras
	report      *Report
	dotRepos    *dotRepos
	pieces      map[pieceKey]*piece
	sourceDirs  sourceDirs
}

func (s *splitting) close() {
	s.spools.close()
	s.sourceDirs.close()
}

// worker is what one repository after the other is written with: three hundred open
// encoders would cost gigabytes.
type worker struct {
	scratch *repodata.Scratch
	element []byte
	dotRepo bytes.Buffer
}

// writeRepos gives every batch to one of the workers, the largest first.
func (s *splitting) writeRepos(ctx context.Context) error {
	queue, err := s.batches()
	if err != nil {
		return err
	}
	s.pieces = s.findPieces(queue)
	next := make(chan *batch)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(next)
		for _, b := range queue {
			select {
			case next <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range min(s.Options.jobs(), max(1, len(queue))) {
		group.Go(func() error {
			var w worker
			var err error
			if w.scratch, err = repodata.NewScratch(s.Options.Format); err != nil {
				return err
			}
			for b := range next {
				if err := s.writeBatch(ctx, b, &w); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (s *splitting) writeBatch(ctx context.Context, b *batch, w *worker) error {
	var md *repodata.RepoMD
	first := filepath.Join(s.dst, filepath.FromSlash(b.first.Path))
	places := s.places(b.first, b.bases)
	for _, f := range append([]*Flat{b.first}, b.twins...) {
		dir := filepath.Join(s.dst, filepath.FromSlash(f.Path))
		err := makeDirs(s.dst, dir)
		if err == nil {
			err = s.linkFiles(ctx, f, dir, places)
		}
		if err == nil && f == b.first {
			md, err = s.writeMetadata(ctx, f, dir, places, w)
		} else if err == nil {
			err = shareMetadata(md, first, dir, s.earlierFile(f, "repodata/repomd.xml"))
		}
		if err == nil {
			err = s.writeGrobi(f, dir)
		}
		if err == nil {
			err = s.sign(md, f, dir)
		}
		if err == nil {
			err = s.dotRepos.write(f.ID, s.earlierFile(f, DotRepoName), filepath.Join(dir, DotRepoName), &w.dotRepo)
		}
		if err != nil {
			return fmt.Errorf("writing %s: %w", f.Path, err)
		}
		if s.done != nil {
			s.done(f)
		}
	}
	return nil
}

func (s *splitting) writeMetadata(ctx context.Context, f *Flat, dir string, places []placed, own *worker) (*repodata.RepoMD, error) {
	stamp := s.stamp(f)
	w, err := repodata.NewWriter(dir, repodata.WriterOptions{
		Format: s.Options.Format, Scratch: own.scratch, Revision: strconv.FormatInt(stamp, 10), Timestamp: stamp, Earlier: s.earlierDir(f),
	})
	if err != nil {
		return nil, err
	}
	for t, typ := range elementTypes {
		if !s.spools.any(t) {
			continue // no source has it
		}
		elements := func(from, to int) iter.Seq2[[]byte, error] {
			return s.elements(ctx, own, t, f.members[from:to], places[from:to])
		}
		if err := w.PackageRuns(typ, f.Len(), s.runs(elements, t, f, places)); err != nil {
			return nil, err
		}
	}
	if err := s.writeExtras(w, f, s.extras); err != nil {
		return nil, err
	}
	return w.Close()
}

// elements streams the members' elements of one type, in the members' order.
func (s *splitting) elements(ctx context.Context, own *worker, t int, all []int32, places []placed) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for from := 0; from < len(all); {
			source := s.pkgs[all[from]].source
			to := from
			for to < len(all) && s.pkgs[all[to]].source == source {
				to++
			}
			members, where := all[from:to], places[from:to]
			from = to
			if ctx.Err() != nil {
				yield(nil, ctx.Err())
				return
			}
			spool := s.spools.of(t, source)
			if spool == nil { // the source has no filelists or other: legal, and empty
				for _, m := range members {
					if !yield(repodata.BareElement(s.pkgs[m].pkgid, s.pkgs[m].NEVRA), nil) {
						return
					}
				}
				continue
			}
			positions, err := s.positions(t, spool, members)
			if err != nil {
				yield(nil, err)
				return
			}
			i := 0
			for e, err := range spool.Elements(positions) {
				if err != nil {
					yield(nil, err)
					return
				}
				raw := e.Raw
				if elementTypes[t] == repodata.TypePrimary && where[i] != (placed{s.pkgs[members[i]].base, s.pkgs[members[i]].href}) {
					own.element = e.AppendWithLocation(own.element[:0], where[i].base, where[i].href)
					raw = own.element
				}
				i++
				if !yield(raw, nil) {
					return
				}
			}
		}
	}
}

// positions finds the members in a spool: by place in primary, by checksum elsewhere.
func (s *splitting) positions(t int, spool *repodata.Spool, members []int32) ([]int, error) {
	positions := make([]int, len(members))
	for i, m := range members {
		k := &s.pkgs[m]
		if elementTypes[t] == repodata.TypePrimary {
			positions[i] = k.pos
			continue
		}
		at, found := spool.Find(k.pkgid, k.pos)
		if !found {
			return nil, fmt.Errorf("%s of %s has no entry for %s; its metadata does not belong together, mirror it again",
				elementTypes[t], s.Sources[k.source].Name, k.NEVRA)
		}
		positions[i] = at
	}
	return positions, nil
}

// writeTop writes the key, the .repo file of all and report.json.
func (s *splitting) writeTop() error {
	if err := s.writeKey(); err != nil {
		return err
	}
	if err := repodata.WriteFile(filepath.Join(s.dst, DotRepoName), s.dotRepos.all()); err != nil {
		return err
	}
	return s.report.writeFile(s.dst)
}
