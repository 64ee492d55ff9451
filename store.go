package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/nightly"
	"flatstream/mirror/tree"
)

const snapshotHelp = `SNAPSHOT is the name of one, its beginning where no other begins so, a tag, or "current".`

// storeArgs are a command's arguments: STORE, then from min to max further words.
func storeArgs(c *cli.Context, min, max int) (store string, words []string, err error) {
	hint := fmt.Sprintf("flatstream %s %s", c.Command.Name, c.Command.ArgsUsage)
	all := c.Args().Slice()
	switch {
	case len(all) == 0:
		return "", nil, &usageError{c.Command.Name + " needs a STORE", hint}
	case len(all) < 1+min:
		return "", nil, &usageError{fmt.Sprintf("%s needs %s after the store", c.Command.Name, counted(min, "argument")), hint}
	case len(all) > 1+max:
		return "", nil, &usageError{fmt.Sprintf("%s does not know what to do with %q", c.Command.Name, all[1+max]), hint}
	}
	return all[0], all[1:], nil
}

// noStore is a directory that should be a store.
func noStore(text string) error {
	return &hintedError{text, "name the directory that sync --store or the config's store: made; it holds objects/, snapshots/ and state/"}
}

// openStore opens a store that is there already; it makes none.
func openStore(dir string) (*tree.Tree, error) {
	if tree.IsStore(dir) {
		return tree.Open(dir)
	}
	info, err := os.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		return nil, noStore(dir + " is a file, not a store")
	case err == nil:
		return nil, noStore(dir + " is not a store of flatstream")
	}
	return nil, noStore("no store can be opened: " + err.Error())
}

// withStore lets f read a store.
func withStore(dir string, f func(*tree.Tree) error) (err error) {
	t, err := openStore(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return f(t)
}

// withLock lets f change a store that nobody else changes meanwhile.
func withLock(dir string, f func(*tree.Tree) error) error {
	return withStore(dir, func(t *tree.Tree) (err error) {
		unlock, err := t.Lock()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unlock()) }()
		return f(t)
	})
}

// configFlag names the config that a store belongs to.
func configFlag(for_ string) cli.Flag {
	return &cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "`FILE` of the nightly run, for " + for_}
}

// readStoreConfig reads --config, which must be this store's; nil without one.
func readStoreConfig(c *cli.Context, store string) (*nightly.Config, error) {
	if c.String("config") == "" {
		return nil, nil
	}
	config, err := nightly.ReadConfig(c.String("config"))
	if err != nil {
		return nil, err
	}
	a, errA := filepath.EvalSymlinks(config.Store)
	b, errB := filepath.Abs(store)
	if errB == nil {
		b, errB = filepath.EvalSymlinks(b)
	}
	if err := errors.Join(errA, errB); err != nil || a != b {
		return nil, &usageError{fmt.Sprintf("config %s is for store %s, not for %s", c.String("config"), config.Store, store), "give the store and its own config"}
	}
	return config, nil
}

func graceFlag() cli.Flag {
	return &cli.DurationFlag{Name: "grace", Usage: "how much `TIME` clients of earlier snapshots have to fetch their files (default: as the last run had it, or 72h)"}
}

// keepOf is how much history stays: flags, then --config, then what the last run had.
func keepOf(c *cli.Context, t *tree.Tree, config *nightly.Config) (nightly.Keep, error) {
	var keep nightly.Keep
	var err error
	if config != nil {
		keep = config.Keep
	} else if keep, err = nightly.RecallKeep(t); err != nil {
		return keep, err
	}
	if c.IsSet("grace") {
		if keep.Grace = c.Duration("grace"); keep.Grace < 0 {
			return keep, &usageError{"--grace is less than nothing", "write a time such as 72h"}
		}
	}
	if c.IsSet("keep") {
		if keep.Snapshots = c.Int("keep"); keep.Snapshots < 1 {
			return keep, &usageError{fmt.Sprintf("--keep %d is out of range", keep.Snapshots), "at least one snapshot is kept"}
		}
	}
	if text := c.String("max-delete"); text != "" {
		number, found := strings.CutSuffix(text, "%")
		percent, err := strconv.ParseFloat(number, 64)
		if !found || err != nil || !(percent >= 0 && percent <= 100) {
			return keep, &usageError{fmt.Sprintf("--max-delete %q is not a percentage", text), "write 40%, from 0% to 100%"}
		}
		keep.MaxDelete = percent / 100
	}
	return keep, nil
}

// ago says how long before now something was, in one unit.
func ago(d time.Duration) string {
	switch {
	case d < -2*time.Minute:
		return "in the future"
	case d < 2*time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}
