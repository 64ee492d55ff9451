package catalogue

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"flatstream/repodata/closure"
	"flatstream/splitter"
)

// site is what all pages of one target are made of.
type site struct {
	Input
	dir     string
	flats   []*flat
	byID    map[string]*flat
	modules []*module
	letters []*letter
}

// module is one module with its streams in the report's order.
type module struct {
	Name, Summary string
	Streams       []*flat
}

// flat is one flat repository.
type flat struct {
	*splitter.ReportRepo
	Title    string // module:stream, or what people call it
	Note     string // what tells it from others with this title
	Summary  string
	Default  bool   // its stream is the module's default
	Page     string // below the target; empty: it has none
	Profiles map[string][]string
	Holds    []nevra
	NeededBy []*flat // that declare it
	Checked  bool
	Known    int // problems that a baseline has
	Problems int
	Causes   []closure.Explanation
	Change   change
}

// nevra is a package as pages show it.
type nevra struct{ Name, Version, Arch string }

// newSite gathers what the pages need; dir is the target's directory.
func newSite(dir string, in Input) *site {
	s := &site{Input: in, dir: dir, byID: map[string]*flat{}}
	planned := map[string]*splitter.Flat{}
	for _, f := range in.Plan.Repos {
		planned[f.ID] = f
	}
	for i := range in.Report.Repos {
		f := s.newFlat(&in.Report.Repos[i], planned[in.Report.Repos[i].ID])
		s.flats = append(s.flats, f)
		s.byID[f.ID] = f
	}
	s.groupModules()
	for _, f := range s.flats {
		for _, id := range f.Declared {
			if needed := s.byID[id]; needed != nil {
				needed.NeededBy = append(needed.NeededBy, f)
			}
		}
	}
	s.judge()
	if s.deep() {
		s.letters = s.newLetters()
	}
	s.compare()
	return s
}

// deep says whether there is more than index.html.
func (s *site) deep() bool { return s.Report.Layout != string(splitter.LayoutGrobiSplitter) }

func (s *site) newFlat(repo *splitter.ReportRepo, planned *splitter.Flat) *flat {
	f := &flat{ReportRepo: repo}
	if s.deep() {
		f.Page = path.Join(DirName, repo.Path) + ".html"
	}
	f.Title, f.Note = s.title(repo)
	if planned == nil {
		return f
	}
	f.Holds = make([]nevra, 0, planned.Len())
	for _, n := range s.Plan.Packages(planned) {
		f.Holds = append(f.Holds, nevra{n.Name, n.EVR.String(), n.Arch})
	}
	if repo.Kind == splitter.KindStream {
		f.Default = s.Plan.Index.Default(repo.Module) == repo.Stream && repo.Choice != splitter.ChoiceFurther
		for _, b := range planned.Builds {
			f.Summary = strings.Join(strings.Fields(b.Summary), " ")
			f.Profiles = b.Profiles
		}
	}
	return f
}

// title is what people call a repository, and what tells it from others of the name.
func (s *site) title(repo *splitter.ReportRepo) (title, note string) {
	switch repo.Kind {
	case splitter.KindStream:
		title = repo.Module + ":" + repo.Stream
		if s.Report.By == string(splitter.ByNSVCA) && len(repo.Builds) > 0 {
			return title, strings.TrimPrefix(repo.Builds[0], title+":")
		}
		return title, group(repo)
	case splitter.KindView:
		return "view " + strings.TrimPrefix(repo.Path, "views/"), ""
	}
	return repo.Path, ""
}

// group tells a further context group of a stream from the one that DNF picks.
func group(repo *splitter.ReportRepo) string {
	_, suffix, further := strings.Cut(path.Base(repo.Path), "@")
	context, static := strings.CutPrefix(suffix, "context=")
	switch {
	case !further:
		return ""
	case static:
		return "context " + context
	case len(repo.Depends) == 0:
		return "for no other stream"
	}
	return "for " + strings.Join(repo.Depends, ", ")
}

func (s *site) groupModules() {
	byName := map[string]*module{}
	for _, f := range s.flats {
		if f.Kind != splitter.KindStream {
			continue
		}
		m := byName[f.Module]
		if m == nil {
			m = &module{Name: f.Module}
			byName[f.Module] = m
			s.modules = append(s.modules, m)
		}
		m.Streams = append(m.Streams, f)
		if m.Summary == "" || f.Default {
			m.Summary = f.Summary
		}
	}
}

// Ends says when and why the stream ends, in the words of its documents.
func (f *flat) Ends() []string {
	var texts []string
	if f.EOL != "" {
		texts = append(texts, "ends "+f.EOL)
	}
	for _, o := range f.Obsoletes {
		if text := o.Text(); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts
}

// EndDate is the first day that the documents name; empty: none.
func (f *flat) EndDate() string {
	date := f.EOL
	for _, o := range f.Obsoletes {
		if o.EOLDate != "" && (date == "" || o.EOLDate < date) {
			date, _, _ = strings.Cut(o.EOLDate, "T")
		}
	}
	return date
}

// Refused says that DNF cannot enable the stream.
func (f *flat) Refused() bool { return f.Choice == splitter.ChoiceRefused }

// Absent are the packages that a document lists, no source has, and nothing explains.
func (f *flat) Absent() []string {
	var list []string
	for _, m := range f.Missing {
		if m.Class == "absent" {
			list = append(list, m.NEVRA)
		}
	}
	return list
}

// Explained counts the missing packages of a class that is left out of mirrors.
func (f *flat) Explained() int { return len(f.Missing) - len(f.Absent()) }

// dotRepo is the text of a .repo file of the target; empty when it cannot be read,
// since the page can do without.
func (s *site) dotRepo(repo string) string {
	b, err := os.ReadFile(filepath.Join(s.dir, filepath.FromSlash(repo), splitter.DotRepoName))
	if err != nil {
		return ""
	}
	return string(b)
}

// merged are the repositories that are of no stream, what most people want first.
func (s *site) merged() []*flat {
	var list []*flat
	for _, kind := range []string{splitter.KindDefault, splitter.KindView, splitter.KindNonModular, splitter.KindUnlisted} {
		for _, f := range s.flats {
			if f.Kind == kind {
				list = append(list, f)
			}
		}
	}
	return list
}

// Keys are the marks by which the script filters streams.
func (f *flat) Keys() string {
	var keys []string
	for _, k := range []struct {
		name string
		is   bool
	}{{"default", f.Default}, {"problem", f.Problems > 0}, {"changed", f.Change.Any()}, {"ends", len(f.Ends()) > 0}} {
		if k.is {
			keys = append(keys, k.name)
		}
	}
	return strings.Join(keys, " ")
}
