package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/repodata"
	"flatstream/splitter"
	"flatstream/splitter/recipe"
)

func forCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "for",
		Usage:     "which streams a package needs to be built, or to be installed",
		ArgsUsage: "SPEC|SRPM [SOURCE...]",
		Description: "Names the smallest sets of streams, beside the default ones, with which everything can be installed that a build needs: " +
			"the BuildRequires of a spec file or a source package, or what a failed build's log says was missing. A spec is read for the system of the " +
			"sources, without running anything in it; where that is not enough, rpmspec is asked if it is installed. The exit status is 3 when no set works.\n" + sourceHelp,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "log", Usage: "take what was missing from the log `FILE` of a build, in place of SPEC|SRPM"},
			&cli.StringSliceFlag{Name: "built", Usage: "the reverse, in place of SPEC|SRPM: which streams a machine needs that installs the package `RPM`, and which would break it; repeatable, for packages that are installed together"},
			&cli.StringFlag{Name: "store", Usage: "the sources are those of the store `DIR`, or of its snapshot DIR@SNAPSHOT"},
			&cli.StringFlag{Name: "target", Usage: "with --store: `TARGET/ARCH` whose sources they are, where the store has several"},
			&cli.StringFlag{Name: "for", Usage: "print also what to paste into `TOOL` for a view with the answer: " + strings.Join(recipe.ForAnswers(), ", ")},
			&cli.StringFlag{Name: "base-url", Usage: "with --for: the `URL` of the target that will have the view (default: the store's, or else flatstream serve's)"},
			defineFlag(), noRpmspecFlag(),
			&cli.StringSliceFlag{Name: "role", Usage: "what a source is for, as `NAME=ROLE`: merge (the default), overlay (single packages of it may be added) or supply; repeatable"},
			&cli.StringFlag{Name: "platform", Usage: "stream `PLATFORM` of the platform, such as el8 (default: what the documents require)"},
			&cli.StringFlag{Name: "arch", Usage: "`ARCH` of the build root (default: what the documents are for)"},
		}, sourceFlags()...),
		Action: func(c *cli.Context) error { return forBuild(c, out) },
	}
}

func forBuild(c *cli.Context, out *output) error {
	words := c.Args().Slice()
	file := c.String("log")
	if file == "" && len(c.StringSlice("built")) == 0 {
		if len(words) == 0 {
			return &usageError{"for needs a SPEC or SRPM", "such as flatstream for hello.spec /srv/mirror/BaseOS /srv/mirror/AppStream"}
		}
		file, words = words[0], words[1:]
	} else if file != "" && len(c.StringSlice("built")) > 0 {
		return &usageError{"--log and --built exclude each other", "ask for one at a time"}
	}
	if err := checkTool(c); err != nil {
		return err
	}
	sources, place, cleanup, err := forSources(c, words)
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
	answer, err := ask(c, asker, file)
	if err != nil {
		return err
	}
	if tool := c.String("for"); tool != "" {
		switch {
		case c.IsSet("base-url") || len(answer.Sets) == 0:
		case place.Options.BaseURL == servedURL:
			out.note("the addresses are those that flatstream serve gives a target on this machine: say with --base-url where yours will be")
		case strings.HasPrefix(place.Options.BaseURL, "file:"):
			out.note("the addresses are of this machine alone: set base-url in the config, or give --base-url")
		}
		if err := recipe.ForAnswer(c.Context, sources, answer, place, tool); err != nil {
			return err
		}
	}
	return printAnswer(out, answer, c)
}

// servedURL is where flatstream serve shows a target without further words.
const servedURL = "http://localhost:8080"

// checkTool refuses a tool of --for that there are no lines for.
func checkTool(c *cli.Context) error {
	tool := c.String("for")
	switch {
	case tool == "" && c.IsSet("base-url"):
		return &usageError{"--base-url is for the lines of --for", "give --for obs, mock or koji with it"}
	case tool != "" && !slices.Contains(recipe.ForAnswers(), tool):
		return &usageError{fmt.Sprintf("there are no lines for %q", tool), "use " + strings.Join(recipe.ForAnswers(), ", ")}
	}
	return nil
}

// ask puts the question that the command line means.
func ask(c *cli.Context, asker *splitter.Asker, file string) (*splitter.Answer, error) {
	if built := c.StringSlice("built"); len(built) > 0 {
		var packages []*repodata.Package
		for _, name := range built {
			p, err := readPackage(name)
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", name, err)
			}
			packages = append(packages, p)
		}
		return asker.AskBuilt(c.Context, packages[0].Name, packages)
	}
	defines, err := definesFor(c, asker.Platform(), asker.Arch())
	if err != nil {
		return nil, err
	}
	var want *splitter.Wanted
	if c.String("log") != "" {
		want, err = splitter.ReadLog(file)
	} else {
		want, err = splitter.ReadBuild(c.Context, file, splitter.SpecOptions{Defines: defines, Rpmspec: !c.Bool("no-rpmspec")})
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return asker.Ask(c.Context, *want)
}
