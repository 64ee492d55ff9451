package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/nightly"
	"flatstream/mirror/repofile"
)

func runCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "the night's job: sync, split, verify, publish all at once",
		Description: "Nothing is published unless every repository could be synced and every target be split. A target that has new " +
			"problems stays as it was (exit status 3). It is safe to start again at any moment.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "`FILE` (YAML) that names the store, repositories and targets"},
			&cli.BoolFlag{Name: "check-config", Usage: "read the config, resolve every repository, and stop"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be synced and split, and do nothing"},
		},
		Action: func(c *cli.Context) error { return runNight(c, out) },
	}
}

func runNight(c *cli.Context, out *output) error {
	if c.String("config") == "" {
		return &usageError{"run needs --config FILE", "the README shows one"}
	}
	if c.NArg() > 0 {
		return &usageError{"run takes no arguments, but was given " + c.Args().First(), "sources belong into the config"}
	}
	config, err := nightly.ReadConfig(c.String("config"))
	if err != nil {
		return err
	}
	b := out.bar("running", -1)
	opt := nightly.Options{Vars: repofile.VarsFromEnviron(os.Environ()), Jobs: out.jobs, Version: version, Say: b.step, Moved: b.moved}
	if c.Bool("check-config") || c.Bool("dry-run") {
		b.finish()
		steps, err := config.Steps(opt.Vars)
		if err != nil {
			return err
		}
		for _, step := range steps {
			out.printf("%s\n", step)
		}
		return out.document(map[string]any{"schema": 1, "steps": steps})
	}
	report, err := nightly.Run(c.Context, config, opt)
	b.finish()
	if err != nil {
		return err
	}
	return printNight(out, report)
}

func printNight(out *output, r *nightly.Report) error {
	switch {
	case r.Published:
		out.printf("published snapshot %s\n", r.Snapshot)
	default:
		out.printf("unchanged: snapshot %s stays\n", r.Snapshot)
	}
	for _, t := range r.Targets {
		out.printf("%s: %s, %s, %s, %d of them new\n", t.Path, counted(t.Repos, "repository"), counted(t.Packages, "package entry"), counted(t.Problems, "problem"), len(t.New))
		if t.Withheld {
			out.printf("%s: withheld, the published one stays; verify shows each problem\n", t.Path)
		}
	}
	if err := out.document(r); err != nil {
		return err
	}
	if r.Withheld() {
		return errProblems
	}
	return nil
}
