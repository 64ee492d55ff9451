package splitter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// LinkError says that a package file could not get into the target.
type LinkError struct {
	File string
	Err  error
	Try  string
}

func (e *LinkError) Error() string { return fmt.Sprintf("placing %s: %v", e.File, e.Err) }
func (e *LinkError) Unwrap() error { return e.Err }

// Hint says what to try next.
func (e *LinkError) Hint() string { return e.Try }

// linkFiles puts the package files of one flat repository into dir.
func (s *splitting) linkFiles(ctx context.Context, f *Flat, dir string, places []placed) (err error) {
	if s.Options.Link == LinkNothing {
		return nil
	}
	l := linker{dir: dir, mode: s.Options.Link, from: &s.sourceDirs, made: map[string]int{}}
	defer l.close()
	for i, m := range f.members {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		k := &s.pkgs[m]
		src := &s.Sources[k.source]
		if src.Promise != nil {
			if err := src.Promise(k.href, path.Join(f.Path, places[i].href)); err != nil {
				return &LinkError{k.href, err, "sync the source again"}
			}
			continue
		}
		if src.Dir == "" || k.base != "" {
			return &LinkError{k.href, fmt.Errorf("it is not on this machine"), "use --link none, or sync the source first"}
		}
		from := src.files()
		if l.mode == LinkSymbol {
			from = src.Dir // a link that is to hold tomorrow, too
		}
		if err := l.place(from, k.href, places[i].href); err != nil {
			return err
		}
	}
	return nil
}

// linker puts package files into one flat repository. Directories stay open, so that
// the kernel walks their paths once and not for each package.
type linker struct {
	dir  string // of the flat repository
	mode Link
	from *sourceDirs
	made map[string]int // descriptors of the directories below dir, by path

	source       *sourceDir // that the last package came from
	root, parent string     // its path
}

func (l *linker) close() {
	for _, fd := range l.made {
		unix.Close(fd)
	}
}

// place puts the file href below root at the place to. Nothing that exists is ever
// replaced, and no shared inode is touched (P28).
func (l *linker) place(root, href, to string) error {
	src := func() string { return filepath.Join(root, filepath.FromSlash(href)) }
	if top, _, _ := strings.Cut(to, "/"); top == "repodata" || top == DotRepoName || top == ModulesName {
		return &LinkError{src(), fmt.Errorf("a flat repository needs the place %s itself", top), "use --link none for metadata only"}
	}
	parent, name := path.Split(to)
	dir, err := l.open(parent)
	if err != nil {
		return &LinkError{src(), err, ""}
	}
	parent, old := path.Split(href)
	err = l.enter(root, parent)
	if err == nil && l.source.odd[old] {
		err = regular(src())
	}
	switch {
	case err != nil:
	case l.mode == LinkHard:
		err = unix.Linkat(l.source.fd, old, dir, name, unix.AT_SYMLINK_FOLLOW)
	case l.mode == LinkSymbol:
		err = unix.Symlinkat(src(), dir, name)
	case l.mode == LinkCopy:
		err = copyFile(src(), filepath.Join(l.dir, filepath.FromSlash(to)))
	}
	if err == nil {
		return nil
	}
	return &LinkError{src(), err, linkHint(err)}
}

// enter goes to the directory that a package comes from, mostly the one before's.
func (l *linker) enter(root, parent string) (err error) {
	if l.source == nil || l.root != root || l.parent != parent {
		l.root, l.parent = root, parent
		l.source, err = l.from.open(filepath.Join(root, filepath.FromSlash(parent)))
	}
	return err
}

// open makes the directory of that path below dir, once.
func (l *linker) open(parent string) (int, error) {
	if fd, ok := l.made[parent]; ok {
		return fd, nil
	}
	dir := filepath.Join(l.dir, filepath.FromSlash(parent))
	if err := makeDirs(l.dir, dir); err != nil {
		return 0, err
	}
	fd, err := openPath(dir)
	if err == nil {
		l.made[parent] = fd
	}
	return fd, err
}

// openPath opens a directory for nothing but to name what is in it.
func openPath(dir string) (int, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	return fd, nil
}

// sourceDirs are the directories that package files come from. It may be used by
// several goroutines; the zero value is ready.
type sourceDirs struct {
	mu  sync.Mutex
	all map[string]*sourceDir
}

// sourceDir is one of them: to ask for the type of every entry at once takes a tenth
// of the time of asking for each package.
type sourceDir struct {
	fd  int
	odd map[string]bool // entries that are no regular files, as far as the directory knows
}

func (d *sourceDirs) open(dir string) (*sourceDir, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.all[dir]; ok {
		return s, nil
	}
	s, err := readSourceDir(dir)
	if err != nil {
		return nil, err
	}
	if d.all == nil {
		d.all = map[string]*sourceDir{}
	}
	d.all[dir] = s
	return s, nil
}

func (d *sourceDirs) close() {
	for _, s := range d.all {
		unix.Close(s.fd)
	}
}

func readSourceDir(dir string) (*sourceDir, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := &sourceDir{odd: map[string]bool{}}
	for {
		entries, err := f.ReadDir(1024)
		for _, e := range entries {
			if e.Type() != 0 {
				s.odd[e.Name()] = true
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	s.fd, err = openPath(dir)
	return s, err
}

// errIrregular is said of a pipe, which would wait for its writer, and of what else is
// no package.
var errIrregular = errors.New("it is not a regular file")

// regular refuses what is no regular file; a link to one is fine.
func regular(src string) error {
	info, err := os.Stat(src)
	if err == nil && !info.Mode().IsRegular() {
		err = errIrregular
	}
	return err
}

func linkHint(err error) string {
	switch {
	case errors.Is(err, errIrregular):
		return "mirror the source again, or use --link none for metadata only"
	case errors.Is(err, unix.EXDEV):
		return "source and target are on different file systems: use --link copy, or --link none for metadata only"
	case errors.Is(err, unix.EMLINK):
		return "the file has as many hard links as its file system allows: use --link copy, or --link none for metadata only"
	case errors.Is(err, unix.EPERM):
		return "the system forbids this hard link: use --link copy, or --link none for metadata only"
	case errors.Is(err, fs.ErrNotExist):
		return "the metadata lists a file that is not there: mirror it again, or use --link none for metadata only, as for a mirror with policy on-demand"
	}
	return ""
}
