// Package repofile reads what tells DNF where a repository is: .repo files,
// variables, mirrorlists and metalinks.
//
// # Grammar of a .repo file
//
// As libdnf's IniParser reads it, which is neither Python's configparser nor
// gopkg.in/ini (measured against libdnf 0.69, and by a test where that is there):
//
//   - "#" or ";" in column 1 makes a comment, nowhere else;
//   - "[id]" starts a section; behind the bracket only blanks or a comment;
//   - "key=value", blanks around both dropped, ":" is no separator; one pair of
//     equal quotes around the value is dropped;
//   - a line that starts with a blank continues the value of the line before it,
//     joined by a newline; an empty line or a comment ends the value;
//   - the same section again adds to it, the same key again replaces it;
//   - keys keep their case, and unknown ones are tolerated.
//
// Lists are split at commas, blanks and newlines. Where DNF drops a value that it
// cannot read and goes on, this package keeps the default and says so in
// [Repo.Problems]: a mistyped gpgcheck must not pass silently.
package repofile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"
)

// Repo is one section of a .repo file. Times and rates hold DNF's defaults where
// the file says nothing.
type Repo struct {
	ID   string
	Line int    // of its first section header
	Name string // ID where the file gives none

	BaseURLs   []string // in the file's order
	Mirrorlist string   // URL; empty when Metalink is set from it
	Metalink   string   // URL; wins over Mirrorlist, which wins over BaseURLs

	Enabled        bool // default true
	GPGCheck       bool // packages are signed; default false
	RepoGPGCheck   bool // repomd.xml is signed; default false
	GPGKeys        []string
	ModuleHotfixes bool

	SSLVerify     bool // default true
	SSLCACert     string
	SSLClientCert string
	SSLClientKey  string

	Username, Password                  string
	Proxy, ProxyUsername, ProxyPassword string // Proxy "_none_": connect directly

	Timeout  time.Duration // connect, and window of MinRate; default 30 s
	MinRate  int64         // bytes per second; default 1000
	Throttle int64         // bytes per second; 0, the default, is unlimited
	Retries  int           // default 10; 0 means without end in DNF

	IncludePkgs, ExcludePkgs []string
	MetadataExpire           time.Duration // default 48 h; negative: never
	Priority, Cost           int           // defaults 99 and 1000

	// Keys holds every key as the file has it, before variables, unknown ones too.
	Keys map[string]string
	// Problems are values that could not be read. [Repo.Err] makes them an error.
	Problems []Problem
	// Warnings are oddities that change nothing by themselves, one sentence each.
	Warnings []string
}

// Problem is a key whose value was not understood.
type Problem struct {
	Key  string
	Text string
}

func (p Problem) String() string { return p.Key + ": " + p.Text }

// Err says why the repository cannot be used: a value that could not be read, an
// id that no tool accepts, or no URL at all.
func (r *Repo) Err() error {
	errs := make([]error, 0, len(r.Problems)+1)
	for _, p := range r.Problems {
		errs = append(errs, fmt.Errorf("repository %q: %s", r.ID, p))
	}
	if len(r.BaseURLs) == 0 && r.Mirrorlist == "" && r.Metalink == "" {
		errs = append(errs, fmt.Errorf("repository %q: neither baseurl, mirrorlist nor metalink is set", r.ID))
	}
	return errors.Join(errs...)
}

// maxFile and maxLine bound a .repo file in bytes. Real ones reach 500 kB (RHEL
// with every entitlement).
const (
	maxFile = 8 << 20
	maxLine = 1 << 20
)

