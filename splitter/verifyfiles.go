package splitter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"flatstream/repodata"
	"flatstream/repodata/closure"
	"flatstream/repodata/digest"
	"flatstream/repodata/rpmfile"
)

// filePlace is one repository whose package files are read.
type filePlace struct {
	id     string // as in the verify report
	dir    fs.FS
	repo   *repodata.Repo
	stream string // module:stream, of a stream's repository
}

// fileCheck holds package files against the metadata that lists them. A file that
// several repositories list is read once for all of them, if it is one file.
type fileCheck struct {
	jobs  int
	homes map[string][]string // pkgid to the streams whose repositories hold it

	mutex sync.Mutex
	known []knownFile
	at    map[string][]int // into known, by pkgid
}

// knownFile is what was found out about one file.
type knownFile struct {
	info   fs.FileInfo
	header *rpmfile.Header // nil: it is not the file that the metadata means
	fault  string
}

// checkFiles reads every package file of the places and adds what is wrong to the
// report. A module label must name one of the streams that hold the package (P9, P10).
func checkFiles(ctx context.Context, places []filePlace, found *closure.Report, jobs int) error {
	c := &fileCheck{jobs: jobs, homes: map[string][]string{}, at: map[string][]int{}}
	for _, p := range places {
		if p.stream == "" {
			continue
		}
		for k, err := range p.repo.Packages(ctx, repodata.PartIdentity) {
			if err != nil {
				return fmt.Errorf("%s: %w", p.id, err)
			}
			c.homes[k.PkgID.Hex] = append(c.homes[k.PkgID.Hex], p.stream)
		}
	}
	for _, p := range places {
		problems, err := c.check(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.id, err)
		}
		if i := slices.IndexFunc(found.Checked, func(r closure.Checked) bool { return r.Repo == p.id }); i >= 0 {
			found.Checked[i].Join(problems)
		}
	}
	found.Tally()
	return nil
}

// check reads the package files of one repository, several at once.
func (c *fileCheck) check(ctx context.Context, place filePlace) ([]closure.Problem, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(c.jobs, runtime.GOMAXPROCS(0)))
	var problems []closure.Problem
	for p, err := range place.repo.Packages(ctx, repodata.PartIdentity) {
		if err != nil {
			return nil, errors.Join(err, group.Wait())
		}
		group.Go(func() error {
			found, err := c.problem(ctx, place, p)
			if found != nil {
				c.mutex.Lock()
				defer c.mutex.Unlock()
				problems = append(problems, *found)
			}
			return err
		})
	}
	return problems, group.Wait()
}

// problem says what is wrong with one package's file; nil if nothing is.
func (c *fileCheck) problem(ctx context.Context, place filePlace, p *repodata.Package) (*closure.Problem, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fault := func(code closure.Code, text string) *closure.Problem {
		return &closure.Problem{Code: code, Package: p.NEVRA.String(), Requirements: []string{}, Chain: []string{text}, Near: []closure.Near{}}
	}
	if p.Base != "" || !fs.ValidPath(p.Location) {
		return fault(closure.MissingFile, fmt.Sprintf("%s%s is not below the repository, and was not looked for", p.Base, p.Location)), nil
	}
	info, err := fs.Stat(place.dir, p.Location)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault(closure.MissingFile, p.Location+" is not there"), nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return fault(closure.MissingFile, p.Location+" is not a regular file"), nil
	case info.Size() != p.Size:
		return fault(closure.BadChecksum, fmt.Sprintf("%s has %d bytes, the metadata says %d", p.Location, info.Size(), p.Size)), nil
	}
	k, err := c.read(place.dir, p, info)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", p.Location, err)
	case k.fault != "":
		return fault(closure.BadChecksum, p.Location+": "+k.fault), nil
	case place.stream != "" && !c.fits(k.header.Label, p.PkgID.Hex):
		return fault(closure.LabelMismatch, fmt.Sprintf("its label is %s, and it stands in %s", k.header.Label, place.stream)), nil
	}
	return nil, nil
}

// fits reports whether a label names one of the streams that hold the package, or none.
func (c *fileCheck) fits(label, pkgid string) bool {
	l, err := rpmfile.ParseLabel(label)
	return label == "" || err == nil && slices.Contains(c.homes[pkgid], l.Name+":"+l.Stream)
}

// read reads a file, unless one with these contents in mind has been read that is the
// same on disk.
func (c *fileCheck) read(dir fs.FS, p *repodata.Package, info fs.FileInfo) (knownFile, error) {
	c.mutex.Lock()
	for _, i := range c.at[p.PkgID.Hex] {
		if os.SameFile(c.known[i].info, info) {
			defer c.mutex.Unlock()
			return c.known[i], nil
		}
	}
	c.mutex.Unlock()
	k, err := readPackageFile(dir, p)
	if err != nil {
		return k, err
	}
	k.info = info
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.at[p.PkgID.Hex] = append(c.at[p.PkgID.Hex], len(c.known))
	c.known = append(c.known, k)
	return k, nil
}

// readPackageFile hashes a file to its end and then reads its header.
func readPackageFile(dir fs.FS, p *repodata.Package) (k knownFile, err error) {
	f, err := dir.Open(p.Location)
	if err != nil {
		return k, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var mismatch *digest.MismatchError
	if _, err := io.Copy(io.Discard, digest.NewReader(f, p.PkgID, p.Size)); errors.As(err, &mismatch) {
		k.fault = fmt.Sprintf("its %s is %s, the metadata says %s", mismatch.What, mismatch.Got, mismatch.Want)
		return k, nil
	} else if err != nil {
		return k, err
	}
	at, ok := f.(io.ReaderAt)
	if !ok {
		return k, errors.New("this file system cannot be read at will")
	}
	if k.header, err = rpmfile.Read(at, p.Size); err != nil {
		k.fault, err = err.Error(), nil
	}
	return k, err
}
