package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"flatstream/mirror"
	"flatstream/mirror/tree"
)

func syncCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "sync",
		Usage:     "copy upstream repositories into a store, safely and incrementally",
		ArgsUsage: "[SOURCE...]",
		Description: "Copies into STORE/current/mirror/NAME. Every file is held against its checksum as it streams. What is published " +
			"changes by one rename, once all is there; an unchanged repository costs one request. Flat repositories in the " +
			"store are carried over as they are. Where a .repo file says repo_gpgcheck or gpgcheck, repomd.xml or every package " +
			"must be signed by a key of its gpgkey.\n" + sourceHelp,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "store", Usage: "`DIR` that holds the mirror; made if it is not there"},
			&cli.StringFlag{Name: "policy", Value: string(mirror.Immediate), Usage: "`POLICY` on-demand copies metadata alone; flatstream serve then fetches each package at its first request"},
			&cli.StringSliceFlag{Name: "allow-parent-hrefs", Usage: "packages of the repositories below `PLACE` may lie beside them, below it: take ../ locations, and copy PLACE's directories; repeatable"},
			&cli.BoolFlag{Name: "partial", Usage: "publish what could be synced when another repository fails"},
			&cli.DurationFlag{Name: "grace", Usage: "how much `TIME` clients of earlier snapshots have to fetch their files", Value: 72 * time.Hour},
			&cli.StringSliceFlag{Name: "keep-always", Usage: "packages whose name matches `GLOB` stay when upstream deletes them, in STORE/current/kept/NAME; repeatable (default: what is there already stays)"},
		}, guardFlags(), sourceFlags()),
		Action: func(c *cli.Context) error { return syncSources(c, out) },
	}
}

// maxDownloads is mirror's own limit: more at once is unkind to an upstream.
const maxDownloads = 64

func downloadJobs(out *output) int { return min(out.jobs, maxDownloads) }

// summary is what became of one repository.
type summary = mirror.Summary

// syncPolicy is what --policy says.
func syncPolicy(c *cli.Context) (mirror.Policy, error) {
	switch policy := mirror.Policy(c.String("policy")); {
	case policy != mirror.Immediate && policy != mirror.OnDemand:
		return "", &usageError{fmt.Sprintf("--policy %q is not known", policy), fmt.Sprintf("use %s or %s", mirror.Immediate, mirror.OnDemand)}
	case policy == mirror.OnDemand && c.IsSet("keep-always"):
		return "", &usageError{"--keep-always and --policy on-demand exclude each other", "what upstream deletes can be had no more; leave one of them out"}
	default:
		return policy, nil
	}
}

func syncSources(c *cli.Context, out *output) (err error) {
	if c.String("store") == "" {
		return &usageError{"sync needs --store DIR", "name the directory that holds the mirror"}
	}
	if c.Duration("grace") < 0 {
		return &usageError{"--grace is less than nothing", "write a time such as 72h"}
	}
	policy, err := syncPolicy(c)
	if err != nil {
		return err
	}
	if err := checkGuards(c); err != nil {
		return err
	}
	for _, glob := range c.StringSlice("keep-always") {
		if err := mirror.CheckGlob(glob); err != nil {
			return &usageError{"--keep-always: " + err.Error(), "quote it for the shell"}
		}
	}
	sources, err := sourceArgs(c, c.Args().Slice())
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		return &usageError{"sync needs a SOURCE", sourceHelp}
	}
	if c.IsSet("keep-always") {
		for i := range sources {
			sources[i].KeepAlways = c.StringSlice("keep-always")
		}
	}
	if err := allowParents(sources, c.StringSlice("allow-parent-hrefs")); err != nil {
		return err
	}
	t, err := tree.Open(c.String("store"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	unlock, err := t.Lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	b := out.bar("syncing", -1)
	rate, err := rateLimit(c)
	if err != nil {
		return err
	}
	ctx, late, stop := limitTime(c)
	defer stop()
	report, err := mirror.SyncAll(ctx, sources, t, mirror.Options{
		Jobs: downloadJobs(out), Policy: policy, AllowRollback: c.Bool("allow-rollback"), AllowWeakChecksums: c.Bool("allow-weak-checksums"),
		MaxShrink: c.Float64("max-shrink"), MaxAge: c.Duration("max-age"), LimitRate: rate, Progress: b.moved,
	}, c.Bool("partial"), c.Duration("grace"))
	b.finish()
	for _, r := range report.Repos {
		out.note("%s", syncLine(r))
		for _, w := range r.Warnings {
			out.note("warning: %s: %s", r.ID, w)
		}
	}
	if err = late(err); err != nil {
		err = oneLine{err}
		return errors.Join(err, out.document(struct {
			Schema int `json:"schema"`
			*mirror.Report
			Error any `json:"error"`
		}{1, report, failureOf(err)}))
	}
	if report.Stale {
		out.note("warning: the flat repositories are older than the mirror now: flatstream run makes them anew")
	}
	if report.Snapshot != "" {
		out.printf("%s holds snapshot %s\n", c.String("store"), report.Snapshot)
	}
	return out.document(struct {
		Schema int `json:"schema"`
		*mirror.Report
	}{1, report})
}

// oneLine shows an error that is several in one sentence.
type oneLine struct{ error }

func (e oneLine) Error() string { return strings.ReplaceAll(e.error.Error(), "\n", "; ") }
func (e oneLine) Unwrap() error { return e.error }

// failureOf is the error's part of a document that also says what was done.
func failureOf(err error) any {
	var doc failure
	doc.Error.Code, doc.Error.Text, doc.Error.Hint = exitStatus(err), err.Error(), hintOf(err)
	return doc.Error
}

// syncLine is what a log shows of one repository.
func syncLine(r *summary) string {
	if r.Outcome == mirror.Failed {
		return fmt.Sprintf("%s: failed", r.ID)
	}
	return fmt.Sprintf("%s: %s, %s, %s fetched, %s in %s, %.1f s", r.ID, r.Outcome, counted(r.Packages, "package"),
		counted(r.Fetched, "file"), byteCount(r.Bytes), counted(int(r.Requests), "request"), r.Seconds)
}

// byteCount writes a number of bytes for people.
func byteCount(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
