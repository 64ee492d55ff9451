package splitter

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"flatstream/repodata"
)

// placed is where one member of a flat repository stands: what its <location> says.
type placed struct{ base, href string }

// places decides the <location> of every member. Package files keep the place that
// they have in their source, in GrobiSplitter's layout only their name; where two packages would meet (P11), the later gets a
// directory named after its checksum. Under --link none the location leads to the
// source instead: relative to a local one, by xml:base to a URL.
func (p *Plan) places(f *Flat, bases []string) []placed {
	list := make([]placed, len(f.members))
	var taken map[string]bool
	if p.Options.Link != LinkNothing {
		taken = make(map[string]bool, len(f.members))
	}
	for i, m := range f.members {
		k := &p.pkgs[m]
		s := &p.Sources[k.source]
		switch {
		case p.Options.Link == LinkNothing && k.base != "":
			list[i] = placed{k.base, k.href}
		case p.Options.Link == LinkNothing && s.Dir == "":
			list[i] = placed{strings.TrimSuffix(s.URL, "/") + "/", k.href}
		case p.Options.Link == LinkNothing:
			list[i] = placed{"", path.Join(bases[k.source], k.href)}
		default:
			href := path.Clean(k.href)
			if p.Options.Layout == LayoutGrobiSplitter {
				href = path.Base(href)
			}
			if taken[href] {
				href = path.Join(path.Dir(href), k.pkgid[:min(16, len(k.pkgid))], path.Base(href))
			}
			taken[href] = true
			list[i] = placed{"", href}
		}
	}
	return list
}

// relativeBases is the way from a repository in the target to each local source.
// Symbolic links are resolved on both sides, since ".." does not see them.
func (p *Plan) relativeBases(target string, f *Flat) ([]string, error) {
	bases := make([]string, len(p.Sources))
	if p.Options.Link != LinkNothing {
		return bases, nil
	}
	from, err := filepath.EvalSymlinks(target)
	if errors.Is(err, fs.ErrNotExist) {
		var parent string
		parent, err = filepath.EvalSymlinks(filepath.Dir(target))
		from = filepath.Join(parent, filepath.Base(target))
	}
	if err != nil {
		return nil, fmt.Errorf("finding the way to the sources: %w", err)
	}
	from = filepath.Join(from, filepath.FromSlash(f.Path))
	for i, s := range p.Sources {
		if s.Dir == "" {
			continue
		}
		dir, err := filepath.EvalSymlinks(s.Dir)
		if err != nil {
			return nil, fmt.Errorf("finding the way to the sources: %w", err)
		}
		if bases[i], err = filepath.Rel(from, dir); err != nil {
			return nil, fmt.Errorf("finding the way to the sources: %w", err)
		}
	}
	return bases, nil
}

// makeDirs makes dir below top with mode 0755 whatever the umask.
func makeDirs(top, dir string) error {
	if dir == top {
		return nil
	}
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDirs(top, filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o755)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// To ask first is cheaper: a change of mode goes through the journal.
	if info, err := os.Lstat(dir); err != nil || info.Mode().Perm() == 0o755 {
		return err
	}
	return os.Chmod(dir, 0o755)
}

func copyFile(src, dst string) (err error) {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := repodata.Create(dst)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return os.Chtimes(dst, info.ModTime(), info.ModTime())
}
