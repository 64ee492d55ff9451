// Package nightly is the night's job: it reads a config, syncs every repository,
// splits every target, verifies what came out and publishes all of it at once, or
// nothing. It is safe to start again at any moment.
//
// The config is YAML. Its scalars are taken as they are written, so that a
// releasever 8.10 never becomes 8.1, and an unknown key is an error with its line
// and column.
package nightly

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"flatstream/mirror/repofile"
	"flatstream/splitter"
)

// MaxConfig is the largest config that is read, in bytes.
const MaxConfig = 1 << 20

// Config is what a config file says, checked.
type Config struct {
	File    string
	Store   string // absolute
	BaseURL string // of flat/, for .repo files; no trailing slash; empty: file://
	Repos   []Repo
	Targets []Target // never empty: without targets: there is one without a name
	Views   []View
	Verify  VerifyConfig
	Keep    Keep
	Hooks   Hooks
}

// Repo is one upstream repository.
type Repo struct {
	Name string
	// File and ID name a section of a .repo file; or Section holds what the config
	// itself says, as such a section would.
	File, ID   string
	Section    repofile.Repo
	Role       splitter.Role
	Path       string   // below mirror/; may hold variables; empty: RELEASEVER/ARCH/NAME
	KeepAlways []string // globs of packages that stay when upstream drops them
	node       *yaml.Node
}

// Target is a set of repositories that is split together, for some arches.
type Target struct {
	Name       string // empty: the only one, directly in flat/
	Releasever string
	Arches     []string // never empty
	Sources    []string // names of repositories
	Options    splitter.Options
	Alias      []string // further paths below the snapshot that lead to its flat repositories
}

// View is one view of one target.
type View struct {
	Name, Target string
	Streams      []string // SPECs
}

// VerifyConfig says how strict the night is.
type VerifyConfig struct {
	Level      string   // closure
	With       []string // names of repositories, or paths, that only supply
	OnProblems string   // keep-old or warn
}

// Keep is how much history stays.
type Keep struct {
	Snapshots int
	Grace     time.Duration
	MaxDelete float64 // of files or bytes, 0 to 1
}

// Hooks are commands, each with its arguments; no shell sees them.
type Hooks struct{ OnPublish, OnFailure []string }

var validName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// ReadConfig reads and checks a config file. Errors are a [*ConfigError].
func ReadConfig(file string) (*Config, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, &ConfigError{File: file, Text: err.Error(), Try: "flatstream run --config FILE"}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxConfig+1))
	if err != nil {
		return nil, &ConfigError{File: file, Text: err.Error()}
	}
	c, err := parseConfig(b, file)
	var mistake *ConfigError
	if errors.As(err, &mistake) {
		mistake.File = file
	}
	return c, err
}