// SyntaxError says where a .repo file is not one. DNF skips the whole file then.
type SyntaxError struct {
	Line int
	Text string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// Parse reads a .repo file: its repositories in the file's order, without a
// [main] section. Variables stay as they are until [Repo.Expand]. A violation of
// the grammar is a *[SyntaxError].
func Parse(r io.Reader) ([]Repo, error) {
	p := parser{byID: map[string]*section{}}
	lines := bufio.NewScanner(io.LimitReader(r, maxFile+1))
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	size := 0
	for lines.Scan() {
		p.line++
		if size += len(lines.Bytes()) + 1; size > maxFile {
			return nil, &SyntaxError{p.line, fmt.Sprintf("the file is larger than %d bytes", maxFile)}
		}
		if err := p.next(lines.Text()); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, &SyntaxError{p.line + 1, err.Error()}
	}
	p.finish()
	return p.repos(), nil
}

type section struct {
	id    string
	line  int
	keys  map[string]string
	times int // how often its header stands in the file
}

// parser is libdnf's IniParser, line by line.
type parser struct {
	line     int
	sections []*section
	byID     map[string]*section
	now      *section
	key      string          // whose value may go on; empty: none
	value    strings.Builder // of key, so far
}

// finish ends the value that is being read.
func (p *parser) finish() {
	if p.key != "" {
		p.now.keys[p.key] = unquote(p.value.String())
	}
	p.key = ""
	p.value.Reset()
}

func (p *parser) fail(format string, a ...any) error {
	return &SyntaxError{p.line, fmt.Sprintf(format, a...)}
}

func (p *parser) next(line string) error {
	line = strings.TrimSuffix(line, "\r")
	switch {
	case line == "" || line[0] == '#' || line[0] == ';':
		p.finish()
		return nil
	case line[0] == ' ' || line[0] == '\t':
		return p.goOn(line)
	case line[0] == '[':
		return p.header(line)
	}
	return p.assign(line)
}

// goOn takes a line that starts with a blank.
func (p *parser) goOn(line string) error {
	text := strings.Trim(line, " \t")
	switch {
	case p.key != "":
		p.value.WriteString("\n" + text)
		return nil
	case text == "":
		return nil
	case strings.HasPrefix(text, "[") && p.now == nil:
		return p.header(text) // before the first section IniParser looks past blanks
	}
	return p.fail("a line that starts with a blank continues a value, and none stands above it")
}

func (p *parser) header(line string) error {
	end := strings.IndexByte(line, ']')
	if end < 0 {
		return p.fail("the section header has no closing bracket")
	}
	id := line[1:end]
	if id == "" {
		return p.fail("the section has no name")
	}
	// libdnf takes "[a]]" as "[a]"; nothing else may follow but a comment
	rest := strings.TrimLeft(line[end:], "]")
	if rest = strings.Trim(rest, " \t"); rest != "" && rest[0] != '#' && rest[0] != ';' {
		return p.fail("text after the section header: %q", rest)
	}
	p.finish()
	if p.now = p.byID[id]; p.now == nil {
		p.now = &section{id: id, line: p.line, keys: map[string]string{}}
		p.sections = append(p.sections, p.now)
		p.byID[id] = p.now
	}
	p.now.times++
	return nil
}

func (p *parser) assign(line string) error {
	key, value, found := strings.Cut(line, "=")
	key = strings.TrimRight(key, " \t")
	switch {
	case p.now == nil:
		return p.fail("a key stands before the first [section]")
	case !found:
		return p.fail("no = in %q", line)
	case key == "":
		return p.fail("no key before the =")
	}
	p.finish()
	p.key = key
	p.value.WriteString(strings.Trim(value, " \t"))
	return nil
}

func unquote(s string) string {
	if n := len(s); n >= 2 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') {
		return s[1 : n-1]
	}
	return s
}

func (p *parser) repos() []Repo {
	var repos []Repo
	for _, s := range p.sections {
		if s.id == "main" { // dnf.conf's own section; dnf skips it in a .repo file
			continue
		}
		r := decode(s.id, s.line, s.keys)
		if s.times > 1 {
			r.Warnings = append(r.Warnings, fmt.Sprintf("section [%s] stands %d times; the last value of each key counts", s.id, s.times))
		}
		repos = append(repos, r)
	}
	return repos
}

// Expand returns the repository with variables replaced in every value. A name
// that vars does not hold is an error in what leads to a file or URL; elsewhere
// (a password with a dollar sign) the text stays as it is, as in DNF.
func (r *Repo) Expand(vars Vars) (Repo, error) {
	keys := maps.Clone(r.Keys)
	var errs []error
	for key, value := range keys {
		expanded, err := vars.Expand(value)
		if err != nil && leadsSomewhere[key] {
			errs = append(errs, fmt.Errorf("repository %q: %s: %w", r.ID, key, err))
		}
		keys[key] = expanded
	}
	if len(errs) > 0 {
		return Repo{}, errors.Join(errs...)
	}
	out := decode(r.ID, r.Line, keys)
	out.Keys, out.Warnings = r.Keys, r.Warnings
	return out, nil
}

var leadsSomewhere = map[string]bool{
	"baseurl": true, "mirrorlist": true, "metalink": true, "gpgkey": true, "proxy": true,
	"sslcacert": true, "sslclientcert": true, "sslclientkey": true,
}
