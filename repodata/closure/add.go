package closure

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"

	"flatstream/repodata"
)

// Add reads a repository's primary and returns its id. The name is what reports
// call it: a repository id or a source's NAME, each once in a universe. A package
// that another repository had with the same element is not parsed again; the same
// pkgid with another element is a package of its own and a warning.
//
// The error names the repository. It is not in the universe then, and checks that
// should have had it prove nothing.
func (u *Universe) Add(ctx context.Context, name string, r *repodata.Repo) (RepoID, error) {
	repo := repository{name: name, source: r}
	for _, other := range u.repos {
		if other.name == name {
			return 0, fmt.Errorf("add repository %s: another has that name", name)
		}
	}
	if same := u.sameBytes(r); same != nil {
		if err := r.CheckStored(repodata.TypePrimary); err != nil {
			return 0, fmt.Errorf("read repository %s: %w", name, err)
		}
		repo.packages, repo.differs = slices.Clone(same.packages), same.differs
		return u.enter(repo), nil
	}
	if err := u.read(ctx, &repo, r); err != nil {
		return 0, fmt.Errorf("read repository %s: %w", name, err)
	}
	return u.enter(repo), nil
}

// sameBytes is a repository whose primary was read and has the checksum that r
// announces for its own, or nil. It need not be parsed again then.
func (u *Universe) sameBytes(r *repodata.Repo) *repository {
	rec, ok := r.MD.Record(repodata.TypePrimary)
	if !ok || rec.Checksum.IsZero() || rec.Checksum.Weak() {
		return nil
	}
	for i := range u.repos {
		if other, _ := u.repos[i].source.MD.Record(repodata.TypePrimary); other.Checksum == rec.Checksum {
			return &u.repos[i]
		}
	}
	return nil
}

// enter takes a repository in that has been read.
func (u *Universe) enter(r repository) RepoID {
	r.first = r.packages.first()
	u.repos = append(u.repos, r)
	clear(u.looked) // the new one may own paths that were looked up in the others
	return RepoID(len(u.repos) - 1)
}

// identify finds what an element of primary is known by.
func (u *Universe) identify(e repodata.Element) element {
	var h maphash.Hash
	h.SetSeed(u.seed)
	h.Write(e.Raw[:e.Loc.Start])
	h.WriteByte(0)
	h.Write(e.Raw[e.Loc.End:])
	start, err := strconv.ParseUint(e.PkgID[:min(16, len(e.PkgID))], 16, 64)
	if err != nil {
		start = 0 // the hash covers the pkgid too
	}
	return element{start, h.Sum64()}
}
