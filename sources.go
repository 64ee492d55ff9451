package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/mirror"
	"flatstream/mirror/repofile"
	"flatstream/mirror/tree"
	"flatstream/repodata"
	"flatstream/splitter"
)

const sourceHelp = `A SOURCE is [NAME=]PATH or [NAME=]URL of an rpm-md repository.`

// sourceFlags take sources from .repo files.
func sourceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "repo-file", Usage: "take sources from this .repo `FILE`; repeatable"},
		&cli.StringSliceFlag{Name: "repoid", Usage: "only repository `ID` of the .repo files; repeatable (default: the enabled ones)"},
		&cli.StringFlag{Name: "releasever", Usage: "`VALUE` of $releasever in .repo files"},
		&cli.StringFlag{Name: "basearch", Usage: "`VALUE` of $basearch in .repo files", Value: "x86_64"},
		&cli.StringSliceFlag{Name: "setvar", Usage: "`NAME=VALUE` sets another variable of .repo files; repeatable"},
	}
}

var sourceName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// sourceArgs reads the SOURCE arguments and --repo-file flags of a command.
func sourceArgs(c *cli.Context, words []string) ([]mirror.Source, error) {
	sources, err := parseSources(words)
	if err != nil {
		return nil, err
	}
	fromFiles, err := repoFileSources(c)
	if err != nil {
		return nil, err
	}
	sources = append(sources, fromFiles...)
	seen := map[string]bool{}
	for _, s := range sources {
		if seen[s.Name] {
			return nil, &usageError{fmt.Sprintf("two sources are called %s", s.Name), "give one a name of its own: NAME=" + strings.Join(s.URLs, "")}
		}
		seen[s.Name] = true
	}
	return sources, nil
}

func parseSources(words []string) ([]mirror.Source, error) {
	var sources []mirror.Source
	for _, word := range words {
		s, err := parseSource(word)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	return sources, nil
}

// parseSource reads [NAME=]PATH|URL.
func parseSource(word string) (mirror.Source, error) {
	name, place := "", word
	if before, after, ok := strings.Cut(word, "="); ok && sourceName.MatchString(before) {
		name, place = before, after
	}
	if place == "" {
		return mirror.Source{}, &usageError{fmt.Sprintf("source %q names no place", word), sourceHelp}
	}
	if strings.Contains(place, "://") {
		u, err := url.Parse(place)
		if err != nil {
			return mirror.Source{}, &usageError{fmt.Sprintf("source %q is not a URL that can be read", name), sourceHelp}
		}
		if u.User != nil {
			return mirror.Source{}, &usageError{"a source's URL may not carry a user and password", "put them into a .repo file (username=, password=) or the config"}
		}
		if u.Scheme == "file" {
			place = u.Path
		} else if u.Scheme != "http" && u.Scheme != "https" {
			return mirror.Source{}, &usageError{fmt.Sprintf("source %q: the scheme %s is not supported", place, u.Scheme), "use http, https, file or a path"}
		}
	}
	name = cmp.Or(name, defaultName(place))
	if name == "" {
		return mirror.Source{}, &usageError{fmt.Sprintf("source %q has no name that could be its own", place), "write NAME=" + place + " (letters, digits, dots, dashes and underscores)"}
	}
	return mirror.Source{Name: name, URLs: []string{place}}, nil
}

// plainElements say nothing about a repository.
var plainElements = []string{"os", "Packages", "x86_64", "aarch64", "ppc64le", "s390x", "i386", "i686", "noarch", "debug", "tree", "kickstart", ""}

// defaultName is the last element of a path or URL that says something.
func defaultName(place string) string {
	if u, err := url.Parse(place); err == nil && u.Host != "" {
		place = u.Path
	} else if abs, err := filepath.Abs(place); err == nil {
		place = abs
	}
	elements := strings.Split(filepath.ToSlash(place), "/")
	for _, e := range slices.Backward(elements) {
		if slices.Contains(plainElements, e) || e == "." || e == ".." {
			continue
		}
		if sourceName.MatchString(e) {
			return e
		}
		break // another directory's name would say something else
	}
	return ""
}

func repoFileSources(c *cli.Context) ([]mirror.Source, error) {
	vars, err := repoVars(c)
	if err != nil {
		return nil, err
	}
	ids := c.StringSlice("repoid")
	if len(ids) > 0 && len(c.StringSlice("repo-file")) == 0 {
		return nil, &usageError{"--repoid needs --repo-file", "name the .repo file that defines it"}
	}
	var sources []mirror.Source
	found := map[string]bool{}
	var known []string
	for _, name := range c.StringSlice("repo-file") {
		repos, err := readRepoFile(name)
		if err != nil {
			return nil, err
		}
		for _, r := range repos {
			known = append(known, r.ID)
			if len(ids) > 0 && !slices.Contains(ids, r.ID) || len(ids) == 0 && !r.Enabled {
				continue
			}
			found[r.ID] = true
			r, err := r.Expand(vars)
			if err != nil {
				return nil, fmt.Errorf("%s: repository %s: %w", name, r.ID, err)
			}
			s, err := mirror.FromRepo(r)
			if err != nil {
				return nil, fmt.Errorf("%s: repository %s: %w", name, r.ID, err)
			}
			sources = append(sources, s)
		}
	}
	for _, id := range ids {
		if !found[id] {
			return nil, &usageError{fmt.Sprintf("no .repo file defines %s", id), "they define " + strings.Join(known, ", ")}
		}
	}
	return sources, nil
}

func readRepoFile(name string) ([]repofile.Repo, error) {
	f, err := repodata.OpenInput(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	repos, err := repofile.Parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return repos, nil
}

func repoVars(c *cli.Context) (repofile.Vars, error) {
	vars, err := machineVars()
	if err != nil {
		return nil, err
	}
	base := repofile.NewVars("", c.String("basearch")) // a default, which a file or the environment may change
	vars = base.With(vars)
	if c.IsSet("basearch") {
		vars = vars.With(base)
	}
	vars.SetRelease(c.String("releasever"))
	for _, pair := range c.StringSlice("setvar") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, &usageError{fmt.Sprintf("--setvar %q is not NAME=VALUE", pair), "write --setvar contentdir=centos"}
		}
		vars = vars.With(repofile.Vars{key: value})
	}
	return vars, nil
}

