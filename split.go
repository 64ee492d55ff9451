package main

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/tree"
	"flatstream/splitter"
	"flatstream/splitter/catalogue"
)

func splitCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "split",
		Usage:     "write one flat repository per module stream, and merged views",
		ArgsUsage: "SOURCE...",
		Description: "Reads modular repositories and writes ordinary ones: streams/MODULE/STREAM for each stream, " +
			"non-modular, default (what DNF offers with the default streams) and views/NAME. " +
			"Give all sources that belong together at once: streams require each other across repositories.\n" + sourceHelp + "\n" +
			"A SPEC is module:stream, module (its default stream), default, SOURCE/all (each module's default or newest " +
			"stream of that source), -module (without it), or none first (start empty).",
		Flags: append(append([]cli.Flag{
			&cli.StringFlag{Name: "target", Aliases: []string{"t"}, Usage: "write to `DIR`; a former target is replaced at once when all is done"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be written, and write nothing"},
		}, splitFlags()...), sourceFlags()...),
		Action: func(c *cli.Context) error { return split(c, out) },
	}
}

func split(c *cli.Context, out *output) error {
	largePages()
	debug.SetMemoryLimit(600 << 20) // 200,000 packages hold 300 MB; what lies above is garbage that waits
	opt, err := splitOptions(c)
	if err != nil {
		return err
	}
	if err := opt.Check(); err != nil {
		return asUsage(err)
	}
	target := c.String("target")
	if target == "" && !c.Bool("dry-run") {
		return &usageError{"split needs --target DIR", "name the directory to write"}
	}
	refs, err := sourceArgs(c, c.Args().Slice())
	if err != nil {
		return err
	}
	if len(refs) == 0 {
		return &usageError{"split needs a SOURCE", sourceHelp}
	}
	sources, cleanup, err := openSources(c.Context, refs, splitter.RoleMerge)
	if err != nil {
		return err
	}
	defer cleanup()
	if err := setRoles(c, sources); err != nil {
		return err
	}
	if err := impliedLink(c, &opt, sources, out); err != nil {
		return err
	}
	if !c.Bool("dry-run") {
		opt.Scratch = tree.ScratchFor(target)
	}
	plan, err := splitter.NewPlan(c.Context, sources, opt)
	if err != nil {
		return asUsage(err)
	}
	defer plan.Close()
	if c.Bool("dry-run") {
		return printSplit(out, plan.Report(), "would write", "")
	}
	if err := outside(sources, target); err != nil {
		return err
	}
	report, err := writeTarget(c, out, plan, target)
	if err != nil {
		return asUsage(err)
	}
	return printSplit(out, report, "wrote", target)
}

// outside refuses a source below the target: it would go with the former target.
func outside(sources []splitter.Source, target string) error {
	target, err := filepath.EvalSymlinks(target)
	if err != nil {
		return nil // it does not exist yet, so nothing is in it
	}
	if target, err = filepath.Abs(target); err != nil {
		return err
	}
	for _, s := range sources {
		dir, err := filepath.EvalSymlinks(s.Dir)
		if s.Dir == "" || err != nil {
			continue
		}
		if rel, err := filepath.Rel(target, dir); err == nil && filepath.IsLocal(rel) {
			return &usageError{fmt.Sprintf("the source %s stands in the target %s, which is replaced", s.Name, target), "write to another --target"}
		}
	}
	return nil
}

// writeTarget builds the target beside its final name and swaps it in.
func writeTarget(c *cli.Context, out *output, plan *splitter.Plan, target string) (report *splitter.Report, err error) {
	target, err = filepath.Abs(target)
	if err != nil {
		return nil, err
	}
	if plan.Options.BaseURL == "" {
		plan.Options.BaseURL = (&url.URL{Scheme: "file", Path: target}).String()
	}
	stage, err := tree.StageBeside(target)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, stage.Discard())
		}
	}()
	bar := out.bar("splitting", len(plan.Repos))
	var written atomic.Int64
	report, err = splitter.Split(c.Context, plan, stage.Dir(), target, func(f *splitter.Flat) {
		bar.step(fmt.Sprintf("%s: %s", f.Path, counted(f.Len(), "package")))
		if written.Add(1) == int64(len(plan.Repos)*2/3) {
			stage.FlushAhead()
		}
	})
	bar.finish()
	if err != nil {
		return nil, err
	}
	stage.FlushAhead() // beside the pages
	if err := catalogue.Write(stage.Dir(), catalogue.Input{Plan: plan, Report: report}); err != nil {
		return nil, err
	}
	return report, stage.Replace()
}

// impliedLink turns a URL source into --link none, and says who cannot read that.
func impliedLink(c *cli.Context, opt *splitter.Options, sources []splitter.Source, out *output) error {
	for _, s := range sources {
		if s.Dir != "" || opt.Link == splitter.LinkNothing {
			continue
		}
		if c.IsSet("link") {
			return &usageError{fmt.Sprintf("--link %s needs package files, and %s is a URL", opt.Link, s.Name), "sync it first, or use --link none"}
		}
		opt.Link = splitter.LinkNothing
		out.note("%s is a URL: only metadata is written (--link none), packages stay there; dnf, yum and zypper follow xml:base, bazeldnf and OBS do not", s.Name)
	}
	return nil
}

// asUsage turns a request that cannot be meant into a usage error.
func asUsage(err error) error {
	var usage *splitter.UsageError
	if errors.As(err, &usage) {
		return &usageError{err.Error(), usage.Try}
	}
	return err
}

func printSplit(out *output, r *splitter.Report, verb, target string) error {
	for _, w := range r.Warnings {
		out.note("warning: %s", w.Text)
	}
	streams, packages := 0, 0
	for _, repo := range r.Repos {
		if repo.Kind == splitter.KindStream {
			streams++
		}
		packages += repo.Packages
		if out.verbose || target == "" {
			out.printf("%-48s %s\n", repo.Path, counted(repo.Packages, "package"))
		}
	}
	out.printf("%s %s, %d of them module streams, with %s\n", verb, counted(len(r.Repos), "repository"), streams, counted(packages, "package entry"))
	if target != "" {
		out.printf("next: flatstream verify %s\n", target)
	}
	return out.document(r)
}
