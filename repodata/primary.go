package repodata

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"strconv"
	"unsafe"

	"flatstream/repodata/digest"
	"flatstream/repodata/rpmver"
)

// Package parses a primary element. For many elements use one [Decoder].
func (e Element) Package(parts Parts) (*Package, error) {
	var d Decoder
	return d.Package(e, parts)
}

// Decoder parses primary elements and shares the strings that repeat among them.
// It serves one goroutine; what it returned stays valid. The zero value is ready.
type Decoder struct {
	// Apart gives each package strings that are part of its element's bytes, and lists
	// in memory that is used again, in the place of shared strings and memory of its
	// own. What was returned is valid until [Decoder.Reset], and until the bytes of the
	// element are changed. It is for who keeps nothing of a package: there is a tenth
	// less to do for a verify of 20,000 packages.
	Apart bool

	raw       []byte // the element, when Apart
	reader    markupReader
	shared    interner
	providing map[string]bool // names of the only Provides to read; nil: as the parts say
	relations room[Relation]
	files     room[File]
	packages  room[Package] // when Apart
}

// Reset takes the memory back of all packages that were returned, when Apart.
func (d *Decoder) Reset() {
	d.relations.reset()
	d.files.reset()
	d.packages.reset()
}

// Package parses a primary element. Where an element holds a part twice, the
// first location and checksum count. A relation whose flags stand without a
// version has no version, as in libsolv.
func (d *Decoder) Package(e Element, parts Parts) (*Package, error) {
	d.raw = e.Raw
	var p *Package
	err := d.reader.readElement(e, func(m markup) error {
		p = d.newPackage()
		d.relations.drop()
		d.files.drop()
		return (&primaryParser{d: d, p: p, m: m, parts: parts}).parse()
	})
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", e.PkgID, err)
	}
	return p, nil
}

// newPackage is an empty package.
func (d *Decoder) newPackage() *Package {
	if !d.Apart {
		return &Package{}
	}
	d.packages.add(Package{})
	return &d.packages.keep(true)[0]
}

func (p *Package) check() error {
	switch {
	case p.Name == "" || p.Version == "" || p.Arch == "":
		return fmt.Errorf("%s lacks a name, version or arch", p.NEVRA)
	case p.PkgID.IsZero():
		return fmt.Errorf(`%s has no <checksum pkgid="YES">`, p.NEVRA)
	case p.Location == "":
		return fmt.Errorf("%s has no <location>", p.NEVRA)
	}
	return nil
}

// intern returns the one string of these bytes; when Apart, these bytes themselves if
// they are part of the element, else a string of their own.
func (d *Decoder) intern(b []byte) string {
	switch {
	case len(b) == 0:
		return ""
	case !d.Apart:
		return d.shared.intern(b)
	case within(d.raw, b) >= 0:
		return unsafe.String(&b[0], len(b))
	}
	return string(b)
}

// primaryParser is the state within one element: package / child / part / entry.
type primaryParser struct {
	d     *Decoder
	p     *Package
	m     markup
	parts Parts

	depth    int
	format   bool   // inside <format>
	algo     string // of the checksum that is open, if it is the package's
	kind     FileKind
	into     *[]Relation // the list that is open
	from     int         // where its entries begin in d.relations
	location bool        // one was seen
	source   bool        // a <sourcerpm> was seen
	lists    [8]listSpan
	nlists   int
	done     bool // all that was asked for is there
}

// listSpan remembers where in the scratch one relation list lies: the scratch
// moves as it grows.
type listSpan struct {
	into       *[]Relation
	start, end int
}

func (x *primaryParser) parse() error {
	for {
		kind, err := x.m.next()
		if err == io.EOF {
			x.store()
			return nil
		}
		if err == nil && kind == opening {
			x.depth++
			err = x.open()
		} else if err == nil {
			x.depth--
			err = x.close()
		}
		if err != nil {
			return err
		}
		if x.done {
			x.store()
			return nil
		}
	}
}

