// Package nightly is the night's job: it reads a config, syncs every repository,
// splits every target, verifies what came out and publishes all of it at once, or
// nothing. It is safe to start again at any moment.
//
// The config is YAML. Its scalars are taken as they are written, so that a
// releasever 8.10 never becomes 8.1, and an unknown key is an error with its line
// and column. A key that this version does not carry out is refused, never ignored.
package nightly

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"flatstream/mirror"
	"flatstream/mirror/repofile"
	"flatstream/repodata"
	"flatstream/repodata/closure"
	"flatstream/splitter"
)

// MaxConfig is the largest config that is read, in bytes: a thousand repositories
// take a tenth of it.
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
	Metrics string // absolute file in Prometheus' text format; empty: none
	SignKey string // absolute file of the secret key that signs flat/; empty: none
	Publish Publish

	sum string // SHA-256 of the file's bytes
}

// Repo is one upstream repository.
type Repo struct {
	Name string
	// File and ID name a section of a .repo file; or Section holds what the config
	// itself says, as such a section would.
	File, ID string
	Section  repofile.Repo
	Role     splitter.Role
	Policy   mirror.Policy // which packages are copied; empty: immediate
	Path     string        // below mirror/; may hold variables; empty: RELEASEVER/ARCH/NAME
	// KeepAlways are globs for packages that stay when upstream deletes them.
	KeepAlways []string

	node *yaml.Node
}

// Target is a set of repositories that is split together, for some arches.
type Target struct {
	Name       string // empty: the only one, directly in flat/
	Releasever string
	Arches     []string // never empty
	Sources    []string // names of repositories
	Options    splitter.Options
	Aliases    []Alias

	node *yaml.Node // nil: not written out
}

// Alias is a further path below a snapshot that leads to a target or to one of its
// flat repositories, for clients that have a fixed one.
type Alias struct {
	Path string // below the snapshot; may hold variables such as $arch
	To   string // below the target, such as views/build; empty: the target itself

	node *yaml.Node
}

// View is one view of one target.
type View struct {
	Name, Target string
	Streams      []string           // SPECs
	Newest       int                // EVRs per name.arch; 0: all
	Overlays     []splitter.Overlay // View is Name

	node *yaml.Node
}

// VerifyConfig says how strict the night is.
type VerifyConfig struct {
	Level splitter.Level
	// With names what supplies besides: a repository of repos:, synced for every
	// target, or the absolute directory of a repository that is only read.
	With       []string
	OnProblems string // keep-old or warn
	// Baseline is the absolute file of problems that are known besides those that the
	// published state has, as verify --write-baseline writes it; empty: none.
	Baseline string
	// Impact is the absolute directory of spec files and source packages, or a list of
	// builds, whose build roots are compared before a view is published; empty: none.
	Impact   string
	OnImpact string // hold or warn
	// ImpactViews names the views that builds are made from; empty: all of them.
	ImpactViews []string
	// ImpactRpmspec allows to ask rpmspec about spec files that need it. It runs what they
	// say, so that whoever can write a spec file could run programs as the nightly job.
	ImpactRpmspec bool

	node     *yaml.Node
	accepted *closure.Baseline // what Baseline holds; nil: none
}

// Hooks are commands, each with its arguments; no shell sees them.
type Hooks struct{ OnPublish, OnFailure []string }

var validName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

func checkName(n *yaml.Node, what string) error {
	if len(n.Value) <= 100 && validName.MatchString(n.Value) {
		return nil
	}
	return wrong(n, "%.120q is no name for a %s: up to 100 letters, digits, dots, dashes and underscores, no dot in front", n.Value, what)
}

// ReadConfig reads and checks a config file. Errors are a [*ConfigError]. A path in
// it that is not absolute is meant from the config's own directory.
func ReadConfig(file string) (*Config, error) {
	b, err := readFile(file)
	if err != nil {
		return nil, &ConfigError{File: file, Text: "cannot be read: " + plainError(err), Try: "name a config: flatstream run --config FILE"}
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, &ConfigError{File: file, Text: err.Error()}
	}
	c, err := parseConfig(b, file, dir)
	var mistake *ConfigError
	if errors.As(err, &mistake) {
		mistake.File = file
	}
	return c, err
}

