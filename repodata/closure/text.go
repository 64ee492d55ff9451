package closure

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Text writes the report as prose: one paragraph for each cause, which is a
// requirement or a collision in one repository, with the packages that have it and
// those that cannot be installed because of it; more than one of them only if
// verbose. Causes outside the repository come last, each at its nearest package.
// Problems that a baseline knows are counted, and written only if verbose.
func (r *Report) Text(w io.Writer, verbose bool) error {
	var b strings.Builder
	for i := range r.Checked {
		c := &r.Checked[i]
		for _, cause := range c.part(false).causes() {
			r.writeCause(&b, c, cause, verbose)
		}
		if verbose {
			for _, cause := range c.part(true).causes() {
				b.WriteString("known: ")
				r.writeCause(&b, c, cause, verbose)
			}
		}
		for _, warning := range c.Warnings {
			fmt.Fprintf(&b, "warning: %s: %s\n", r.label(c.Repo), warning.Text)
		}
	}
	r.writeFixed(&b, verbose)
	s := r.Summary
	if s.Known > 0 && !verbose {
		fmt.Fprintf(&b, "%s of the baseline left out (--verbose lists them)\n", plural(s.Known, "known problem", "known problems"))
	}
	fmt.Fprintf(&b, "%s, %s", plural(s.Repos, "repository", "repositories"), plural(s.Packages, "package", "packages"))
	if s.Sources > 0 {
		fmt.Fprintf(&b, ", %s", plural(s.Sources, "source package", "source packages"))
	}
	b.WriteString(": ")
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

func (r *Report) writeCause(b *strings.Builder, c *Checked, cause *cause, verbose bool) {
	e := r.explain(c, cause)
	fmt.Fprintf(b, "%s in %s: %s\n", e.Package, r.label(c.Repo), e.Sentence)
	for _, line := range e.Lines {
		fmt.Fprintf(b, "  %s\n", line)
	}
	writeList(b, e.Same, "the same for %s", verbose)
	writeList(b, e.Followers, "%s cannot be "+undone(e.Followers)+" because of this", verbose)
}

// maxFixed bounds the problems that are named as fixed, unless verbose.
const maxFixed = 5

// writeFixed says what only the baseline knows.
func (r *Report) writeFixed(b *strings.Builder, verbose bool) {
	for i, e := range r.Fixed {
		if i == maxFixed && !verbose {
			fmt.Fprintf(b, "fixed: %s (--verbose lists them)\n", plural(len(r.Fixed)-i, "more problem", "more problems"))
			return
		}
		fmt.Fprintf(b, "fixed: %s in %s: %s\n", e.Package, r.label(e.Repo),
			strings.TrimSpace(string(e.Code)+" "+strings.Join(e.Requirements, ", ")))
	}
}

// writeList counts packages, or lists them, after a sentence with a place for how
// many more there are.
func writeList(b *strings.Builder, packages []string, sentence string, verbose bool) {
	if len(packages) == 0 {
		return
	}
	sentence = fmt.Sprintf("  "+sentence, plural(len(packages), "more package", "more packages"))
	if !verbose {
		fmt.Fprintf(b, "%s (--verbose lists them)\n", sentence)
		return
	}
	fmt.Fprintf(b, "%s:\n", sentence)
	for _, p := range packages {
		fmt.Fprintf(b, "    %s\n", p)
	}
}

// undone says what cannot be done with packages.
func undone(packages []string) string {
	switch sources := slices.ContainsFunc(packages, isSourceText); {
	case !sources:
		return "installed"
	case slices.ContainsFunc(packages, func(p string) bool { return !isSourceText(p) }):
		return "installed or built"
	}
	return "built"
}

// isSourceText is isSource of a NEVRA.
func isSourceText(nevra string) bool { return isSource(nevra[strings.LastIndexByte(nevra, '.')+1:]) }

// sentence says what a code means for a package.
func (c Code) sentence(nevra string) string {
	switch c {
	case MissingRequirement, Uninstallable:
		return "cannot be " + undone([]string{nevra})
	case BadDependency:
		return "has a dependency that cannot be read"
	case Conflict:
		return "needs packages that exclude each other"
	case Undecided:
		return "may or may not be possible to install: the search was given up"
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

// among lists a repository and who supplies a package of it: "a, b or c".
func (r *Report) among(c *Checked, nevra string) string {
	names := []string{r.label(c.Repo)}
	suppliers := c.Suppliers
	if isSourceText(nevra) {
		suppliers = c.BuildSuppliers
	}
	for _, s := range suppliers {
		names = append(names, r.label(s))
	}
	return alternatives(names)
}

// alternatives joins names with commas and a last "or".
func alternatives(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
