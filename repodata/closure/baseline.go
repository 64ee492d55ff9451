package closure

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"flatstream/repodata/rpmver"
)

// Baseline is a list of problems that are known, and that verify lets pass. Its file
// is JSON, {"schema", "entries"}, sorted and with one entry a line, so that it can be
// kept, merged and reviewed like source code. Entries name no version of a package:
// its next release with the same fault is no news.
type Baseline struct {
	Entries []Entry
}

// Entry says of one problem that it is known. It matches by repository, code, package
// and all requirements together ([Problem.Key]).
type Entry struct {
	Repo         string   `json:"repo"` // as in the report; [AnyRepo] for every one
	Code         Code     `json:"code"`
	Package      string   `json:"package"`           // name.arch
	Requirements []string `json:"requirements"`      // sorted; those of the problem
	Reason       string   `json:"reason"`            // for people
	Expires      string   `json:"expires,omitempty"` // YYYY-MM-DD, the last day (UTC) on which it covers; empty: never
}

// AnyRepo is the repository of an entry that holds for all.
const AnyRepo = "*"

// maxBaseline bounds a baseline file, in bytes: some 100,000 entries.
const maxBaseline = 64 << 20

// baselineFile is the JSON form.
type baselineFile struct {
	Schema  int               `json:"schema"`
	Entries []json.RawMessage `json:"entries"`
}

// ReadBaseline reads a baseline file. It is strict, since it is edited by hand and a
// mistake would let nothing pass, or too much: fields, codes and dates that are not
// known are errors that say where.
func ReadBaseline(r io.Reader) (*Baseline, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBaseline+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxBaseline {
		return nil, fmt.Errorf("larger than %d MiB, which no baseline is", maxBaseline>>20)
	}
	var file baselineFile
	if err := decode(text, &file); err != nil {
		return nil, err
	}
	if file.Schema != Schema {
		return nil, fmt.Errorf("schema %d is not known, only %d is", file.Schema, Schema)
	}
	b := &Baseline{make([]Entry, len(file.Entries))}
	for i := range b.Entries {
		e := &b.Entries[i]
		if err = decode(file.Entries[i], e); err == nil {
			err = e.check()
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		slices.Sort(e.Requirements)
		e.Requirements = slices.Compact(e.Requirements)
	}
	return b, nil
}

// decode reads one JSON document with known fields only, and words what is wrong.
func decode(text []byte, to any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	err := dec.Decode(to)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %w", lineOf(text, syntax.Offset), err)
	case errors.As(err, &kind):
		return fmt.Errorf("%s is of the wrong kind (%s)", cmp.Or(kind.Field, "the document"), kind.Value)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the end is missing")
	case err != nil: // an unknown field
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("line %d: something follows the document", lineOf(text, dec.InputOffset()+1))
	}
	return nil
}

func lineOf(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(max(offset-1, 0), int64(len(text)))], []byte("\n"))
}

// check refuses an entry that can match nothing.
func (e *Entry) check() error {
	if e.Repo == "" || e.Package == "" {
		return fmt.Errorf("repo and package must be there; a repo of %q means every one", AnyRepo)
	}
	if !slices.Contains([]Code{MissingRequirement, BadDependency, Uninstallable, Conflict, Undecided, MissingFile, BadChecksum, LabelMismatch}, e.Code) {
		return fmt.Errorf("code %q is not one that verify reports", e.Code)
	}
	if n, err := rpmver.ParseNEVRA(e.Package); err == nil && n.String() == e.Package {
		return fmt.Errorf("package %s must not name a version: write %s.%s", e.Package, n.Name, n.Arch)
	}
	if _, err := time.Parse(time.DateOnly, e.Expires); err != nil && e.Expires != "" {
		return fmt.Errorf("expires %q is not a date such as 2026-12-31", e.Expires)
	}
	return nil
}

// Write writes the file, sorted. The same entries give the same bytes. An entry that
// could not be read again is an error.
func (b *Baseline) Write(w io.Writer) error {
	var text bytes.Buffer
	fmt.Fprintf(&text, "{\"schema\":%d,\"entries\":[", Schema)
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // requirements say >=
	between := "\n"
	for _, e := range sorted(b.Entries) {
		if err := e.check(); err != nil {
			return fmt.Errorf("%s in %s: %w", e.Package, e.Repo, err)
		}
		e.Requirements = append([]string{}, e.Requirements...) // [] rather than null
		text.WriteString(between)
		if err := enc.Encode(e); err != nil {
			return err
		}
		text.Truncate(text.Len() - 1) // the encoder ends lines
		between = ",\n"
	}
	text.WriteString("\n]}\n")
	_, err := w.Write(text.Bytes())
	return err
}