func readFile(name string) ([]byte, error) {
	f, err := repodata.OpenInput(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxConfig+1))
	if err == nil && len(b) > MaxConfig {
		err = fmt.Errorf("it has more than %d bytes", MaxConfig)
	}
	return b, err
}

// plainError is an error without the path and the operation, which its sentence has.
func plainError(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// parseConfig reads a config that stands in the directory dir.
func parseConfig(b []byte, file, dir string) (*Config, error) {
	root, err := parseYAML(b)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	c := &Config{
		File: file, sum: hex.EncodeToString(sum[:]),
		Verify: VerifyConfig{Level: splitter.LevelInstall, OnProblems: "keep-old", OnImpact: impactHold},
		Keep:   DefaultKeep(),
	}
	err = decode(root, fields{
		"store": &c.Store, "base-url": c.readBaseURL, "sign-key": &c.SignKey, "metrics": &c.Metrics,
		"repos": c.readRepos, "targets": c.readTargets, "views": c.readViews,
		"verify": c.readVerify, "keep": c.readKeep, "publish": c.readPublish,
		"hooks": func(n *yaml.Node) error {
			return decode(n, fields{"on-publish": readCommand(&c.Hooks.OnPublish), "on-failure": readCommand(&c.Hooks.OnFailure)})
		},
	})
	if err != nil {
		return nil, err
	}
	return c, c.check(dir)
}

// readBaseURL takes what ends up in .repo files, so that it must be a URL there.
func (c *Config) readBaseURL(n *yaml.Node) error {
	if err := scalar(n); err != nil {
		return err
	}
	u, err := url.Parse(n.Value)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "file", u.Scheme != "file" && u.Host == "",
		strings.ContainsAny(n.Value, " \t\r\n?#"):
		return wrong(n, "base-url is not the http, https or file URL of a directory")
	case u.User != nil:
		return wrong(n, "base-url may not carry a user and password: everyone reads the .repo files")
	}
	c.BaseURL = strings.TrimRight(n.Value, "/")
	return nil
}

func (c *Config) readVerify(n *yaml.Node) error {
	v := &c.Verify
	v.node = n
	return decode(n, fields{
		"with": &v.With, "on-problems": choice(&v.OnProblems, "keep-old", "warn"),
		"impact": &v.Impact, "on-impact": choice(&v.OnImpact, impactHold, impactWarn),
		"impact-views": &v.ImpactViews, "impact-rpmspec": &v.ImpactRpmspec,
		"level": choice(&v.Level, string(splitter.LevelInstall), string(splitter.LevelClosure)),
		"baseline": func(n *yaml.Node) error {
			if err := assign(n, &v.Baseline); err != nil {
				return err
			}
			switch v.Baseline {
			case "":
				return wrong(n, "baseline is auto or a file")
			case "auto":
				v.Baseline = ""
			}
			return nil
		},
	})
}

func (c *Config) readKeep(n *yaml.Node) error {
	k := &c.Keep
	return decode(n, fields{
		"grace": &k.Grace, "max-delete": &k.MaxDelete,
		"snapshots": func(n *yaml.Node) error {
			if err := assign(n, &k.Snapshots); err != nil {
				return err
			}
			if k.Snapshots == 0 {
				return wrong(n, "at least one snapshot is kept")
			}
			return nil
		},
	})
}

func readCommand(into *[]string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if err := assignList(n, into); err != nil {
			return err
		}
		if len(*into) > 0 && (*into)[0] == "" {
			return wrong(n, "a hook begins with the name of a program")
		}
		if n.Kind == yaml.ScalarNode && strings.ContainsAny(n.Value, " \t\n") {
			e := wrong(n, "a hook is a list of a program and its arguments; no shell takes %q apart", n.Value)
			e.Try = "write [" + strings.Join(strings.Fields(n.Value), ", ") + "]"
			return e
		}
		return nil
	}
}
