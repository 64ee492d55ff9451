package tree

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"flatstream/repodata/digest"
)

// The codes of damage, stable for scripts.
const (
	BadObject     = "bad-object"     // an object's bytes are not those of its name
	BadFile       = "bad-file"       // a snapshot's file is not what the manifest says
	MissingFile   = "missing-file"   // the manifest names it, and it is not there
	ForeignFile   = "foreign-file"   // it is there, and the manifest does not name it
	BadManifest   = "bad-manifest"   // so that nothing is known of its snapshot
	BadLink       = "bad-link"       // current, a tag or an alias that leads nowhere, or out
	BadState      = "bad-state"      // a file of state/ that is not JSON any more
	BadRepository = "bad-repository" // its metadata and its files contradict each other
)

// Damage is one content, or one name, that is not as it was stored.
type Damage struct {
	Code     string   `json:"code"`
	Paths    []string `json:"paths"`              // below the store
	Checksum string   `json:"checksum,omitempty"` // what the bytes should have
	Text     string   `json:"text"`
	Repaired bool     `json:"repaired"`

	Want digest.Checksum `json:"-"` // zero: no bytes could mend it
	Size int64           `json:"-"` // of them; -1: not known
}

// Checkup is what a store looks like when every byte is read.
type Checkup struct {
	Snapshots int       `json:"snapshots"`
	Objects   int       `json:"objects"`
	Files     int       `json:"files"`    // names in snapshots
	Bytes     int64     `json:"bytes"`    // read
	Unshared  int       `json:"unshared"` // contents that stand beside their object as a second copy; that costs space only
	Unproven  int       `json:"unproven"` // files of earlier versions' snapshots that have a size and no checksum
	Damage    []*Damage `json:"damage"`

	good   map[digest.Checksum]string // a sound copy outside of objects/
	stored map[digest.Checksum]uint64 // inodes of sound objects
}

// Copy is the path below the store of a sound copy of c, an object's or another's; empty
// when there is none.
func (u *Checkup) Copy(c digest.Checksum) string {
	if _, ok := u.stored[c]; ok {
		name, _ := objectName(c) // it was parsed from such a name
		return name
	}
	return u.good[c]
}

// content is an inode's bytes under one algorithm.
type content struct {
	ino  uint64
	algo string
}

// checker makes a Checkup. Each inode is read once, however many names it has.
type checker struct {
	t      *Tree
	ctx    context.Context
	jobs   int
	hashed func(int64)
	u      *Checkup
	found  map[string]*Damage // by checksum, or else code and path

	mu   sync.Mutex
	sums map[content]digest.Checksum // zero: it could not be read
}

// Check reads every byte of the store: objects against their names, the files of every
// snapshot against its manifest, links, tags and state. It changes nothing. hashed hears
// of bytes as they are read; it may be nil, and is called by one goroutine at a time.
// The lock must be held, so that nobody else deletes meanwhile.
func (t *Tree) Check(ctx context.Context, jobs int, hashed func(int64)) (*Checkup, error) {
	if err := t.mustLock(); err != nil {
		return nil, err
	}
	c := &checker{
		t: t, ctx: ctx, jobs: max(jobs, 1), hashed: hashed, found: map[string]*Damage{}, sums: map[content]digest.Checksum{},
		u: &Checkup{Damage: []*Damage{}, good: map[digest.Checksum]string{}, stored: map[digest.Checksum]uint64{}},
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("check store %s: %w", t.dir, err)
	}
	return c.u, nil
}

func (c *checker) check() error {
	if err := c.objects(); err != nil {
		return err
	}
	all, err := c.t.Snapshots()
	if err != nil {
		return err
	}
	for _, s := range all {
		if err := c.snapshot(s); err != nil {
			return err
		}
	}
	if err := c.links(); err != nil {
		return err
	}
	if err := c.state(); err != nil {
		return err
	}
	for _, d := range c.u.Damage {
		slices.Sort(d.Paths)
	}
	slices.SortFunc(c.u.Damage, func(a, b *Damage) int {
		return cmp.Or(cmp.Compare(a.Paths[0], b.Paths[0]), cmp.Compare(a.Code, b.Code))
	})
	return nil
}

// damage notes one. All names of one content that should be mended are one damage, whose
// code and text are those of the first.
func (c *checker) damage(code, p string, want digest.Checksum, size int64, format string, args ...any) {
	key := code + " " + p
	if !want.IsZero() {
		key = want.String()
	}
	d := c.found[key]
	if d == nil {
		d = &Damage{Code: code, Text: fmt.Sprintf(format, args...), Want: want, Size: size}
		if !want.IsZero() {
			d.Checksum = want.String()
		}
		c.found[key] = d
		c.u.Damage = append(c.u.Damage, d)
	}
	d.Size = max(d.Size, size)
	d.Paths = append(d.Paths, p)
}

// reading is a file whose bytes are still to be read.
type reading struct {
	path string
	ino  uint64
	want digest.Checksum
	size int64 // announced, -1: not
}

// read hashes files, some at a time, and leaves what they have in c.sums.
func (c *checker) read(list []reading) error {
	group, ctx := errgroup.WithContext(c.ctx)
	group.SetLimit(c.jobs)
	for _, r := range list {
		if err := ctx.Err(); err != nil {
			break
		}
		group.Go(func() error {
			got, err := c.hash(ctx, r)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			if err != nil { // a disk that cannot read it has lost it
				got = digest.Checksum{}
			}
			c.sums[content{r.ino, r.want.Algo}] = got
			return nil
		})
	}
	return errors.Join(group.Wait(), c.ctx.Err())
}

func (c *checker) hash(ctx context.Context, r reading) (digest.Checksum, error) {
	f, err := c.t.root.OpenFile(r.path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return digest.Checksum{}, err
	}
	defer f.Close()
	h := r.want.New()
	buf := make([]byte, 256<<10)
	for {
		if err := ctx.Err(); err != nil {
			return digest.Checksum{}, err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		c.count(int64(n))
		if err == io.EOF {
			return digest.FromHash(r.want.Algo, h), nil
		}
		if err != nil {
			return digest.Checksum{}, err
		}
	}
}

func (c *checker) count(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.u.Bytes += n
	if c.hashed != nil {
		c.hashed(c.u.Bytes)
	}
}

// objects reads all of objects/.
func (c *checker) objects() error {
	var list []reading
	err := fs.WalkDir(c.t.root.FS(), "objects", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, partSuffix) {
			return err
		}
		sum, err := digest.Parse(path.Base(path.Dir(path.Dir(name))), path.Base(name))
		if err != nil || !d.Type().IsRegular() {
			c.damage(ForeignFile, name, digest.Checksum{}, 0, "it is no object: look at it, then remove it")
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		ino, _ := inode(info)
		list = append(list, reading{name, ino, sum, info.Size()})
		return nil
	})
	if err == nil {
		err = c.read(list)
	}
	if err != nil {
		return err
	}
	c.u.Objects = len(list)
	for _, r := range list {
		if c.sums[content{r.ino, r.want.Algo}] == r.want {
			c.u.stored[r.want] = r.ino
			continue
		}
		c.damage(BadObject, r.path, r.want, -1, "its bytes are not those that were stored")
	}
	return nil
}

// Mended says that content c is a sound object now.
func (u *Checkup) Mended(c digest.Checksum) { u.stored[c] = 0 }
