package repodata

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"flatstream/repodata/digest"
)

// MaxRepoMD is the size in bytes beyond which a repomd.xml is refused unread.
// Real ones have 2 to 10 KiB.
const MaxRepoMD = 16 << 20

// maxRecords bounds the <data> entries of one repomd.xml; real ones have under 30.
const maxRecords = 10000

// RepoMD is the index of a repository: repodata/repomd.xml as createrepo_c
// writes it. Later duplicates of a record type are kept in Records; the first is
// the one that counts.
type RepoMD struct {
	Revision string
	Records  []Record
	Tags     Tags
	Raw      []byte // the bytes that were parsed; nil for one that was made here
}

// Tags are what createrepo_c's --content, --repo and --distro leave behind.
type Tags struct {
	Content, Repo []string
	Distro        []DistroTag
}

// DistroTag names the distribution that a repository is made for.
type DistroTag struct{ CPEID, Name string }

// Record is one <data> entry of repomd.xml: a metadata file and how to know it.
type Record struct {
	Type            string
	Checksum        digest.Checksum // of the file as it is stored
	OpenChecksum    digest.Checksum // of the file decompressed; zero: not given
	Location        string          // relative to the repository, checked by CheckHref
	Base            string          // xml:base of the location, mostly empty; never followed here
	Timestamp       int64           // seconds since 1970
	Size            int64           // bytes stored, -1: not given
	OpenSize        int64           // bytes decompressed, -1: not given
	DatabaseVersion int             // of sqlite files, 0: not given
}

// repomdXML mirrors the file. Unknown elements are passed over: zchunk's
// header-checksum, for one.
type repomdXML struct {
	XMLName  xml.Name
	Revision string `xml:"revision"`
	Tags     struct {
		Content []string `xml:"content"`
		Repo    []string `xml:"repo"`
		Distro  []struct {
			CPEID string `xml:"cpeid,attr"`
			Name  string `xml:",chardata"`
		} `xml:"distro"`
	} `xml:"tags"`
	Data []dataXML `xml:"data"`
}

type dataXML struct {
	Type         string       `xml:"type,attr"`
	Checksum     *checksumXML `xml:"checksum"`
	OpenChecksum *checksumXML `xml:"open-checksum"`
	Location     struct {
		Href string `xml:"href,attr"`
		Base string `xml:"http://www.w3.org/XML/1998/namespace base,attr"`
	} `xml:"location"`
	Timestamp       string `xml:"timestamp"`
	Size            string `xml:"size"`
	OpenSize        string `xml:"open-size"`
	DatabaseVersion string `xml:"database_version"`
}

type checksumXML struct {
	Type   string `xml:"type,attr"`
	Digits string `xml:",chardata"`
}

// maxNesting is how deep elements may stand in each other; real files reach 4.
const maxNesting = 100

// shallow ends a document that nests deeper: encoding/xml keeps every open element.
type shallow struct {
	d     *xml.Decoder
	depth int
}

func (s *shallow) Token() (xml.Token, error) {
	t, err := s.d.RawToken()
	switch t.(type) {
	case xml.StartElement:
		if s.depth++; s.depth > maxNesting {
			return nil, fmt.Errorf("elements nest deeper than %d", maxNesting)
		}
	case xml.EndElement:
		s.depth--
	}
	return t, err
}

// ParseRepoMD reads a repomd.xml. A record without a checksum, or whose location
// could leave the repository, is an error that names it.
func ParseRepoMD(b []byte) (*RepoMD, error) {
	if len(b) > MaxRepoMD {
		return nil, fmt.Errorf("parse repomd.xml: it is over %d MiB", MaxRepoMD>>20)
	}
	var doc repomdXML
	if err := xml.NewTokenDecoder(&shallow{d: xml.NewDecoder(bytes.NewReader(b))}).Decode(&doc); err != nil {
		return nil, fmt.Errorf("parse repomd.xml: %w", err)
	}
	if doc.XMLName.Local != "repomd" {
		return nil, fmt.Errorf("parse repomd.xml: the root element is <%s>, want <repomd>", doc.XMLName.Local)
	}
	if len(doc.Data) > maxRecords {
		return nil, fmt.Errorf("parse repomd.xml: it lists %d records, at most %d are read", len(doc.Data), maxRecords)
	}
	m := &RepoMD{Revision: strings.TrimSpace(doc.Revision), Raw: b}
	m.Tags.Content, m.Tags.Repo = doc.Tags.Content, doc.Tags.Repo
	for _, d := range doc.Tags.Distro {
		m.Tags.Distro = append(m.Tags.Distro, DistroTag{d.CPEID, d.Name})
	}
	for _, d := range doc.Data {
		rec, err := d.record()
		if err != nil {
			return nil, fmt.Errorf("parse repomd.xml: record %q: %w", d.Type, err)
		}
		m.Records = append(m.Records, rec)
	}
	return m, nil
}

