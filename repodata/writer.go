package repodata

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"flatstream/repodata/codec"
	"flatstream/repodata/digest"
)

const xmlDeclaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// recordOrder is createrepo_c's; other types follow as they were written.
var recordOrder = [...]string{TypePrimary, TypeFilelists, TypeOther, TypeGroup, TypeModules, TypeUpdateinfo}

// WriterOptions say how a repository is written.
type WriterOptions struct {
	// Format is the compression of every file but repomd.xml; the zero value is
	// none, [codec.Gzip] is what every client reads.
	Format codec.Format
	// Scratch is what one Writer after another can use, of the same Format; nil: its
	// own. One per worker: a Writer uses it only while one of its methods runs.
	Scratch *Scratch
	// Revision of repomd.xml, and Timestamp (seconds since 1970) of all its
	// records. Nothing is taken from the clock.
	Revision  string
	Timestamp int64
	Tags      Tags
	// Earlier is the directory of a repository that this program wrote before with
	// the same Format; what would come out again is linked from there, the same
	// bytes. It is checked, not trusted. Empty, missing, another one: nothing is.
	Earlier string
}

// Writer writes one repository's metadata, each file under its checksum's name
// and repomd.xml last, so that no half repository can exist. Same input, same
// bytes. It serves one goroutine.
type Writer struct {
	*Scratch
	dir     string // DIR/repodata
	opt     WriterOptions
	out     output
	earlier *earlier // nil: nothing is taken from there
	records []Record
	closed  bool
	open    *meter // of the file that is being compressed
}

// NewWriter makes dir/repodata. There must be no repomd.xml in it yet.
// Directories get mode 0755 and files 0644, whatever the umask.
func NewWriter(dir string, opt WriterOptions) (*Writer, error) {
	w := &Writer{dir: filepath.Join(dir, "repodata"), opt: opt}
	if err := makeDir(w.dir); err != nil {
		return nil, fmt.Errorf("write repository: %w", err)
	}
	if _, err := os.Lstat(filepath.Join(w.dir, "repomd.xml")); err == nil {
		return nil, fmt.Errorf("write repository: %s has a repomd.xml already", w.dir)
	}
	w.Scratch = opt.Scratch
	if opt.Scratch == nil {
		var err error
		if w.Scratch, err = NewScratch(opt.Format); err != nil {
			return nil, fmt.Errorf("write repository: %w", err)
		}
	}
	w.out = output{dir: w.dir, buf: &w.stored}
	w.earlier = openEarlier(opt.Earlier, opt.Revision)
	return w, nil
}

// Scratch is an encoder and the buffers of a [Writer]: a tenth of what a small
// repository takes is making them anew. It serves one goroutine.
type Scratch struct {
	encoder *codec.Encoder
	buf     *bufio.Writer
	stored  []byte
	index   bytes.Buffer
}

// NewScratch makes one for a format that is written: gzip, zstd or none.
func NewScratch(f codec.Format) (*Scratch, error) {
	encoder, err := codec.NewEncoder(f)
	if err != nil {
		return nil, err
	}
	return &Scratch{encoder: encoder, buf: bufio.NewWriterSize(nil, 32<<10)}, nil
}

// roots are createrepo_c's opening tags (cr_xmlfile_set_num_of_pkgs).
var roots = map[string]string{
	TypePrimary:   `<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="%d">`,
	TypeFilelists: `<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="%d">`,
	TypeOther:     `<otherdata xmlns="http://linux.duke.edu/metadata/other" packages="%d">`,
}

// Packages writes primary, filelists or other from count elements, each as its
// bytes on lines of its own. Another count than announced is an error.
func (w *Writer) Packages(typ string, count int, elements iter.Seq2[[]byte, error]) error {
	return w.PackageRuns(typ, count, func(yield func(Run, error) bool) {
		for raw, err := range elements {
			if !yield(Run{Lines: raw, Count: 1}, err) {
				return
			}
		}
	})
}

// Run is one or more elements that follow each other.
type Run struct {
	Lines []byte // the elements with a newline between two, and none at the end
	Count int
	// Share, if not nil, makes a piece of the run, which other repositories may hold
	// too: it calls write once, with what write returned for the same lines elsewhere,
	// or nil. What write returns is valid until the next run, and nil where the format
	// has no pieces.
	Share func(write func(packed []byte) ([]byte, error)) error
}

// PackageRuns is [Writer.Packages] from runs of elements.
func (w *Writer) PackageRuns(typ string, count int, runs iter.Seq2[Run, error]) error {
	root, err := rootElement(typ)
	if err != nil {
		return fmt.Errorf("write repository: %w", err)
	}
	return w.write(typ, typ+".xml", func(out *bufio.Writer) error {
		out.WriteString(xmlDeclaration)
		fmt.Fprintf(out, roots[typ]+"\n", count)
		n := 0
		for run, err := range runs {
			if err == nil {
				n += run.Count
				err = w.writeRun(out, run)
			}
			if err != nil {
				return err
			}
		}
		if n != count {
			return fmt.Errorf("%d packages were announced and %d came", count, n)
		}
		_, err := fmt.Fprintf(out, "</%s>", root) // and no newline, like createrepo_c
		return err
	})
}

