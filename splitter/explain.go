package splitter

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"flatstream/repodata"
	"flatstream/repodata/closure"
	"flatstream/repodata/rpmver"
)

// Explain looks a word up in a target, which is read as it is on disk; name tells it
// from others of a store and may be empty. What is broken is what [Verify] finds with
// those options.
func Explain(ctx context.Context, target fs.FS, name, word string, opt VerifyOptions) (*Explanation, error) {
	report, err := ReadReport(target)
	if err != nil {
		return nil, err
	}
	s := newSearchFor(report, word)
	s.target = name
	for _, repo := range report.Repos {
		sub, err := fs.Sub(target, repo.Path)
		if err != nil {
			return nil, fmt.Errorf("%s names %s: %w", ReportName, repo.Path, err)
		}
		r, err := repodata.Open(sub)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", repo.Path, err)
		}
		if err := s.scan(ctx, r, func(*repodata.Package) []string { return []string{repo.ID} }); err != nil {
			return nil, fmt.Errorf("%s: %w", repo.Path, err)
		}
	}
	if len(s.packages) > 0 {
		verdict, err := Verify(ctx, target, opt)
		if err != nil {
			return nil, err
		}
		s.addProblems(verdict)
	}
	return s.explanation(), nil
}

// ExplainPlan looks a word up in a plan that was not carried out.
func ExplainPlan(ctx context.Context, p *Plan, word string) (*Explanation, error) {
	homes := map[string][]string{}
	for _, f := range p.Repos {
		for _, m := range f.members {
			homes[p.pkgs[m].pkgid] = append(homes[p.pkgs[m].pkgid], f.ID)
		}
	}
	s := newSearchFor(p.Report(), word)
	for _, src := range p.Sources {
		if err := s.scan(ctx, src.Repo, func(k *repodata.Package) []string { return homes[k.PkgID.Hex] }); err != nil {
			return nil, fmt.Errorf("%s: %w", src.Name, err)
		}
	}
	return s.explanation(), nil
}

// searchFor gathers what a target says about one word.
type searchFor struct {
	lookup
	report   *Report
	target   string
	packages map[string]*ExplainedPackage // by NEVRA
	names    map[string]bool              // of all packages, for near misses
	wantedBy map[string]bool              // NEVRAs of packages that require the word
}

func newSearchFor(r *Report, word string) *searchFor {
	return &searchFor{lookup: newLookup(word), report: r, packages: map[string]*ExplainedPackage{}, names: map[string]bool{}, wantedBy: map[string]bool{}}
}

// scan looks through the packages of a repository; homes says in which flat
// repositories one stands.
func (s *searchFor) scan(ctx context.Context, r *repodata.Repo, homes func(*repodata.Package) []string) error {
	for p, err := range r.Packages(ctx, repodata.PartRelations|repodata.PartFiles) {
		if err != nil {
			return err
		}
		s.names[p.Name] = true
		if slices.ContainsFunc(p.Requires, func(r repodata.Relation) bool { return r.Name == s.word || r.Dep == s.want }) {
			s.wantedBy[p.NEVRA.String()] = true
		}
		how, ok := s.matches(p)
		if !ok {
			continue
		}
		key := p.NEVRA.String()
		e := s.explained(key, how)
		for _, id := range homes(p) {
			if repo, ok := s.report.Repo(id); ok {
				e.Places = append(e.Places, ExplainedPlace{id, placeReason(repo)})
			}
		}
	}
	return nil
}

// explained is what is said of one package, begun when it is met first.
func (s *searchFor) explained(nevra, provides string) *ExplainedPackage {
	e := s.packages[nevra]
	if e == nil {
		e = &ExplainedPackage{Target: s.target, NEVRA: nevra, Provides: provides, Places: []ExplainedPlace{}, Hidden: []ExplainedPlace{}, Problems: []closure.Problem{}}
		s.packages[nevra] = e
	}
	return e
}

