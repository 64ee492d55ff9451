package bucket

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

// file is one path of a snapshot, as clients shall find it, and where its bytes lie.
type file struct {
	path string // below the prefix
	size int64
	sum  digest.Checksum
	from string // on disk

	promised bool // and its store does not have it
}

// OnDemandError says that a snapshot promises packages that its store does not have, nor
// the bucket.
type OnDemandError struct {
	Snapshot string
	Missing  int
	First    string
}

func (e *OnDemandError) Error() string {
	return fmt.Sprintf("snapshot %s has %d packages on demand that neither the store nor the bucket has, such as %s: a bucket cannot fetch them", e.Snapshot, e.Missing, e.First)
}

// Hint says what to try next.
func (e *OnDemandError) Hint() string {
	return "sync that repository with --policy immediate; or --copy-from s3://BUCKET/PREFIX, where they are"
}

// files lists what a snapshot shows to clients, sorted by path. An object store has no
// links, so what lies below a symbolic link (an alias) is listed under each name.
func files(t *tree.Tree, s tree.Snapshot, plusCopies bool) ([]file, error) {
	entries, err := s.Manifest()
	if err != nil {
		return nil, err
	}
	list := make([]file, 0, len(entries))
	for _, e := range entries {
		f := file{path: e.Path, size: e.Size, sum: e.Checksum, from: filepath.Join(s.Dir, e.Path)}
		if e.URL != "" {
			f.from, f.promised = t.ObjectPath(e.Checksum), !t.Has(e.Checksum, e.Size)
		}
		if f.sum.IsZero() { // of an earlier version's split
			if f.sum, err = hashFile(f.from); err != nil {
				return nil, fmt.Errorf("read the store: %w", err)
			}
		}
		list = append(list, f)
	}
	if list, err = withAliases(list, s.Dir); err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", s.Name, err)
	}
	if plusCopies {
		list = withBlanks(list)
	}
	slices.SortFunc(list, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return list, nil
}

// withBlanks lists each path that holds a + once more, with blanks for it: that is the key
// which AWS takes a URL with a plain + for.
func withBlanks(list []file) []file {
	for _, f := range list {
		if strings.Contains(f.path, "+") {
			f.path = strings.ReplaceAll(f.path, "+", " ")
			list = append(list, f)
		}
	}
	return list
}

func withAliases(list []file, dir string) ([]file, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	plain := list
	err = filepath.WalkDir(real, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink == 0 {
			return err
		}
		to, err := filepath.EvalSymlinks(name)
		if err != nil {
			return err
		}
		target, inside := strings.CutPrefix(to, real+"/")
		if !inside {
			return fmt.Errorf("%s leads out of its snapshot", name)
		}
		for _, f := range plain {
			if rest, ok := strings.CutPrefix(f.path, target); ok && (rest == "" || rest[0] == '/') {
				f.path = strings.TrimPrefix(name, real+"/") + rest
				list = append(list, f)
			}
		}
		return nil
	})
	return list, err
}

// hashFile is the SHA-256 of a whole file.
func hashFile(name string) (digest.Checksum, error) {
	f, err := os.Open(name)
	if err != nil {
		return digest.Checksum{}, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return digest.Checksum{}, err
	}
	return digest.FromHash("sha256", h), nil
}

// DamagedError says that a file of the store is not what its snapshot says.
type DamagedError struct{ File, Text string }

func (e *DamagedError) Error() string { return e.File + " is damaged: " + e.Text }

// Hint says what to try next.
func (e *DamagedError) Hint() string { return "flatstream fsck STORE --repair" }

// open opens the bytes of a file for upload.
func (f file) open() (*os.File, error) {
	in, err := os.Open(f.from)
	if err != nil {
		return nil, fmt.Errorf("read the store: %w", err)
	}
	info, err := in.Stat()
	if err == nil && info.Size() != f.size {
		err = &DamagedError{f.from, fmt.Sprintf("it has %d bytes, the snapshot says %d", info.Size(), f.size)}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the store: %w", err), in.Close())
	}
	return in, nil
}

// sha256 is that of the file's bytes: the checksum that the snapshot has, which the server
// then compares, or else one that is made here, with the bytes held against the
// snapshot's.
func (f file) sha256(in *os.File) (digest.Checksum, error) {
	if f.sum.Algo == "sha256" {
		return f.sum, nil
	}
	h, own := sha256.New(), f.sum.New()
	if _, err := io.Copy(io.MultiWriter(h, own), io.NewSectionReader(in, 0, f.size)); err != nil {
		return digest.Checksum{}, fmt.Errorf("read the store: %w", err)
	}
	if err := f.isWhole(own); err != nil {
		return digest.Checksum{}, err
	}
	return digest.FromHash("sha256", h), nil
}

// isWhole holds a sum over all bytes against the snapshot's.
func (f file) isWhole(own hash.Hash) error {
	if digest.FromHash(f.sum.Algo, own) != f.sum {
		return &DamagedError{f.from, "its bytes are not those of the snapshot"}
	}
	return nil
}
