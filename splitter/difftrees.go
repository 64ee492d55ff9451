package splitter

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// PublishedTree is one published state: a snapshot as a file system, and the
// directories of it that are repositories.
type PublishedTree struct {
	FS    fs.FS
	Repos []string
}

// TreesDiff is what changed from one published state to another. Its JSON form is part
// of the interface.
type TreesDiff struct {
	Schema    int        `json:"schema"`
	From      string     `json:"from"` // snapshots
	To        string     `json:"to"`
	Repos     []RepoDiff `json:"repos"`     // that differ, sorted by path
	Unchanged int        `json:"unchanged"` // repositories that hold the same
}

// DiffTrees compares every repository of two published states, jobs at once (0: one per
// processor). A repository with the same repomd.xml on both sides is not read.
func DiffTrees(ctx context.Context, a, b PublishedTree, jobs int) (*TreesDiff, error) {
	paths := eitherOf(a.Repos, b.Repos)
	diffs := make([]*RepoDiff, len(paths))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(jobs, runtime.GOMAXPROCS(0)))
	for i, p := range paths {
		group.Go(func() error {
			var err error
			diffs[i], err = diffRepo(ctx, a, b, p)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	result := &TreesDiff{Schema: 1, Repos: []RepoDiff{}}
	for _, d := range diffs {
		if d == nil {
			result.Unchanged++
			continue
		}
		result.Repos = append(result.Repos, *d)
	}
	return result, result.name(a.FS, b.FS)
}

// diffRepo compares what stands at one path; nil when it is the same.
func diffRepo(ctx context.Context, a, b PublishedTree, p string) (*RepoDiff, error) {
	repomd := path.Join(p, "repodata", "repomd.xml")
	before, errA := fs.ReadFile(a.FS, repomd)
	after, errB := fs.ReadFile(b.FS, repomd)
	if errA == nil && errB == nil && bytes.Equal(before, after) {
		return nil, nil
	}
	from, err := inventoryAt(ctx, a, p)
	if err != nil {
		return nil, err
	}
	to, err := inventoryAt(ctx, b, p)
	if err != nil {
		return nil, err
	}
	d := from.Diff(to)
	d.Path = p
	if d.Empty() {
		return nil, nil
	}
	return &d, nil
}

// eitherOf lists what is in one of the two lists, sorted.
func eitherOf(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

// inventoryAt reads the repository at a path; nil when the tree has none there.
func inventoryAt(ctx context.Context, t PublishedTree, p string) (*Inventory, error) {
	if !slices.Contains(t.Repos, p) {
		return nil, nil
	}
	r, err := place{t.FS, p}.open()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", p, err)
	}
	inv, err := ReadInventory(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", p, err)
	}
	return inv, nil
}

// name gives each repository its id: that of a target's report, or else its path
// without mirror/.
func (d *TreesDiff) name(trees ...fs.FS) error {
	targets := map[string]bool{} // flat, or flat/TARGET/ARCH
	for _, r := range d.Repos {
		if elements := strings.Split(r.Path, "/"); elements[0] == "flat" {
			targets["flat"] = true
			targets[path.Join(elements[:min(3, len(elements))]...)] = true
		}
	}
	ids := map[string]string{}
	for _, target := range slices.Sorted(maps.Keys(targets)) {
		for _, fsys := range trees { // a repository that was removed is in the first one only
			if err := readIDs(fsys, target, ids); err != nil {
				return err
			}
		}
	}
	for i := range d.Repos {
		r := &d.Repos[i]
		r.ID = cmp.Or(ids[r.Path], strings.TrimPrefix(r.Path, "mirror/"))
	}
	return nil
}

func readIDs(fsys fs.FS, target string, ids map[string]string) error {
	sub, err := fs.Sub(fsys, target)
	if err != nil {
		return err
	}
	report, err := ReadReport(sub)
	if errors.Is(err, ErrNotTarget) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	for _, r := range report.Repos {
		ids[path.Join(target, r.Path)] = r.ID
	}
	return nil
}
