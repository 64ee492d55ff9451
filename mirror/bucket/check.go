package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

// Codes of what Check finds.
const (
	MissingObject = "missing-object" // the manifest lists it, and there is none
	BadObject     = "bad-object"     // its bytes are not those that were published
	BadManifest   = "bad-manifest"   // the manifest cannot be read, so nobody knows what is there
	// UnfinishedUpload is one in parts that nobody will end: it costs storage and shows nothing.
	UnfinishedUpload = "unfinished-upload"
)

// Damage is one object that is not as its manifest says.
type Damage struct {
	Path string `json:"path"`
	Code string `json:"code"`
	Text string `json:"text"`
}

// Checkup says what Check read and found. Its JSON form is part of the interface.
type Checkup struct {
	Location string   `json:"location"`
	Snapshot string   `json:"snapshot"`
	Objects  int      `json:"objects"`
	Bytes    int64    `json:"bytes"`
	Damage   []Damage `json:"damage"`           // sorted by path
	Repair   *Report  `json:"repair,omitempty"` // the publication that uploaded what was damaged
}

// NothingError says that a prefix was never published to.
type NothingError struct{ Location Location }

func (e *NothingError) Error() string { return "nothing is published there" }

// Hint says what to try next.
func (e *NothingError) Hint() string {
	return fmt.Sprintf("flatstream publish STORE %s; or is it another prefix, or endpoint?", e.Location)
}

// Check reads every object that a prefix's manifest lists and holds it against its
// checksum. It changes nothing, and takes no lock: a publication that goes on meanwhile
// is the only reason to see damage where there is none.
func Check(ctx context.Context, l Location, opt Options) (*Checkup, error) {
	r, err := open(ctx, l, opt)
	if err != nil {
		return nil, err
	}
	s, err := r.readState(ctx)
	if err == nil && s.etag == "" {
		err = &NothingError{l}
	}
	c := &Checkup{Location: l.String(), Snapshot: s.Snapshot, Damage: []Damage{}}
	var items []item
	if err == nil {
		items, err = r.readItems(ctx, s)
	}
	if bad, ok := errors.AsType[*DamageError](err); ok {
		at := stateName
		if s.Manifest != "" {
			at = manifestPrefix + s.Manifest
		}
		c.Damage = append(c.Damage, Damage{at, BadManifest, bad.Text})
		return c, nil
	}
	if err == nil && !s.Unfinished { // else the next publication ends them, or one is under way
		err = c.leftovers(ctx, r, items)
	}
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", l, err)
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(opt.jobs())
	var mu sync.Mutex
	for _, i := range items {
		if inner.Err() != nil {
			break
		}
		group.Go(func() error {
			d, n, err := r.check(inner, i)
			mu.Lock()
			defer mu.Unlock()
			c.Objects++
			c.Bytes += n
			if d != nil {
				c.Damage = append(c.Damage, *d)
			}
			if opt.Moved != nil {
				opt.Moved(Progress{Files: c.Objects, AllFiles: len(items), Bytes: c.Bytes, AllBytes: s.Bytes})
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("check %s: %w", l, err)
	}
	slices.SortFunc(c.Damage, func(a, b Damage) int { return strings.Compare(a.Path, b.Path) })
	return c, ctx.Err()
}

// leftovers finds uploads in parts to our paths. Who may only read objects is not told.
func (c *Checkup) leftovers(ctx context.Context, r *remote, items []item) error {
	ours := pathsOf(items)
	uploads, err := r.unfinished(ctx, func(path string) bool { return ours[path] })
	if s := status(err); s == http.StatusForbidden || s == http.StatusNotImplemented {
		return nil
	}
	for _, up := range uploads {
		c.Damage = append(c.Damage, Damage{up.path, UnfinishedUpload, "an upload in parts was begun and not ended"})
	}
	return err
}

func (r *remote) check(ctx context.Context, i item) (*Damage, int64, error) {
	body, o, ok, err := r.get(ctx, i.path)
	if err != nil {
		return nil, 0, err
	}
	if !ok {
		return &Damage{i.path, MissingObject, "there is no such object"}, 0, nil
	}
	defer body.Close()
	if o.size != i.size {
		return &Damage{i.path, BadObject, fmt.Sprintf("it has %d bytes, the manifest says %d", o.size, i.size)}, 0, nil
	}
	h := i.sum.New()
	n, err := io.Copy(h, body)
	if err != nil {
		return nil, n, r.explain("get", i.path, err)
	}
	if digest.FromHash(i.sum.Algo, h) != i.sum {
		return &Damage{i.path, BadObject, "its bytes are not those that were published"}, n, nil
	}
	return nil, n, nil
}

// Mend uploads again what Check found damaged: it publishes the store's snapshot and
// takes those objects for missing. Without a manifest it asks about each path.
func (c *Checkup) Mend(ctx context.Context, t *tree.Tree, l Location, opt Options) (err error) {
	opt.again = make(map[string]bool, len(c.Damage))
	for _, d := range c.Damage {
		switch d.Code {
		case BadManifest:
			opt.rebuild = true
		case MissingObject, BadObject:
			opt.again[d.Path] = true
		}
	}
	c.Repair, err = Publish(ctx, t, l, opt)
	return err
}