func (w *Writer) writeRun(out *bufio.Writer, run Run) error {
	if run.Share == nil || w.open == nil {
		out.Write(run.Lines)
		return out.WriteByte('\n')
	}
	if err := out.Flush(); err != nil {
		return err
	}
	lines := append(run.Lines, '\n')
	w.open.count(lines)
	return run.Share(func(packed []byte) ([]byte, error) { return w.encoder.WritePiece(lines, packed) })
}

// Data writes any other file: updateinfo.xml, comps.xml, modules.yaml. The name
// is what stands behind the checksum, without the compression's ending.
func (w *Writer) Data(typ, name string, r io.Reader) error {
	source := func() io.Reader { return r }
	if w.earlier != nil { // content is asked for twice
		doc, err := io.ReadAll(r)
		if err != nil {
			return fmt.Errorf("write %s: %w", filepath.Join(w.dir, name), err)
		}
		source = func() io.Reader { return bytes.NewReader(doc) }
	}
	return w.write(typ, name, func(out *bufio.Writer) error {
		_, err := io.Copy(out, source())
		return err
	})
}

// write makes one metadata file and its record.
func (w *Writer) write(typ, name string, content func(*bufio.Writer) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", filepath.Join(w.dir, name), err)
		}
	}()
	if w.closed {
		return errors.New("the repository is complete")
	}
	if slices.ContainsFunc(w.records, func(r Record) bool { return r.Type == typ }) {
		return fmt.Errorf("there is a record %q already", typ)
	}
	name += w.opt.Format.Ext()
	if err := CheckHref(name); err != nil || strings.Contains(name, "/") {
		return errors.Join(errors.New("that is no file name"), err)
	}
	rec, ok, err := w.again(typ, name, content)
	if err != nil {
		return err
	}
	if ok {
		w.records = append(w.records, rec)
		return nil
	}
	w.out.reset(".tmp-" + name)
	defer w.out.discard()
	if rec, err = w.encode(content); err != nil {
		return err
	}
	rec.Type = typ
	rec.Location = "repodata/" + rec.Checksum.Hex + "-" + name
	if err := w.out.finish(rec.Checksum.Hex + "-" + name); err != nil {
		return err
	}
	w.records = append(w.records, rec)
	return nil
}

// encode pours content through a hash, the encoder and another hash into the output.
func (w *Writer) encode(content func(*bufio.Writer) error) (Record, error) {
	stored := meter{w: &w.out, h: sha256.New()}
	w.encoder.Reset(&stored)
	open := meter{w: w.encoder, h: sha256.New()}
	w.open = &open
	defer func() { w.open = nil }()
	w.buf.Reset(&open)
	err := content(w.buf)
	if err == nil {
		err = w.buf.Flush()
	}
	if err == nil {
		err = w.encoder.Close()
	}
	rec := Record{Timestamp: w.opt.Timestamp, Checksum: stored.sum(), Size: stored.n, OpenSize: -1}
	if w.opt.Format != codec.None {
		rec.OpenChecksum, rec.OpenSize = open.sum(), open.n
	}
	return rec, err
}

// meter counts and hashes what passes.
type meter struct {
	w io.Writer
	h hash.Hash
	n int64
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.count(p[:n])
	return n, err
}

func (m *meter) count(p []byte) {
	m.h.Write(p)
	m.n += int64(len(p))
}

func (m *meter) sum() digest.Checksum {
	return digest.Checksum{Algo: "sha256", Hex: hex.EncodeToString(m.h.Sum(nil))}
}

// Close writes repomd.xml. Without it there is no repository.
func (w *Writer) Close() (*RepoMD, error) {
	if w.closed {
		return nil, fmt.Errorf("write %s: the repository is complete", filepath.Join(w.dir, "repomd.xml"))
	}
	md := &RepoMD{Revision: w.opt.Revision, Tags: w.opt.Tags}
	for _, typ := range recordOrder {
		for _, rec := range w.records {
			if rec.Type == typ {
				md.Records = append(md.Records, rec)
			}
		}
	}
	for _, rec := range w.records {
		if !slices.Contains(recordOrder[:], rec.Type) {
			md.Records = append(md.Records, rec)
		}
	}
	w.index.Reset()
	md.marshal(&w.index)
	md.Raw = bytes.Clone(w.index.Bytes())
	if err := w.writeIndex(md.Raw); err != nil {
		return nil, fmt.Errorf("write repomd.xml: %w", err)
	}
	w.closed = true
	return md, nil
}

func (w *Writer) writeIndex(b []byte) error {
	if _, ok := (&RepoMD{Records: w.records}).Record(TypePrimary); !ok {
		return errors.New("there is no primary")
	}
	old := ""
	if w.earlier != nil {
		old = filepath.Join(w.earlier.dir, "repomd.xml")
	}
	temporary := filepath.Join(w.dir, ".tmp-repomd.xml")
	if err := WriteAgain(old, temporary, b); err != nil {
		return err
	}
	err := os.Rename(temporary, filepath.Join(w.dir, "repomd.xml"))
	if err != nil {
		os.Remove(temporary)
	}
	return err
}
