package nightly

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"flatstream/mirror"
	"flatstream/mirror/repofile"
	"flatstream/splitter"
)

func (c *Config) readRepos(n *yaml.Node) error {
	return eachKey(n, func(key, value *yaml.Node) error {
		if err := checkName(key, "repository"); err != nil {
			return err
		}
		r := Repo{Name: key.Value, Role: splitter.RoleMerge, node: key}
		if err := r.read(value); err != nil {
			return err
		}
		c.Repos = append(c.Repos, r)
		return nil
	})
}

// roleMirror is the role of a repository that is copied and served and nothing else: of
// debug or source packages, say. No split and no verification reads it. Where such
// packages belong into the flat repositories, the role is merge, as for any other.
const roleMirror splitter.Role = "mirror"

// dnfKeys are those of a .repo file that a config takes as they are.
var dnfKeys = []string{"baseurl", "mirrorlist", "metalink", "gpgcheck", "repo_gpgcheck", "gpgkey", "sslverify",
	"sslcacert", "sslclientcert", "sslclientkey", "username", "password", "proxy", "proxy_username",
	"proxy_password", "timeout", "minrate", "throttle", "retries"}

// partKeys choose packages of a repository. A mirror has all of them or its metadata
// would lie.
var partKeys = []string{"includepkgs", "excludepkgs", "exclude"}

// own are the keys of a repository that only a config has.
func (r *Repo) own() fields {
	f := fields{
		"repo-file": &r.File, "repoid": &r.ID, "path": &r.Path,
		"role":        choice(&r.Role, string(splitter.RoleMerge), string(splitter.RoleOverlay), string(splitter.RoleSupply), string(roleMirror)),
		"policy":      choice(&r.Policy, string(mirror.Immediate), string(mirror.OnDemand)),
		"keep-always": r.readKeep,
	}
	for _, key := range partKeys {
		f[key] = notYet(key, "leave it out; a view chooses streams, and clients can exclude packages")
	}
	return f
}

// readKeep takes globs for names of packages. A repository that says nothing keeps nothing.
func (r *Repo) readKeep(n *yaml.Node) error {
	if err := assignList(n, &r.KeepAlways); err != nil {
		return err
	}
	for _, glob := range r.KeepAlways {
		if err := mirror.CheckGlob(glob); err != nil {
			return wrong(n, "keep-always: %v", err)
		}
	}
	return nil
}

func (r *Repo) read(n *yaml.Node) error {
	var section strings.Builder
	fmt.Fprintf(&section, "[%s]\n", r.Name)
	own, plain := r.own(), ""
	err := eachKey(n, func(key, value *yaml.Node) error {
		if into, ok := own[key.Value]; ok {
			return assign(value, into)
		}
		if !slices.Contains(dnfKeys, key.Value) {
			return unknownKey(key, append(own.names(), dnfKeys...))
		}
		plain = key.Value
		return writeKey(&section, key, value)
	})
	switch {
	case err != nil:
		return err
	case r.File != "" && plain != "":
		e := wrong(r.node, "repository %s has both repo-file and %s", r.Name, plain)
		e.Try = "the .repo file says everything; else copy what it says into the config"
		return e
	case r.File != "" && r.ID == "":
		r.ID = r.Name
	case r.File == "" && r.ID != "":
		return wrong(r.node, "repository %s has repoid and no repo-file", r.Name)
	}
	if r.File != "" {
		return nil
	}
	return r.parse(section.String())
}

func writeKey(section *strings.Builder, key, value *yaml.Node) error {
	var values []string
	if err := assignList(value, &values); err != nil {
		return err
	}
	for _, v := range values {
		if strings.ContainsAny(v, "\n\r") {
			return wrong(value, "a value of %s is one line", key.Value)
		}
	}
	if len(values) > 1 && !slices.Contains([]string{"baseurl", "gpgkey"}, key.Value) {
		return wrong(value, "%s has one value", key.Value)
	}
	fmt.Fprintf(section, "%s=%s\n", key.Value, strings.Join(values, " "))
	return nil
}

func (r *Repo) parse(section string) error {
	parsed, err := repofile.Parse(strings.NewReader(section))
	if err != nil || len(parsed) != 1 {
		return wrong(r.node, "repository %s cannot be read as a .repo file has it: %v", r.Name, err)
	}
	r.Section = parsed[0]
	for _, p := range r.Section.Problems {
		return wrong(r.node, "repository %s: %s", r.Name, p)
	}
	if len(r.Section.BaseURLs) == 0 && r.Section.Mirrorlist == "" && r.Section.Metalink == "" {
		e := wrong(r.node, "repository %s says nowhere where it is", r.Name)
		e.Try = "give it baseurl, mirrorlist or metalink, or repo-file and repoid"
		return e
	}
	return nil
}
