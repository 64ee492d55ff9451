package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/mirror"
	"flatstream/repodata/closure"
	"flatstream/splitter"
)

func verifyCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "prove that packages can be installed",
		ArgsUsage: "WHAT... [--with SOURCE]...",
		Description: "Checks that every requirement of every package is met by a package beside it. WHAT is a target or a store: " +
			"each flat repository in it is checked together with those that its .repo file names. Or WHAT is plain rpm-md " +
			"repositories, which supply one another.\n" + sourceHelp,
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "with", Usage: "`SOURCE` only supplies and is not checked; repeatable"},
			&cli.StringFlag{Name: "level", Value: "install", Usage: "`LEVEL` of the check; install: every package can be installed together with all it needs; closure: every requirement has a provider"},
			&cli.BoolFlag{Name: "build", Usage: "check source packages too, those of --with as well: can what they need to be built be installed? a stream's are built with the streams that its documents' buildrequires name"},
			&cli.BoolFlag{Name: "files", Usage: "read every package file too: it must be there, with the checksum that the metadata says and no other stream's module label"},
			&cli.StringFlag{Name: "arch", Usage: "`ARCH` of the system that installs (default: what the target says, or x86_64)"},
			&cli.StringFlag{Name: "baseline", Usage: "problems in `FILE` are known and pass; the exit status is 0 when nothing is new"},
			&cli.StringFlag{Name: "write-baseline", Usage: "write the problems there are to `FILE`; reasons and dates in it stay with those that still hold"},
		}, sourceFlags()...),
		Action: func(c *cli.Context) error { return verify(c, out) },
	}
}

func verify(c *cli.Context, out *output) error {
	debug.SetGCPercent(400)         // 4 to 6 % less CPU than with 200; a target of 20,000 packages takes 86 MB instead of 78
	debug.SetMemoryLimit(600 << 20) // as for a split: 200,000 packages hold 350 MB
	level := splitter.Level(c.String("level"))
	if level != splitter.LevelInstall && level != splitter.LevelClosure {
		return &usageError{fmt.Sprintf("--level %q is not known", level), "use install or closure"}
	}
	words := c.Args().Slice()
	if len(words) == 0 && len(c.StringSlice("repo-file")) == 0 {
		return &usageError{"verify needs WHAT to check", "name a target, a store or a repository"}
	}
	opt := splitter.VerifyOptions{Level: level, Arch: c.String("arch"), Build: c.Bool("build"), Files: c.Bool("files"), Jobs: out.jobs}
	if opt.Arch != "" && len(closure.Arches(opt.Arch)) == 0 {
		return &usageError{fmt.Sprintf("--arch %q is not known", opt.Arch), "use x86_64, aarch64, ppc64le or s390x"}
	}
	known, err := openBaseline(c)
	if err != nil {
		return err
	}
	suppliers, err := parseSources(c.StringSlice("with"))
	if err != nil {
		return err
	}
	with, cleanup, err := openSources(c.Context, suppliers, splitter.RoleSupply)
	if err != nil {
		return err
	}
	defer cleanup()
	opt.With = with
	report, err := verifyWhat(c, out, words, opt)
	if err != nil {
		return asUsage(err)
	}
	if opt.Build {
		out.note("note: what a package only finds out to require while it is built (%%generate_buildrequires) is in no metadata, and was not checked")
	}
	return known.judge(out, report, level)
}

// verifyWhat checks targets and stores, or else plain sources.
func verifyWhat(c *cli.Context, out *output, words []string, opt splitter.VerifyOptions) (*closure.Report, error) {
	var targets []place
	var plain []string
	for _, word := range words {
		found, err := findTargets(word)
		if err != nil {
			return nil, err
		}
		targets = append(targets, found...)
		if len(found) == 0 {
			plain = append(plain, word)
		}
	}
	if len(targets) > 0 && len(plain) > 0 {
		return nil, &usageError{fmt.Sprintf("%s is a target and %s is a plain repository: verify checks one kind at a time", targets[0].Dir, plain[0]), "give the one that only supplies with --with"}
	}
	if len(targets) == 0 {
		return verifyPlain(c, plain, opt)
	}
	merged := &closure.Report{}
	for i, target := range targets {
		r, err := verifyTarget(c, out, target, opt)
		if err != nil {
			return nil, fmt.Errorf("verifying %s: %w", target.Dir, err)
		}
		if i == 0 {
			merged = r
			continue
		}
		merged.Checked = append(merged.Checked, r.Checked...)
		merged.Tally()
	}
	return merged, nil
}

// verifyTarget checks one target.
func verifyTarget(c *cli.Context, out *output, target place, opt splitter.VerifyOptions) (*closure.Report, error) {
	report, err := splitter.ReadReport(os.DirFS(target.Dir))
	if err != nil {
		return nil, err
	}
	own, cleanup, err := targetSuppliers(c, out, target, report)
	if err != nil {
		return nil, err
	}
	defer cleanup()
	opt.With = append(own.With, opt.With...)
	opt.Aside = own.Aside
	return splitter.VerifyReport(c.Context, os.DirFS(target.Dir), report, opt)
}

// targetSuppliers opens the sources of a target that supply, and those that overlay.
func targetSuppliers(c *cli.Context, out *output, target place, report *splitter.Report) (opt splitter.VerifyOptions, cleanup func(), err error) {
	with, closeWith, err := target.openRole(c, report, splitter.RoleSupply)
	if err != nil {
		return opt, closeWith, err
	}
	aside, closeAside, err := target.openRole(c, report, splitter.RoleOverlay)
	if err != nil {
		out.note("warning: %v; so no hint says what it has", err)
	}
	return splitter.VerifyOptions{With: with, Aside: aside}, func() { closeAside(); closeWith() }, nil
}

// openRole opens the sources that a split took in one role.
func (p place) openRole(c *cli.Context, report *splitter.Report, role splitter.Role) ([]splitter.Source, func(), error) {
	var sources []mirror.Source
	for _, s := range report.Sources {
		if s.Role == role {
			sources = append(sources, p.source(s))
		}
	}
	return openSources(c.Context, sources, role)
}

func verifyPlain(c *cli.Context, words []string, opt splitter.VerifyOptions) (*closure.Report, error) {
	refs, err := sourceArgs(c, words)
	if err != nil {
		return nil, err
	}
	sources, cleanup, err := openSources(c.Context, refs, splitter.RoleMerge)
	if err != nil {
		return nil, err
	}
	defer cleanup()
	return splitter.VerifySources(c.Context, sources, opt)
}

// printVerify writes the report in the wanted format.
func printVerify(out *output, r *closure.Report) error {
	switch {
	case out.json:
		return out.document(r)
	case out.junit:
		return r.JUnit(out.out)
	case out.quiet && r.Summary.New == 0:
		return nil
	}
	var text strings.Builder
	if err := r.Text(&text, out.verbose); err != nil {
		return err
	}
	_, err := io.WriteString(out.out, visible(text.String()))
	return err
}
