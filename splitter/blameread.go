package splitter

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"flatstream/repodata"
	"flatstream/repodata/digest"
	"flatstream/repodata/rpmver"
)

// state is a moment of which the reports were read.
type state struct {
	Moment
	at      int                   // its number among the moments
	paths   []string              // of all repositories, sorted
	reports map[string]targetRepo // of flat ones, by path

	known, withheld map[string][]string // problems, as Problems gives them
	names           map[string]bool     // NAME.ARCH of the packages that the word names
	wrong, held     map[string]problem  // of known and withheld those about the word
}

// targetRepo is what blame needs to know of a flat repository.
type targetRepo struct {
	Target string `json:"-"` // directory of the target
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Path   string `json:"path"` // below the target
	Module string `json:"module"`
	Stream string `json:"stream"`

	Builds   []string `json:"builds"`
	Requires []string `json:"requires"`
	Packages int      `json:"packages"`
}

// id is the id of a repository: that of a target's report, or else its path without
// mirror/; empty where the moment does not have it.
func (s *state) id(p string) string {
	if _, have := s.Repos[p]; !have {
		return ""
	}
	return cmp.Or(s.reports[p].ID, strings.TrimPrefix(p, "mirror/"))
}

// merged finds a repository that merges streams: a view or the default one.
func (s *state) merged(p string) (targetRepo, bool) {
	r := s.reports[p]
	return r, r.Kind == KindDefault || r.Kind == KindView
}

// sight is what one repository has of a word.
type sight struct {
	*Inventory
	how    map[string]string   // by NEVRA: what it provides, where that was asked for
	builds map[string][]string // by NEVRA: the builds that list it
}

func newSight() *sight {
	return &sight{
		&Inventory{Packages: map[rpmver.NEVRA]digest.Checksum{}, Streams: map[StreamID][]string{}, Defaults: map[string]string{}},
		map[string]string{}, map[string][]string{},
	}
}

// byCapability says whether packages are there, all of them for what they provide.
func (s *sight) byCapability() bool {
	for n := range s.Packages {
		if s.how[n.String()] == "" {
			return false
		}
	}
	return len(s.Packages) > 0
}

// allBuilds lists the builds of a stream, given as module:stream.
func (s *sight) allBuilds(stream string) []string {
	for id, builds := range s.Streams {
		if id.String() == stream {
			return builds
		}
	}
	return nil
}

// sightKey is a repository, by what tells its states apart, and a word.
type sightKey struct{ repo, word string }

// sight is what a moment has of a word in the repository at p.
func (b *blamer) sight(s *state, p, word string) *sight {
	if have := b.sights[sightKey{s.Repos[p], word}]; have != nil {
		return have
	}
	return newSight()
}

// read reads the reports of all moments.
func (b *blamer) read(ctx context.Context, moments []Moment) ([]*state, error) {
	var states []*state
	seen := map[string][]targetRepo{}
	for i, m := range moments {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := &state{Moment: m, at: i, paths: slices.Sorted(maps.Keys(m.Repos)), reports: map[string]targetRepo{}}
		err := s.readReports(seen)
		if err == nil {
			s.known, s.withheld, err = m.Problems()
		}
		if err != nil {
			b.skip(m.Name, err)
			continue
		}
		states = append(states, s)
	}
	return states, nil
}

// readReports reads what stands in the targets; seen are reports that were read before.
func (s *state) readReports(seen map[string][]targetRepo) error {
	for target, sum := range s.Targets {
		repos, ok := seen[sum]
		if !ok {
			var report struct {
				Repos []targetRepo `json:"repos"`
			}
			name := path.Join(target, ReportName)
			doc, err := fs.ReadFile(s.FS, name)
			if err == nil {
				err = json.Unmarshal(doc, &report)
			}
			if err != nil {
				return fmt.Errorf("reading %s: %w", name, err)
			}
			repos = report.Repos
			seen[sum] = repos
		}
		for _, r := range repos {
			r.Target = target
			s.reports[path.Join(target, r.Path)] = r
		}
	}
	return nil
}

func (b *blamer) skip(snapshot string, err error) {
	b.result.Skipped = append(b.result.Skipped, Skipped{snapshot, err.Error()})
}

