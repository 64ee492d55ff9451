package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"syscall"

	"flatstream/mirror/fetch"
	"flatstream/repodata"
	"flatstream/repodata/codec"
	"flatstream/repodata/digest"
	"flatstream/repodata/rpmver"
)

// content brings records and packages into the store and leaves the list of
// files in the summary.
func (r *run) content(ctx context.Context, last *state) error {
	plan := &plan{paths: map[string]digest.Checksum{path.Join(r.src.below, repomdPath): {}, path.Join(r.src.below, signaturePath): {}}, nevras: map[rpmver.NEVRA]int{}, weak: r.opt.AllowWeakChecksums}
	for _, rec := range r.md.Records {
		if rec.Base != "" {
			r.warn("record %s names another place (xml:base), which is not followed", rec.Type)
		}
		at, err := r.src.resolve(rec.Location)
		if err != nil {
			return err
		}
		f := record(rec)
		f.path = at
		if err := plan.add(f); err != nil {
			return err
		}
	}
	if err := r.fetchAll(ctx, plan.files); err != nil {
		return err
	}
	records := len(plan.files)
	if err := r.readAll(ctx, plan); err != nil {
		return err
	}
	r.sum.files, r.sum.Packages = plan.files, len(plan.files)-records
	if plan.doubles > 0 {
		r.warn("%d packages have the name, version and architecture of another one", plan.doubles)
	}
	if plan.based > 0 {
		r.warn("%d packages name another place (xml:base): they are copied from there, and clients that know xml:base go there still", plan.based)
	}
	if last != nil && float64(r.sum.Packages) < float64(last.Packages)*(1-r.opt.MaxShrink) {
		return &ShrinkError{last.Packages, r.sum.Packages, r.opt.MaxShrink}
	}
	return nil
}

func record(rec repodata.Record) file {
	return file{path: rec.Location, sum: rec.Checksum, size: rec.Size, mtime: rec.Timestamp}
}

func (r *run) fetchAll(ctx context.Context, files []file) error {
	d := r.downloads(ctx)
	for _, f := range files {
		if err := d.add(f); err != nil {
			return d.wait(err)
		}
	}
	return d.wait(nil)
}

// readAll plans and fetches packages while it reads the other records.
func (r *run) readAll(ctx context.Context, plan *plan) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	opened := make(chan error, 1)
	go func() {
		var err error
		for _, rec := range r.md.Records {
			if err = r.verifyOpen(ctx, rec); err != nil {
				cancel(err)
				break
			}
		}
		opened <- err
	}()
	err := r.packages(ctx, plan)
	if err != nil {
		cancel(err)
	}
	return cmp.Or(err, <-opened)
}

// packages reads primary and fetches what is missing while it goes on.
func (r *run) packages(ctx context.Context, plan *plan) error {
	repo, err := repodata.Open(&objectFS{r.md, r.t.OpenObject})
	if err != nil {
		return err
	}
	d := r.downloads(ctx)
	for p, err := range repo.Packages(d.ctx, repodata.PartIdentity) {
		if err == nil {
			err = r.plan(plan, p, d)
		}
		if err != nil {
			if cause := context.Cause(d.ctx); cause != nil {
				err = cause
			}
			return d.wait(err)
		}
	}
	return d.wait(nil)
}

// plan adds one package, and queues it unless it is for another day.
func (r *run) plan(plan *plan, p *repodata.Package, d *downloads) error {
	at, err := r.src.resolve(p.Location)
	if err != nil {
		return err
	}
	f := file{path: at, href: p.Location, sum: p.PkgID, size: p.Size, mtime: p.FileTime, base: p.Base, signed: r.src.GPGCheck}
	if f.size <= 0 {
		f.size = -1
	}
	if err := r.checkBase(f); err != nil {
		return err
	}
	if r.opt.Policy == OnDemand {
		if f.size < 0 {
			return fmt.Errorf("package %s announces no size, so it cannot be served on demand", f.path)
		}
		f.url = withoutSecrets(r.urlOf(f))
	}
	known := len(plan.files)
	if err := plan.add(f); err != nil {
		return err
	}
	if len(plan.files) == known {
		return nil
	}
	if plan.nevras[p.NEVRA]++; plan.nevras[p.NEVRA] > 1 {
		plan.doubles++
	}
	if f.base != "" {
		plan.based++
	}
	if f.url != "" {
		return nil
	}
	return d.add(f)
}

