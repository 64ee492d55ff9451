package repodata

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"flatstream/repodata/codec"
)

// repomdPath is where every repository has its index.
const repomdPath = "repodata/repomd.xml"

// Repo is a repository that can be read. It holds no open files, and may be used
// by several goroutines.
type Repo struct {
	MD   *RepoMD
	fsys fs.FS
}

// Open reads repodata/repomd.xml of a repository, and nothing else yet. A
// repomd.xml that does not list primary is an error; filelists and other may be
// missing.
func Open(fsys fs.FS) (*Repo, error) {
	f, err := openRegular(fsys, repomdPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no %s: not an rpm-md repository (run createrepo_c?): %w", repomdPath, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxRepoMD+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", repomdPath, err)
	}
	md, err := ParseRepoMD(b)
	if err != nil {
		return nil, err
	}
	if _, ok := md.Record(TypePrimary); !ok {
		return nil, fmt.Errorf("%s lists no primary: the repository is incomplete", repomdPath)
	}
	return &Repo{MD: md, fsys: fsys}, nil
}

// openRegular opens a file where it is one: to open a pipe waits for its writer, and
// a device may never end. An fs.FS that does not answer Stat is trusted.
func openRegular(fsys fs.FS, name string) (fs.File, error) {
	if s, ok := fsys.(fs.StatFS); ok {
		if info, err := s.Stat(name); err == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is not a regular file; mirror the repository again", name)
		}
	}
	return fsys.Open(name)
}

// ctxInterval is how many elements pass between two looks at the context.
const ctxInterval = 256

// Elements yields the <package> elements of primary, filelists or other as
// bytes. An Element is valid until the next one; the bytes are verified when the
// end is reached, so an error may follow good elements. One file is open while
// it runs. After an error nothing follows.
func (r *Repo) Elements(ctx context.Context, typ string) iter.Seq2[Element, error] {
	return new(Memory).Elements(ctx, r, typ)
}

// Memory is what it takes to read a document, 0.4 MB, to be used again by who reads a
// thousand of them one after the other. The zero value is ready. It serves one document at
// a time.
type Memory struct {
	decoder codec.Decoder
	buffer  []byte // of the scanner
}

// Elements is [Repo.Elements] in this memory.
func (m *Memory) Elements(ctx context.Context, r *Repo, typ string) iter.Seq2[Element, error] {
	return func(yield func(Element, error) bool) {
		if err := r.scan(ctx, typ, m, func(e Element) bool { return yield(e, nil) }); err != nil {
			yield(Element{}, err)
		}
	}
}

// scanner is a scanner with the buffer of this memory.
func (m *Memory) scanner(r io.Reader, typ string) (*Scanner, error) {
	root, err := rootElement(typ)
	if err != nil {
		return nil, err
	}
	if m.buffer == nil {
		m.buffer = make([]byte, scanBuffer)
	}
	return &Scanner{cut: newCutterIn(m.buffer, r, root, "package"), typ: typ}, nil
}

// scan calls visit for each element until it returns false.
func (r *Repo) scan(ctx context.Context, typ string, m *Memory, visit func(Element) bool) error {
	data, err := r.data(typ, true, m)
	if err != nil {
		return err
	}
	defer data.Close()
	return r.scanData(ctx, typ, m, data, visit)
}

func (r *Repo) scanData(ctx context.Context, typ string, m *Memory, data io.Reader, visit func(Element) bool) error {
	s, err := m.scanner(data, typ)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if n%ctxInterval == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e, err := s.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return r.nameFile(typ, data, err)
		}
		if !visit(e) {
			return nil
		}
	}
}

// nameFile says in which file err was met, and reads that file to its end: when
// its bytes are wrong, that is why they could not be read.
func (r *Repo) nameFile(typ string, data io.Reader, err error) error {
	if _, verdict := io.Copy(io.Discard, data); verdict != nil {
		return verdict
	}
	return fmt.Errorf("read %s: %w", r.location(typ), err)
}

// Clone returns a copy of e that stays valid.
func (e Element) Clone() Element {
	e.Raw = bytes.Clone(e.Raw)
	return e
}
