package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"flatstream/repodata/codec"
	"flatstream/splitter"
)

// splitFlags are those that say how, for every command that splits.
func splitFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "link", Value: "hardlink", Usage: "`HOW` package files get in: hardlink, symlink, copy, or none for metadata only (a URL source implies none)"},
		&cli.StringFlag{Name: "streams", Value: "all", Usage: "only `SPEC,...` in streams/; views see all streams all the same"},
		&cli.BoolFlag{Name: "with-deps", Usage: "with --streams: and the streams that those require"},
		&cli.StringFlag{Name: "versions", Value: "dnf", Usage: "`WHICH` builds of a stream: dnf (those that DNF makes active), latest or all"},
		&cli.StringFlag{Name: "by", Value: "stream", Usage: "one repository per `UNIT`: stream, or nsvca for every single build"},
		&cli.StringSliceFlag{Name: "view", Usage: "write views/NAME: the default streams, with those that `NAME=SPEC,...` adds or replaces; repeatable"},
		&cli.StringSliceFlag{Name: "role", Usage: "what a source is for, as `NAME=ROLE`: merge (the default), overlay or supply; repeatable"},
		&cli.StringSliceFlag{Name: "overlay", Usage: "add packages of an overlay source to a view: `VIEW=NAME:GLOB,...`; repeatable"},
		&cli.BoolFlag{Name: "overlay-siblings", Usage: "with --overlay: and other packages of the same source package, where a requirement asks for them"},
		&cli.IntFlag{Name: "newest", Usage: "of each package in a view only the `N` newest versions", DefaultText: "all"},
		&cli.BoolFlag{Name: "no-default-view", Usage: "do not write default/"},
		&cli.StringFlag{Name: "unlisted", Value: "quarantine", Usage: "`WHAT` to do with modular packages that no document lists: quarantine (into unlisted/), keep (as non-modular) or drop"},
		&cli.StringFlag{Name: "labels", Value: "auto", Usage: "of `WHICH` local packages the modularity label is read: auto (those that no document lists and that could be modular), all (and compare it with the documents) or none"},
		&cli.BoolFlag{Name: "strict-dnf", Usage: "leave out the modules.yaml documents that DNF cannot read; their packages count as non-modular, as with DNF"},
		&cli.BoolFlag{Name: "modulemd", Usage: "put a filtered modules.yaml into stream repositories"},
		&cli.StringFlag{Name: "platform", Usage: "the `PLATFORM`, such as el8 (default: the one that the modules require)"},
		&cli.StringFlag{Name: "arch", Usage: "only packages for `ARCH`, with noarch and multilib"},
		&cli.StringFlag{Name: "base-url", Usage: "the target's `URL`, for .repo files (default: file://TARGET)"},
		&cli.StringFlag{Name: "sign-key", Usage: "sign every repomd.xml with the secret key in `FILE` (gpg --armor --export-secret-keys, without a passphrase)"},
		&cli.StringFlag{Name: "compress", Value: "gzip", Usage: "`FORMAT` of the metadata: gzip or zstd"},
		&cli.StringFlag{Name: "layout", Value: "flatstream", Usage: "`NAME` of the layout: flatstream, or grobisplitter for GrobiSplitter's directories"},
	}
}

func splitOptions(c *cli.Context) (splitter.Options, error) {
	opt := splitter.Options{
		Program:  version,
		WithDeps: c.Bool("with-deps"), Versions: splitter.Versions(c.String("versions")), By: splitter.By(c.String("by")),
		Unlisted: splitter.Unlisted(c.String("unlisted")), Labels: splitter.Labels(c.String("labels")), StrictDNF: c.Bool("strict-dnf"), Layout: splitter.Layout(c.String("layout")), Link: splitter.Link(c.String("link")),
		NoDefaultView: c.Bool("no-default-view"), Modulemd: c.Bool("modulemd"), Platform: c.String("platform"), Arch: c.String("arch"),
		OverlaySiblings: c.Bool("overlay-siblings"), Newest: c.Int("newest"),
		BaseURL: strings.TrimSuffix(c.String("base-url"), "/"), Jobs: c.Int("jobs"),
	}
	if file := c.String("sign-key"); file != "" {
		signer, err := splitter.ReadSigner(file, time.Now())
		if err != nil {
			return opt, err
		}
		opt.Signer = signer
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
	for _, overlay := range c.StringSlice("overlay") {
		view, rest, _ := strings.Cut(overlay, "=")
		source, globs, ok := strings.Cut(rest, ":")
		if !ok || view == "" || source == "" || globs == "" {
			return opt, &usageError{fmt.Sprintf("--overlay %q is not VIEW=NAME:GLOB,...", overlay), "such as --overlay build=stream-crb:libudisks2-devel"}
		}
		opt.Overlays = append(opt.Overlays, splitter.Overlay{View: view, Source: source, Globs: strings.Split(globs, ",")})
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

// setRoles gives sources the roles of --role.
func setRoles(c *cli.Context, sources []splitter.Source) error {
	for _, pair := range c.StringSlice("role") {
		name, role, _ := strings.Cut(pair, "=")
		if !slices.Contains([]string{"merge", "overlay", "supply"}, role) {
			return &usageError{fmt.Sprintf("--role %q is not NAME=ROLE", pair), "a role is merge, overlay or supply"}
		}
		i := slices.IndexFunc(sources, func(s splitter.Source) bool { return s.Name == name })
		if i < 0 {
			return &usageError{fmt.Sprintf("--role names the source %s, which was not given", name), "give it as " + name + "=PATH"}
		}
		sources[i].Role = splitter.Role(role)
	}
	return nil
}