func (r *run) urlOf(f file) string {
	if f.base != "" {
		return join(f.base, f.href)
	}
	return join(r.src.parentOf(r.base), f.path)
}

// withoutSecrets is a URL as everyone may see it in a manifest: no user, and no query,
// which may be a token. Who serves it has them from the config.
func withoutSecrets(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return raw
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// checkBase refuses an xml:base that could lead a run elsewhere than to a web
// server: a remote list must not name local files or hand out credentials.
func (r *run) checkBase(f file) error {
	if f.base == "" {
		return nil
	}
	u, err := url.Parse(f.base)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("package %s: xml:base %s is refused: neither http nor https", f.path, fetch.Redact(f.base))
	}
	return repodata.CheckHref(f.href)
}

// plan is the list of files, with the guards that need all of it.
type plan struct {
	files   []file
	paths   map[string]digest.Checksum
	nevras  map[rpmver.NEVRA]int
	doubles int // packages whose NEVRA another has
	based   int // packages with an xml:base
	weak    bool
}

// add takes a file in, once.
func (p *plan) add(f file) error {
	if f.sum.Weak() && !p.weak {
		return fmt.Errorf("%s is known by %s only, which proves nothing any more (--allow-weak-checksums takes it)", f.path, f.sum.Algo)
	}
	if have, ok := p.paths[f.path]; ok {
		if have != f.sum {
			return fmt.Errorf("%s is listed twice, with two checksums", f.path)
		}
		return nil
	}
	p.paths[f.path] = f.sum
	p.files = append(p.files, f)
	return nil
}

// verifyOpen decompresses a record and compares what comes out with what it
// announces. Primary is left to the one pass that reads it anyway.
func (r *run) verifyOpen(ctx context.Context, rec repodata.Record) error {
	if rec.Type == repodata.TypePrimary || rec.OpenChecksum.IsZero() && rec.OpenSize < 0 {
		return nil
	}
	f, err := r.t.OpenObject(rec.Checksum)
	if err != nil {
		return err
	}
	defer f.Close()
	dec, _, err := codec.NewReader(f)
	if errors.Is(err, codec.ErrZchunk) {
		return nil // a zchunk record is carried unread; its stored checksum holds
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", rec.Location, err)
	}
	defer dec.Close()
	open := digest.NewReader(&stoppable{ctx, dec}, rec.OpenChecksum, rec.OpenSize)
	n, err := io.Copy(io.Discard, io.LimitReader(open, maxOpen))
	if err == nil && n == maxOpen {
		err = fmt.Errorf("it has over %d bytes", int64(maxOpen))
	}
	if err != nil {
		return fmt.Errorf("read %s: decompressed: %w", rec.Location, err)
	}
	return nil
}

// maxOpen caps what a record without an open-size may decompress to: 8 GiB, as
// in repodata.
const maxOpen = 8 << 30

// stoppable ends a read when the run ends.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, context.Cause(s.ctx)
	}
	return s.r.Read(p)
}

// room says whether so many missing bytes fit on the store's file system.
func (r *run) room(missing int64) error {
	if r.free == 0 {
		var st syscall.Statfs_t
		if err := syscall.Statfs(r.t.Dir(), &st); err != nil {
			return fmt.Errorf("look for free space in %s: %w", r.t.Dir(), err)
		}
		r.free = int64(st.Bavail) * int64(st.Bsize)
	}
	if missing > r.free {
		return fmt.Errorf("%s has %d MB free, and %d MB or more are missing", r.t.Dir(), r.free/1e6, missing/1e6)
	}
	return nil
}
