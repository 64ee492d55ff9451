package closure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"flatstream/repodata"
)

// lookUp finds in filelists who owns the given paths (ids of names), for every
// package of the universe: one sparse pass over each repository that is needed for
// that. It reports whether that has found an owner who was not known. Directories
// and ghosts count.
func (u *Universe) lookUp(ctx context.Context, paths map[int32]bool, jobs int) (bool, error) {
	want := make(map[string]bool, len(paths))
	for id := range paths {
		if !u.looked[id] {
			want[u.names.text(id)] = true
		}
	}
	if len(want) == 0 {
		return false, nil
	}
	owned := make([][]provide, len(u.repos))
	errs := make([]error, len(u.repos))
	tellers := u.tellers()
	parallel(jobs, len(tellers), func(i int) {
		t := tellers[i]
		owned[t], errs[t] = u.owners(ctx, &u.repos[t], want)
	})
	for i, err := range errs {
		if err != nil {
			return false, fmt.Errorf("read the file lists of repository %s: %w", u.repos[i].name, err)
		}
	}
	if u.looked == nil {
		u.looked = make(map[int32]bool)
	}
	maps.Copy(u.looked, paths)
	return u.own(slices.Concat(owned...)), nil
}

// tellers lists the repositories whose filelists are needed to know of every
// package: not those of which others have all packages, the largest left out first.
// A view, say, has what the streams' own repositories have.
func (u *Universe) tellers() []int {
	holders := make([]int32, len(u.packages)) // by package: repositories with filelists
	var tellers []int
	size := make(map[int]int)
	for i, r := range u.repos {
		tellers = append(tellers, i)
		if _, ok := r.source.MD.Record(repodata.TypeFilelists); ok {
			for p := range r.packages.all {
				holders[p]++
				size[i]++
			}
		}
	}
	slices.SortStableFunc(tellers, func(a, b int) int { return cmp.Compare(size[b], size[a]) })
	return slices.DeleteFunc(tellers, func(i int) bool {
		r := &u.repos[i]
		if size[i] == 0 {
			return false // reading it finds out what is the matter
		}
		for p := range r.packages.all {
			if holders[p] == 1 {
				return false
			}
		}
		for p := range r.packages.all {
			holders[p]--
		}
		return true
	})
}

// lookUpAll asks filelists for every path that a package requires or excludes and
// primary cannot list: which of several owners there are matters here.
func (u *Universe) lookUpAll(ctx context.Context, jobs int) error {
	paths := make(map[int32]bool)
	for _, r := range u.all {
		if r.path {
			paths[r.name] = true
		}
	}
	_, err := u.lookUp(ctx, paths, jobs)
	return err
}

// own adds owners of paths that are not known yet.
func (u *Universe) own(owners []provide) bool {
	known := make(map[provide]bool)
	x := u.indexed()
	for _, o := range owners {
		for _, p := range x.of(o.name) {
			known[p] = true
		}
	}
	for _, o := range owners {
		if !known[o] {
			known[o] = true
			u.provides = append(u.provides, o)
		}
	}
	if len(u.provides) == 0 {
		return false
	}
	u.forget()
	return true
}

// owners reads one repository's filelists. A package's files are its own, whatever
// repository told them. A repository that has no filelists owns nothing; checks
// that needed them say so.
func (u *Universe) owners(ctx context.Context, r *repository, want map[string]bool) ([]provide, error) {
	var found []provide
	for o, err := range r.source.FileOwners(ctx, want) {
		if errors.Is(err, fs.ErrNotExist) {
			r.unlisted = true
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		name, _ := u.names.lookup(o.Path)
		for id := u.withPkgID(o.PkgID); id >= 0; id = u.packages[id].twin {
			if r.packages.has(id) && !isSource(u.packages[id].Arch) {
				found = append(found, provide{name: name, pkg: id})
			}
		}
	}
	return found, nil
}
