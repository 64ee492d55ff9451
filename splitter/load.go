package splitter

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"flatstream/repodata"
	"flatstream/repodata/rpmver"
	"flatstream/splitter/modulemd"
)

// pkg is what the plan must know of one package of a source.
type pkg struct {
	rpmver.NEVRA
	source  int
	pos     int    // in the source's primary, from 0
	pkgid   string // digits of the package file's checksum
	href    string // as the source says it
	base    string // xml:base, mostly empty
	time    int64  // of the package file, as the source says it; seconds since 1970
	subject Subject

	label      string // ModularityLabel as the file has it; empty where none was read
	labelState labelState
	exempt     bool // non-modular whatever it says: --strict-dnf left its document out
}

// markers are the release markers that modular builds carry (P8). They are a hint:
// only a package that no document lists is judged by them.
var markers = [...]string{".module+", ".module_"}

// marked says whether the release looks like that of a module.
func (p *pkg) marked() bool {
	return slices.ContainsFunc(markers[:], func(m string) bool { return strings.Contains(p.Release, m) })
}

// unlistable says whether the package would be unlisted if it were modular.
func (p *pkg) unlistable() bool { return !p.subject.Modular() && !p.exempt }

// unlisted says whether the package is modular, by its label or else its release,
// though no document lists it.
func (p *pkg) unlisted() bool { return p.unlistable() && (p.label != "" || p.marked()) }

// LoadModules reads the modules.yaml of every source that is merged, in their order.
// That one has none, as BaseOS, is a warning only where no other has one either: what
// is modular there all the same is found as unlisted.
// Where strictDNF is set, the documents that libmodulemd rejects are left out (P22).
func LoadModules(sources []Source, strictDNF bool) ([]SourceModules, []Warning, error) {
	var all []SourceModules
	var warnings, bare []Warning
	for _, s := range sources {
		if s.Role != RoleMerge {
			continue
		}
		file, err := readModules(s)
		if errors.Is(err, fs.ErrNotExist) {
			bare = append(bare, Warning{"no-modules", s.Name + " has no modules.yaml: its packages count as non-modular unless their label or release says otherwise"})
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("reading modules of %s: %w", s.Name, err)
		}
		for _, w := range file.Warnings {
			warnings = append(warnings, Warning{w.Code, w.Text})
		}
		if strictDNF {
			file.DropRejected()
		}
		if n := len(file.Rejected); n > 0 {
			warnings = append(warnings, Warning{"strict-dnf", fmt.Sprintf("%s: left out %s that DNF cannot read; packages of no other document are non-modular: %s", s.Name, counted(n, "document"), someOf(nsvcas(file.Rejected)))})
		}
		all = append(all, SourceModules{Source: s.Name, File: file})
	}
	if len(all) == 0 {
		warnings = append(warnings, bare...)
	}
	return all, warnings, nil
}

func readModules(s Source) (file *modulemd.File, err error) {
	r, err := s.Repo.Data(repodata.TypeModules)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return modulemd.Parse(r, s.Name)
}

// loadPackages reads the packages of source number i, in the order of its primary.
// A package that stands at one place twice is taken once. names are the index's
// artifact names, the only ones of Provides that count.
func (p *Plan) loadPackages(ctx context.Context, s Source, i int, names map[string]bool) ([]pkg, error) {
	packages, err := p.primary(ctx, s, i, names)
	if err != nil {
		return nil, err
	}
	size := 0
	if p.spools != nil {
		size = p.spools.of(0, i).Len() // primary has so many; a list that grows leaves four times as much behind
	}
	list := make([]pkg, 0, size)
	var provides []string
	pos := -1
	for k, err := range packages {
		if err != nil {
			return nil, fmt.Errorf("reading packages of %s: %w", s.Name, err)
		}
		pos++
		if err := checkNEVRA(k.NEVRA.String()); err != nil {
			return nil, fmt.Errorf("%s: %w; mirror it again", s.Name, err)
		}
		if err := repodata.CheckHref(k.Location); err != nil {
			return nil, fmt.Errorf("%s: package %s stands at %.200q: %w", s.Name, k.NEVRA, k.Location, err)
		}
		provides = provides[:0]
		for _, rel := range k.Provides {
			provides = append(provides, rel.Name)
		}
		list = append(list, pkg{
			NEVRA: k.NEVRA, source: i, pos: pos, pkgid: k.PkgID.Hex, href: k.Location, base: k.Base, time: k.FileTime,
			subject: p.Index.Subject(k.NEVRA, provides),
		})
	}
	return onePerPlace(s, list)
}

// onePerPlace leaves out what stands at one place a second time.
func onePerPlace(s Source, list []pkg) ([]pkg, error) {
	places := newFirsts(len(list))
	kept := list[:0]
	for i := range list {
		k := &list[i]
		first := places.first(len(kept), places.string(k.href), func(j int) bool { return kept[j].href == k.href && kept[j].base == k.base })
		if first == len(kept) {
			if kept = list[:first+1]; first < i {
				kept[first] = *k
			}
		} else if kept[first].pkgid != k.pkgid {
			return nil, fmt.Errorf("%s: two packages with different checksums stand at %s; its metadata cannot be trusted, run createrepo_c on it again", s.Name, k.href)
		}
	}
	return kept, nil
}

// primary reads the packages of source number i, from its spool where there is one.
func (p *Plan) primary(ctx context.Context, s Source, i int, names map[string]bool) (iter.Seq2[*repodata.Package, error], error) {
	if p.spools == nil {
		return s.Repo.PackagesProviding(ctx, names), nil
	}
	spool, err := p.spools.wait(0, i)
	if err != nil {
		return nil, err
	}
	return spool.PackagesProviding(ctx, names, p.Options.jobs()), nil
}

// checkNEVRA refuses what rpm never builds and what would mean more than itself on an
// excludepkgs= line of a .repo file: blanks, control characters, commas, patterns.
func checkNEVRA(nevra string) error {
	for i := range len(nevra) {
		if c := nevra[i]; c <= ' ' || c == 0x7f || strings.IndexByte(",*?[", c) >= 0 {
			return fmt.Errorf("%.200q cannot be the name of a package: it holds %q", nevra, c)
		}
	}
	return nil
}

// countPackages counts the packages of a source that is not split.
func countPackages(ctx context.Context, s Source) (n int, err error) {
	for _, err := range s.Repo.Elements(ctx, repodata.TypePrimary) {
		if err != nil {
			return 0, fmt.Errorf("counting packages of %s: %w", s.Name, err)
		}
		n++
	}
	return n, nil
}

// shadowNames are the artifact names with which some stream could hide the package.
func (s Subject) shadowNames() []int32 {
	switch {
	case s.Modular():
		return nil
	case s.name < 0:
		return s.provides
	}
	return append(slices.Clip(s.provides), s.name)
}
