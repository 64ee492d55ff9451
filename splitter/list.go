package splitter

import (
	"context"
	"slices"
	"strings"

	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
	"flatstream/splitter/modulemd"
)

// Listing is what list prints: the modules of some sources.
type Listing struct {
	Schema   int          `json:"schema"`
	Platform string       `json:"platform"`
	Modules  []ListModule `json:"modules"`
	Warnings []Warning    `json:"warnings"`
}

// ListModule is one module.
type ListModule struct {
	Name    string       `json:"name"`
	Default string       `json:"default"` // stream; empty: none
	Streams []ListStream `json:"streams"`
}

// ListStream is one stream. Requires has one list of module:stream alternatives per
// context group, "module:*" for any stream and a leading "-" kept.
type ListStream struct {
	Name     string      `json:"name"`
	Default  bool        `json:"default"`
	Summary  string      `json:"summary,omitempty"`
	Builds   []ListBuild `json:"builds"`
	Requires [][]string  `json:"requires"`
	Groups   []ListGroup `json:"groups"` // beside Requires
	StreamFacts
}

// ListGroup is one context group.
type ListGroup struct {
	Context string `json:"context"` // computed
	Builds  int    `json:"builds"`
	Picked  bool   `json:"picked"` // by DNF, when the stream alone is enabled
}

// ListBuild is one build: how many artifacts its document lists, how many of them
// the sources have, and how many not.
type ListBuild struct {
	Version   uint64 `json:"version"`
	Context   string `json:"context"`
	Arch      string `json:"arch"`
	Static    bool   `json:"static"`
	Artifacts int    `json:"artifacts"`
	Present   int    `json:"present"`
	Missing   int    `json:"missing"`
}

// List tells which modules the sources have, without deciding anything.
func List(ctx context.Context, sources []Source) (*Listing, error) {
	files, warnings, err := LoadModules(sources, false)
	if err != nil {
		return nil, err
	}
	x, more := NewIndex(files, IndexOptions{})
	p := &Plan{Sources: sources, Index: x}
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	present := make(map[rpmver.NEVRA]bool, len(p.pkgs))
	for i := range p.pkgs {
		present[p.pkgs[i].NEVRA] = true
	}
	l := &Listing{Schema: 1, Platform: x.Platform(), Modules: []ListModule{}, Warnings: append(append([]Warning{}, warnings...), more...)}
	for _, id := range x.Streams() {
		if n := len(l.Modules); n == 0 || l.Modules[n-1].Name != id.Module {
			l.Modules = append(l.Modules, ListModule{Name: id.Module, Default: x.Default(id.Module)})
		}
		m := &l.Modules[len(l.Modules)-1]
		m.Streams = append(m.Streams, listStream(x, id, present))
	}
	return l, nil
}

func listStream(x *Index, id StreamID, present map[rpmver.NEVRA]bool) ListStream {
	s := ListStream{Name: id.Stream, Default: x.Default(id.Module) == id.Stream, Builds: []ListBuild{}, Requires: [][]string{}}
	picked := x.Picked(id)
	var builds []*modulemd.Build
	for _, g := range x.Groups(id) {
		builds = append(builds, g.Builds...)
		s.Requires = append(s.Requires, writeRequires(g.Requires))
		s.Groups = append(s.Groups, ListGroup{g.Context, len(g.Builds), g == picked})
		for _, b := range g.Builds {
			s.Summary = b.Summary
			s.Builds = append(s.Builds, listBuild(b, present))
		}
	}
	s.StreamFacts = x.Facts(id, builds)
	return s
}

func listBuild(b *modulemd.Build, present map[rpmver.NEVRA]bool) ListBuild {
	l := ListBuild{Version: b.Version, Context: b.Context, Arch: b.Arch, Static: b.Static, Artifacts: len(b.Artifacts)}
	for _, text := range b.Artifacts {
		if n, err := rpmver.ParseNEVRA(text); err == nil && present[n] {
			l.Present++
		}
	}
	l.Missing = l.Artifacts - l.Present
	return l
}

func writeRequires(requires modulemd.Requires) []string {
	list := []string{}
	for _, r := range requires {
		if len(r.Streams) == 0 {
			list = append(list, r.Module+":*")
		}
		for _, s := range r.Streams {
			list = append(list, r.Module+":"+s)
		}
	}
	return list
}

// Provider is one answer to "who provides this".
type Provider struct {
	NEVRA    string   `json:"nevra"`
	Source   string   `json:"source"`
	Streams  []string `json:"streams"`  // module:stream; empty: non-modular
	Provides string   `json:"provides"` // what it provides, as its metadata writes it
}

// Providers finds the packages that provide a capability ("perl(DBI)", "webserver >=
// 2", "/usr/bin/perl") or are called that. Paths outside primary are looked up in
// filelists.
func Providers(ctx context.Context, sources []Source, what string) ([]Provider, error) {
	files, _, err := LoadModules(sources, false)
	if err != nil {
		return nil, err
	}
	x, _ := NewIndex(files, IndexOptions{})
	want, err := rpmdep.Parse(what)
	if err != nil {
		return nil, &UsageError{err.Error(), `write a name, a path, or a name with a version such as "perl >= 5.26"`}
	}
	found := []Provider{}
	for _, s := range sources {
		owners, err := pathOwners(ctx, s, what)
		if err != nil {
			return nil, err
		}
		for p, err := range s.Repo.Packages(ctx, repodata.PartRelations|repodata.PartFiles) {
			if err != nil {
				return nil, err
			}
			if how, ok := provides(p, want, owners); ok {
				found = append(found, Provider{p.NEVRA.String(), s.Name, streamsOf(x, p.NEVRA), how})
			}
		}
	}
	return found, nil
}

func pathOwners(ctx context.Context, s Source, path string) (map[string]bool, error) {
	owners := map[string]bool{}
	if _, listed := s.Repo.MD.Record(repodata.TypeFilelists); !listed || !strings.HasPrefix(path, "/") {
		return owners, nil
	}
	for o, err := range s.Repo.FileOwners(ctx, map[string]bool{path: true}) {
		if err != nil {
			return nil, err
		}
		owners[o.PkgID] = true
	}
	return owners, nil
}

func provides(p *repodata.Package, want rpmdep.Dep, owners map[string]bool) (string, bool) {
	for _, rel := range p.Provides {
		if rpmdep.Match(rel.Dep, want) {
			return rel.Dep.String(), true
		}
	}
	owned := owners[p.PkgID.Hex] || slices.ContainsFunc(p.Files, func(f repodata.File) bool { return f.Path == want.Name })
	return want.Name, owned || p.Name == want.Name && want.Op == 0
}

func streamsOf(x *Index, n rpmver.NEVRA) []string {
	streams := []string{}
	for _, g := range x.OwnerGroups(n) {
		if name := g.StreamID.String(); !slices.Contains(streams, name) {
			streams = append(streams, name)
		}
	}
	return streams
}
