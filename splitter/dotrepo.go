package splitter

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"unicode"

	"flatstream/repodata"
)

// DotRepoName is the .repo file at the top of a target, and beside the repodata of
// each flat repository.
const DotRepoName = "flatstream.repo"

// trust is what a .repo section says about signatures.
type trust struct {
	check    bool // packages
	metadata bool // repomd.xml
	keys     []string
}

// dotRepos writes the .repo files of a target. Each repository's own file has the
// sections of all that it needs, often a hundred of them, so each section is put
// into words once, and files that have the same sections are hard links of one: so are
// those of all default streams that hide the same. It may be used by several goroutines
// at once.
type dotRepos struct {
	*Report
	byID map[string]int
	on   []string // sections of repositories that are enabled
	off  []string // and of those that are not

	mu      sync.Mutex
	written map[string]string // by what stands in a file: where it was written
}

// newDotRepos prepares the files; base is the target's URL.
func newDotRepos(r *Report, base string, signed trust) *dotRepos {
	d := &dotRepos{Report: r, byID: make(map[string]int, len(r.Repos)), written: map[string]string{}}
	tail := fmt.Sprintf("gpgcheck=%d\n", bit(signed.check)) // trust, and that DNF shall not filter
	if signed.metadata {
		tail += "repo_gpgcheck=1\n"
	}
	if len(signed.keys) > 0 {
		tail += fmt.Sprintf("gpgkey=%s\n", strings.Join(signed.keys, " "))
	}
	tail += "module_hotfixes=1\n"
	for i := range r.Repos {
		repo := &r.Repos[i]
		d.byID[repo.ID] = i
		head := fmt.Sprintf("[%s]\nname=%s\nbaseurl=%s/%s/\n", repo.ID, describe(repo), base, escapeURLPath(repo.Path))
		d.on = append(d.on, head+"enabled=1\n"+tail)
		d.off = append(d.off, head+"enabled=0\n"+tail)
	}
	return d
}

// beside lists the sections of the file beside a repository's repodata: itself and what
// it needs, in the order of the report.
func (d *dotRepos) beside(own *ReportRepo) []int {
	sections := make([]int, 1, len(own.Requires)+1)
	sections[0] = d.byID[own.ID]
	for _, id := range own.Requires {
		if i, ok := d.byID[id]; ok {
			sections = append(sections, i)
		}
	}
	slices.Sort(sections)
	return slices.Compact(sections)
}

// of is the file beside a repository's repodata.
func (d *dotRepos) of(id string) string {
	var b bytes.Buffer
	own := &d.Repos[d.byID[id]]
	d.list(&b, own, d.beside(own))
	return b.String()
}

func (d *dotRepos) list(b *bytes.Buffer, own *ReportRepo, sections []int) {
	for _, i := range sections {
		d.section(b, i, true, own.Hidden)
	}
}

// write makes the file beside a repository's repodata, in b. earlier is where a former
// target has it, or empty.
func (d *dotRepos) write(id, earlier, name string, b *bytes.Buffer) error {
	own := &d.Repos[d.byID[id]]
	sections := d.beside(own)
	key := binary.AppendUvarint(nil, uint64(len(sections)))
	for _, i := range sections {
		key = binary.AppendUvarint(key, uint64(i))
	}
	for _, h := range own.Hidden {
		key = append(append(key, ' '), h.NEVRA...)
	}
	d.mu.Lock()
	same := d.written[string(key)]
	d.mu.Unlock()
	if same != "" && os.Link(same, name) == nil { // not every file system has links, or as many
		return nil
	}
	b.Reset()
	d.list(b, own, sections)
	err := repodata.WriteAgain(earlier, name, b.Bytes())
	if err == nil {
		d.mu.Lock()
		d.written[string(key)] = name
		d.mu.Unlock()
	}
	return err
}

// DotRepo is the .repo file that the plan puts beside the repodata of a repository of its
// report.
func (p *Plan) DotRepo(r *Report, id string) string {
	base := cmp.Or(p.Options.BaseURL, "file:///")
	return newDotRepos(r, base, p.trust(base)).of(id)
}

// all is the file at the top of the target: every repository, only default on.
func (d *dotRepos) all() []byte {
	var b bytes.Buffer
	for i := range d.Repos {
		d.section(&b, i, d.Repos[i].ID == repoID(KindDefault), nil)
	}
	return b.Bytes()
}

// section appends one repository. module_hotfixes=1 makes DNF take labelled packages
// from a repository without modules.yaml (P27). What is hidden of non-modular is
// excluded, so that what a client sees is what verify judged.
func (d *dotRepos) section(b *bytes.Buffer, i int, enabled bool, hidden []Hidden) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	if enabled {
		b.WriteString(d.on[i])
	} else {
		b.WriteString(d.off[i])
	}
	if len(hidden) == 0 || d.Repos[i].ID != repoID(KindNonModular) {
		return
	}
	b.WriteString("excludepkgs=")
	for i, h := range hidden {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(h.NEVRA)
	}
	b.WriteByte('\n')
}

// describe is the name of a repository for people; a newline in a stream's name
// must not become one in the file.
func describe(r *ReportRepo) string {
	switch r.Kind {
	case KindStream:
		return printable(fmt.Sprintf("%s:%s as a flat repository", r.Module, r.Stream))
	case KindView:
		return printable("view " + strings.TrimPrefix(r.Path, "views/"))
	case KindDefault:
		return "default streams and non-modular packages"
	case KindNonModular:
		return "non-modular packages"
	}
	return r.Kind + " packages"
}

func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
			return '_'
		}
		return c
	}, s)
}

// escapeURLPath percent-encodes what a path element may hold but a URL in a .repo file may
// not: a comma too, where DNF begins the next of several URLs.
func escapeURLPath(p string) string {
	var b strings.Builder
	for i := range len(p) {
		switch c := p[i]; {
		case plainByte(c), c == '/', c == '~', c == '@', c == '=', c == ':':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func bit(on bool) int {
	if on {
		return 1
	}
	return 0
}

// signedBy says what the sources of a target agree on: packages are checked only
// where every source asks for it, with the keys of all.
func signedBy(sources []Source) trust {
	t := trust{check: true}
	merged := 0
	for _, s := range sources {
		if s.Role == RoleSupply {
			continue
		}
		merged++
		t.check = t.check && s.GPGCheck
		for _, k := range s.GPGKeys {
			if !slices.Contains(t.keys, k) {
				t.keys = append(t.keys, k)
			}
		}
	}
	t.check = t.check && merged > 0
	return t
}
