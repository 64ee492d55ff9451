package nightly

import (
	"fmt"
	"os"
	"path"
	"strings"

	"flatstream/mirror"
	"flatstream/mirror/repofile"
)

// upstream is one repository of the config for one target and arch.
type upstream struct {
	repo   *Repo
	source mirror.Source
}

// upstreams lists every repository that the config mirrors, each once, with the
// variables of its target and arch filled in. vars are those of the machine.
func (c *Config) upstreams(vars repofile.Vars) (all []upstream, byBuild map[build][]upstream, err error) {
	byBuild = map[build][]upstream{}
	paths := map[string]upstream{}
	for i := range c.Targets {
		t := &c.Targets[i]
		for _, arch := range t.Arches {
			b := build{t, arch}
			for _, name := range t.Sources {
				repo, _ := c.repo(name) // checked when the config was read
				u, err := c.expand(repo, t, arch, vars)
				if err != nil {
					return nil, nil, err
				}
				if same, ok := paths[u.source.Path]; ok {
					u = same
				} else {
					paths[u.source.Path] = u
					all = append(all, u)
				}
				byBuild[b] = append(byBuild[b], u)
			}
		}
	}
	return all, byBuild, nil
}

// build is one target for one arch.
type build struct {
	target *Target
	arch   string
}

// name is how people call it; empty for the only one of a config without targets.
func (b build) name() string {
	if b.target.Name == "" {
		return ""
	}
	return b.target.Name + "/" + b.arch
}

// flat is where its flat repositories stand in a snapshot.
func (b build) flat() string { return path.Join("flat", b.name()) }

// expand makes the source of a repository for a target and arch.
func (c *Config) expand(repo *Repo, t *Target, arch string, vars repofile.Vars) (upstream, error) {
	vars = repofile.NewVars(t.Releasever, arch).With(vars)
	section := repo.Section
	if repo.File != "" {
		var err error
		if section, err = readSection(repo.File, repo.ID); err != nil {
			return upstream{}, c.at(repo, err)
		}
	}
	section, err := section.Expand(vars)
	if err != nil {
		return upstream{}, c.at(repo, err)
	}
	source, err := mirror.FromRepo(section)
	if err != nil {
		return upstream{}, c.at(repo, err)
	}
	source.Name = repo.Name
	if source.Path, err = mirrorPath(repo, t, arch, vars); err != nil {
		return upstream{}, c.at(repo, err)
	}
	return upstream{repo, source}, nil
}

// mirrorPath is where a repository stands in a snapshot.
func mirrorPath(repo *Repo, t *Target, arch string, vars repofile.Vars) (string, error) {
	switch {
	case repo.Path != "":
		p, err := vars.Expand(repo.Path)
		return path.Join("mirror", p), err
	case t.Name == "":
		return path.Join("mirror", repo.Name), nil
	}
	return path.Join("mirror", t.Releasever, arch, repo.Name), nil
}

func readSection(file, id string) (repofile.Repo, error) {
	f, err := os.Open(file)
	if err != nil {
		return repofile.Repo{}, err
	}
	defer f.Close()
	repos, err := repofile.Parse(f)
	if err != nil {
		return repofile.Repo{}, fmt.Errorf("%s: %w", file, err)
	}
	for _, r := range repos {
		if r.ID == id {
			return r, nil
		}
	}
	return repofile.Repo{}, fmt.Errorf("%s has no repository %s", file, id)
}

// at says in which part of the config an error is.
func (c *Config) at(repo *Repo, err error) error {
	return &ConfigError{File: c.File, Line: repo.node.Line, Column: repo.node.Column, Text: fmt.Sprintf("repository %s: %v", repo.Name, err)}
}

// Steps says, one sentence each, what a run would do. It resolves every repository,
// so that a variable without a value or a missing .repo file is found.
func (c *Config) Steps(vars repofile.Vars) ([]string, error) {
	all, byBuild, err := c.upstreams(vars)
	if err != nil {
		return nil, err
	}
	var steps []string
	for _, u := range all {
		steps = append(steps, fmt.Sprintf("sync %s from %s into %s", u.source.Name, u.source.Place(), u.source.Path))
	}
	for i := range c.Targets {
		for _, arch := range c.Targets[i].Arches {
			b := build{&c.Targets[i], arch}
			var names []string
			for _, u := range byBuild[b] {
				names = append(names, u.source.Name)
			}
			steps = append(steps, fmt.Sprintf("split and verify %s into %s", strings.Join(names, ", "), b.flat()))
		}
	}
	return append(steps, "publish all of it in "+c.Store+" at once"), nil
}
