package repofile

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"flatstream/repodata/digest"
)

// MaxList is the most bytes that a mirrorlist or metalink may have: 1 MiB.
// Fedora's largest metalink has 60 kB.
const MaxList = 1 << 20

// maxMirrors bounds what a list may name; a run never tries that many.
const maxMirrors = 1000

// ErrNoMirrors says that a mirrorlist or metalink was read and names no
// repository that could be used.
var ErrNoMirrors = errors.New("no usable URLs in it")

// ParseMirrorlist reads one base URL per line; "#" starts a comment line. Only
// http and https count when the list came over the network; a local one may also
// name file:// and absolute paths. URLs with a user name are dropped: a list
// cannot hand out credentials. A list without any URL is [ErrNoMirrors].
func ParseMirrorlist(r io.Reader, local bool) ([]string, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxList+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read mirrorlist: %w", err)
	case len(b) > MaxList:
		return nil, fmt.Errorf("read mirrorlist: larger than %d bytes", MaxList)
	}
	var urls []string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || !usable(line, local) || slices.Contains(urls, line) {
			continue
		}
		if urls = append(urls, line); len(urls) == maxMirrors {
			break
		}
	}
	if len(urls) == 0 {
		return nil, fmt.Errorf("mirrorlist: %w%s", ErrNoMirrors, quoteStart(b))
	}
	return urls, nil
}

// quoteStart shows how the answer begins: mirror managers explain themselves in
// the body of a 200 ("Invalid release/repo/arch combination").
func quoteStart(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if line == "" {
		return " (it is empty)"
	}
	return fmt.Sprintf(" (it begins %q)", line[:min(len(line), 80)])
}

func usable(raw string, local bool) bool {
	u, err := url.Parse(raw)
	if err != nil || u.User != nil {
		return false
	}
	switch u.Scheme {
	case "http", "https":
		return u.Host != ""
	case "file":
		return local && (u.Host == "" || u.Host == "localhost")
	case "":
		return local && strings.HasPrefix(raw, "/")
	}
	return false
}

// Metalink is what a metalink 3.0 document says of repomd.xml.
type Metalink struct {
	// Accepted are the states of repomd.xml that may be taken: the current one
	// first, then the alternates, which mirrors may still have.
	Accepted []State
	// BaseURLs are the mirrors by descending preference, cut before
	// repodata/repomd.xml.
	BaseURLs []string
	// Warnings name what was skipped, one sentence each.
	Warnings []string
}

// State is one version of repomd.xml.
type State struct {
	Timestamp int64           // seconds since 1970, 0 if not given
	Size      int64           // bytes, -1 if not given
	Sum       digest.Checksum // the strongest one given, zero if none
}

// Check reports whether b is one of the accepted states. A metalink without any
// checksum accepts everything: it is a mirrorlist then.
func (m *Metalink) Check(b []byte) error {
	if len(m.Accepted) == 0 || m.Accepted[0].Sum.IsZero() || slices.ContainsFunc(m.Accepted, func(s State) bool { return s.Is(b) }) {
		return nil
	}
	return fmt.Errorf("repomd.xml is none of the %d versions that the metalink names", len(m.Accepted))
}

// Is reports whether b is that version. Without a checksum nothing is.
func (s State) Is(b []byte) bool {
	if s.Sum.IsZero() || s.Size >= 0 && s.Size != int64(len(b)) {
		return false
	}
	h := s.Sum.New()
	h.Write(b)
	return digest.FromHash(s.Sum.Algo, h) == s.Sum
}

type xmlState struct {
	Timestamp string `xml:"timestamp"`
	Size      string `xml:"size"`
	Hashes    []struct {
		Type string `xml:"type,attr"`
		Hex  string `xml:",chardata"`
	} `xml:"verification>hash"`
}

type xmlMetalink struct {
	XMLName xml.Name `xml:"metalink"`
	Files   []struct {
		Name string `xml:"name,attr"`
		xmlState
		Alternates []xmlState `xml:"alternates>alternate"`
		URLs       []struct {
			Preference string `xml:"preference,attr"`
			URL        string `xml:",chardata"`
		} `xml:"resources>url"`
	} `xml:"files>file"`
}

