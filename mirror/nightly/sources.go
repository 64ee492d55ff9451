package nightly

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"flatstream/mirror"
	"flatstream/mirror/repofile"
	"flatstream/mirror/tree"
	"flatstream/repodata"
	"flatstream/splitter"
)

// upstream is one repository of the config for one target and arch.
type upstream struct {
	repo   *Repo
	source mirror.Source
}

// member is an upstream as a target uses it.
type member struct {
	upstream
	role splitter.Role
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

// system is the arch that the target is for; empty: what the module documents say,
// which counts where the config says nothing.
func (b build) system() string {
	if b.target.node == nil {
		return ""
	}
	return b.arch
}

// vars are those of a target over those of the machine.
func (b build) vars(machine repofile.Vars) repofile.Vars {
	return machine.With(repofile.NewVars(b.target.Releasever, b.arch))
}

func (c *Config) builds() []build {
	var list []build
	for i := range c.Targets {
		for _, arch := range c.Targets[i].Arches {
			list = append(list, build{&c.Targets[i], arch})
		}
	}
	return list
}

// upstreams lists every repository that the config mirrors, each once, with the
// variables of its target and arch filled in, and those of each target.
func (c *Config) upstreams(machine repofile.Vars) (all []upstream, members map[build][]member, err error) {
	members = map[build][]member{}
	paths := map[string]upstream{}
	for _, b := range c.builds() {
		for _, use := range c.uses(b.target) {
			u, err := c.expand(use.repo, b, b.vars(machine))
			if err != nil {
				return nil, nil, err
			}
			same, ok := paths[u.source.Path]
			switch {
			case !ok:
				paths[u.source.Path] = u
				all = append(all, u)
			case !reflect.DeepEqual(same, u):
				e := wrong(u.repo.node, "repositories %s and %s would both land in %s", same.repo.Name, u.repo.Name, u.source.Path)
				e.File, e.Try = c.File, "give each a path: of its own; it may hold $releasever and $basearch"
				return nil, nil, e
			}
			members[b] = append(members[b], member{u, use.role})
		}
	}
	return all, members, c.checkNested(all)
}

// use is a repository and what a target does with it.
type use struct {
	repo *Repo
	role splitter.Role
}

// overlaySources names the repositories that the target's views overlay.
func (c *Config) overlaySources(t *Target) []string {
	var names []string
	for _, v := range c.Views {
		for _, o := range v.Overlays {
			if v.Target == t.Name {
				names = append(names, o.Source)
			}
		}
	}
	return names
}

// uses lists the repositories of a target: its sources, those that its views overlay,
// then those of verify's with.
func (c *Config) uses(t *Target) []use {
	var list []use
	for _, name := range t.Sources {
		r, _ := c.repo(name) // checked when the config was read
		list = append(list, use{r, r.Role})
	}
	add := func(name string, role splitter.Role) {
		if r, ok := c.repo(name); ok && !slices.ContainsFunc(list, func(u use) bool { return u.repo == r }) {
			list = append(list, use{r, role})
		}
	}
	for _, name := range c.overlaySources(t) {
		add(name, splitter.RoleOverlay)
	}
	for _, name := range c.Verify.With {
		add(name, splitter.RoleSupply)
	}
	return list
}

func (c *Config) checkNested(all []upstream) error {
	for _, a := range all {
		for _, b := range all {
			if strings.HasPrefix(b.source.Path, a.source.Path+"/") {
				e := wrong(b.repo.node, "repository %s would land in %s, inside of repository %s", b.repo.Name, b.source.Path, a.repo.Name)
				e.File, e.Try = c.File, "give one of them another path:"
				return e
			}
		}
	}
	return nil
}

// expand makes the source of a repository for a target and arch.
func (c *Config) expand(repo *Repo, b build, vars repofile.Vars) (upstream, error) {
	u := upstream{repo: repo}
	section := repo.Section
	if repo.File != "" {
		var err error
		if section, err = readSection(repo.File, repo.ID); err != nil {
			return u, c.at(repo, err)
		}
	}
	section, err := section.Expand(vars)
	if err != nil {
		return u, c.at(repo, err)
	}
	if u.source, err = mirror.FromRepo(section); err != nil {
		return u, c.at(repo, err)
	}
	if urls := u.source.URLs; len(urls) > 0 && !slices.ContainsFunc(urls, usable) {
		return u, c.at(repo, fmt.Errorf("%s is not a usable URL (http, https, file or a path)", u.source.Place()))
	}
	if u.source.Path, err = mirrorPath(repo, b, vars); err != nil {
		return u, c.at(repo, err)
	}
	u.source.KeepAlways = append([]string{}, repo.KeepAlways...)
	u.source.Name = strings.TrimPrefix(u.source.Path, "mirror/") // the same repository has one for each arch
	return u, nil
}

// usable says whether a repository can be synced from such a URL or path.
func usable(place string) bool {
	if _, err := url.Parse(place); err != nil {
		return false
	}
	scheme, _, isURL := strings.Cut(place, "://")
	return !isURL || slices.Contains([]string{"http", "https", "file"}, strings.ToLower(scheme))
}

// leadsSomewhere refuses a path without a slash in front that leads nowhere: most likely it is a URL
// that lost its http://.
func (u upstream) leadsSomewhere() error {
	if len(u.source.URLs) != 1 || strings.Contains(u.source.URLs[0], "://") || filepath.IsAbs(u.source.URLs[0]) {
		return nil
	}
	if _, err := os.Stat(u.source.URLs[0]); err != nil {
		return fmt.Errorf("%s is no URL, and there is no such directory; put http:// or https:// in front", u.source.URLs[0])
	}
	return nil
}

// mirrorPath is where a repository stands in a snapshot.
func mirrorPath(repo *Repo, b build, vars repofile.Vars) (string, error) {
	p := repo.Path
	switch {
	case p != "":
		var err error
		if p, err = vars.Expand(p); err != nil {
			return "", fmt.Errorf("path: %w", err)
		}
	case b.target.Name == "":
		p = repo.Name
	default:
		p = path.Join(b.target.Releasever, b.arch, repo.Name)
	}
	p = "mirror/" + p
	return p, visible(p)
}

// visible refuses a path that could not be written, or that no server shows.
func visible(p string) error {
	if err := tree.CheckPath(p); err != nil {
		return err
	}
	if strings.Contains("/"+p, "/.") {
		return &tree.PathError{Path: p, Reason: "a name that begins with a dot is not served"}
	}
	return nil
}

func readSection(file, id string) (repofile.Repo, error) {
	f, err := repodata.OpenInput(file)
	if err != nil {
		return repofile.Repo{}, fmt.Errorf("%s cannot be read: %s", file, plainError(err))
	}
	defer f.Close()
	repos, err := repofile.Parse(f)
	if err != nil {
		return repofile.Repo{}, fmt.Errorf("%s: %w", file, err)
	}
	var ids []string
	for _, r := range repos {
		if r.ID == id {
			return r, nil
		}
		ids = append(ids, r.ID)
	}
	return repofile.Repo{}, fmt.Errorf("%s has no repository %s, it has %s", file, id, strings.Join(ids, ", "))
}

// at says in which part of the config an error is.
func (c *Config) at(repo *Repo, err error) error {
	e := wrong(repo.node, "repository %s: %v", repo.Name, err)
	e.File = c.File
	if unset, ok := errors.AsType[*repofile.UnresolvedError](err); ok {
		e.Text = fmt.Sprintf("repository %s: nothing sets $%s", repo.Name, strings.Join(unset.Names, ", $"))
		e.Try = "releasever: and arches: of a target set $releasever and $basearch, /etc/dnf/vars and DNF_VAR_NAME the others"
	}
	return e
}

// reserved are the names at the top of a snapshot or of a server that no alias may
// take.
var reserved = []string{"mirror", "kept", "flat", "snapshots", "tags", "at", "healthz", "metrics", "report.json", tree.ManifestName}

// link is an alias with its variables filled in, both paths below the snapshot.
type link struct{ path, to string }

// links are the aliases of all targets, in the config's order.
func (c *Config) links(machine repofile.Vars) ([]link, error) {
	var all []link
	for _, b := range c.builds() {
		for _, a := range b.target.Aliases {
			l, err := b.link(a, b.vars(machine))
			for _, other := range all {
				if err == nil && (l.path == other.path || strings.HasPrefix(l.path, other.path+"/") || strings.HasPrefix(other.path, l.path+"/")) {
					err = fmt.Errorf("it meets %s; with several arches write $arch into it", other.path)
				}
			}
			if err != nil {
				e := wrong(a.node, "alias %s: %v", a.Path, err)
				e.File = c.File
				return nil, e
			}
			all = append(all, l)
		}
	}
	return all, nil
}

func (b build) link(a Alias, vars repofile.Vars) (link, error) {
	p, err := vars.Expand(a.Path)
	if err != nil {
		return link{}, err
	}
	if err := visible(p); err != nil {
		return link{}, err
	}
	if top, _, _ := strings.Cut(p, "/"); slices.Contains(reserved, top) {
		return link{}, fmt.Errorf("%s at the top is taken", top)
	}
	to := b.flat()
	if a.To != "" {
		if err := visible(a.To); err != nil {
			return link{}, err
		}
		to += "/" + a.To
	}
	return link{p, to}, nil
}

// fingerprint is a checksum of all that decides, beside what upstream has, how
// sources are split and judged: the program, the config, the .repo files that it
// names, the key that signs, the baseline file and the directories that supply.
func (c *Config) fingerprint(version string, all []upstream) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q\n", version, c.sum)
	for _, u := range all {
		fmt.Fprintf(h, "%q %v %q\n", u.source.Path, u.source.GPGCheck, u.source.GPGKeys)
	}
	if c.SignKey != "" {
		b, err := readFile(c.SignKey)
		if err != nil {
			return "", fmt.Errorf("reading sign-key: %w", err)
		}
		fmt.Fprintf(h, "%x\n", sha256.Sum256(b))
	}
	for _, dir := range c.supplyDirs() {
		b, err := os.ReadFile(filepath.Join(dir, "repodata", "repomd.xml"))
		if err != nil {
			return "", fmt.Errorf("reading what supplies: %w", err)
		}
		fmt.Fprintf(h, "%q %x\n", dir, sha256.Sum256(b))
	}
	if known := c.Verify.accepted; known != nil {
		fmt.Fprintf(h, "baseline %q\n", known.Entries)
	}
	if c.Verify.Impact != "" {
		sum, err := c.impactSum()
		if err != nil {
			return "", fmt.Errorf("impact: %w", err)
		}
		fmt.Fprintf(h, "impact %s\n", sum)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

// readSigner reads the key of sign-key, nil where there is none.
func (c *Config) readSigner(now time.Time) (*splitter.Signer, error) {
	if c.SignKey == "" {
		return nil, nil
	}
	return splitter.ReadSigner(c.SignKey, now)
}

// Upstreams lists what the config mirrors, as sources.
func (c *Config) Upstreams(machine repofile.Vars) ([]mirror.Source, error) {
	all, _, err := c.upstreams(machine)
	sources := make([]mirror.Source, len(all))
	for i, u := range all {
		sources[i] = u.source
	}
	return sources, err
}

// supplyDirs are the directories of verify's with.
func (c *Config) supplyDirs() []string {
	var dirs []string
	for _, name := range c.Verify.With {
		if _, ok := c.repo(name); !ok {
			dirs = append(dirs, name)
		}
	}
	return dirs
}

// Steps says, one sentence each, what a run would do. It resolves every repository
// and alias, so that a variable without a value or a missing .repo file is found.
func (c *Config) Steps(machine repofile.Vars) ([]string, error) {
	all, members, err := c.upstreams(machine)
	if err != nil {
		return nil, err
	}
	links, err := c.links(machine)
	if err != nil {
		return nil, err
	}
	signer, err := c.readSigner(time.Now())
	if err != nil {
		return nil, err
	}
	var steps []string
	for _, u := range all {
		if err := u.leadsSomewhere(); err != nil {
			return nil, c.at(u.repo, err)
		}
		steps = append(steps, fmt.Sprintf("sync %s from %s into %s", u.repo.Name, u.source.Place(), u.source.Path))
	}
	for _, b := range c.builds() {
		names := map[splitter.Role][]string{splitter.RoleSupply: c.supplyDirs()}
		for _, m := range members[b] {
			names[m.role] = append(names[m.role], m.repo.Name)
		}
		step := fmt.Sprintf("split and verify %s into %s", strings.Join(names[splitter.RoleMerge], ", "), b.flat())
		if with := names[splitter.RoleSupply]; len(with) > 0 {
			step += " with " + strings.Join(with, ", ")
		}
		steps = append(steps, step)
	}
	if signer != nil {
		steps = append(steps, fmt.Sprintf("sign every repomd.xml in flat with key %s", signer.ID()))
	}
	for _, l := range links {
		steps = append(steps, fmt.Sprintf("link %s to %s", l.path, l.to))
	}
	steps = append(steps, "publish all of it in "+c.Store+" at once")
	if c.Publish.To.Bucket != "" {
		steps = append(steps, c.Publish.step())
	}
	return steps, nil
}