// store gives each relation list and the files memory of their own, in one piece.
func (x *primaryParser) store() {
	all := x.d.relations.keep(x.d.Apart)
	for _, l := range x.lists[:x.nlists] {
		*l.into = all[l.start:l.end:l.end]
	}
	x.p.Files = x.d.files.keep(x.d.Apart)
}

func (x *primaryParser) open() error {
	switch {
	case x.depth == 2:
		return x.openChild()
	case x.depth == 3 && x.format:
		x.openPart()
	case x.depth == 4 && x.into != nil && string(x.m.name()) == "entry":
		return x.entry()
	}
	return nil
}

func (x *primaryParser) openChild() error {
	var err error
	switch string(x.m.name()) {
	case "version":
		err = x.version()
	case "checksum":
		x.checksum()
	case "time":
		err = x.numbers("file", &x.p.FileTime, "build", &x.p.BuildTime)
	case "size":
		err = x.numbers("package", &x.p.Size, "", nil)
	case "location":
		x.locate()
	case "format":
		x.format = true
	}
	return err
}

func (x *primaryParser) version() error {
	var epoch string
	for {
		key, value, more := x.m.attr()
		if !more {
			break
		}
		switch string(key) {
		case "epoch":
			epoch = string(value)
		case "ver":
			x.p.Version = x.d.intern(value)
		case "rel":
			x.p.Release = x.d.intern(value)
		}
	}
	var err error
	x.p.Epoch, err = rpmver.ParseEpoch(epoch)
	return err
}

func (x *primaryParser) checksum() {
	var algo string
	isID := false
	for {
		key, value, more := x.m.attr()
		if !more {
			break
		}
		switch string(key) {
		case "type":
			algo = x.d.intern(value)
		case "pkgid":
			isID = string(value) == "YES"
		}
	}
	if isID && x.p.PkgID.IsZero() {
		x.algo = algo
	}
}

func (x *primaryParser) numbers(key1 string, n1 *int64, key2 string, n2 *int64) error {
	for {
		key, value, more := x.m.attr()
		if !more {
			return nil
		}
		var n *int64
		switch string(key) {
		case key1:
			n = n1
		case key2:
			n = n2
		}
		if n == nil {
			continue
		}
		var err error
		if *n, err = strconv.ParseInt(string(value), 10, 64); err != nil {
			return fmt.Errorf("<%s> %s=%q is not a number", x.m.name(), key, value)
		}
	}
}

func (x *primaryParser) locate() {
	if x.location {
		return
	}
	x.location = true
	for {
		key, value, more := x.m.attr()
		if !more {
			return
		}
		switch string(key) {
		case "href":
			x.p.Location = x.alone(value)
		case "xml:base":
			x.p.Base = x.d.intern(value)
		}
	}
}

// openPart begins a relation list or a file within <format>.
func (x *primaryParser) openPart() {
	name := string(x.m.name())
	if name == "file" {
		x.kind = fileKind(x.m)
		return
	}
	if x.parts&PartRelations == 0 && (x.d.providing == nil || name != "provides") {
		return
	}
	if x.into = x.p.relations(name); x.into != nil {
		x.from = len(x.d.relations.open)
	}
}

func (x *primaryParser) close() error {
	switch {
	case x.depth == 1:
		return x.closeChild()
	case x.depth == 2 && x.format:
		return x.closePart()
	}
	return nil
}

func (x *primaryParser) closeChild() error {
	x.format = false
	name := string(x.m.name())
	if name != "name" && name != "arch" && x.algo == "" {
		return nil
	}
	text, err := x.m.text()
	if err != nil {
		return err
	}
	text = bytes.TrimSpace(text)
	switch {
	case name == "name":
		x.p.Name = x.own(text)
	case name == "arch":
		x.p.Arch = x.d.intern(text)
	case name == "checksum":
		x.p.PkgID, err = digest.Parse(x.algo, x.alone(text))
		x.algo = ""
	}
	return err
}