// openSources opens each source for reading: a local one in place, a remote one, and
// one whose signature must be checked, through a cache of its metadata that cleanup
// removes.
func openSources(ctx context.Context, sources []mirror.Source, role splitter.Role) (opened []splitter.Source, cleanup func(), err error) {
	cache := ""
	var remotes []*mirror.Remote
	cleanup = func() {
		for _, r := range remotes {
			r.Close()
		}
		if cache != "" {
			os.RemoveAll(cache)
		}
	}
	defer func() {
		if err != nil {
			cleanup()
		}
	}()
	for _, s := range sources {
		o := splitter.Source{Name: s.Name, Role: role, GPGCheck: s.GPGCheck, GPGKeys: s.KeyPlaces()}
		var fsys fs.FS
		dir, local := localDir(s)
		if local {
			if o.Dir, err = filepath.Abs(dir); err != nil {
				return nil, cleanup, err
			}
			if o.Opened, err = filepath.EvalSymlinks(o.Dir); err != nil {
				o.Opened = o.Dir // opening it says more
			}
			fsys = os.DirFS(o.Opened)
		}
		if !local || s.RepoGPGCheck {
			if cache == "" {
				if cache, err = os.MkdirTemp("", "flatstream-"); err != nil {
					return nil, cleanup, err
				}
			}
			remote, err := mirror.OpenRemote(ctx, s, filepath.Join(cache, s.Name))
			if err != nil {
				return nil, cleanup, err // names it
			}
			remotes = append(remotes, remote)
			fsys = remote
			if !local {
				o.URL = remote.Base()
			}
		}
		if o.Repo, err = repodata.Open(fsys); err != nil {
			return nil, cleanup, notRepository(s.Name, o, err)
		}
		opened = append(opened, o)
	}
	return opened, cleanup, nil
}

// notRepository says why a source cannot be read, and of a store or a target what to
// name in its place.
func notRepository(name string, o splitter.Source, err error) error {
	err = fmt.Errorf("%s (%s): %w", name, o.Location(), err)
	info, absent := os.Stat(o.Dir)
	switch {
	case o.Dir == "":
	case errors.Is(absent, fs.ErrNotExist):
		return &hintedError{fmt.Sprintf("%s (%s): there is no such directory", name, o.Dir), "name one that holds repodata/, or a URL with http:// in front"}
	case absent == nil && !info.IsDir():
		return &hintedError{fmt.Sprintf("%s (%s): that is not a directory", name, o.Dir), "name the directory that holds repodata/"}
	case tree.IsStore(o.Dir):
		return &hintedError{err.Error(), "it is a store: its sources are the directories below " + filepath.Join(o.Dir, "current", "mirror")}
	case isTarget(o.Dir):
		return &hintedError{err.Error(), "it is a target of split: name one of its repositories, such as " + filepath.Join(o.Dir, "default")}
	}
	if below, _ := filepath.Glob(filepath.Join(o.Dir, "*/repodata/repomd.xml")); o.Dir != "" && len(below) > 0 {
		return &hintedError{err.Error(), "there are repositories below it, such as " + filepath.Dir(filepath.Dir(below[0]))}
	}
	return err
}

// localDir is the directory of a source that is one.
func localDir(s mirror.Source) (string, bool) {
	if len(s.URLs) == 0 {
		return "", false
	}
	place := strings.TrimPrefix(s.URLs[0], "file://")
	return place, !strings.Contains(place, "://")
}
