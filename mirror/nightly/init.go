package nightly

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"flatstream/mirror/repofile"
	"flatstream/repodata"
)

// Schema is the JSON Schema (draft 7) of the config, for editors. It knows every key
// and every fixed word that [ReadConfig] takes; what several keys say together only
// ReadConfig judges.
//
//go:embed schema.json
var Schema []byte

// InitOptions say what a first config is made of.
type InitOptions struct {
	Dirs       []string // of .repo files, absolute; all are read
	Store      string   // absolute
	Releasever string   // such as 8
	Arch       string   // DNF's basearch
}

// NoReposError says that there is nothing to make a config of.
type NoReposError struct{ Dirs []string }

func (e *NoReposError) Error() string {
	return "no .repo file in " + strings.Join(e.Dirs, ", ") + " has a repository"
}

// Hint says what to try next.
func (e *NoReposError) Hint() string {
	return "name another directory with --repo-dir, or write the config by hand: the README shows one"
}

// initRepo is one section of a .repo file.
type initRepo struct {
	name, file string
	repofile.Repo
}

// Init writes a first config, with comments, from the .repo files of a machine: its
// enabled repositories, and the others commented out. Repositories of debug and source
// packages are to be mirrored only. The .repo files are named, not copied: keys and
// client certificates stay where they are.
func Init(opt InitOptions) ([]byte, error) {
	repos, err := findRepos(opt.Dirs)
	if err != nil {
		return nil, err
	}
	if len(repos) == 0 {
		return nil, &NoReposError{opt.Dirs}
	}
	enabled := slices.ContainsFunc(repos, func(r initRepo) bool { return r.Enabled })
	var b strings.Builder
	fmt.Fprintf(&b, initHead, yamlText(opt.Store))
	var sources []string
	for _, r := range repos {
		mark := "# " // disabled: take the mark away to have it
		if r.Enabled || !enabled {
			mark = ""
			sources = append(sources, r.name)
		}
		role := ""
		if aside(r.ID) {
			role = ", role: mirror"
		}
		id := ""
		if r.ID != r.name {
			id = ", repoid: " + yamlText(r.ID)
		}
		fmt.Fprintf(&b, "  %s%s: { repo-file: %s%s%s }\n", mark, r.name, yamlText(r.file), id, role)
	}
	fmt.Fprintf(&b, initTail, yamlText(opt.Releasever), opt.Arch, strings.Join(sources, ", "))
	return []byte(b.String()), nil
}

// aside says whether an id is that of a repository of debug or source packages.
func aside(id string) bool {
	return slices.ContainsFunc([]string{"debug", "source", "-src"}, func(part string) bool { return strings.Contains(strings.ToLower(id), part) })
}

func findRepos(dirs []string) ([]initRepo, error) {
	var all []initRepo
	taken := map[string]bool{}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.repo"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			f, err := repodata.OpenInput(file)
			if errors.Is(err, fs.ErrNotExist) {
				continue // a link to nowhere
			}
			if err != nil {
				return nil, err
			}
			parsed, err := repofile.Parse(f)
			f.Close()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			for _, r := range parsed {
				all = append(all, initRepo{repoName(r.ID, taken), file, r})
			}
		}
	}
	return all, nil
}

// repoName makes a name of an id that is none, or is taken.
func repoName(id string, taken map[string]bool) string {
	name := strings.TrimLeft(strings.Map(func(c rune) rune {
		if validName.MatchString("a" + string(c)) {
			return c
		}
		return '-'
	}, id), ".")
	name = name[:min(len(name), 90)]
	for n := 2; name == "" || taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", strings.TrimRight(name, "-0123456789"), n)
	}
	taken[name] = true
	return name
}

// yamlText quotes a scalar that YAML could take for something else.
func yamlText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

const initHead = `# What "flatstream run --config" reads. Check it with --check-config, look with --dry-run.
# An editor that knows JSON Schema completes it: flatstream init --schema > flatstream.schema.json
# yaml-language-server: $schema=flatstream.schema.json

# Everything is kept here; the user that runs flatstream must own it.
store: %s

# What clients type, for the .repo files that flatstream writes. Serve the store with
# "flatstream serve" or nginx first.
# base-url: http://mirror.example.org/flat

# Upstream. A repository that is commented out is disabled on this machine.
repos:
`

const initTail = `
# What is split together. $releasever and $basearch of the .repo files come from here.
targets:
  el:
    releasever: %s
    arches: [%s]
    sources: [%s]

# Besides the view "default", which holds what DNF offers by default. "list" shows modules.
# views:
#   build: { streams: ["virt:rhel", "perl:5.30"] }

# A view that would get new problems stays as it was published, and the exit status is 3.
verify: { level: install, on-problems: keep-old }
# A view also stays when one of your packages could not be built from it any more:
# verify: { impact: /srv/specs, on-impact: hold }

# Snapshots, how long clients that read older metadata still find its files, and how much
# may go at once.
keep: { snapshots: 14, grace: 72h, max-delete: 40%% }

# Commands; no shell sees them. They read the report on standard input.
# hooks:
#   on-publish: [koji, regen-repo, el-build]
#   on-failure: [mail, -s, flatstream, root]

# For the textfile collector of Prometheus' node_exporter.
# metrics: /var/lib/prometheus/node-exporter/flatstream.prom

# An object store that shows the same, for clients that read it over plain HTTP.
# publish: s3://BUCKET/PREFIX
`
