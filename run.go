package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/nightly"
	"flatstream/mirror/repofile"
)

func runCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "the night's job: sync, split, verify, publish all at once",
		Description: "Nothing is published unless every repository could be synced and every target be split. A view that has new " +
			"problems stays as it was (exit status 3). It prints nothing when nothing changed and all is well. It is safe to start again at any moment. STORE/state/report.json says how " +
			"the last run went that changed something or failed.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "`FILE` (YAML) that names the store, repositories and targets"},
			&cli.BoolFlag{Name: "check-config", Usage: "read the config, resolve every repository, and stop"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be synced and split, and do nothing"},
		}, guardFlags()...),
		Action: func(c *cli.Context) error { return runNight(c, out) },
	}
}

func runNight(c *cli.Context, out *output) error {
	if c.String("config") == "" {
		if c.NArg() > 0 {
			return &usageError{"run needs --config FILE", "such as flatstream run --config " + c.Args().First()}
		}
		return &usageError{"run needs --config FILE", "flatstream init writes one"}
	}
	if c.NArg() > 0 {
		return &usageError{"run takes no arguments, but was given " + c.Args().First(), "sources belong into the config"}
	}
	if err := checkGuards(c); err != nil {
		return err
	}
	config, err := nightly.ReadConfig(c.String("config"))
	if err != nil {
		return err
	}
	vars, err := machineVars()
	if err != nil {
		return err
	}
	if c.Bool("check-config") || c.Bool("dry-run") {
		return printSteps(out, config, vars, c.Bool("check-config"))
	}
	rate, err := rateLimit(c)
	if err != nil {
		return err
	}
	ctx, late, stop := limitTime(c)
	defer stop()
	b := out.bar("running", -1)
	b.onlyDrawn = !out.verbose // a log or a mail has the summary
	report, err := nightly.Run(ctx, config, nightly.Options{
		Vars: vars, Jobs: downloadJobs(out), Version: version, Moved: b.moved,
		AllowRollback: c.Bool("allow-rollback"), AllowWeakChecksums: c.Bool("allow-weak-checksums"), MaxShrink: c.Float64("max-shrink"),
		MaxAge: c.Duration("max-age"), LimitRate: rate,
		Synced: func(s *summary) { b.step(syncLine(s)) },
		Made:   func(t nightly.TargetReport) { b.step(targetLine(t)) },
	})
	b.finish()
	for _, w := range report.Warnings {
		out.note("warning: %s", w)
	}
	if err != nil && !report.Published {
		err = late(err)
	}
	if err != nil {
		return failNight(c, out, report, err)
	}
	return printNight(out, report)
}

// machineVars are DNF's variables of this machine; the environment wins.
func machineVars() (repofile.Vars, error) {
	vars := repofile.Vars{}
	for _, dir := range []string{"/etc/yum/vars", "/etc/dnf/vars"} {
		more, err := repofile.ReadVars(os.DirFS(dir))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		vars = vars.With(more)
	}
	return vars.With(repofile.VarsFromEnviron(os.Environ())), nil
}

func printSteps(out *output, config *nightly.Config, vars repofile.Vars, check bool) error {
	steps, err := config.Steps(vars)
	if err != nil {
		return err
	}
	for _, step := range steps {
		out.printf("%s\n", step)
	}
	doubts, err := config.Doubts(vars)
	if err != nil {
		return err
	}
	for _, doubt := range doubts {
		out.note("warning: %s", doubt)
	}
	if check {
		out.printf("%s is fine\n", config.File)
	}
	return out.document(map[string]any{"schema": 1, "steps": steps})
}

// failNight makes one document of the error and of what was done until then.
func failNight(c *cli.Context, out *output, r *nightly.Report, err error) error {
	if c.Err() != nil && errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	if r.Published {
		out.note("published snapshot %s, but then something failed", r.Snapshot)
	}
	err = oneLine{err}
	return errors.Join(err, out.document(struct {
		*nightly.Report
		Error any `json:"error"`
	}{r, failureOf(err)}))
}

// printNight is the summary that cron mails: nothing when nothing happened and all is
// well.
func printNight(out *output, r *nightly.Report) error {
	if r.Published || r.Withheld() || out.verbose {
		printSummary(out, r)
	}
	if r.Bucket != nil && (r.Bucket.Published || out.verbose) {
		printPublish(out, r.Bucket)
	}
	if err := out.document(r); err != nil {
		return err
	}
	if r.Withheld() {
		return errProblems
	}
	return nil
}

func printSummary(out *output, r *nightly.Report) {
	if r.Published {
		out.printf("published snapshot %s\n", r.Snapshot)
	} else {
		out.printf("unchanged: snapshot %s stays\n", r.Snapshot)
	}
	for _, s := range r.Repos {
		out.printf("%s\n", syncLine(s))
	}
	for _, t := range r.Targets {
		out.printf("%s, %s\n", targetLine(t), counted(t.Packages, "package entry"))
		printSome(out, t.Changed, "changed: ")
		printNew(out, t)
	}
}

// printSome prints a list that may be long.
func printSome[T any](out *output, list []T, before string) {
	for i, item := range list {
		if i == maxShown && !out.verbose {
			out.printf("  and %d more; --verbose shows them all\n", len(list)-i)
			break
		}
		out.printf("  %s%v\n", before, item)
	}
}

// maxShown is how many lines of one kind fit into a mail.
const maxShown = 20

func printNew(out *output, t nightly.TargetReport) {
	printSome(out, t.New, "")
	printSome(out, t.Impact, "impact: ")
	if t.Withheld {
		out.printf("%s: %s: stays as it was published; to publish it all the same, set %s\n", t.Path, strings.Join(t.HeldBack, ", "), strictness(t))
	}
}

// strictness is what to relax for a target that is held back.
func strictness(t nightly.TargetReport) string {
	switch broken := slices.ContainsFunc(t.Impact, func(v nightly.ViewImpact) bool { return v.Summary.Broken > 0 }); {
	case broken && len(t.New) > 0:
		return "on-problems: warn and on-impact: warn for one run"
	case broken:
		return "on-impact: warn for one run"
	}
	return "on-problems: warn for one run, or write what is new into the file of verify: baseline:"
}

// targetLine is what a log shows of one target.
func targetLine(t nightly.TargetReport) string {
	line := fmt.Sprintf("%s: %s, %s, %d of them new", t.Path, counted(t.Repos, "repository"), counted(t.Problems, "problem"), len(t.New))
	if t.Withheld {
		line += ", withheld: " + strings.Join(t.HeldBack, ", ")
	}
	return line
}
