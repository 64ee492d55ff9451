package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"flatstream/repodata"
	"flatstream/repodata/closure"
	"flatstream/splitter"
)

// baseline is what --baseline and --write-baseline ask for: the problems that are
// known, from a file that may be written anew.
type baseline struct {
	file  string // empty: no baseline
	write bool
	old   *closure.Baseline
}

// openBaseline reads the file before anything is checked, so that damage is said at
// once. A file to write need not exist.
func openBaseline(c *cli.Context) (*baseline, error) {
	read, write := c.String("baseline"), c.String("write-baseline")
	for _, name := range []string{"baseline", "write-baseline"} {
		if c.IsSet(name) && c.String(name) == "" {
			return nil, &usageError{"--" + name + " needs a FILE", "name the file with the known problems"}
		}
	}
	if read != "" && write != "" && filepath.Clean(read) != filepath.Clean(write) {
		return nil, &usageError{"--baseline and --write-baseline name different files", "--write-baseline alone reads the file that it writes anew; copy the other one to start from it"}
	}
	b := &baseline{file: read, write: write != "", old: &closure.Baseline{}}
	if b.write {
		b.file = write
	}
	if b.file == "" {
		return b, nil
	}
	f, err := repodata.OpenInput(b.file)
	if errors.Is(err, fs.ErrNotExist) && b.write {
		if _, err := os.Stat(filepath.Dir(b.file)); err != nil {
			return nil, fmt.Errorf("write the baseline: %w", err)
		}
		return b, nil
	}
	if err != nil {
		return nil, &baselineError{err}
	}
	defer f.Close()
	if info, err := os.Stat(b.file); err == nil && b.write && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("--write-baseline %s: that is not a file", b.file)
	}
	if b.old, err = closure.ReadBaseline(f); err != nil {
		return nil, &baselineError{fmt.Errorf("%s: %w", b.file, err)}
	}
	return b, nil
}

// baselineError is a baseline that cannot be read.
type baselineError struct{ err error }

func (e *baselineError) Error() string { return "read the baseline: " + e.err.Error() }
func (e *baselineError) Unwrap() error { return e.err }

// Hint says what to try next.
func (e *baselineError) Hint() string {
	if errors.Is(e.err, fs.ErrNotExist) {
		return "--write-baseline FILE writes one"
	}
	return "correct it by hand, or remove it and let --write-baseline FILE write it anew"
}

// judge holds the report against the baseline, prints it, and writes the baseline
// where that is asked for. Problems that are not known are the exit status 3, unless
// they have just been written down.
func (b *baseline) judge(out *output, r *closure.Report, level splitter.Level) error {
	standing := r.Apply(b.old, time.Now(), level.Unasked()...)
	if err := printVerify(out, r); err != nil {
		return err
	}
	if b.write {
		return b.renew(out, r, standing)
	}
	if n := len(standing.Expired); n > 0 {
		e := standing.Expired[0]
		out.note("warning: %s has %s, the first for %s in %s of %s", b.file, counted(n, "expired entry"), e.Package, e.Repo, e.Expires)
	}
	if n := len(standing.Fixed); n > 0 {
		out.note("fixed: %s of %s; --write-baseline %s takes out what is fixed", counted(n, "entry"), b.file, b.file)
	}
	if r.Summary.New > 0 {
		out.note("hint: flatstream explain says why a package stands where it does; --with SOURCE adds what may supply")
		return errProblems
	}
	return nil
}

func (b *baseline) renew(out *output, r *closure.Report, s closure.Standing) error {
	next := s.Renew(r)
	if err := writeWhole(b.file, next.Write); err != nil {
		return fmt.Errorf("write the baseline: %w", err)
	}
	out.printf("wrote %s: %s, of which %d new; %d fixed left out\n", b.file, counted(len(next.Entries), "entry"),
		len(next.Entries)-len(s.Holding)-len(s.Elsewhere), len(s.Fixed))
	if n := len(s.Elsewhere); n > 0 {
		out.note("%s keeps %s on what was not checked", b.file, counted(n, "entry"))
	}
	if n := len(s.Expired); n > 0 {
		out.note("warning: %s has %s accepted anew, without a date", b.file, counted(n, "expired entry"))
	}
	return nil
}

// writeWhole writes a file whole or leaves the former one, with its mode. A link is
// followed.
func writeWhole(name string, write func(io.Writer) error) (err error) {
	if to, err := filepath.EvalSymlinks(name); err == nil {
		name = to
	}
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".flatstream-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err = errors.Join(write(f), f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
