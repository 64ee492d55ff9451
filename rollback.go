package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/nightly"
	"flatstream/mirror/tree"
)

func rollbackCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "rollback",
		Usage:     "publish the content of an earlier snapshot again",
		ArgsUsage: "STORE [SNAPSHOT]",
		Description: "Publishes a new snapshot with the old content (default: of the one before the current), as hard links, and with " +
			"the files that clients of snapshots inside grace still ask for. Nothing is deleted. The next sync or run that " +
			"finds upstream changed from it brings upstream's state again, so stop the timer until upstream is mended.\n" + snapshotHelp,
		Flags:  []cli.Flag{graceFlag(), configFlag("keep: grace")},
		Action: func(c *cli.Context) error { return rollback(c, out) },
	}
}

func rollback(c *cli.Context, out *output) error {
	store, words, err := storeArgs(c, 0, 1)
	if err != nil {
		return err
	}
	config, err := readStoreConfig(c, store)
	if err != nil {
		return err
	}
	to := append(words, "")[0]
	return withLock(store, func(t *tree.Tree) error {
		keep, err := keepOf(c, t, config)
		if err != nil {
			return err
		}
		name, from, err := t.Rollback(to, keep.Grace, time.Now())
		if err != nil {
			return err
		}
		if err := nightly.Announced(t, name); err != nil {
			return err
		}
		out.printf("published snapshot %s with the content of %s\n", name, from.Name)
		return out.document(struct {
			Schema   int    `json:"schema"`
			Snapshot string `json:"snapshot"`
			From     string `json:"from"`
		}{1, name, from.Name})
	})
}

func tagCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "tag",
		Usage:     "name a snapshot, so that it is never pruned and keeps its URL",
		ArgsUsage: "STORE SNAPSHOT NAME",
		Description: "The snapshot is served at /tags/NAME/ too. With --delete, STORE NAME is all there is to say: the tag goes, and the " +
			"next prune treats the snapshot as any other.\n" + snapshotHelp,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "delete", Aliases: []string{"d"}, Usage: "remove the tag; the snapshot stays"},
			&cli.BoolFlag{Name: "move", Usage: "let the tag leave the snapshot that it marks now"},
		},
		Action: func(c *cli.Context) error { return tag(c, out) },
	}
}

func tag(c *cli.Context, out *output) error {
	need := 2
	if c.Bool("delete") {
		need = 1
	}
	store, words, err := storeArgs(c, need, need)
	if err != nil {
		return err
	}
	if c.Bool("delete") && c.Bool("move") {
		return &usageError{"--delete and --move exclude each other", "give one of them"}
	}
	name := words[need-1]
	return withLock(store, func(t *tree.Tree) error {
		if c.Bool("delete") {
			if err := t.Untag(name); err != nil {
				return err
			}
			out.printf("removed tag %s\n", name)
			return out.document(map[string]any{"schema": 1, "tag": name, "deleted": true})
		}
		s, err := t.Tag(words[0], name, c.Bool("move"))
		if err != nil {
			return err
		}
		out.printf("tagged snapshot %s as %s\n", s.Name, name)
		return out.document(map[string]any{"schema": 1, "tag": name, "snapshot": s.Name, "deleted": false})
	})
}
