package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/tree"
)

func snapshotsCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "snapshots",
		Usage:     "list what a store has published, oldest first",
		ArgsUsage: "STORE",
		Description: "Each snapshot is a whole tree below STORE/snapshots and is served at /snapshots/NAME/; its files are hard links, " +
			"so that only what is new in it takes space. New is what the one before does not have. The asterisk marks the " +
			"current one.",
		Action: func(c *cli.Context) error { return listSnapshots(c, out) },
	}
}

func listSnapshots(c *cli.Context, out *output) error {
	store, _, err := storeArgs(c, 0, 0)
	if err != nil {
		return err
	}
	return withStore(store, func(t *tree.Tree) error {
		list, err := t.History(c.Context)
		if err != nil {
			return err
		}
		now, width := time.Now(), 0
		for _, s := range list {
			width = max(width, len(s.Name)+len(strings.Join(s.Tags, ", ")))
		}
		for _, s := range list {
			printSnapshot(out, s, now, width)
		}
		if len(list) == 0 {
			out.printf("%s has published nothing yet: flatstream sync or flatstream run does\n", store)
		}
		return out.document(struct {
			Schema    int                `json:"schema"`
			Snapshots []tree.HistoryItem `json:"snapshots"`
		}{1, list})
	})
}

func printSnapshot(out *output, s tree.HistoryItem, now time.Time, width int) {
	mark := " "
	if s.Current {
		mark = "*"
	}
	tags := strings.Join(s.Tags, ", ")
	size := fmt.Sprintf("%s, %s, %s of it new", counted(s.Files, "file"), byteCount(s.Bytes), byteCount(s.NewBytes))
	if s.Error != "" {
		size = "damaged: " + s.Error
	}
	out.printf("%s %s  %-*s  %-15s  %s\n", mark, s.Name, width-len(s.Name), tags, ago(now.Sub(s.Time)), size)
}
