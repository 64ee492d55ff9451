package splitter

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"flatstream/repodata/buildreq"
	"flatstream/repodata/rpmfile"
)

// InputError is about what a person wrote: a spec, a list of builds, a log.
type InputError struct{ Text, Try string }

func (e *InputError) Error() string { return e.Text }

// Hint says what to try next.
func (e *InputError) Hint() string { return e.Try }

// SpecOptions says how spec files are read.
type SpecOptions struct {
	Defines map[string]string // macros, with their bodies
	// Rpmspec allows to ask rpmspec where a macro decides that nobody knows; it runs what the
	// spec says, shell and Lua.
	Rpmspec bool
}

// NeedsRpmspecError says that only rpmspec can read a spec file, and may not be asked.
type NeedsRpmspecError struct{ *buildreq.UnknownError }

// Hint says what to try next.
func (e *NeedsRpmspecError) Hint() string {
	return "allow to ask rpmspec, which runs what the spec says, or " + giveValue
}

// ReadBuild reads what a spec file or a source package needs to be built.
func ReadBuild(ctx context.Context, file string, opt SpecOptions) (*Wanted, error) {
	f, size, err := OpenRegular(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	start := make([]byte, 4)
	if _, err := f.ReadAt(start, 0); err == nil && string(start) == "\xed\xab\xee\xdb" {
		h, err := rpmfile.Read(f, size)
		if err != nil {
			return nil, err
		}
		if !isSourceArch(h.Arch) {
			return nil, &InputError{fmt.Sprintf("it is no source package, but built for %s", h.Arch), "give it with --built to ask what its installation needs"}
		}
		rel, err := rpmfile.ReadRelations(f, size)
		if err != nil {
			return nil, err
		}
		return &Wanted{Name: filepath.Base(file), Requires: rel.Requires, Conflicts: rel.Conflicts}, nil
	}
	spec, err := buildreq.ParseSpec(f, opt.Defines)
	if unknown, ok := errors.AsType[*buildreq.UnknownError](err); ok && opt.Rpmspec {
		spec, err = askRpmspec(ctx, file, opt.Defines, unknown)
	} else if ok {
		err = &NeedsRpmspecError{unknown}
	}
	if err != nil {
		return nil, err
	}
	return &Wanted{Name: spec.Name, Requires: spec.Requires, Conflicts: spec.Conflicts}, nil
}

const giveValue = "give its value with --define 'NAME BODY'"

// askRpmspec is for a spec that only rpm can read.
func askRpmspec(ctx context.Context, file string, defines map[string]string, unknown error) (*buildreq.Spec, error) {
	spec, err := buildreq.AskRpmspec(ctx, file, defines)
	switch {
	case errors.Is(err, buildreq.ErrNoRpmspec):
		return nil, &InputError{unknown.Error(), giveValue + ", or install rpmspec"}
	case err != nil:
		return nil, &InputError{unknown.Error() + "; " + err.Error(), giveValue}
	}
	return spec, nil
}

// ReadLog reads what a build was missing from its log.
func ReadLog(file string) (*Wanted, error) {
	f, _, err := OpenRegular(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	missing, err := buildreq.ParseLog(f)
	if err != nil {
		return nil, err
	}
	if len(missing) == 0 {
		return nil, &InputError{"this log does not say that a package was missing", "give the log of the step that installs the build root: root.log of mock, or OBS's list of what is unresolvable"}
	}
	w := &Wanted{Name: filepath.Base(file)}
	for _, m := range missing {
		w.Requires = append(w.Requires, m.Requirement)
	}
	return w, nil
}

// ReadBuilds reads all spec files and source packages below a directory, in the order of
// their names, or a file with a line "NAME: RELATION, RELATION..." for each build. One
// that cannot be read is left out if bad, which hears why, returns nil.
func ReadBuilds(ctx context.Context, from string, opt SpecOptions, bad func(error) error) ([]Wanted, error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return readList(from)
	}
	var builds []Wanted
	found := false
	err = filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".spec") && !strings.HasSuffix(name, ".src.rpm") {
			return err
		}
		found = true
		w, err := ReadBuild(ctx, name, opt)
		if err != nil {
			return bad(fmt.Errorf("reading %s: %w", name, err))
		}
		builds = append(builds, *w)
		return nil
	})
	if err == nil && !found {
		err = &InputError{from + " holds no spec file and no source package", "name the directory that your .spec or .src.rpm files are in, or below"}
	}
	return builds, err
}

func readList(file string) ([]Wanted, error) {
	f, _, err := OpenRegular(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var builds []Wanted
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, relations, ok := strings.Cut(line, ": ")
		if !ok {
			return nil, &InputError{fmt.Sprintf("reading %s: line %d is not a build", file, n), "write NAME: RELATION, RELATION... on each line"}
		}
		requires, err := buildreq.SplitRelations(relations)
		if err != nil {
			return nil, fmt.Errorf("reading %s: line %d: %w", file, n, err)
		}
		builds = append(builds, Wanted{Name: name, Requires: requires})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if len(builds) == 0 {
		return nil, &InputError{file + " lists no build", "write NAME: RELATION, RELATION... on each line"}
	}
	return builds, nil
}

// OpenRegular opens a regular file, and says how many bytes it has; a pipe would wait for
// its writer.
func OpenRegular(name string) (*os.File, int64, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, 0, errors.Join(f.Close(), cmp.Or[error](err, &InputError{name + " is not a regular file", "name a spec file, a source package or a log"}))
	}
	return f, info.Size(), nil
}
