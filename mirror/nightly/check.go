package nightly

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"flatstream/mirror"
	"flatstream/splitter"
)

// check looks at what no single key can tell.
func (c *Config) check(dir string) error {
	switch {
	case c.Store == "":
		return &ConfigError{Text: "store: is missing", Try: "name the directory that holds everything, such as store: /srv/flatstream"}
	case len(c.Repos) == 0:
		return &ConfigError{Text: "repos: names no repository", Try: `name one, such as repos: { baseos: { baseurl: "https://..." } }`}
	}
	c.Store = below(dir, c.Store)
	if c.SignKey != "" {
		c.SignKey = below(dir, c.SignKey)
	}
	if c.Metrics != "" {
		c.Metrics = below(dir, c.Metrics)
	}
	for i := range c.Repos {
		r := &c.Repos[i]
		if r.File != "" {
			r.File = below(dir, r.File)
		}
		if r.Policy == mirror.OnDemand && len(r.KeepAlways) > 0 {
			return wrong(r.node, "repository %s has keep-always and policy on-demand: what upstream deletes can be had no more", r.Name)
		}
		if _, taken := c.repo(r.Name + keptSuffix); taken && len(r.KeepAlways) > 0 {
			return wrong(r.node, "what repository %s keeps is called %s%s, and so is another repository", r.Name, r.Name, keptSuffix)
		}
	}
	if err := c.checkWith(dir); err != nil {
		return err
	}
	if err := c.readBaseline(dir); err != nil {
		return err
	}
	if v := &c.Verify; v.Impact != "" {
		v.Impact = below(dir, v.Impact)
		if _, err := os.Stat(v.Impact); err != nil {
			e := wrong(v.node, "impact: %s cannot be read: %s", v.Impact, plainError(err))
			e.Try = "name the directory that your .spec or .src.rpm files are in, or below"
			return e
		}
		for _, name := range v.ImpactViews {
			if name != splitter.KindDefault && !slices.ContainsFunc(c.Views, func(w View) bool { return w.Name == name }) {
				return wrong(v.node, "impact-views: there is no view %s; name default, or one of views:", name)
			}
		}
	}
	if len(c.Targets) == 0 {
		t := Target{Arches: []string{"x86_64"}}
		for _, r := range c.Repos {
			t.Sources = append(t.Sources, r.Name)
		}
		c.Targets = []Target{t}
	}
	for i := range c.Targets {
		if err := c.checkTarget(&c.Targets[i]); err != nil {
			return err
		}
	}
	if err := c.checkViews(); err != nil {
		return err
	}
	return c.checkUsed()
}

// below is a path as it is meant from a directory.
func below(dir, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(dir, name)
}

// checkWith tells repositories from directories.
func (c *Config) checkWith(dir string) error {
	for i, name := range c.Verify.With {
		if _, ok := c.repo(name); ok {
			continue
		}
		if strings.Contains(name, "://") {
			e := wrong(c.Verify.node, "with: %s is a URL", name)
			e.Try = "give it a name in repos:, with role: supply, and name that here"
			return e
		}
		place := below(dir, name)
		if _, err := os.Stat(filepath.Join(place, "repodata", "repomd.xml")); err != nil {
			return wrong(c.Verify.node, "with: %s is neither a repository of repos: nor a directory that holds one", name)
		}
		c.Verify.With[i] = place
	}
	return nil
}

func (c *Config) checkTarget(t *Target) error {
	merged := false
	for _, name := range t.Sources {
		r, ok := c.repo(name)
		if !ok {
			return wrong(t.node, "target %s names the repository %q, which repos: does not have", t.Name, name)
		}
		merged = merged || r.Role == splitter.RoleMerge
	}
	switch {
	case merged:
		return nil
	case t.node == nil:
		return &ConfigError{Text: "every repository only supplies, so there is nothing to split", Try: "leave role: supply out where packages are to be split"}
	}
	e := wrong(t.node, "target %s has no sources to split", t.Name)
	e.Try = "name repositories of repos: in sources:"
	return e
}

// checkUsed refuses a repository that no run would sync.
func (c *Config) checkUsed() error {
	used := slices.Clone(c.Verify.With)
	for _, t := range c.Targets {
		used = append(used, t.Sources...)
		used = append(used, c.overlaySources(&t)...)
	}
	for _, r := range c.Repos {
		if !slices.Contains(used, r.Name) {
			e := wrong(r.node, "repository %s is in no target's sources", r.Name)
			e.Try = "name it in sources: of a target, in overlay: of a view or in with: of verify, or take it out"
			return e
		}
	}
	return nil
}

func (c *Config) checkViews() error {
	for i := range c.Views {
		v := &c.Views[i]
		if v.Target == "" && len(c.Targets) == 1 {
			v.Target = c.Targets[0].Name
		}
		if v.Target == "" && len(c.Targets) > 1 {
			return wrong(v.node, "view %s does not say of which target it is", v.Name)
		}
		if !slices.ContainsFunc(c.Targets, func(t Target) bool { return t.Name == v.Target }) {
			return wrong(v.node, "view %s names the target %q, which targets: does not have", v.Name, v.Target)
		}
		for _, o := range v.Overlays {
			if r, ok := c.repo(o.Source); !ok || r.Role != splitter.RoleOverlay {
				e := wrong(v.node, "view %s overlays %q, which is no repository of repos: with role: overlay", v.Name, o.Source)
				e.Try = "declare it there"
				return e
			}
		}
	}
	return nil
}

func (c *Config) repo(name string) (*Repo, bool) {
	for i := range c.Repos {
		if c.Repos[i].Name == name {
			return &c.Repos[i], true
		}
	}
	return nil, false
}
