// Package recipe writes what to paste into another tool so that it uses a flat
// repository: one template for each tool, filled from what stands in the target. The
// repository's own .repo file says where it is, what it needs besides and whether it is
// signed; report.json says which streams are in it and with which macros they were built.
package recipe

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"flatstream/repodata"
	"flatstream/splitter"
)

// Tools are those that there is a template for.
var Tools = [...]string{"dnf", "mock", "obs", "koji", "zypper", "bazeldnf", "docker", "nginx"}

// ForAnswers lists the tools that [ForAnswer] knows: all that read packages.
func ForAnswers() []string {
	return slices.DeleteFunc(slices.Clone(Tools[:]), func(tool string) bool { return tool == "nginx" })
}

//go:embed templates/*.tmpl
var templates embed.FS

// ToolError names a tool that there is no template for.
type ToolError struct{ Tool string }

func (e *ToolError) Error() string { return fmt.Sprintf("there is no template for %q", e.Tool) }

// Hint says what to try next.
func (e *ToolError) Hint() string { return "use " + strings.Join(Tools[:], ", ") }

// Recipe is what the templates know.
type Recipe struct {
	splitter.ReportRepo
	Arch, Platform string
	Sections       []Section // of the .repo file: the repository itself, then what it needs
	DotRepo        string    // that file
	Streams        []string  // module:stream of all that is in it, what is required first
	Macros         []Macro   // with which those were built
	Root           string    // directory for nginx, what "/" is
	names          map[string]bool
}

// Section is one section of a .repo file of ours.
type Section struct {
	ID, Name, URL, Exclude string
	Check, CheckMetadata   bool
	Keys                   []string
}

// Macro is an RPM macro from a module's buildopts.
type Macro struct{ Name, Value string }

// New gathers what the templates need of one repository of a target. root is what an
// HTTP server shows at "/".
func New(ctx context.Context, target fs.FS, report *splitter.Report, repo *splitter.ReportRepo, root string) (*Recipe, error) {
	text, err := fs.ReadFile(target, path.Join(repo.Path, splitter.DotRepoName))
	if err != nil {
		return nil, err
	}
	r := gather(report, repo, string(text))
	r.Root = root
	if len(r.Sections) == 0 {
		return nil, fmt.Errorf("%s of %s has no section; split again", splitter.DotRepoName, repo.Path)
	}
	paths := []string{repo.Path}
	for _, id := range repo.Requires {
		if needed, ok := report.Repo(id); ok {
			paths = append(paths, needed.Path)
		}
	}
	for _, p := range paths {
		if err := r.readNames(ctx, target, p); err != nil {
			return nil, fmt.Errorf("reading %s: %w", p, err)
		}
	}
	return r, nil
}

// gather is a recipe that does not know its packages yet.
func gather(report *splitter.Report, repo *splitter.ReportRepo, dotRepo string) *Recipe {
	r := &Recipe{ReportRepo: *repo, Arch: report.Arch, Platform: report.Platform, DotRepo: dotRepo, Sections: ownFirst(sections(dotRepo), repo.ID), names: map[string]bool{}}
	r.Streams = order(report, repo)
	r.Macros = macros(report, r.Streams)
	return r
}

// readNames notes which packages a client finds.
func (r *Recipe) readNames(ctx context.Context, target fs.FS, at string) error {
	dir, err := fs.Sub(target, at)
	if err != nil {
		return err
	}
	repo, err := repodata.Open(dir)
	if err != nil {
		return err
	}
	for p, err := range repo.Packages(ctx, repodata.PartIdentity) {
		if err != nil {
			return err
		}
		r.names[p.Name] = true
	}
	return nil
}

// Text fills in the template of a tool.
func (r *Recipe) Text(tool string) (string, error) {
	if !slices.Contains(Tools[:], tool) {
		return "", &ToolError{tool}
	}
	name := tool + ".tmpl"
	t, err := template.New(name).Funcs(template.FuncMap{
		"python": strconv.QuoteToASCII, "shell": shellQuote, "anyArch": r.anyArch, "join": strings.Join, "have": r.have,
		"cutStream": func(s string) string { return strings.Replace(s, ":", "-", 1) }, "xml": xmlText, "long": pythonText,
	}).ParseFS(templates, "templates/"+name)
	if err != nil {
		return "", fmt.Errorf("reading the template for %s: %w", tool, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, r); err != nil {
		return "", fmt.Errorf("filling the template for %s: %w", tool, err)
	}
	return b.String(), nil
}

// Release is the number of the platform: 8 of el8.
func (r *Recipe) Release() string {
	return strings.TrimLeft(r.Platform, "abcdefghijklmnopqrstuvwxyz")
}

// RPMArch is the arch that tools need; x86_64 where the documents do not say.
func (r *Recipe) RPMArch() string {
	if r.Arch == "" {
		return "x86_64"
	}
	return r.Arch
}

// anyArch is a URL with $arch in the place of the directory of the arch.
func (r *Recipe) anyArch(u string) string {
	return strings.Replace(u, "/"+r.RPMArch()+"/", "/$arch/", 1)
}

// have keeps of some package names those that the repository has, in their order.
func (r *Recipe) have(names string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(names), func(n string) bool { return !r.names[n] }), " ")
}

