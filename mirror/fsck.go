package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"slices"

	"flatstream/mirror/tree"
	"flatstream/repodata"
)

// FsckOptions bound one Fsck.
type FsckOptions struct {
	Jobs   int         // files read at once; 0: one per processor
	Hashed func(int64) // hears of the bytes read so far; may be nil
	// Repair mends what bytes can mend: from another sound copy in the store, or else from
	// upstream.
	Repair bool
	// Sources say where upstream is, with their credentials. Without them it is asked
	// where the last run found it, without any.
	Sources []Source
}

// FsckReport is what Fsck found. Its JSON form is part of the interface.
type FsckReport struct {
	*tree.Checkup
	Repaired int      `json:"repaired"` // damages
	Fetched  int      `json:"fetched"`  // files, from upstream
	Failures []string `json:"failures"` // why some could not be repaired
}

// Left is how much damage there still is.
func (r *FsckReport) Left() int { return len(r.Damage) - r.Repaired }

// Fsck reads every byte of the store (tree.Check) and holds the metadata of every
// repository against its files. It changes nothing unless Repair is set; then no inode
// that has several names is written to: a damaged one is replaced under each name. What is
// fetched is held against the checksum that the store had for it. The lock must be held.
func Fsck(ctx context.Context, t *tree.Tree, opt FsckOptions) (*FsckReport, error) {
	checkup, err := t.Check(ctx, cmp.Or(opt.Jobs, runtime.GOMAXPROCS(0)), opt.Hashed)
	if err != nil {
		return nil, err
	}
	r := &FsckReport{Checkup: checkup, Failures: []string{}}
	if opt.Repair {
		if err := r.repair(ctx, t, opt); err != nil {
			return r, err
		}
	}
	return r, r.metadata(ctx, t)
}

// metadata holds repomd.xml and primary of every repository against the manifest. What
// several snapshots share is read once. Damage of bytes is known by now, so a repository
// that has some is left out.
func (r *FsckReport) metadata(ctx context.Context, t *tree.Tree) error {
	all, err := t.Snapshots()
	if err != nil {
		return err
	}
	read := map[string]naming{} // by repomd.xml's checksum
	for _, s := range all {
		entries, err := s.Manifest()
		if err != nil {
			continue // said already
		}
		files := make(map[string]tree.Entry, len(entries))
		for _, e := range entries {
			files[e.Path] = e
		}
		repos, err := s.Repositories()
		if err != nil {
			return err
		}
		for _, p := range repos {
			name := path.Join("snapshots", s.Name, p)
			if r.touches(name) {
				continue
			}
			err := checkRepository(ctx, path.Join(s.Dir, p), p, files, read)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				r.Damage = append(r.Damage, &tree.Damage{Code: tree.BadRepository, Paths: []string{path.Join(name, repomdPath)}, Text: err.Error()})
			}
		}
	}
	return nil
}

// touches says whether something below dir is damaged already.
func (r *FsckReport) touches(dir string) bool {
	return slices.ContainsFunc(r.Damage, func(d *tree.Damage) bool {
		return !d.Repaired && slices.ContainsFunc(d.Paths, func(p string) bool { return len(p) > len(dir) && p[:len(dir)+1] == dir+"/" })
	})
}

// naming is what a repository's metadata names: records and packages.
type naming []file

// checkRepository wants each file that the metadata names in the manifest, with the size
// and the checksum that the metadata gives it.
func checkRepository(ctx context.Context, dir, p string, files map[string]tree.Entry, read map[string]naming) error {
	b, err := os.ReadFile(path.Join(dir, repomdPath))
	if err != nil {
		return err
	}
	key := checksum(b)
	names, ok := read[key]
	if !ok {
		if names, err = readNames(ctx, dir); err != nil {
			return err
		}
		read[key] = names
	}
	for _, f := range names {
		if err := f.sameAs(files, path.Join(p, f.path)); err != nil {
			return err
		}
	}
	return nil
}

func readNames(ctx context.Context, dir string) (names naming, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	repo, err := repodata.Open(root.FS())
	if err != nil {
		return nil, err
	}
	for _, rec := range repo.MD.Records {
		names = append(names, record(rec))
	}
	for p, err := range repo.Packages(ctx, repodata.PartIdentity) {
		if err != nil {
			return nil, err
		}
		names = append(names, file{path: p.Location, sum: p.PkgID, size: p.Size})
	}
	return names, nil
}

// sameAs says how the snapshot's file at p differs from what metadata says of it.
func (f file) sameAs(files map[string]tree.Entry, p string) error {
	e, ok := files[p]
	switch {
	case !ok:
		return fmt.Errorf("its metadata names %s, which the snapshot does not have", p)
	case f.size > 0 && e.Size != f.size:
		return fmt.Errorf("its metadata says that %s has %d bytes, the snapshot %d", p, f.size, e.Size)
	case !e.Checksum.IsZero() && e.Checksum.Algo == f.sum.Algo && e.Checksum != f.sum:
		return fmt.Errorf("its metadata says that %s is %s, the snapshot %s", p, f.sum, e.Checksum)
	}
	return nil
}
