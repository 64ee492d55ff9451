package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"flatstream/mirror/tree"
	"flatstream/repodata"
	"flatstream/repodata/codec"
	"flatstream/repodata/rpmver"
)

// Packages that upstream deletes and a glob of keep-always names go into a repository of
// their own, kept/X beside mirror/X. The mirror itself stays upstream's byte for byte: its
// repomd.xml is signed, and a client that checks the signature could not be shown one
// package more. Below kept/ each package's metadata is upstream's last, byte for byte but
// for a location that named another place; files are hard links to objects, which
// snapshots that name them keep from being pruned. A split merges kept/X as it merges
// mirror/X. repomd.xml in kept/ is signed by nobody; packages are by whoever signed them.

// KeptPath is where the packages of the repository at path are that upstream deleted.
func KeptPath(path string) string { return "kept/" + strings.TrimPrefix(path, "mirror/") }

// CheckGlob says whether a glob of keep-always can match the name of a package.
func CheckGlob(glob string) error {
	if _, err := path.Match(glob, ""); err != nil || glob == "" {
		return fmt.Errorf("%q is no pattern for names of packages; write kernel* or kernel-devel", glob)
	}
	return nil
}

// keptPackage is a package of kept/X in the making.
type keptPackage struct {
	file
	rpmver.NEVRA
}

// keeper builds kept/X for one summary.
type keeper struct {
	st   *tree.Stage
	path string
	from []keptSource
}

// keptSource is a repository of the current snapshot and what is kept of it.
type keptSource struct {
	repo *repodata.Repo
	keep []keptPackage
}

// stageKept builds kept/X of the packages that current has, in kept/X or in mirror/X, that
// a glob names, and that the repository does not have any more; mirror/X is staged already.
// The same packages as before are carried over, byte for byte. Where the run does not say
// what to keep, all of kept/X is.
func (s *Summary) stageKept(ctx context.Context, st *tree.Stage) error {
	kept := KeptPath(s.path)
	current, ok, err := st.Current()
	if err != nil || !ok {
		return err
	}
	if s.keep == nil {
		return st.Carry(kept)
	}
	k := &keeper{st: st, path: kept}
	if err := k.choose(ctx, s, current); err != nil {
		return fmt.Errorf("keep what upstream deleted of %s: %w", s.ID, err)
	}
	n := len(k.from[0].keep) + len(k.from[1].keep)
	s.Kept = n
	switch {
	case n == 0:
		return nil
	case len(k.from[1].keep) == 0 && k.from[0].whole(ctx):
		return st.Carry(kept)
	}
	if err := k.write(ctx); err != nil {
		return fmt.Errorf("keep what upstream deleted of %s: %w", s.ID, err)
	}
	return nil
}

// choose decides what is kept of current's kept/X and mirror/X. What upstream has again,
// by its NEVRA, is kept no longer.
func (k *keeper) choose(ctx context.Context, s *Summary, current tree.Snapshot) error {
	gone, err := openIn(k.st.Dir(), s.path)
	if err != nil {
		return err
	}
	taken := map[rpmver.NEVRA]bool{}
	if gone != nil {
		for p, err := range gone.Packages(ctx, repodata.PartIdentity) {
			if err != nil {
				return err
			}
			taken[p.NEVRA] = true
		}
	}
	hrefs := map[string]bool{}
	for _, dir := range []string{k.path, s.path} {
		src := keptSource{}
		if src.repo, err = openIn(current.Dir, dir); err != nil {
			return err
		}
		if src.repo != nil {
			for p, err := range src.repo.Packages(ctx, repodata.PartIdentity) {
				if err != nil {
					return err
				}
				if taken[p.NEVRA] || hrefs[p.Location] || !s.keeps(p.Name) {
					continue
				}
				taken[p.NEVRA], hrefs[p.Location] = true, true
				src.keep = append(src.keep, keptPackage{file{path: p.Location, sum: p.PkgID, size: p.Size}, p.NEVRA})
			}
		}
		k.from = append(k.from, src)
	}
	return nil
}

func (s *Summary) keeps(name string) bool {
	return slices.ContainsFunc(s.keep, func(glob string) bool {
		ok, err := path.Match(glob, name)
		return ok && err == nil
	})
}

// openIn opens the repository at a path of a snapshot or stage; nil when there is none.
func openIn(dir, p string) (*repodata.Repo, error) {
	repo, err := repodata.Open(os.DirFS(filepath.Join(dir, filepath.FromSlash(p))))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	return repo, nil
}

// whole says whether all of a repository is kept.
func (src *keptSource) whole(ctx context.Context) bool {
	n := 0
	for _, err := range src.repo.Packages(ctx, repodata.PartIdentity) {
		if err != nil {
			return false
		}
		n++
	}
	return n == len(src.keep)
}

func (k *keeper) write(ctx context.Context) error {
	var stamp int64
	for _, src := range k.from {
		for _, p := range src.keep {
			if err := k.st.Link(path.Join(k.path, p.path), p.sum, p.size); err != nil {
				return err
			}
		}
		if src.repo != nil {
			stamp = max(stamp, newest(src.repo.MD))
		}
	}
	w, err := repodata.NewWriter(filepath.Join(k.st.Dir(), filepath.FromSlash(k.path)), repodata.WriterOptions{
		Format: codec.Gzip, Revision: strconv.FormatInt(stamp, 10), Timestamp: stamp,
	})
	if err != nil {
		return err
	}
	for _, typ := range []string{repodata.TypePrimary, repodata.TypeFilelists, repodata.TypeOther} {
		if err := w.Packages(typ, len(k.from[0].keep)+len(k.from[1].keep), k.elements(ctx, typ)); err != nil {
			return err
		}
	}
	_, err = w.Close()
	return err
}

// elements are those of what is kept, in the order of the repositories that had it.
func (k *keeper) elements(ctx context.Context, typ string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, src := range k.from {
			for raw, err := range src.elements(ctx, typ) {
				if !yield(raw, err) || err != nil {
					return
				}
			}
		}
	}
}

func (src *keptSource) elements(ctx context.Context, typ string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if len(src.keep) == 0 {
			return
		}
		left := map[string]keptPackage{}
		for _, p := range src.keep {
			left[p.sum.Hex] = p
		}
		if _, ok := src.repo.MD.Record(typ); ok {
			for e, err := range src.repo.Elements(ctx, typ) {
				if err != nil {
					yield(nil, err)
					return
				}
				p, ok := left[e.PkgID]
				if !ok {
					continue
				}
				delete(left, e.PkgID)
				raw := e.Raw
				if typ == repodata.TypePrimary {
					raw = e.WithLocation("", p.path)
				}
				if !yield(raw, nil) {
					return
				}
			}
		}
		for _, p := range src.keep { // of whom filelists or other have nothing
			if _, ok := left[p.sum.Hex]; ok && !yield(repodata.BareElement(p.sum.Hex, p.NEVRA), nil) {
				return
			}
		}
	}
}
