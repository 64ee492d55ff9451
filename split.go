package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/tree"
	"flatstream/repodata/codec"
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

// splitFlags are those that say how, for every command that splits.
func splitFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "link", Value: "hardlink", Usage: "`HOW` package files get in: hardlink, symlink, copy, or none for metadata only (a URL source implies none)"},
		&cli.StringFlag{Name: "streams", Value: "all", Usage: "only `SPEC,...` in streams/; views see all streams all the same"},
		&cli.BoolFlag{Name: "with-deps", Usage: "with --streams: and the streams that those require"},
		&cli.StringFlag{Name: "versions", Value: "dnf", Usage: "`WHICH` builds of a stream: dnf (those that DNF makes active), latest or all"},
		&cli.StringFlag{Name: "by", Value: "stream", Usage: "one repository per `UNIT`: stream, or nsvca for every single build"},
		&cli.StringSliceFlag{Name: "view", Usage: "write views/NAME: the default streams, with those that `NAME=SPEC,...` adds or replaces; repeatable"},
		&cli.BoolFlag{Name: "no-default-view", Usage: "do not write default/"},
		&cli.StringFlag{Name: "unlisted", Value: "quarantine", Usage: "`WHAT` to do with modular packages that no document lists: quarantine (into unlisted/), keep (as non-modular) or drop"},
		&cli.BoolFlag{Name: "modulemd", Usage: "put a filtered modules.yaml into stream repositories"},
		&cli.StringFlag{Name: "platform", Usage: "the `PLATFORM`, such as el8 (default: the one that the modules require)"},
		&cli.StringFlag{Name: "arch", Usage: "only packages for `ARCH`, with noarch and multilib"},
		&cli.StringFlag{Name: "base-url", Usage: "the target's `URL`, for .repo files (default: file://TARGET)"},
		&cli.StringFlag{Name: "compress", Value: "gzip", Usage: "`FORMAT` of the metadata: gzip or zstd"},
		&cli.StringFlag{Name: "layout", Value: "flatstream", Usage: "`NAME` of the layout: flatstream, or grobisplitter for GrobiSplitter's directories"},
	}
}

func split(c *cli.Context, out *output) error {
	opt, err := splitOptions(c)
	if err != nil {
		return err
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
	if err := impliedLink(c, &opt, sources, out); err != nil {
		return err
	}
	plan, err := splitter.NewPlan(c.Context, sources, opt)
	if err != nil {
		return asUsage(err)
	}
	if c.Bool("dry-run") {
		return printSplit(out, plan.Report(), "would write", "")
	}
	report, err := writeTarget(c, out, plan, target)
	if err != nil {
		return asUsage(err)
	}
	return printSplit(out, report, "wrote", target)
}

// writeTarget builds the target beside its final name and swaps it in.
func writeTarget(c *cli.Context, out *output, plan *splitter.Plan, target string) (report *splitter.Report, err error) {
	target, err = filepath.Abs(target)
	if err != nil {
		return nil, err
	}
	if plan.Options.BaseURL == "" {
		plan.Options.BaseURL = "file://" + target
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
	report, err = splitter.Split(c.Context, plan, stage.Dir(), target, func(f *splitter.Flat) { bar.step(fmt.Sprintf("%s: %s", f.Path, counted(f.Len(), "package"))) })
	bar.finish()
	if err != nil {
		return nil, err
	}
	if err := catalogue.Write(stage.Dir(), report); err != nil {
		return nil, err
	}
	return report, stage.Replace()
}

func splitOptions(c *cli.Context) (splitter.Options, error) {
	opt := splitter.Options{
		WithDeps: c.Bool("with-deps"), Versions: splitter.Versions(c.String("versions")), By: splitter.By(c.String("by")),
		Unlisted: splitter.Unlisted(c.String("unlisted")), Layout: splitter.Layout(c.String("layout")), Link: splitter.Link(c.String("link")),
		NoDefaultView: c.Bool("no-default-view"), Modulemd: c.Bool("modulemd"), Platform: c.String("platform"), Arch: c.String("arch"),
		BaseURL: strings.TrimSuffix(c.String("base-url"), "/"), Jobs: c.Int("jobs"),
	}
	if c.IsSet("streams") {
		opt.Streams = strings.Split(c.String("streams"), ",")
	}
	for _, view := range c.StringSlice("view") {
		name, spec, ok := strings.Cut(view, "=")
		if !ok || name == "" || spec == "" {
			return opt, &usageError{fmt.Sprintf("--view %q is not NAME=SPEC,...", view), "such as --view build=perl:5.30,nodejs:12"}
		}
		opt.Views = append(opt.Views, splitter.View{Name: name, Spec: strings.Split(spec, ",")})
	}
	switch c.String("compress") {
	case "gzip":
		opt.Format = codec.Gzip
	case "zstd":
		opt.Format = codec.Zstd
	default:
		return opt, &usageError{fmt.Sprintf("--compress %q is not known", c.String("compress")), "use gzip or zstd"}
	}
	return opt, nil
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
