package closure

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Text writes the report as prose: one paragraph for each cause, which is a
// requirement in one repository, with the packages that have it; more than one of
// them only if verbose.
func (r *Report) Text(w io.Writer, verbose bool) error {
	var b strings.Builder
	for i := range r.Checked {
		c := &r.Checked[i]
		for _, cause := range c.causes() {
			r.writeCause(&b, c, cause, verbose)
		}
		for _, warning := range c.Warnings {
			fmt.Fprintf(&b, "warning: %s: %s\n", r.label(c.Repo), warning.Text)
		}
	}
	s := r.Summary
	fmt.Fprintf(&b, "%s, %s: ", plural(s.Repos, "repository", "repositories"), plural(s.Packages, "package", "packages"))
	if s.Problems == 0 {
		b.WriteString("no problems")
	} else {
		b.WriteString(plural(s.Problems, "problem", "problems"))
	}
	if s.Known > 0 || s.Fixed > 0 {
		fmt.Fprintf(&b, " (%d new, %d known, %d fixed)", s.New, s.Known, s.Fixed)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// cause is what packages of one repository have trouble with in the same way:
// requirements, or none for findings about files.
type cause struct {
	code         Code
	requirements []string
	near         []Near
	chain        []string // of the first package
	packages     []string
}

// causes groups problems by requirement, then requirements that exactly the same
// packages have, in the order in which they first appear.
func (c *Checked) causes() []*cause {
	type key struct {
		code Code
		text string // the requirement, or the packages that have it
	}
	var byRequirement, causes []*cause
	known := make(map[key]*cause)
	for _, p := range c.Problems {
		if len(p.Requirements) == 0 {
			causes = append(causes, &cause{code: p.Code, chain: p.Chain, near: p.Near, packages: []string{p.Package}})
		}
		for _, req := range p.Requirements {
			k := key{p.Code, req}
			if known[k] == nil {
				known[k] = &cause{p.Code, []string{req}, p.nearOf(req), p.Chain, nil}
				byRequirement = append(byRequirement, known[k])
			}
			known[k].packages = append(known[k].packages, p.Package)
		}
	}
	clear(known)
	for _, one := range byRequirement {
		k := key{one.code, strings.Join(one.packages, " ")}
		if same := known[k]; same != nil {
			same.requirements = append(same.requirements, one.requirements...)
			same.near = append(same.near, one.near...)
			continue
		}
		known[k] = one
		causes = append(causes, one)
	}
	return causes
}

func (p *Problem) nearOf(requirement string) []Near {
	return slices.DeleteFunc(slices.Clone(p.Near), func(n Near) bool { return n.Requirement != requirement })
}

func (r *Report) writeCause(b *strings.Builder, c *Checked, cause *cause, verbose bool) {
	fmt.Fprintf(b, "%s in %s: %s\n", cause.packages[0], r.label(c.Repo), cause.code.sentence())
	for _, step := range cause.chain {
		fmt.Fprintf(b, "  %s\n", step)
	}
	for _, req := range cause.requirements {
		fmt.Fprintf(b, "  requires %s\n", req)
		if cause.code == MissingRequirement {
			fmt.Fprintf(b, "  nothing in %s provides it\n", r.among(c))
		}
		writeNear(b, cause, req)
	}
	writeOthers(b, cause.packages[1:], verbose)
}

func writeNear(b *strings.Builder, cause *cause, requirement string) {
	any := false
	for _, n := range cause.near {
		if n.Requirement == requirement {
			any = true
			fmt.Fprintf(b, "  near: %s %s %s\n", n.NEVRA, n.where(), n.Reason)
		}
	}
	if !any && cause.code == MissingRequirement {
		b.WriteString("  near: nothing in any repository that was read\n")
	}
}

func writeOthers(b *strings.Builder, packages []string, verbose bool) {
	switch {
	case len(packages) == 0:
	case verbose:
		fmt.Fprintf(b, "  the same for %s:\n", plural(len(packages), "more package", "more packages"))
		for _, p := range packages {
			fmt.Fprintf(b, "    %s\n", p)
		}
	default:
		fmt.Fprintf(b, "  the same for %s (--verbose lists them)\n", plural(len(packages), "more package", "more packages"))
	}
}

// sentence says what a code means for a package.
func (c Code) sentence() string {
	switch c {
	case MissingRequirement, Uninstallable:
		return "cannot be installed"
	case BadDependency:
		return "has a dependency that cannot be read"
	case Conflict:
		return "needs packages that exclude each other"
	case MissingFile:
		return "the package file is missing"
	case BadChecksum:
		return "the package file has another checksum than the metadata says"
	case LabelMismatch:
		return "its module label names another stream"
	}
	return string(c)
}

func (n Near) where() string {
	if n.Stream != "" {
		return "of stream " + n.Stream
	}
	return "in " + n.Repo
}

// label is what a reader knows a repository by.
func (r *Report) label(repo string) string {
	if s := r.streams[repo]; s != "" {
		return s
	}
	return repo
}

// among lists a repository and its suppliers: "a, b or c".
func (r *Report) among(c *Checked) string {
	names := []string{r.label(c.Repo)}
	for _, s := range c.Suppliers {
		names = append(names, r.label(s))
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
