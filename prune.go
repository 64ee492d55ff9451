package main

import (
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/tree"
)

func pruneCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "prune",
		Usage:     "remove old snapshots, and files that no snapshot needs",
		ArgsUsage: "STORE",
		Description: "Stay: the newest snapshots, those that were current inside grace, those with a tag, and always one of which every file is there. Then the " +
			"files go that no snapshot names any more and that nothing touched during grace. What is not said by a flag is taken " +
			"from --config, or else is as the last run had it. Every run prunes by itself; sync does not.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would go, and remove nothing"},
			&cli.IntFlag{Name: "keep", Usage: "keep the newest `N` snapshots (default: as the last run had it, or 14)"},
			graceFlag(),
			&cli.StringFlag{Name: "max-delete", Usage: "remove nothing when more than `PERCENT` of all files or bytes would go, such as 40% (default: as the last run had it, or 40%)"},
			configFlag("its keep:"),
		},
		Action: func(c *cli.Context) error { return prune(c, out) },
	}
}

func prune(c *cli.Context, out *output) error {
	store, _, err := storeArgs(c, 0, 0)
	if err != nil {
		return err
	}
	config, err := readStoreConfig(c, store)
	if err != nil {
		return err
	}
	return withLock(store, func(t *tree.Tree) error {
		keep, err := keepOf(c, t, config)
		if err != nil {
			return err
		}
		report, err := t.Prune(keep.Snapshots, keep.Grace, keep.MaxDelete, time.Now(), c.Bool("dry-run"))
		if guard, ok := errors.AsType[*tree.MaxDeleteError](err); ok {
			return errors.Join(guard, pruneDocument(out, report, guard))
		}
		if err != nil {
			return err
		}
		printPrune(out, report)
		return pruneDocument(out, report, nil)
	})
}

func printPrune(out *output, r tree.PruneReport) {
	verb := "removed"
	if r.DryRun {
		verb = "would remove"
	}
	for _, name := range r.Snapshots {
		out.printf("%s snapshot %s\n", verb, name)
	}
	out.printf("%s %s, %d of %s, %s of %s; kept %s\n", verb, counted(len(r.Snapshots), "snapshot"),
		r.Objects, counted(r.AllObjects, "file"), byteCount(r.Bytes), byteCount(r.AllBytes), counted(len(r.Kept), "snapshot"))
}

func pruneDocument(out *output, r tree.PruneReport, err error) error {
	var failed any
	if err != nil {
		failed = failureOf(err)
	}
	return out.document(struct {
		Schema int `json:"schema"`
		tree.PruneReport
		Error any `json:"error,omitempty"`
	}{1, r, failed})
}