func placeReason(repo *ReportRepo) string {
	switch repo.Kind {
	case KindStream:
		return fmt.Sprintf("a build of %s:%s lists it", repo.Module, repo.Stream)
	case KindNonModular:
		return "no modules.yaml document lists it"
	case KindUnlisted:
		return "it is modular, but no modules.yaml document lists it: most likely the document of an old build was dropped"
	case KindDefault:
		return "DNF offers it with the default streams enabled"
	}
	return "DNF offers it with the streams of this view enabled"
}

func (s *searchFor) addProblems(verdict *closure.Report) {
	for _, c := range verdict.Checked {
		for _, problem := range c.Problems {
			e := s.packages[problem.Package]
			if e == nil {
				continue
			}
			single := c
			single.Problems = []closure.Problem{problem}
			for _, why := range verdict.Explain(&single) {
				e.breaks(c.Repo, why)
			}
			if !slices.ContainsFunc(e.Problems, func(p closure.Problem) bool {
				return p.Code == problem.Code && slices.Equal(p.Requirements, problem.Requirements)
			}) {
				e.Problems = append(e.Problems, problem)
			}
		}
	}
}

// breaks adds what is wrong in one repository, once for all that say the same.
func (e *ExplainedPackage) breaks(repo string, why closure.Explanation) {
	for i := range e.Broken {
		if b := &e.Broken[i]; b.Sentence == why.Sentence && slices.Equal(b.Lines, why.Lines) {
			b.Repos = append(b.Repos, repo)
			return
		}
	}
	e.Broken = append(e.Broken, ExplainedBroken{[]string{repo}, why.Sentence, why.Lines})
}

func (s *searchFor) explanation() *Explanation {
	e := &Explanation{Schema: 1, Word: s.word, Streams: []ExplainedStream{}, Packages: []ExplainedPackage{}, Missing: []ExplainedMissing{}, Near: []string{}}
	for i := range s.report.Repos {
		repo := &s.report.Repos[i]
		if repo.Kind == KindStream && (s.isStream(repo.Module, repo.Stream) || s.word == repo.ID) {
			e.Streams = append(e.Streams, s.explainStream(repo))
		}
		for _, m := range repo.Missing {
			if n, err := rpmver.ParseNEVRA(m.NEVRA); err == nil && (n.Name == s.word || m.NEVRA == s.word) {
				e.Missing = append(e.Missing, ExplainedMissing{s.target, repo.ID, m.NEVRA, m.Class})
			}
		}
	}
	s.addUnlisted()
	for _, p := range s.packages {
		s.addAbsences(p)
		s.addClashes(p)
		e.Packages = append(e.Packages, *p)
	}
	slices.SortFunc(e.Packages, func(a, b ExplainedPackage) int { return cmp.Compare(a.NEVRA, b.NEVRA) })
	if !e.Found() {
		e.Near = append(e.Near, s.near()...)
		e.WantedBy = slices.Sorted(maps.Keys(s.wantedBy))
	}
	return e
}

// addAbsences says why a package is not in the merged repositories where one would
// look for it.
func (s *searchFor) addAbsences(p *ExplainedPackage) {
	var streams []string
	here := map[string]bool{}
	for _, place := range p.Places {
		here[place.Repo] = true
		if repo, ok := s.report.Repo(place.Repo); ok && repo.Kind == KindStream {
			streams = append(streams, repo.Module+":"+repo.Stream)
		}
	}
	slices.Sort(streams)
	streams = slices.Compact(streams)
	for i := range s.report.Repos {
		repo := &s.report.Repos[i]
		for _, reason := range s.report.absence(repo, here[repo.ID], p.NEVRA, streams, p.Unlisted != nil) {
			p.Hidden = append(p.Hidden, ExplainedPlace{repo.ID, reason})
		}
	}
}

// hidesOthers follows the stream by which a package is hidden.
const hidesOthers = " is enabled there, and has a package of that name: DNF hides the others"

