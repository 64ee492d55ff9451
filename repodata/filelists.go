package repodata

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
)

// Owner says that a package owns a path.
type Owner struct {
	PkgID string // as Element.PkgID
	Path  string
	Kind  FileKind
}

// FileOwners yields who owns the wanted paths, in one pass over filelists that
// parses nothing else. A repository without filelists is fs.ErrNotExist.
func (r *Repo) FileOwners(ctx context.Context, want map[string]bool) iter.Seq2[Owner, error] {
	return func(yield func(Owner, error) bool) {
		var x filesReader
		more := true
		var failed error
		err := r.scan(ctx, TypeFilelists, new(Memory), func(e Element) bool {
			if failed != nil {
				return true // to the end, which says whether the bytes are those of repomd.xml
			}
			failed = x.each(e.Raw, func(path []byte, kind FileKind) {
				if more && want[string(path)] {
					more = yield(Owner{e.PkgID, string(path), kind}, nil)
				}
			})
			return more
		})
		if err == nil && failed != nil {
			err = fmt.Errorf("read %s: %w", r.location(TypeFilelists), failed)
		}
		if err != nil && more {
			yield(Owner{}, err)
		}
	}
}

// filesReader reads the <file> entries of filelists elements.
type filesReader struct {
	reader markupReader
	files  []spannedFile
	texts  []byte
}

type spannedFile struct {
	end  int // in texts
	kind FileKind
}

// each calls visit for each file of one element, after all of it has been read.
func (x *filesReader) each(raw []byte, visit func(path []byte, kind FileKind)) error {
	if err := x.reader.read(raw, x.collect); err != nil {
		return err
	}
	start := 0
	for _, f := range x.files {
		visit(x.texts[start:f.end], f.kind)
		start = f.end
	}
	return nil
}

func (x *filesReader) collect(m markup) error {
	x.files, x.texts = x.files[:0], x.texts[:0]
	kind := PlainFile
	for depth := 0; ; {
		tag, err := m.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if tag == opening {
			if depth++; depth == 2 && string(m.name()) == "file" {
				kind = fileKind(m)
			}
			continue
		}
		if depth--; depth != 1 || string(m.name()) != "file" {
			continue
		}
		text, err := m.text()
		if err != nil {
			return err
		}
		x.texts = append(x.texts, text...)
		x.files = append(x.files, spannedFile{len(x.texts), kind})
	}
}

// filesJoin finds the filelists element of one package after another.
type filesJoin struct {
	next    func() (Element, error, bool)
	stop    func()
	d       *Decoder
	reader  filesReader
	waiting map[string][]byte // raw elements that were passed on the way
	ended   bool
}

func newFilesJoin(elements iter.Seq2[Element, error], d *Decoder) *filesJoin {
	next, stop := iter.Pull2(elements)
	return &filesJoin{next: next, stop: stop, d: d, waiting: make(map[string][]byte)}
}

func (j *filesJoin) join(p *Package, pkgid string) error {
	if raw, ok := j.waiting[pkgid]; ok {
		return j.fill(p, raw)
	}
	for !j.ended {
		e, err, ok := j.next()
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the file lists are needed: %w", err)
		}
		if err != nil {
			return err
		}
		if !ok {
			j.ended = true
			break
		}
		if e.PkgID == pkgid {
			return j.fill(p, e.Raw)
		}
		j.waiting[e.PkgID] = slices.Clone(e.Raw)
	}
	return fmt.Errorf("filelists has no package %s (%s)", p.NEVRA, pkgid)
}

func (j *filesJoin) fill(p *Package, raw []byte) error {
	if err := j.reader.reader.read(raw, j.reader.collect); err != nil {
		return fmt.Errorf("filelists of %s: %w", p.NEVRA, err)
	}
	p.Files = make([]File, 0, len(j.reader.files))
	start := 0
	all := string(j.reader.texts) // one allocation for all paths
	for _, f := range j.reader.files {
		p.Files = append(p.Files, File{all[start:f.end], f.kind})
		start = f.end
	}
	return nil
}

// drain reads filelists to its end, so that the verdict on its bytes is heard.
func (j *filesJoin) drain() error {
	for !j.ended {
		_, err, ok := j.next()
		if err != nil {
			return err
		}
		j.ended = !ok
	}
	return nil
}