func parseConfig(b []byte, file string) (*Config, error) {
	if len(b) > MaxConfig {
		return nil, &ConfigError{Text: fmt.Sprintf("a config is at most %d bytes", MaxConfig)}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, &ConfigError{Text: strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if len(doc.Content) == 0 {
		return nil, &ConfigError{Text: "the config is empty", Try: "it needs at least store: and repos:"}
	}
	c := &Config{
		File:   file,
		Verify: VerifyConfig{Level: "closure", OnProblems: "keep-old"},
		Keep:   Keep{Snapshots: 14, Grace: 72 * time.Hour, MaxDelete: 0.4},
	}
	root := doc.Content[0]
	err := decode(root, fields{
		"store": &c.Store, "base-url": &c.BaseURL,
		"repos": c.readRepos, "targets": c.readTargets, "views": c.readViews,
		"verify": c.readVerify,
		"keep": func(n *yaml.Node) error {
			return decode(n, fields{"snapshots": &c.Keep.Snapshots, "grace": &c.Keep.Grace, "max-delete": &c.Keep.MaxDelete})
		},
		"hooks": func(n *yaml.Node) error {
			return decode(n, fields{"on-publish": &c.Hooks.OnPublish, "on-failure": &c.Hooks.OnFailure})
		},
	})
	if err != nil {
		return nil, err
	}
	return c, c.check(root)
}

func (c *Config) readRepos(n *yaml.Node) error {
	return eachKey(n, func(key, value *yaml.Node) error {
		if !validName.MatchString(key.Value) || key.Value[0] == '.' {
			return wrong(key, "a repository's name has only letters, digits, dots, dashes and underscores")
		}
		r := Repo{Name: key.Value, Role: splitter.RoleMerge, node: key}
		var section strings.Builder
		fmt.Fprintf(&section, "[%s]\n", key.Value)
		err := eachKey(value, func(k, v *yaml.Node) error { return r.readKey(k, v, &section) })
		if err != nil {
			return err
		}
		if err := r.finish(section.String()); err != nil {
			return err
		}
		c.Repos = append(c.Repos, r)
		return nil
	})
}

// dnfKeys are those of a .repo file that a config takes as they are.
var dnfKeys = []string{"baseurl", "mirrorlist", "metalink", "gpgcheck", "repo_gpgcheck", "gpgkey", "sslverify",
	"sslcacert", "sslclientcert", "sslclientkey", "username", "password", "proxy", "proxy_username",
	"proxy_password", "timeout", "minrate", "throttle", "retries", "includepkgs", "excludepkgs"}

func (r *Repo) readKey(key, value *yaml.Node, section *strings.Builder) error {
	own := fields{"repo-file": &r.File, "repoid": &r.ID, "role": (*string)(&r.Role), "path": &r.Path, "keep-always": &r.KeepAlways}
	if into, ok := own[key.Value]; ok {
		return assign(value, into)
	}
	if !slices.Contains(dnfKeys, key.Value) {
		e := wrong(key, "unknown key %q", key.Value)
		e.Try = "the keys here are " + strings.Join(append(own.names(), dnfKeys...), ", ")
		return e
	}
	var values []string
	if err := assignList(value, &values); err != nil {
		return err
	}
	for _, v := range values {
		if strings.ContainsAny(v, "\n\r") {
			return wrong(value, "a value of %s is one line", key.Value)
		}
	}
	fmt.Fprintf(section, "%s=%s\n", key.Value, strings.Join(values, " "))
	return nil
}

func (r *Repo) finish(section string) error {
	if !slices.Contains([]splitter.Role{splitter.RoleMerge, splitter.RoleSupply}, r.Role) {
		return wrong(r.node, "repository %s has the unknown role %q (use merge or supply)", r.Name, r.Role)
	}
	if r.File != "" {
		if r.ID == "" {
			r.ID = r.Name
		}
		return nil
	}
	parsed, err := repofile.Parse(strings.NewReader(section))
	if err != nil || len(parsed) != 1 {
		return wrong(r.node, "repository %s: %v", r.Name, err)
	}
	r.Section = parsed[0]
	if err := r.Section.Err(); err != nil {
		return wrong(r.node, "repository %s: %v", r.Name, err)
	}
	return nil
}

func (c *Config) readTargets(n *yaml.Node) error {
	return eachKey(n, func(key, value *yaml.Node) error {
		if !validName.MatchString(key.Value) || key.Value[0] == '.' {
			return wrong(key, "a target's name has only letters, digits, dots, dashes and underscores")
		}
		t := Target{Name: key.Value}
		o := &t.Options
		err := decode(value, fields{
			"releasever": &t.Releasever, "arches": &t.Arches, "sources": &t.Sources, "alias": &t.Alias,
			"versions": (*string)(&o.Versions), "unlisted": (*string)(&o.Unlisted), "by": (*string)(&o.By),
			"streams": &o.Streams, "platform": &o.Platform, "modulemd": &o.Modulemd,
		})
		if err != nil {
			return err
		}
		if len(t.Arches) == 0 {
			t.Arches = []string{"x86_64"}
		}
		c.Targets = append(c.Targets, t)
		return nil
	})
}

func (c *Config) readViews(n *yaml.Node) error {
	return eachKey(n, func(key, value *yaml.Node) error {
		v := View{Name: key.Value}
		if err := decode(value, fields{"target": &v.Target, "streams": &v.Streams}); err != nil {
			return err
		}
		c.Views = append(c.Views, v)
		return nil
	})
}

func (c *Config) readVerify(n *yaml.Node) error {
	v := &c.Verify
	if err := decode(n, fields{"level": &v.Level, "with": &v.With, "on-problems": &v.OnProblems}); err != nil {
		return err
	}
	if v.Level != "closure" {
		return wrong(n, "verify level %q is not known (use closure)", v.Level)
	}
	if v.OnProblems != "keep-old" && v.OnProblems != "warn" {
		return wrong(n, "on-problems %q is not known (use keep-old or warn)", v.OnProblems)
	}
	return nil
}

// check looks at what no single key can tell.
func (c *Config) check(root *yaml.Node) error {
	if c.Store == "" {
		return &ConfigError{Text: "store: is missing", Try: "name the directory that holds everything, such as store: /srv/flatstream"}
	}
	if len(c.Repos) == 0 {
		return &ConfigError{Text: "repos: names no repository", Try: "see the README for a config"}
	}
	if !filepath.IsAbs(c.Store) {
		abs, err := filepath.Abs(filepath.Join(filepath.Dir(c.File), c.Store))
		if err != nil {
			return &ConfigError{Text: err.Error()}
		}
		c.Store = abs
	}
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
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
	return c.checkViews()
}

func (c *Config) checkTarget(t *Target) error {
	if len(t.Sources) == 0 {
		return &ConfigError{Text: fmt.Sprintf("target %s has no sources", t.Name), Try: "name repositories of repos: in sources:"}
	}
	for _, name := range t.Sources {
		if _, ok := c.repo(name); !ok {
			return &ConfigError{Text: fmt.Sprintf("target %s names the repository %q, which repos: does not have", t.Name, name)}
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
		if !slices.ContainsFunc(c.Targets, func(t Target) bool { return t.Name == v.Target }) {
			return &ConfigError{Text: fmt.Sprintf("view %s names the target %q, which targets: does not have", v.Name, v.Target)}
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