func (x *primaryParser) closePart() error {
	if x.into != nil {
		if x.nlists == len(x.lists) {
			return fmt.Errorf("it has more than %d lists of relations", len(x.lists))
		}
		x.lists[x.nlists] = listSpan{x.into, x.from, len(x.d.relations.open)}
		x.nlists++
		x.into = nil
		x.done = x.parts == PartIdentity && x.location && x.source
		return nil
	}
	isFile := string(x.m.name()) == "file"
	if isFile && x.parts&PartFiles == 0 || !isFile && string(x.m.name()) != "sourcerpm" {
		return nil
	}
	text, err := x.m.text()
	if err != nil {
		return err
	}
	if isFile {
		x.d.files.add(File{x.d.intern(text), x.kind})
	} else {
		x.p.SourceRPM = x.own(bytes.TrimSpace(text))
		x.source = true
		x.done = x.parts == PartIdentity && x.location && x.d.providing == nil
	}
	return nil
}

// alone is a string that no other is the same as.
func (x *primaryParser) alone(b []byte) string {
	if x.d.Apart {
		return x.d.intern(b)
	}
	return string(b)
}

// own is a string that few others are the same as, unless relations are read, too.
func (x *primaryParser) own(b []byte) string {
	if x.parts&PartRelations == 0 {
		return x.alone(b)
	}
	return x.d.intern(b)
}

// fileKind reads the type attribute of a <file>.
func fileKind(m markup) FileKind {
	kind := PlainFile
	for {
		key, value, more := m.attr()
		if !more {
			return kind
		}
		if string(key) == "type" {
			switch string(value) {
			case "dir":
				kind = Directory
			case "ghost":
				kind = Ghost
			}
		}
	}
}

// Packages yields every package of the repository, in primary's order. It joins
// filelists in lock-step when [PartAllFiles] is asked for; where the two are
// ordered differently, the elements in between wait in memory. One or two files
// are open while it runs; bytes are verified when the end is reached.
func (r *Repo) Packages(ctx context.Context, parts Parts) iter.Seq2[*Package, error] {
	return r.packages(ctx, parts, nil)
}

// PackagesProviding is [Repo.Packages] with [PartIdentity] and, of the Provides,
// those with one of the given names. It reads no element to its end, which takes
// half the time of [PartRelations].
func (r *Repo) PackagesProviding(ctx context.Context, names map[string]bool) iter.Seq2[*Package, error] {
	if len(names) == 0 {
		names = nil
	}
	return r.packages(ctx, PartIdentity, names)
}

func (r *Repo) packages(ctx context.Context, parts Parts, providing map[string]bool) iter.Seq2[*Package, error] {
	return func(yield func(*Package, error) bool) {
		d := Decoder{providing: providing}
		join, drain := func(*Package, string) error { return nil }, func() error { return nil }
		if parts&PartAllFiles != 0 {
			parts &^= PartFiles
			files := newFilesJoin(r.Elements(ctx, TypeFilelists), &d)
			defer files.stop()
			join, drain = files.join, files.drain
		}
		var failed error
		stopped := false
		err := r.scan(ctx, TypePrimary, new(Memory), func(e Element) bool {
			if failed != nil {
				return true // to the end, which says whether the bytes are those of repomd.xml
			}
			p, err := d.Package(e, parts)
			if err == nil {
				err = join(p, e.PkgID)
			}
			if err != nil {
				failed = fmt.Errorf("read %s: %w", r.location(TypePrimary), err)
				return true
			}
			stopped = !yield(p, nil)
			return !stopped
		})
		switch {
		case stopped:
			return
		case err == nil && failed != nil:
			err = failed
		case err == nil:
			err = drain()
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// location is the file of the first record of that type.
func (r *Repo) location(typ string) string {
	rec, _ := r.MD.Record(typ)
	return rec.Location
}
