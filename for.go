package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/mirror"
	"flatstream/repodata/buildreq"
	"flatstream/repodata/rpmfile"
	"flatstream/splitter"
)

func forCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "for",
		Usage:     "which streams a package needs to be built",
		ArgsUsage: "SPEC|SRPM [SOURCE...]",
		Description: "Names the smallest sets of streams, beside the default ones, with which everything can be installed that a build needs: " +
			"the BuildRequires of a spec file or a source package, or what a failed build's log says was missing. A spec is read for the system of the " +
			"sources, without running anything in it; where that is not enough, rpmspec is asked if it is installed. The exit status is 3 when no set works.\n" + sourceHelp,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "log", Usage: "take what was missing from the log `FILE` of a build, in place of SPEC|SRPM"},
			&cli.StringFlag{Name: "store", Usage: "the sources are those of the store `DIR`, or of its snapshot DIR@SNAPSHOT"},
			&cli.StringSliceFlag{Name: "define", Usage: "define the macro `'NAME BODY'` for the spec; repeatable"},
			&cli.StringSliceFlag{Name: "role", Usage: "what a source is for, as `NAME=ROLE`: merge (the default), overlay (single packages of it may be added) or supply; repeatable"},
			&cli.StringFlag{Name: "platform", Usage: "stream of the platform, such as `el8` (default: what the documents require)"},
			&cli.StringFlag{Name: "arch", Usage: "`ARCH` of the build root (default: what the documents are for)"},
		}, sourceFlags()...),
		Action: func(c *cli.Context) error { return forBuild(c, out) },
	}
}

func forBuild(c *cli.Context, out *output) error {
	words := c.Args().Slice()
	file := c.String("log")
	if file == "" {
		if len(words) == 0 {
			return &usageError{"for needs a SPEC or SRPM", "such as flatstream for hello.spec /srv/mirror/BaseOS /srv/mirror/AppStream"}
		}
		file, words = words[0], words[1:]
	}
	refs, err := forSources(c, words)
	if err != nil {
		return err
	}
	if len(refs) == 0 {
		return &usageError{"for needs sources to look in", "name them, or --store DIR"}
	}
	sources, cleanup, err := openSources(c.Context, refs, splitter.RoleMerge)
	if err != nil {
		return err
	}
	defer cleanup()
	if err := setRoles(c, sources); err != nil {
		return err
	}
	asker, err := splitter.NewAsker(c.Context, sources, splitter.AskOptions{Platform: c.String("platform"), Arch: c.String("arch"), Jobs: out.jobs})
	if err != nil {
		return err
	}
	want, err := readWanted(c, file, asker.Index)
	if err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	answer, err := asker.Ask(c.Context, *want)
	if err != nil {
		return err
	}
	return printAnswer(out, answer)
}

// forSources are the sources of --store, or those that are named.
func forSources(c *cli.Context, words []string) ([]mirror.Source, error) {
	store := c.String("store")
	if store == "" {
		return sourceArgs(c, words)
	}
	if len(words) > 0 {
		return nil, &usageError{fmt.Sprintf("%s is a source beside --store", words[0]), "give --store or sources, not both"}
	}
	targets, err := findTargets(store)
	if err != nil {
		return nil, err
	}
	if len(targets) == 0 {
		return nil, &noStoreError{store + " is not a store of flatstream"}
	}
	report, err := splitter.ReadReport(os.DirFS(targets[0].Dir))
	if err != nil {
		return nil, err
	}
	snapshot, _, _ := strings.Cut(targets[0].Dir, string(filepath.Separator)+"flat")
	var refs []mirror.Source
	for _, s := range report.Sources {
		if !filepath.IsAbs(s.Location) && !strings.Contains(s.Location, "://") {
			s.Location = filepath.Join(snapshot, s.Location)
		}
		refs = append(refs, mirror.Source{Name: s.Name, URLs: []string{s.Location}})
	}
	return refs, nil
}

// readWanted reads what a build needs from a spec, a source package or a log.
func readWanted(c *cli.Context, file string, index *splitter.Index) (*splitter.Wanted, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	name := filepath.Base(file)
	if c.String("log") != "" {
		missing, err := buildreq.ParseLog(f)
		if err != nil {
			return nil, err
		}
		w := &splitter.Wanted{Name: name}
		for _, m := range missing {
			w.Requires = append(w.Requires, m.Requirement)
		}
		if len(missing) == 0 {
			return nil, &noticeError{"this log does not say that a package was missing", "give the log of the step that installs the build root: root.log of mock, or OBS's list of what is unresolvable"}
		}
		return w, nil
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	start := make([]byte, 4)
	if _, err := f.ReadAt(start, 0); err == nil && string(start) == "\xed\xab\xee\xdb" {
		rel, err := rpmfile.ReadRelations(f, info.Size())
		if err != nil {
			return nil, err
		}
		return &splitter.Wanted{Name: name, Requires: rel.Requires, Conflicts: rel.Conflicts}, nil
	}
	return readSpec(c, f, file, index)
}

func readSpec(c *cli.Context, f *os.File, file string, index *splitter.Index) (*splitter.Wanted, error) {
	defines := buildreq.System(index.Platform(), index.Arch())
	for _, d := range c.StringSlice("define") {
		name, body, ok := strings.Cut(strings.TrimSpace(d), " ")
		if !ok {
			return nil, &usageError{fmt.Sprintf("--define %q is not 'NAME BODY'", d), "write --define 'foo_version 1.2'"}
		}
		defines[name] = strings.TrimSpace(body)
	}
	spec, err := buildreq.ParseSpec(f, defines)
	if unknown, ok := errors.AsType[*buildreq.UnknownError](err); ok {
		asked, rpmErr := buildreq.AskRpmspec(c.Context, file, defines)
		if errors.Is(rpmErr, buildreq.ErrNoRpmspec) {
			return nil, &noticeError{unknown.Error(), "give its value with --define 'NAME BODY', or install rpmspec"}
		} else if rpmErr != nil {
			return nil, &noticeError{unknown.Error() + "; " + rpmErr.Error(), "give its value with --define 'NAME BODY'"}
		}
		spec, err = asked, nil
	}
	if err != nil {
		return nil, err
	}
	return &splitter.Wanted{Name: spec.Name, Requires: spec.Requires, Conflicts: spec.Conflicts}, nil
}

// noticeError is a failure that knows what to try next.
type noticeError struct{ text, hint string }

func (e *noticeError) Error() string { return e.text }

// Hint says what to try next.
func (e *noticeError) Hint() string { return e.hint }