func (d *dataXML) record() (Record, error) {
	rec := Record{Type: d.Type, Location: d.Location.Href, Base: d.Location.Base}
	if d.Type == "" {
		return rec, fmt.Errorf("it has no type")
	}
	if err := CheckHref(rec.Location); err != nil {
		return rec, fmt.Errorf("location %q is refused: %w", rec.Location, err)
	}
	if d.Checksum == nil {
		return rec, fmt.Errorf("it has no checksum")
	}
	var err error
	if rec.Checksum, err = digest.Parse(d.Checksum.Type, d.Checksum.Digits); err != nil {
		return rec, err
	}
	if d.OpenChecksum != nil {
		if rec.OpenChecksum, err = digest.Parse(d.OpenChecksum.Type, d.OpenChecksum.Digits); err != nil {
			return rec, fmt.Errorf("open-checksum: %w", err)
		}
	}
	if rec.Timestamp, err = parseTimestamp(d.Timestamp); err != nil {
		return rec, err
	}
	if rec.Size, err = parseSize("size", d.Size); err != nil {
		return rec, err
	}
	if rec.OpenSize, err = parseSize("open-size", d.OpenSize); err != nil {
		return rec, err
	}
	version, err := parseSize("database_version", d.DatabaseVersion)
	rec.DatabaseVersion = int(max(version, 0))
	return rec, err
}

// parseTimestamp reads seconds since 1970; yum's createrepo wrote a fraction.
func parseTimestamp(s string) (int64, error) {
	s, _, _ = strings.Cut(strings.TrimSpace(s), ".")
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("timestamp %q is not a number", s)
	}
	return n, nil
}

func parseSize(what, s string) (int64, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return -1, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s %q is not a size in bytes", what, s)
	}
	return n, nil
}

// Record finds the first record of a type.
func (m *RepoMD) Record(typ string) (Record, bool) {
	for _, rec := range m.Records {
		if rec.Type == typ {
			return rec, true
		}
	}
	return Record{}, false
}

// Marshal writes the index as createrepo_c does (cr_xml_dump_repomd), records in
// the order of the slice. It never returns Raw.
func (m *RepoMD) Marshal() []byte {
	var b bytes.Buffer
	m.marshal(&b)
	return b.Bytes()
}

func (m *RepoMD) marshal(b *bytes.Buffer) {
	b.WriteString(xmlDeclaration)
	b.WriteString(`<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">` + "\n")
	if m.Revision != "" { // createrepo_c warns about an empty one
		line(b, "  ", "revision", "", m.Revision)
	}
	m.Tags.marshal(b)
	for _, rec := range m.Records {
		rec.marshal(b)
	}
	b.WriteString("</repomd>\n")
}

func (t *Tags) marshal(b *bytes.Buffer) {
	if len(t.Content)+len(t.Repo)+len(t.Distro) == 0 {
		return
	}
	b.WriteString("  <tags>\n")
	for _, s := range t.Content {
		line(b, "    ", "content", "", s)
	}
	for _, s := range t.Repo {
		line(b, "    ", "repo", "", s)
	}
	for _, d := range t.Distro {
		line(b, "    ", "distro", attribute("cpeid", d.CPEID), d.Name)
	}
	b.WriteString("  </tags>\n")
}

func (rec *Record) marshal(b *bytes.Buffer) {
	fmt.Fprintf(b, "  <data%s>\n", attribute("type", rec.Type))
	line(b, "    ", "checksum", attribute("type", rec.Checksum.Algo), rec.Checksum.Hex)
	if !rec.OpenChecksum.IsZero() {
		line(b, "    ", "open-checksum", attribute("type", rec.OpenChecksum.Algo), rec.OpenChecksum.Hex)
	}
	fmt.Fprintf(b, "    <location%s%s/>\n", attribute("xml:base", rec.Base), attribute("href", rec.Location))
	number := func(name string, n int64, given bool) {
		if given {
			line(b, "    ", name, "", strconv.FormatInt(n, 10))
		}
	}
	number("timestamp", rec.Timestamp, true)
	number("size", rec.Size, rec.Size >= 0)
	number("open-size", rec.OpenSize, rec.OpenSize >= 0)
	number("database_version", int64(rec.DatabaseVersion), rec.DatabaseVersion > 0)
	b.WriteString("  </data>\n")
}

// line writes one element on a line of its own, without the newline in text.
func line(b *bytes.Buffer, indent, name, attrs, text string) {
	fmt.Fprintf(b, "%s<%s%s>%s</%s>\n", indent, name, attrs, escape(text), name)
}

// attribute writes ` key="value"`, or nothing for an empty value.
func attribute(key, value string) string {
	if value == "" {
		return ""
	}
	return " " + key + `="` + escape(value) + `"`
}

// plainText says that s is ASCII that may stand as it is.
func plainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\'' || c == '&' || c == '<' || c == '>' {
			return false
		}
	}
	return true
}

// escape writes s so that it may stand in text and in double quotes. Bytes that
// XML cannot carry become U+FFFD.
func escape(s string) string {
	if plainText(s) {
		return s
	}
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil { // a bytes.Buffer never fails
		return ""
	}
	return b.String()
}
