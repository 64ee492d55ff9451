package main

import (
	"github.com/urfave/cli/v2"

	"flatstream/mirror"
	"flatstream/mirror/nightly"
	"flatstream/mirror/tree"
)

func fsckCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "fsck",
		Usage:     "read every byte of a store, report damage, and fetch it again",
		ArgsUsage: "STORE",
		Description: "Holds every object against its checksum, every snapshot against its manifest, and the metadata of every repository " +
			"against its files; links, tags and state too. Exit status 3 says that there is damage. --repair takes the " +
			"right bytes from another copy in the store, or else from where the last run found upstream; where that wants a " +
			"password or a certificate, name the config, or the .repo file. A damaged file is replaced in every snapshot, never written to.",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "repair", Usage: "mend what can be mended"},
			configFlag("where upstream is"),
		}, sourceFlags()...),
		Action: func(c *cli.Context) error { return fsck(c, out) },
	}
}

func fsck(c *cli.Context, out *output) error {
	store, _, err := storeArgs(c, 0, 0)
	if err != nil {
		return err
	}
	sources, err := fsckSources(c, store)
	if err != nil {
		return err
	}
	return withLock(store, func(t *tree.Tree) error {
		b := out.bar("reading", -1)
		report, err := mirror.Fsck(c.Context, t, mirror.FsckOptions{
			Jobs: downloadJobs(out), Repair: c.Bool("repair"), Sources: sources, Hashed: b.read,
		})
		b.finish()
		if err != nil {
			return err
		}
		printFsck(out, report)
		if c.Bool("repair") && report.Left() > 0 {
			if err := nightly.Forget(t); err != nil {
				return err
			}
		}
		err = out.document(struct {
			Schema int `json:"schema"`
			*mirror.FsckReport
		}{1, report})
		if err == nil && report.Left() > 0 {
			err = errProblems
		}
		return err
	})
}

// fsckSources are where the config, or .repo files, say that upstream is.
func fsckSources(c *cli.Context, store string) ([]mirror.Source, error) {
	sources, err := sourceArgs(c, nil)
	if err != nil {
		return nil, err
	}
	config, err := readStoreConfig(c, store)
	if err != nil || config == nil {
		return sources, err
	}
	vars, err := machineVars()
	if err != nil {
		return nil, err
	}
	more, err := config.Upstreams(vars)
	return append(sources, more...), err
}

func printFsck(out *output, r *mirror.FsckReport) {
	for _, d := range r.Damage {
		state := ""
		if d.Repaired {
			state = ", repaired"
		}
		out.printf("%s: %s: %s%s\n", d.Paths[0], d.Code, d.Text, state)
		for i, p := range d.Paths[1:] {
			if i == maxShown && !out.verbose {
				out.printf("  and under %d more names; --verbose shows them all\n", len(d.Paths)-1-i)
				break
			}
			out.printf("  and %s\n", p)
		}
	}
	for _, f := range r.Failures {
		out.note("warning: not repaired: %s", f)
	}
	out.printf("read %s of %s and %s: %s", byteCount(r.Bytes), counted(r.Objects, "object"), counted(r.Snapshots, "snapshot"), counted(len(r.Damage), "damaged file"))
	if r.Repaired > 0 {
		out.printf(", %d repaired, %s fetched", r.Repaired, counted(r.Fetched, "file"))
	}
	out.printf("\n")
}
