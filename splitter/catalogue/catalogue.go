// Package catalogue writes the pages that people see when they point a browser at a
// target: which streams there are, how to install from one, whether what stands there
// can be installed, and why a package is not there.
//
// index.html is at the top of the target. Beside it, in catalogue/, each flat
// repository has a page at its own path, and packages/ lists all packages by their
// first letter. GrobiSplitter's layout has index.html alone: whoever reads that layout
// takes every directory for a repository.
//
// The pages are static. Links are relative, so they work below any URL and from disk;
// nothing is loaded, not even a style sheet, and the page's own policy lets no other
// script or style in than the page's own, by hash. Without scripts everything can be
// read, and only searching, filtering and copying are missing. Names come from
// upstream, and nobody vouches for them: html/template escapes them (rows.go does in long
// lists), and characters that command a reader (controls, marks of direction) are
// replaced in every page.
//
// The same input gives the same bytes. No clock is read.
package catalogue

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"flatstream/repodata/closure"
	"flatstream/splitter"
)

const (
	// PageName is the page at the top of a target or snapshot.
	PageName = "index.html"
	// DirName is the directory of the other pages, beside it.
	DirName = "catalogue"
)

// Input is what the pages of a target show.
type Input struct {
	Plan    *splitter.Plan
	Report  *splitter.Report // of the same split
	Verdict *closure.Report  // of the last verify; nil: there was none
	Earlier *Earlier         // what the pages compare with; nil: nothing
}

// Write writes the pages of a target into its directory, which Split has filled. Pages
// that are there already are replaced by new files, never written into: they may be
// hard links of another snapshot's (P28).
func Write(dir string, in Input) error {
	if err := write(dir, in); err != nil {
		return fmt.Errorf("writing the catalogue: %w", err)
	}
	return nil
}

func write(dir string, in Input) error {
	r, err := newRenderer()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(dir, DirName)); err != nil {
		return err
	}
	s := newSite(dir, in)
	if err := s.makeDirs(); err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	group.Go(func() error { return r.write(dir, PageName, "index", s.indexPage()) })
	if s.deep() {
		for _, f := range s.flats {
			group.Go(func() error { return r.write(dir, f.Page, "flat", s.flatPage(f)) })
		}
		for _, l := range s.letters {
			group.Go(func() error { return r.write(dir, l.Page, "letter", s.letterPage(l)) })
		}
	}
	return group.Wait()
}

// makeDirs makes the directories of the pages, with mode 0755 whatever the umask.
func (s *site) makeDirs() error {
	made := map[string]bool{".": true}
	var mkdir func(dir string) error
	mkdir = func(dir string) error {
		if made[dir] {
			return nil
		}
		if err := mkdir(path.Dir(dir)); err != nil {
			return err
		}
		made[dir] = true
		full := filepath.Join(s.dir, filepath.FromSlash(dir))
		if err := os.Mkdir(full, 0o755); err != nil {
			return err
		}
		return os.Chmod(full, 0o755)
	}
	for _, f := range s.flats {
		if err := mkdir(path.Dir(f.Page)); err != nil {
			return err
		}
	}
	for _, l := range s.letters {
		if err := mkdir(path.Dir(l.Page)); err != nil {
			return err
		}
	}
	return nil
}

// write fills a template and makes a page of it, below a target's directory: a new
// file with mode 0644. A long page is never whole in memory.
func (r *renderer) write(dir, name, kind string, data any) (err error) {
	name = filepath.Join(dir, filepath.FromSlash(name))
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := r.buffers.Get().(*bufio.Writer)
	defer r.buffers.Put(w)
	w.Reset(f)
	if err := errors.Join(r.t.ExecuteTemplate(harmless{w}, kind, data), w.Flush()); err != nil {
		return err
	}
	return f.Chmod(0o644)
}

// harmless makes [inert] what passes.
type harmless struct{ w io.Writer }

func (h harmless) Write(p []byte) (int, error) {
	_, err := h.w.Write(inert(p))
	return len(p), err
}

// inert replaces what would command a reader of the page: control characters but
// newline, marks that change the direction of text, and bytes that are no UTF-8.
func inert(page []byte) []byte {
	plain := func(b byte) bool { return b >= ' ' && b < 0x7f || b == '\n' }
	i := 0
	for i < len(page) && plain(page[i]) {
		i++
	}
	if i == len(page) {
		return page
	}
	clean := append(make([]byte, 0, len(page)+16), page[:i]...)
	for i < len(page) {
		if plain(page[i]) {
			clean = append(clean, page[i])
			i++
			continue
		}
		r, n := utf8.DecodeRune(page[i:])
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			r = utf8.RuneError
		}
		clean = utf8.AppendRune(clean, r)
		i += n
	}
	return clean
}

// first is the beginning of a list, for a page that shall not grow without bound.
func first[T any](n int, list []T) []T { return list[:min(n, len(list))] }

// clip shortens a line for a page, and says so.
func clip(n int, s string) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + " …"
}
