package main

import (
	"fmt"
	"math"
	"runtime/debug"
	"time"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/bucket"
	"flatstream/mirror/tree"
)

func publishCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "publish",
		Usage:     "put a snapshot into an object store (S3)",
		ArgsUsage: "STORE s3://BUCKET/PREFIX",
		Description: "Clients then read BUCKET/PREFIX/flat/... over plain HTTP, as they read STORE/current. Packages first, each repomd.xml " +
			"last. It may be started again at any moment and goes on where it was; when nothing changed it makes one request. " +
			"Credentials, region and endpoint come from where AWS's own tools take them: AWS_ACCESS_KEY_ID, AWS_PROFILE, ~/.aws, a role; AWS_REGION; AWS_ENDPOINT_URL. " +
			"A tag is a prefix of its own: --snapshot TAG --copy-from s3://BUCKET/PREFIX copies within the server. " +
			"--check reads every object back, and names uploads in parts that nobody will end; exit status 3 says that there is damage. " +
			"The server must keep to conditional writes (If-None-Match, If-Match), which keep two publishers apart; one that does not is refused.\n" + snapshotHelp,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "endpoint", Usage: "`URL` of a server that is not AWS (default: AWS_ENDPOINT_URL)"},
			&cli.StringFlag{Name: "snapshot", Usage: "publish `SNAPSHOT` (default: the current one)"},
			&cli.StringSliceFlag{Name: "copy-from", Usage: "take content that `s3://BUCKET/PREFIX` has from there, without uploading it; repeatable"},
			&cli.StringFlag{Name: "limit-rate", Usage: "upload at most `RATE` bytes per second, such as 10M"},
			&cli.StringFlag{Name: "max-delete", Usage: "delete nothing when more than `PERCENT` of all objects or bytes would go, such as 40% (default: as the last run had it, or 40%)"},
			&cli.BoolFlag{Name: "plus-copies", Usage: "store what has a + in its name under the name with blanks too: AWS takes a + in a URL for one, and yum, zypper and dnf before EL 8.3 do not escape it"},
			graceFlag(), configFlag("its keep: and plus-copies:"),
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be uploaded and deleted"},
			&cli.BoolFlag{Name: "check", Usage: "read every object and hold it against its checksum; publish nothing"},
			&cli.BoolFlag{Name: "repair", Usage: "with --check: upload again what is damaged"},
		},
		Action: func(c *cli.Context) error { return publish(c, out) },
	}
}

func publish(c *cli.Context, out *output) error {
	store, words, err := storeArgs(c, 1, 1)
	if err != nil {
		return err
	}
	if c.Bool("repair") && !c.Bool("check") || c.Bool("check") && c.Bool("dry-run") {
		return &usageError{"--repair goes with --check, and --dry-run does not", "flatstream publish STORE URL --check --repair"}
	}
	to, err := bucket.ParseLocation(words[0])
	if err != nil {
		return err
	}
	debug.SetGCPercent(40) // the network is what takes time, and a million paths are many
	debug.SetMemoryLimit(math.MaxInt64)
	return withStore(store, func(t *tree.Tree) error {
		opt, err := publishOptions(c, out, t, store)
		if err != nil {
			return err
		}
		if c.Bool("check") {
			return checkBucket(c, out, t, to, opt)
		}
		b := out.bar("publishing", -1)
		opt.Moved = b.uploaded
		report, err := bucket.Publish(c.Context, t, to, opt)
		b.finish()
		if err != nil {
			return err
		}
		for _, w := range report.Warnings {
			out.note("warning: %s", w)
		}
		printPublish(out, report)
		return out.document(struct {
			Schema int `json:"schema"`
			*bucket.Report
		}{1, report})
	})
}

func publishOptions(c *cli.Context, out *output, t *tree.Tree, store string) (opt bucket.Options, err error) {
	config, err := readStoreConfig(c, store)
	if err != nil {
		return opt, err
	}
	keep, err := keepOf(c, t, config)
	if err != nil {
		return opt, err
	}
	opt = bucket.Options{
		Endpoint: c.String("endpoint"), Snapshot: c.String("snapshot"), Jobs: out.jobs,
		Grace: keep.Grace, MaxDelete: keep.MaxDelete, Now: time.Now(), DryRun: c.Bool("dry-run"),
		PlusCopies: c.Bool("plus-copies") || config != nil && config.Publish.PlusCopies,
	}
	if opt.LimitRate, err = rateLimit(c); err != nil {
		return opt, err
	}
	for _, text := range c.StringSlice("copy-from") {
		from, err := bucket.ParseLocation(text)
		if err != nil {
			return opt, err
		}
		opt.CopyFrom = append(opt.CopyFrom, from)
	}
	return opt, nil
}

func printPublish(out *output, r *bucket.Report) {
	switch {
	case r.DryRun:
		out.printf("would write %s, %s, and delete %d\n", counted(r.Uploaded, "object"), byteCount(r.UploadedBytes), r.Deleted)
	case !r.Published:
		out.printf("unchanged: %s shows snapshot %s\n", r.Location, r.Snapshot)
	default:
		out.printf("%s shows snapshot %s: %s, %s; uploaded %d, %s, copied %d, deleted %d, in %.1f s\n", r.Location, r.Snapshot,
			counted(r.Files, "object"), byteCount(r.Bytes), r.Uploaded, byteCount(r.UploadedBytes), r.Copied, r.Deleted, r.Seconds)
	}
}

func checkBucket(c *cli.Context, out *output, t *tree.Tree, l bucket.Location, opt bucket.Options) error {
	b := out.bar("reading", -1)
	opt.Moved = b.uploaded
	found, err := bucket.Check(c.Context, l, opt)
	b.finish()
	if err != nil {
		return err
	}
	for _, d := range found.Damage {
		out.printf("%s: %s: %s\n", d.Path, d.Code, d.Text)
	}
	verdict := "no damage"
	if len(found.Damage) > 0 {
		verdict = counted(len(found.Damage), "damage")
	}
	out.printf("read %s of %s: %s\n", byteCount(found.Bytes), counted(found.Objects, "object"), verdict)
	if c.Bool("repair") && len(found.Damage) > 0 {
		opt.Moved = nil
		if err := found.Mend(c.Context, t, l, opt); err != nil {
			return fmt.Errorf("repair: %w", err)
		}
		printPublish(out, found.Repair)
	}
	err = out.document(struct {
		Schema int `json:"schema"`
		*bucket.Checkup
	}{1, found})
	if err == nil && len(found.Damage) > 0 && found.Repair == nil {
		err = errProblems
	}
	return err
}
