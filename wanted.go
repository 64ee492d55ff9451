package main

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

	"github.com/urfave/cli/v2"

	"flatstream/repodata"
	"flatstream/repodata/buildreq"
	"flatstream/repodata/rpmfile"
	"flatstream/splitter"
)

func defineFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "define", Usage: "define the macro `'NAME BODY'` for spec files; repeatable"}
}

// definesFor are the macros of a system, and those of --define.
func definesFor(c *cli.Context, platform, arch string) (map[string]string, error) {
	defines := buildreq.System(platform, arch)
	for _, d := range c.StringSlice("define") {
		name, body, ok := strings.Cut(strings.TrimSpace(d), " ")
		if !ok {
			return nil, &usageError{fmt.Sprintf("--define %q is not 'NAME BODY'", d), "write --define 'foo_version 1.2'"}
		}
		defines[name] = strings.TrimSpace(body)
	}
	return defines, nil
}

// readBuild reads what a spec file or a source package needs to be built.
func readBuild(ctx context.Context, file string, defines map[string]string) (*splitter.Wanted, error) {
	f, err := openFile(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	start := make([]byte, 4)
	if _, err := f.ReadAt(start, 0); err == nil && string(start) == "\xed\xab\xee\xdb" {
		rel, err := rpmfile.ReadRelations(f, info.Size())
		if err != nil {
			return nil, err
		}
		return &splitter.Wanted{Name: filepath.Base(file), Requires: rel.Requires, Conflicts: rel.Conflicts}, nil
	}
	spec, err := buildreq.ParseSpec(f, defines)
	if unknown, ok := errors.AsType[*buildreq.UnknownError](err); ok {
		spec, err = askRpmspec(ctx, file, defines, unknown)
	}
	if err != nil {
		return nil, err
	}
	return &splitter.Wanted{Name: spec.Name, Requires: spec.Requires, Conflicts: spec.Conflicts}, nil
}

// readPackage reads a package that is built already.
func readPackage(file string) (p *repodata.Package, err error) {
	f, err := openFile(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	h, err := rpmfile.Read(f, info.Size())
	if err != nil {
		return nil, err
	}
	if h.Arch == "src" {
		return nil, &hintedError{"it is a source package", "give it without --built to ask what its build needs"}
	}
	rel, err := rpmfile.ReadRelations(f, info.Size())
	if err != nil {
		return nil, err
	}
	p = &repodata.Package{NEVRA: h.NEVRA}
	for _, kind := range []struct {
		list  *[]repodata.Relation
		texts []string
	}{{&p.Requires, rel.Requires}, {&p.Provides, rel.Provides}, {&p.Conflicts, rel.Conflicts}, {&p.Obsoletes, rel.Obsoletes}} {
		if *kind.list, err = repodata.ParseRelations(kind.texts); err != nil {
			return nil, err
		}
	}
	for _, path := range rel.Files {
		p.Files = append(p.Files, repodata.File{Path: path})
	}
	return p, nil
}

// askRpmspec is for a spec that only rpm can read.
func askRpmspec(ctx context.Context, file string, defines map[string]string, unknown error) (*buildreq.Spec, error) {
	const hint = "give its value with --define 'NAME BODY'"
	spec, err := buildreq.AskRpmspec(ctx, file, defines)
	switch {
	case errors.Is(err, buildreq.ErrNoRpmspec):
		return nil, &hintedError{unknown.Error(), hint + ", or install rpmspec"}
	case err != nil:
		return nil, &hintedError{unknown.Error() + "; " + err.Error(), hint}
	}
	return spec, nil
}

// readLog reads what a build was missing.
func readLog(_ context.Context, file string, _ map[string]string) (*splitter.Wanted, error) {
	f, err := openFile(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	missing, err := buildreq.ParseLog(f)
	if err != nil {
		return nil, err
	}
	if len(missing) == 0 {
		return nil, &hintedError{"this log does not say that a package was missing", "give the log of the step that installs the build root: root.log of mock, or OBS's list of what is unresolvable"}
	}
	w := &splitter.Wanted{Name: filepath.Base(file)}
	for _, m := range missing {
		w.Requires = append(w.Requires, m.Requirement)
	}
	return w, nil
}

// readBuilds reads all spec files and source packages below a directory, or a file
// with a line "NAME: RELATION, RELATION..." for each build.
func readBuilds(ctx context.Context, from string, defines map[string]string) ([]splitter.Wanted, error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return readList(from)
	}
	var builds []splitter.Wanted
	err = filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".spec") && !strings.HasSuffix(name, ".src.rpm") {
			return err
		}
		w, err := readBuild(ctx, name, defines)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		builds = append(builds, *w)
		return nil
	})
	if err == nil && len(builds) == 0 {
		err = &hintedError{from + " holds no spec file and no source package", "name the directory that your .spec or .src.rpm files are in, or below"}
	}
	return builds, err
}

func readList(file string) ([]splitter.Wanted, error) {
	f, err := openFile(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var builds []splitter.Wanted
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, relations, ok := strings.Cut(line, ": ")
		if !ok {
			return nil, &hintedError{fmt.Sprintf("reading %s: line %d is not a build", file, n), "write NAME: RELATION, RELATION... on each line"}
		}
		requires, err := buildreq.SplitRelations(relations)
		if err != nil {
			return nil, fmt.Errorf("reading %s: line %d: %w", file, n, err)
		}
		builds = append(builds, splitter.Wanted{Name: name, Requires: requires})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if len(builds) == 0 {
		return nil, &hintedError{file + " lists no build", "write NAME: RELATION, RELATION... on each line"}
	}
	return builds, nil
}

// openFile opens a regular file; a pipe would wait for its writer.
func openFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(f.Close(), cmp.Or(err, fmt.Errorf("%s is not a regular file", name)))
	}
	return f, nil
}
