package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/nightly"
	"flatstream/mirror/tree"
	"flatstream/splitter"
)

func blameCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "blame",
		Usage:     "in which snapshot a package, stream or capability appeared, changed, was hidden, went or broke",
		ArgsUsage: "STORE PACKAGE|STREAM|CAPABILITY",
		Description: "Goes through all snapshots of a store, oldest first, and says what happened to a package (NAME, NEVRA or NAME.ARCH), a module, " +
			"module:stream, or to those that provide a capability: upstream, in the flat repositories, and in what verify found at the time. Of a modular " +
			"package it names the builds. " + snapshotHelp,
		Flags:  []cli.Flag{&cli.StringFlag{Name: "since", Usage: "begin with `SNAPSHOT`"}},
		Action: func(c *cli.Context) error { return blame(c, out) },
	}
}

func blame(c *cli.Context, out *output) error {
	store, words, err := storeArgs(c, 1, 1)
	if err != nil {
		return err
	}
	return withStore(store, func(t *tree.Tree) error {
		snapshots, err := snapshotsSince(t, store, c.String("since"))
		if err != nil {
			return err
		}
		moments, held, skipped := momentsOf(snapshots)
		found, err := splitter.Blame(c.Context, moments, held, words[0], out.jobs)
		if err != nil {
			return err
		}
		found.Skipped = append(found.Skipped, skipped...)
		slices.SortFunc(found.Skipped, func(a, b splitter.Skipped) int { return strings.Compare(a.Snapshot, b.Snapshot) })
		tags, err := t.Tags()
		if err != nil {
			return err
		}
		return printBlame(out, store, found, tags)
	})
}

// snapshotsSince lists snapshots, oldest first; since may be empty.
func snapshotsSince(t *tree.Tree, store, since string) ([]tree.Snapshot, error) {
	all, err := t.Snapshots()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("store %s has published nothing yet: flatstream run does", store)
	}
	if since == "" {
		return all, nil
	}
	first, err := t.Snapshot(since)
	if err != nil {
		return nil, err
	}
	return all[slices.IndexFunc(all, func(s tree.Snapshot) bool { return s.Name == first.Name }):], nil
}

// momentsOf finds out what stands in snapshots, and which package files of theirs are in
// which repositories; a manifest that cannot be read makes one skipped.
func momentsOf(snapshots []tree.Snapshot) (moments []splitter.Moment, held []splitter.Held, skipped []splitter.Skipped) {
	spans, read, failed := tree.Spans(snapshots)
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		skipped = append(skipped, splitter.Skipped{Snapshot: name, Reason: failed[name].Error()})
	}
	var history nightly.History
	for _, s := range read {
		moments = append(moments, splitter.Moment{
			Name: s.Name, FS: os.DirFS(s.Dir), Repos: map[string]string{}, Targets: map[string]string{},
			Problems: func() (known, withheld map[string][]string, err error) { return history.Problems(s) },
		})
	}
	const repomd, report = "/repodata/repomd.xml", "/" + splitter.ReportName
	repos := map[string]bool{}
	for _, span := range spans {
		dir, isRepo := strings.CutSuffix(span.Path, repomd)
		target, isTarget := strings.CutSuffix(span.Path, report)
		if isTarget = isTarget && strings.HasPrefix(span.Path, "flat/"); !isRepo && !isTarget {
			continue
		}
		repos[dir] = repos[dir] || isRepo
		for i := span.From; i < span.To; i++ {
			sum := span.Checksum.String()
			if span.Checksum.IsZero() { // an earlier version did not write it down
				sum = moments[i].Name + "/" + span.Path
			}
			if isRepo {
				moments[i].Repos[dir] = sum
			} else {
				moments[i].Targets[target] = sum
			}
		}
	}
	for _, span := range spans {
		if repo := span.Base(repos); repo != "" && strings.HasSuffix(span.Path, ".rpm") {
			held = append(held, splitter.Held{Repo: repo, Checksum: span.Checksum.Hex, From: span.From, To: span.To})
		}
	}
	return moments, held, skipped
}

func printBlame(out *output, store string, found *splitter.Blamed, tags map[string]string) error {
	for _, s := range found.Skipped {
		out.note("warning: snapshot %s is skipped: %s", s.Snapshot, s.Reason)
	}
	hint := fmt.Sprintf("flatstream fsck %s --repair mends what another copy or upstream still has", store)
	if found.Snapshots == 0 {
		return &hintedError{"no snapshot can be read", hint}
	}
	if len(found.Skipped) > 0 {
		out.note("hint: %s; until then the snapshot after it tells what happened", hint)
	}
	if err := out.document(found); err != nil {
		return err
	}
	at := ""
	for _, e := range found.Events {
		if e.Snapshot != at {
			at = e.Snapshot
			printMoment(out, e, tags)
		}
		printEvent(out, e)
	}
	if len(found.Events) > 0 || out.json {
		return nil
	}
	hint = "name a package, a NEVRA, a capability as it is provided, or module:stream"
	if len(found.Near) > 0 {
		hint = "did you mean " + strings.Join(found.Near, " or ") + "?"
	}
	return &hintedError{fmt.Sprintf("in no snapshot anything is called %s or provides it", found.Word), hint}
}

func printMoment(out *output, e splitter.BlameEvent, tags map[string]string) {
	var names []string
	for tag, snapshot := range tags {
		if snapshot == e.Snapshot {
			names = append(names, tag)
		}
	}
	slices.Sort(names)
	line := strings.Join(append([]string{e.Snapshot}, names...), " ")
	if e.First {
		line += ", the first one, so that it may be older"
	}
	out.printf("%s\n", line)
}

// blameText begins the line of an event.
var blameText = map[splitter.BlameKind]string{
	splitter.BlameAppeared: "appeared", splitter.BlameChanged: "changed", splitter.BlameDefault: "default stream", splitter.BlameHidden: "hidden",
	splitter.BlameGone: "gone", splitter.BlameLost: "nothing provides it any more", splitter.BlameBroke: "broke", splitter.BlameWithheld: "withheld, since it would have broken",
	splitter.BlameMended: "mended",
}

func printEvent(out *output, e splitter.BlameEvent) {
	line := blameText[e.Kind] + ": " + e.What
	if e.Provides != "" {
		line += ", which provides " + e.Provides
	}
	switch {
	case e.Kind == splitter.BlameDefault && e.First:
		line += ": " + strings.Join(e.To, " ")
	case e.Kind == splitter.BlameDefault:
		line += fmt.Sprintf(": %s, was %s", orNone(strings.Join(e.To, " ")), orNone(strings.Join(e.From, " ")))
	case e.Kind == splitter.BlameChanged && slices.Equal(e.From, e.To):
		line += " " + strings.Join(e.To, " ") + " has other bytes"
	case e.Kind == splitter.BlameChanged && len(e.From) > 0 && len(e.To) > 0:
		line += " " + strings.Join(e.From, " ") + " -> " + strings.Join(e.To, " ")
	case e.Kind == splitter.BlameChanged:
		line += ": " + strings.Join(signed(e.To, e.From), ", ")
	case e.Reason != "":
		line += ": " + e.Reason
	}
	out.printf("  %s\n    in %s\n", line, someOf(e.Repos, out.verbose))
	for _, b := range e.Builds {
		if !slices.Contains(e.To, b) {
			out.printf("    build %s\n", b)
		}
	}
	for _, b := range e.Because {
		out.printf("    %s\n", b)
	}
}

// someOf names the first of many.
func someOf(names []string, all bool) string {
	const most = 4
	if all || len(names) <= most+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