// absence says why a package of a target is not in one of its repositories, or kept
// from its clients; streams are those that list it.
func (r *Report) absence(repo *ReportRepo, here bool, nevra string, streams []string, unlisted bool) (reasons []string) {
	for _, h := range repo.Hidden {
		if h.NEVRA == nevra {
			reasons = append(reasons, h.By+hidesOthers)
		}
	}
	merged := repo.Kind == KindDefault || repo.Kind == KindView
	if merged && !here && unlisted {
		reasons = append(reasons, "it is unlisted (--unlisted "+r.Unlisting+")")
	} else if merged && !here && len(streams) > 0 {
		reasons = append(reasons, "it belongs to "+strings.Join(streams, " and ")+", not active there")
	}
	return reasons
}

// addUnlisted says of unlisted packages what their label does, those that stand in
// no repository too (--unlisted drop).
func (s *searchFor) addUnlisted() {
	for _, u := range s.report.Unlisted {
		n, err := rpmver.ParseNEVRA(u.NEVRA)
		if err != nil || s.packages[u.NEVRA] == nil && n.Name != s.word && u.NEVRA != s.word {
			continue
		}
		s.explained(u.NEVRA, "").Unlisted = &ExplainedLabel{u.Label, s.streamsOfLabel(u.Label)}
	}
}

// streamsOfLabel lists the streams of the module that a label names.
func (s *searchFor) streamsOfLabel(label string) []string {
	module, _, _ := strings.Cut(label, ":")
	streams := []string{}
	for _, repo := range s.report.Repos {
		if repo.Kind == KindStream && repo.Module == module {
			streams = append(streams, repo.Module+":"+repo.Stream)
		}
	}
	slices.Sort(streams)
	return slices.Compact(streams)
}

// addClashes says where several modules ship the package's name.
func (s *searchFor) addClashes(p *ExplainedPackage) {
	n, err := rpmver.ParseNEVRA(p.NEVRA)
	if err != nil {
		return
	}
	for _, repo := range s.report.Repos {
		for _, c := range repo.Clashes {
			if c.Name == n.Name {
				p.Clashes = append(p.Clashes, ExplainedPlace{repo.ID, fmt.Sprintf("the modules %s ship %s; the highest version is installed", strings.Join(c.Modules, ", "), c.Name)})
			}
		}
	}
}

func (s *searchFor) explainStream(repo *ReportRepo) ExplainedStream {
	e := ExplainedStream{
		Target: s.target, Repo: repo.ID, Stream: repo.Module + ":" + repo.Stream, Path: repo.Path, Context: repo.Context, Choice: repo.Choice, Depends: repo.Depends,
		Builds: repo.Builds, LeftOut: repo.LeftOut, Packages: repo.Packages, StreamFacts: repo.StreamFacts,
		Requires: repo.Requires, Optional: repo.optional(), Missing: map[string]int{}, Hidden: repo.Hidden,
	}
	for _, m := range repo.Missing {
		e.Missing[m.Class]++
	}
	return e
}

func (s *searchFor) near() []string {
	for _, repo := range s.report.Repos {
		if repo.Kind == KindStream {
			s.names[repo.Module+":"+repo.Stream] = true
		}
	}
	names := make([]string, 0, len(s.names))
	for n := range s.names {
		names = append(names, n)
	}
	return Nearest(s.word, names)
}

// optional lists the default streams that stand beside a stream without being
// required by it.
func (r *ReportRepo) optional() []string {
	list := []string{}
	for i := range r.optionalAt {
		list = append(list, r.Requires[i])
	}
	return list
}

// optionalAt yields where in Requires they stand.
func (r *ReportRepo) optionalAt(yield func(int) bool) {
	plain := repoID(KindNonModular)
	for i, id := range r.Requires {
		if id != plain && !slices.Contains(r.Declared, id) && !yield(i) {
			return
		}
	}
}