// shellQuote makes one word of a text for a POSIX shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// pythonText is text between three quotes of Python.
func pythonText(s string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) }

func xmlText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}

// sections reads a .repo file that splitter wrote: every key stands at the beginning of
// its line, no value goes on below.
func sections(text string) []Section {
	var list []Section
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if id, ok := strings.CutPrefix(line, "["); ok {
			list = append(list, Section{ID: strings.TrimSuffix(id, "]")})
		}
		key, value, _ := strings.Cut(line, "=")
		if len(list) == 0 {
			continue
		}
		switch s := &list[len(list)-1]; key {
		case "name":
			s.Name = value
		case "baseurl":
			s.URL = value
		case "gpgcheck":
			s.Check = value == "1"
		case "repo_gpgcheck":
			s.CheckMetadata = value == "1"
		case "gpgkey":
			s.Keys = strings.Fields(value)
		case "excludepkgs":
			s.Exclude = value
		}
	}
	return list
}

// ownFirst puts the section of a repository before those of what it needs, for the tools
// that are told one address. The file has them in the order of the report.
func ownFirst(list []Section, id string) []Section {
	if i := slices.IndexFunc(list, func(s Section) bool { return s.ID == id }); i > 0 {
		own := list[i]
		copy(list[1:], list[:i])
		list[0] = own
	}
	return list
}

// order lists the streams that the repository and what it needs hold, each after those
// that it requires, else by name.
func order(report *splitter.Report, repo *splitter.ReportRepo) []string {
	var held []string
	add := func(builds []string) {
		for _, b := range builds {
			if s := streamOf(b); !slices.Contains(held, s) {
				held = append(held, s)
			}
		}
	}
	add(repo.Builds)
	for _, id := range repo.Requires {
		if needed, ok := report.Repo(id); ok {
			add(needed.Builds)
		}
	}
	slices.Sort(held)
	var list []string
	var visit func(string)
	visiting := map[string]bool{}
	visit = func(s string) {
		if visiting[s] || !slices.Contains(held, s) {
			return
		}
		visiting[s] = true
		for i := range report.Repos {
			if r := &report.Repos[i]; r.Kind == splitter.KindStream && r.Module+":"+r.Stream == s {
				for _, d := range r.Depends {
					visit(d)
				}
			}
		}
		list = append(list, s)
	}
	for _, s := range held {
		visit(s)
	}
	return list
}

// streamOf is the module:stream of an NSVCA.
func streamOf(nsvca string) string {
	f := strings.SplitN(nsvca, ":", 3)
	return strings.Join(f[:min(2, len(f))], ":")
}

// macros gathers the macros of streams, in their order; of one that several define, the
// last counts for RPM.
func macros(report *splitter.Report, streams []string) []Macro {
	var list []Macro
	for _, s := range streams {
		for i := range report.Repos {
			r := &report.Repos[i]
			if r.Kind != splitter.KindStream || r.Module+":"+r.Stream != s || len(r.Macros) == 0 {
				continue
			}
			for line := range strings.Lines(r.Macros[0]) { // the newest build's
				name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
				if m := (Macro{strings.TrimPrefix(name, "%"), strings.TrimSpace(value)}); m.Name != "" && strings.HasPrefix(name, "%") && !slices.Contains(list, m) {
					list = append(list, m)
				}
			}
			break
		}
	}
	return list
}

// ErrNotFound says that a target has no such repository.
var ErrNotFound = errors.New("no such view")

// Find looks a repository up by its id, path, name of a view, or module:stream.
func Find(report *splitter.Report, word string) (*splitter.ReportRepo, error) {
	for i := range report.Repos {
		r := &report.Repos[i]
		stream := r.Kind == splitter.KindStream && r.Module+":"+r.Stream == word && r.Choice != splitter.ChoiceFurther
		if r.ID == word || r.Path == word || r.Path == "views/"+word || stream {
			return r, nil
		}
	}
	return nil, ErrNotFound
}
