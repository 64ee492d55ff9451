package splitter

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"

	"flatstream/repodata"
	"flatstream/splitter/modulemd"
)

// Generator marks a report.json as ours; a target whose report says anything else
// is never replaced.
const Generator = "flatstream"

// ReportName is the file at the top of a target that says what stands in it.
const ReportName = "report.json"

// Kinds of flat repositories.
const (
	KindStream     = "stream"
	KindNonModular = "non-modular"
	KindUnlisted   = "unlisted"
	KindDefault    = "default"
	KindView       = "view"
)

// Report is report.json: what a split made, from what, and what a client of each
// repository needs besides it. JSON fields are a contract and only grow.
type Report struct {
	Schema    int               `json:"schema"`
	Generator string            `json:"generator"`
	Program   string            `json:"program,omitempty"` // version of the program that wrote the target
	Platform  string            `json:"platform,omitempty"`
	Arch      string            `json:"arch,omitempty"`
	Layout    string            `json:"layout"`
	Versions  string            `json:"versions,omitempty"`
	By        string            `json:"by,omitempty"`
	Unlisting string            `json:"unlisting,omitempty"` // what became of unlisted packages: quarantine, keep or drop
	Link      string            `json:"link"`
	Build     *BuildNeeds       `json:"build,omitempty"` // in a layout without default view: what repositories without build of their own are built with
	Sources   []ReportSource    `json:"sources"`
	Repos     []ReportRepo      `json:"repos"`
	Unlisted  []UnlistedPackage `json:"unlisted,omitempty"`
	Warnings  []Warning         `json:"warnings"`
}

// ReportSource is one source as it was read.
type ReportSource struct {
	Name     string `json:"name"`
	Role     Role   `json:"role"`
	Location string `json:"location"`
	Revision string `json:"revision"`
	Packages int    `json:"packages"`
}

// UnlistedPackage is a modular package that no document lists (P8).
type UnlistedPackage struct {
	NEVRA  string `json:"nevra"`
	Source string `json:"source"`
	Label  string `json:"label,omitempty"` // ModularityLabel; empty: it has none, or it was not read
}

// ReportRepo is one flat repository.
type ReportRepo struct {
	ID       string      `json:"id"`
	Kind     string      `json:"kind"`
	Path     string      `json:"path"`
	Module   string      `json:"module,omitempty"`
	Stream   string      `json:"stream,omitempty"`
	Context  string      `json:"context,omitempty"`  // computed, of the group (P6)
	Choice   Choice      `json:"choice,omitempty"`   // why this group: picked, further, refused or mixed
	Depends  []string    `json:"depends,omitempty"`  // module:stream that the group requires; alternatives stand side by side
	Builds   []string    `json:"builds"`             // NSVCA
	LeftOut  []string    `json:"left_out,omitempty"` // builds of the group, by --versions latest
	Requires IDs         `json:"requires"`           // ids of the repositories it needs
	Declared []string    `json:"declared,omitempty"` // of these, those that the module itself requires, directly or not
	Build    *BuildNeeds `json:"build,omitempty"`    // what it is built with; without it, the default view or Report.Build
	Packages int         `json:"packages"`
	Missing  []Missing   `json:"missing"`
	Hidden   []Hidden    `json:"hidden"`
	Clashes  []Clash     `json:"clashes,omitempty"` // in views
	StreamFacts
}

// Clash is a package name that several modules of a view ship; the highest version
// is installed (P12).
type Clash struct {
	Name    string   `json:"name"`
	Modules []string `json:"modules"`
}

// Missing is an artifact that no source has (P7).
type Missing struct {
	NEVRA string `json:"nevra"`
	Class string `json:"class"` // debug, source, other-arch or absent
}

// Hidden is a package of a required repository that a client of this one must not
// see, since DNF would hide it.
type Hidden struct {
	NEVRA string `json:"nevra"`
	By    string `json:"by"` // module:stream
}

// Warning is something a person should know, with a stable code.
type Warning struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Repo finds a flat repository by its id.
func (r *Report) Repo(id string) (*ReportRepo, bool) {
	for i := range r.Repos {
		if r.Repos[i].ID == id {
			return &r.Repos[i], true
		}
	}
	return nil, false
}

// Write writes the report as JSON with one repository on each line, the same bytes
// for the same report. Indented it would be five times as large.
func (r *Report) Write(w io.Writer) error {
	const none = `"repos":[]`
	top := *r
	top.Repos = []ReportRepo{}
	frame, err := json.Marshal(top)
	if err != nil {
		return err
	}
	before, after, _ := bytes.Cut(frame, []byte(none)) // inside of a string its quotes would be escaped
	out := bufio.NewWriterSize(w, 64<<10)
	out.Write(before)
	out.WriteString(`"repos":[`)
	lines := reportLines{quoted: make(map[string][]byte, len(r.Repos))}
	for i := range r.Repos {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		if err := lines.write(out, &r.Repos[i]); err != nil {
			return err
		}
	}
	out.WriteString("\n]")
	out.Write(after)
	out.WriteByte('\n')
	return out.Flush()
}

// reportLines writes one repository after the other. Hundreds of them require hundreds
// of others, so that each id is put into JSON once.
type reportLines struct {
	quoted map[string][]byte // by id
}