// sorted copies entries in the order of the file, each once.
func sorted(entries []Entry) []Entry {
	entries = slices.SortedFunc(slices.Values(entries), compareEntries)
	return slices.CompactFunc(entries, func(a, b Entry) bool { return compareEntries(a, b) == 0 })
}

func compareEntries(a, b Entry) int {
	return cmp.Or(cmp.Compare(a.Repo, b.Repo), cmp.Compare(a.Package, b.Package), cmp.Compare(a.Code, b.Code),
		slices.Compare(a.Requirements, b.Requirements), cmp.Compare(a.Expires, b.Expires), cmp.Compare(a.Reason, b.Reason))
}

// key is what [Problem.Key] gives for the problem that the entry knows.
func (e *Entry) key() string { return problemKey(e.Code, e.Package, e.Requirements) }

func (e *Entry) holdsFor(repo string) bool { return e.Repo == AnyRepo || e.Repo == repo }

// ofBuild reports whether the entry is about what a source package is built with.
func (e *Entry) ofBuild() bool {
	return isSourceText(e.Package) && slices.Contains([]Code{MissingRequirement, BadDependency, Uninstallable, Conflict, Undecided}, e.Code)
}

// Standing says what became of a baseline's entries: each is in one of the lists.
type Standing struct {
	Holding   []Entry // know a problem
	Expired   []Entry // would know one, but for their date
	Fixed     []Entry // what they know does not occur any more
	Elsewhere []Entry // of repositories, or with codes, that were not checked
}

// Apply marks the problems that the baseline knows and counts the summary anew.
// today is the day by which entries expire. unasked are the codes that the check
// did not look for: a baseline made by a stricter one has them.
func (r *Report) Apply(b *Baseline, today time.Time, unasked ...Code) Standing {
	day := today.UTC().Format(time.DateOnly)
	expired := func(e *Entry) bool { return e.Expires != "" && e.Expires < day }
	byKey := make(map[string][]int)
	for i := range b.Entries {
		byKey[b.Entries[i].key()] = append(byKey[b.Entries[i].key()], i)
	}
	occurs := make([]bool, len(b.Entries))
	checked := map[string]bool{AnyRepo: true}
	builds := false
	for i := range r.Checked {
		c := &r.Checked[i]
		builds = builds || c.BuildSuppliers != nil
		checked[c.Repo] = true
		for j := range c.Problems {
			p := &c.Problems[j]
			p.Known = false
			for _, k := range byKey[p.Key()] {
				if e := &b.Entries[k]; e.holdsFor(c.Repo) {
					occurs[k] = true
					p.Known = p.Known || !expired(e)
				}
			}
		}
	}
	var s Standing
	for i, e := range b.Entries {
		switch {
		case occurs[i] && expired(&e):
			s.Expired = append(s.Expired, e)
		case occurs[i]:
			s.Holding = append(s.Holding, e)
		case !checked[e.Repo] || slices.Contains(unasked, e.Code) || !builds && e.ofBuild():
			s.Elsewhere = append(s.Elsewhere, e)
		default:
			s.Fixed = append(s.Fixed, e)
		}
	}
	r.Fixed, r.Summary.Fixed = s.Fixed, len(s.Fixed)
	r.Tally()
	return s
}

// Renew makes the baseline that knows all problems of the report to which the old
// one was applied. Entries that hold stay as they are, with reason and date, and so
// do those about what was not checked. What an expired entry knew is known again: its
// reason stays, its date does not.
func (s *Standing) Renew(r *Report) *Baseline {
	b := &Baseline{slices.Concat(s.Holding, s.Elsewhere)}
	expired := make(map[string][]Entry)
	for _, e := range s.Expired {
		expired[e.key()] = append(expired[e.key()], e)
	}
	for _, c := range r.Checked {
		for _, p := range c.Problems {
			if p.Known {
				continue
			}
			fresh := Entry{Repo: c.Repo, Code: p.Code, Package: p.nameArch(), Requirements: p.Requirements}
			for _, e := range expired[p.Key()] {
				if e.holdsFor(c.Repo) && fresh.Reason == "" {
					fresh.Reason = e.Reason
				}
			}
			b.Entries = append(b.Entries, fresh)
		}
	}
	b.Entries = sorted(b.Entries)
	return b
}

// part is the result with only the known problems, or only the others.
func (c *Checked) part(known bool) *Checked {
	part := *c
	part.Problems = slices.DeleteFunc(slices.Clone(c.Problems), func(p Problem) bool { return p.Known != known })
	return &part
}