// ParseMetalink reads a metalink and takes its file repomd.xml. Only http and
// https count when it came over the network. Values that cannot be read are
// skipped with a warning, as librepo does; a document that is no metalink, or
// knows no repomd.xml, is an error, and one without a usable URL [ErrNoMirrors].
func ParseMetalink(r io.Reader, local bool) (*Metalink, error) {
	lr := &io.LimitedReader{R: r, N: MaxList + 1}
	var doc xmlMetalink
	if err := xml.NewDecoder(lr).Decode(&doc); err != nil {
		if lr.N <= 0 {
			err = fmt.Errorf("larger than %d bytes", MaxList)
		}
		return nil, fmt.Errorf("read metalink: %w", err)
	}
	for _, f := range doc.Files {
		if f.Name != "repomd.xml" {
			continue
		}
		m := &Metalink{Accepted: []State{}}
		for i, s := range append([]xmlState{f.xmlState}, f.Alternates...) {
			if i < maxMirrors {
				m.Accepted = append(m.Accepted, m.state(s))
			}
		}
		var ranked []rankedURL
		for _, u := range f.URLs {
			ranked = append(ranked, rankedURL{strings.TrimSpace(u.URL), m.preference(u.Preference)})
		}
		m.rank(ranked, local)
		if len(m.BaseURLs) == 0 {
			return nil, fmt.Errorf("metalink: %w", ErrNoMirrors)
		}
		return m, nil
	}
	return nil, errors.New("read metalink: it does not describe repomd.xml")
}

func (m *Metalink) warn(format string, a ...any) {
	if len(m.Warnings) < 20 {
		m.Warnings = append(m.Warnings, fmt.Sprintf("metalink: "+format, a...))
	}
}

func (m *Metalink) state(x xmlState) State {
	s := State{Size: -1}
	if x.Timestamp != "" {
		if n, err := parseUint(x.Timestamp); err != nil {
			m.warn("timestamp %q is not a number", x.Timestamp)
		} else {
			s.Timestamp = n
		}
	}
	if x.Size != "" {
		if n, err := parseUint(x.Size); err != nil {
			m.warn("size %q is not a number", x.Size)
		} else {
			s.Size = n
		}
	}
	for _, h := range x.Hashes {
		sum, err := digest.Parse(h.Type, h.Hex)
		if err != nil {
			m.warn("%v", err)
			continue
		}
		if s.Sum.IsZero() || strength(sum) > strength(s.Sum) {
			s.Sum = sum
		}
	}
	return s
}

func strength(c digest.Checksum) int {
	return slices.Index([]string{"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}, c.Algo)
}

type rankedURL struct {
	url        string
	preference int64 // 0 to 100, 100 best
}

func (m *Metalink) preference(text string) int64 {
	if text == "" {
		return 0
	}
	n, err := parseUint(text)
	if err != nil || n > 100 {
		m.warn("preference %q is not between 0 and 100", text)
		return 0
	}
	return n
}

const repomdPath = "repodata/repomd.xml"

// rank keeps the usable URLs. ftp and rsync twins stand in every real metalink
// and are passed over without a word.
func (m *Metalink) rank(urls []rankedURL, local bool) {
	slices.SortStableFunc(urls, func(a, b rankedURL) int { return cmp.Compare(b.preference, a.preference) })
	for _, u := range urls {
		base, ok := strings.CutSuffix(u.url, repomdPath)
		switch {
		case !usable(u.url, local) || len(m.BaseURLs) == maxMirrors:
		case !ok:
			m.warn("a URL does not end in %s", repomdPath)
		case !slices.Contains(m.BaseURLs, base):
			m.BaseURLs = append(m.BaseURLs, base)
		}
	}
}

func parseUint(s string) (int64, error) {
	var n int64
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 18 {
		return 0, errors.New("not a number")
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, errors.New("not a number")
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, nil
}