func (l *reportLines) write(out *bufio.Writer, repo *ReportRepo) error {
	const none = `"requires":[]`
	short := *repo
	if len(repo.Requires) > 0 {
		short.Requires = []string{}
	}
	line, err := json.Marshal(&short)
	if err != nil || len(repo.Requires) == 0 {
		out.Write(line)
		return err
	}
	before, after, _ := bytes.Cut(line, []byte(none)) // the first is not that of "build", which follows
	out.Write(before)
	out.WriteString(`"requires":[`)
	for i, id := range repo.Requires {
		if i > 0 {
			out.WriteByte(',')
		}
		text := l.quoted[id]
		if text == nil {
			if text, err = json.Marshal(id); err != nil {
				return err
			}
			l.quoted[id] = text
		}
		out.Write(text)
	}
	out.WriteByte(']')
	_, err = out.Write(after)
	return err
}

// writeFile writes the report into the directory of a target.
func (r *Report) writeFile(dir string) (err error) {
	f, err := repodata.Create(filepath.Join(dir, ReportName))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return r.Write(f)
}

// ErrNotTarget says that a directory holds no report of ours.
var ErrNotTarget = errors.New("not a flatstream target")

// ReadReport reads a target's report.json. The error wraps [ErrNotTarget] when
// there is none or another program wrote it.
func ReadReport(target fs.FS) (*Report, error) {
	if info, err := fs.Stat(target, ReportName); err == nil && !info.Mode().IsRegular() { // a pipe would wait for its writer
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrNotTarget, ReportName)
	}
	b, err := fs.ReadFile(target, ReportName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no %s", ErrNotTarget, ReportName)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ReportName, err)
	}
	var r Report
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("reading %s: %w", ReportName, err)
	}
	if r.Generator != Generator {
		return nil, fmt.Errorf("%w: %s was written by %q", ErrNotTarget, ReportName, r.Generator)
	}
	return &r, nil
}

// IsTarget reports whether a directory holds a report of ours, by the first lines of it:
// it may be large. Of one that cannot be read so far it says yes, and [ReadReport] says
// what is wrong.
func IsTarget(dir fs.FS) bool {
	if info, err := fs.Stat(dir, ReportName); err != nil || !info.Mode().IsRegular() {
		return err != nil && !errors.Is(err, fs.ErrNotExist)
	}
	f, err := dir.Open(ReportName)
	if err != nil {
		return true
	}
	defer f.Close()
	d := json.NewDecoder(f)
	if _, err := d.Token(); err != nil {
		return true
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return true
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return true
		}
		if key == "generator" {
			return string(value) == strconv.Quote(Generator)
		}
	}
	return false
}

// Report says what the plan will make; its bytes depend on nothing else.
func (p *Plan) Report() *Report {
	r := &Report{
		Schema: 1, Generator: Generator, Program: p.Options.Program, Platform: p.Index.Platform(), Arch: p.Index.Arch(),
		Layout: string(p.Options.Layout), Link: string(p.Options.Link),
		Build: p.plainBuild, Versions: string(p.Options.Versions), By: string(p.Options.By), Unlisting: string(p.Options.Unlisted),
		Sources: []ReportSource{}, Repos: []ReportRepo{}, Warnings: append([]Warning{}, p.Warnings...),
	}
	for i, s := range p.Sources {
		r.Sources = append(r.Sources, ReportSource{s.Name, s.Role, s.Location(), s.Repo.MD.Revision, p.counts[i]})
	}
	for i := range p.pkgs[:p.merged] {
		if k := &p.pkgs[i]; k.unlisted() {
			r.Unlisted = append(r.Unlisted, UnlistedPackage{k.NEVRA.String(), p.Sources[k.source].Name, k.label})
		}
	}
	for _, f := range p.Repos {
		r.Repos = append(r.Repos, p.reportRepo(f))
	}
	return r
}

func (p *Plan) reportRepo(f *Flat) ReportRepo {
	repo := ReportRepo{
		ID: f.ID, Kind: f.Kind, Path: f.Path, Module: f.Module, Stream: f.Stream, Choice: f.Choice, Packages: f.Len(),
		Builds: nsvcas(f.Builds), LeftOut: nsvcas(f.LeftOut), Requires: append([]string{}, f.Requires...), Declared: f.Declared, Build: f.Build,
		Missing: append([]Missing{}, f.Missing...), Hidden: append([]Hidden{}, f.Hidden...), Clashes: f.Clashes,
	}
	if f.Group != nil {
		repo.Context, repo.Depends = f.Group.Context, writeRequires(f.Group.Requires)
	}
	if f.Kind == KindStream {
		repo.StreamFacts = p.Index.Facts(StreamID{f.Module, f.Stream}, f.Builds)
	}
	return repo
}

// nsvcas names builds, each once.
func nsvcas(builds []*modulemd.Build) []string {
	list := make([]string, 0, len(builds))
	seen := make(map[modulemd.Key]bool, len(builds))
	for _, b := range builds {
		if !seen[b.Key()] {
			seen[b.Key()] = true
			list = append(list, b.NSVCA())
		}
	}
	return list
}