// look finds out what the repositories of moments have of words. It returns the moments
// that could be read.
func (b *blamer) look(ctx context.Context, states []*state, words []lookup) ([]*state, error) {
	if len(words) == 0 {
		return states, nil
	}
	unknown := func(sum string) bool {
		return slices.ContainsFunc(words, func(w lookup) bool { return b.sights[sightKey{sum, w.word}] == nil })
	}
	var todo []fresh
	listed := map[sightKey]bool{}
	for _, s := range states {
		for _, p := range s.paths {
			if sum := s.Repos[p]; unknown(sum) && !listed[sightKey{sum, p}] {
				listed[sightKey{sum, p}] = true
				todo = append(todo, fresh{sum, s.at, place{s.FS, p}})
			}
		}
	}
	if err := b.learn(ctx, states, todo, words); err != nil {
		return nil, err
	}
	places := map[string][]place{}
	for _, s := range states {
		for _, p := range s.paths {
			if sum := s.Repos[p]; unknown(sum) {
				places[sum] = append(places[sum], place{s.FS, p})
			}
		}
	}
	sums := slices.Sorted(maps.Keys(places))
	found, failed := make([][]*sight, len(sums)), make([]error, len(sums))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(b.workers())
	for i, sum := range sums {
		group.Go(func() error {
			for _, at := range places[sum] { // should the file of one snapshot be damaged, another's may not be
				if found[i], failed[i] = at.read(within, words, &b.modules); failed[i] == nil {
					break
				}
			}
			return within.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	broken := map[string]error{}
	for i, sum := range sums {
		if broken[sum] = failed[i]; failed[i] != nil {
			continue
		}
		for n, w := range words {
			b.sights[sightKey{sum, w.word}] = found[i][n]
		}
	}
	return slices.DeleteFunc(slices.Clone(states), func(s *state) bool {
		for _, p := range s.paths {
			if err := broken[s.Repos[p]]; err != nil {
				b.skip(s.Name, fmt.Errorf("reading %s: %w", p, err))
				return true
			}
		}
		return false
	}), nil
}

// place is where a repository can be read.
type place struct {
	fsys fs.FS
	path string
}

func (at place) open() (*repodata.Repo, error) {
	fsys, err := fs.Sub(at.fsys, at.path)
	if err != nil {
		return nil, err
	}
	return repodata.Open(fsys)
}

func (b *blamer) workers() int { return cmp.Or(b.jobs, runtime.GOMAXPROCS(0)) }

// read finds words in a repository.
func (at place) read(ctx context.Context, words []lookup, modules *moduleFiles) ([]*sight, error) {
	r, err := at.open()
	if err != nil {
		return nil, err
	}
	sights := make([]*sight, len(words))
	for i := range sights {
		sights[i] = newSight()
	}
	err = eachMatch(ctx, r, words, nil, func(i int, p *repodata.Package, how string) { sights[i].take(p.NEVRA, p.PkgID, how) })
	if err != nil {
		return nil, err
	}
	return sights, modules.addBuilds(r, words, sights)
}

func (s *sight) take(n rpmver.NEVRA, pkgid digest.Checksum, how string) {
	if have, twice := s.Packages[n]; !twice || pkgid.Hex < have.Hex {
		s.Packages[n] = pkgid
	}
	s.how[n.String()] = how
}

// buildsOf lists the builds that list a package, in any repository of a moment.
func (b *blamer) buildsOf(s *state, nevra string) []string {
	var builds []string
	for _, p := range s.paths {
		builds = append(builds, b.sight(s, p, b.word.word).builds[nevra]...)
	}
	slices.Sort(builds)
	return slices.Compact(builds)
}

// absence says why a package of a moment is not in a repository of its target.
func (b *blamer) absence(s *state, p, nevra string, streams []string) ([]string, error) {
	report, err := b.report(s, s.reports[p].Target)
	if err != nil {
		return nil, err
	}
	repo, ok := report.Repo(s.reports[p].ID)
	if !ok {
		return nil, nil
	}
	unlisted := slices.ContainsFunc(report.Unlisted, func(u UnlistedPackage) bool { return u.NEVRA == nevra })
	return report.absence(repo, false, nevra, streams, unlisted), nil
}

// report reads the whole report of a target, and keeps the one that was read last.
func (b *blamer) report(s *state, target string) (*Report, error) {
	sum := s.Targets[target]
	if b.last != nil && b.lastSum == sum {
		return b.last, nil
	}
	sub, err := fs.Sub(s.FS, target)
	if err != nil {
		return nil, err
	}
	report, err := ReadReport(sub)
	if err != nil {
		return nil, fmt.Errorf("%s of snapshot %s: %w", target, s.Name, err)
	}
	b.last, b.lastSum = report, sum
	return report, nil
}
