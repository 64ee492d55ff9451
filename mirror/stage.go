package mirror

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"flatstream/mirror/tree"
)

// Stage builds the source's part of a snapshot: new content as hard links,
// repomd.xml last; for an unchanged or failed source what is current. Every file
// that repomd.xml and primary name is there with its size, or it fails. What upstream
// deleted and is to be kept comes along, in a repository of its own.
func (s *Summary) Stage(ctx context.Context, st *tree.Stage) error {
	if err := s.stage(st); err != nil {
		return err
	}
	return s.stageKept(ctx, st)
}

func (s *Summary) stage(st *tree.Stage) error {
	if s.Outcome != Changed {
		return st.Carry(s.path)
	}
	if err := s.link(st); err != nil {
		return fmt.Errorf("stage %s: %w", s.ID, err)
	}
	if s.asc != nil {
		if err := st.WriteFile(s.home+"/"+signaturePath, s.asc); err != nil {
			return err
		}
	}
	return st.WriteFile(s.home+"/"+repomdPath, s.md)
}

// linkers is how many links are made at once; more wait for the journal.
const linkers = 4

func (s *Summary) link(st *tree.Stage) error {
	errs := make([]error, linkers)
	var wg sync.WaitGroup
	for w := range linkers {
		wg.Go(func() {
			for i := w; i < len(s.files) && errs[w] == nil; i += linkers {
				f := s.files[i]
				if f.url != "" {
					errs[w] = st.Promise(s.path+"/"+f.path, f.sum, f.size, f.url)
				} else {
					errs[w] = st.Link(s.path+"/"+f.path, f.sum, f.size)
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Report is what became of all sources of one run.
type Report struct {
	Repos    []*Summary `json:"repos"`
	Snapshot string     `json:"snapshot"` // that is current now; empty: none
	Changed  []string   `json:"changed"`  // ids
	Stale    bool       `json:"stale"`    // flat repositories were carried over and are older than the mirror
}

// SyncAll syncs the sources one after the other and publishes them as one
// snapshot, everything else of the current one carried over. When a source
// fails the others still fetch, and nothing is published; partial publishes what
// succeeded, the failed ones as they were. Unchanged throughout: nothing is
// published either. grace is how long clients of earlier snapshots find their
// files. The store's lock must be held. The report is never nil.
func SyncAll(ctx context.Context, sources []Source, t *tree.Tree, opt Options, partial bool, grace time.Duration) (*Report, error) {
	rep := &Report{Changed: []string{}}
	if err := distinct(sources); err != nil {
		return rep, err
	}
	var errs []error
	var tasks []Task
	for _, src := range sources {
		tasks = append(tasks, Task{src, opt})
	}
	for sum, err := range Each(ctx, t, tasks) {
		rep.Repos = append(rep.Repos, sum)
		if err != nil {
			errs = append(errs, err)
		}
		if sum.Outcome == Changed {
			rep.Changed = append(rep.Changed, sum.ID)
		}
		if ctx.Err() != nil {
			return rep, errors.Join(errs...)
		}
	}
	if len(rep.Changed) > 0 && (partial || len(errs) == 0) {
		if err := opt.fill(); err != nil {
			return rep, err
		}
		if err := rep.publish(ctx, t, opt.Now, grace); err != nil {
			errs = append(errs, err)
		}
	}
	current, _, err := t.Current()
	if err != nil {
		errs = append(errs, err)
	}
	rep.Snapshot = current.Name
	return rep, errors.Join(errs...)
}

// distinct refuses two sources at one path, or one below the other.
func distinct(sources []Source) error {
	for i, a := range sources {
		for _, b := range sources[:i] {
			x, y := a.path()+"/", b.path()+"/"
			if len(x) >= len(y) && x[:len(y)] == y || len(y) >= len(x) && y[:len(x)] == x {
				return fmt.Errorf("sources %s and %s would both land in %s; name them NAME=URL", b.Name, a.Name, min(b.path(), a.path()))
			}
		}
	}
	return nil
}

func (rep *Report) publish(ctx context.Context, t *tree.Tree, now time.Time, grace time.Duration) (err error) {
	st, err := t.NewStage()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, st.Discard())
		}
	}()
	if rep.Stale, err = StageAll(ctx, t, st, rep.Repos); err != nil {
		return err
	}
	if err := st.CarryGrace(now, grace); err != nil {
		return err
	}
	_, err = st.Publish(now)
	return err
}

// StageAll links what changed and carries all else of the current snapshot over,
// but for the paths in without, which the caller makes anew. flat says that flat
// repositories were among what was carried.
func StageAll(ctx context.Context, t *tree.Tree, st *tree.Stage, repos []*Summary, without ...string) (flat bool, err error) {
	skip := slices.Clone(without)
	for _, sum := range repos {
		if sum.Outcome != Changed {
			continue
		}
		skip = append(skip, sum.path, KeptPath(sum.path))
		if err := sum.Stage(ctx, st); err != nil {
			return false, err
		}
	}
	current, ok, err := t.Current()
	if err != nil || !ok {
		return false, err
	}
	if !slices.Contains(skip, "flat") {
		_, err := os.Lstat(filepath.Join(current.Dir, "flat"))
		flat = err == nil
	}
	return flat, carryExcept(st, current.Dir, ".", skip)
}

// carryExcept carries dir over from the current snapshot, without the paths that
// the stage has anew.
func carryExcept(st *tree.Stage, current, dir string, paths []string) error {
	above := false
	for _, p := range paths {
		if p == dir {
			return nil
		}
		above = above || dir == "." || strings.HasPrefix(p, dir+"/")
	}
	if !above {
		return st.Carry(dir)
	}
	entries, err := os.ReadDir(filepath.Join(current, dir))
	if err != nil {
		return fmt.Errorf("carry %s: %w", dir, err)
	}
	for _, e := range entries {
		if e.Name() == tree.ManifestName {
			continue
		}
		if err := carryExcept(st, current, path.Join(dir, e.Name()), paths); err != nil {
			return err
		}
	}
	return nil
}
