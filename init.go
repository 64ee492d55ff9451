package main

import (
	"bufio"
	"cmp"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/nightly"
	"flatstream/mirror/repofile"
)

func initCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:  "init",
		Usage: "a first config for run, from this machine's .repo files",
		Description: "Prints a config with comments: the enabled repositories of the .repo files, the others commented out. " +
			"Put it into a file, change it, and check it with flatstream run --config FILE --check-config.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "repo-dir", Usage: "read the .repo files of `DIR`; repeatable", Value: cli.NewStringSlice("/etc/yum.repos.d")},
			&cli.StringFlag{Name: "store", Usage: "`DIR` that will hold everything", Value: "/srv/flatstream"},
			&cli.StringFlag{Name: "releasever", Usage: "`VERSION` for $releasever; default: this machine's"},
			&cli.StringFlag{Name: "arch", Usage: "`ARCH` for $basearch; default: this machine's"},
			&cli.BoolFlag{Name: "schema", Usage: "print the JSON Schema of the config instead, for editors"},
		},
		Action: func(c *cli.Context) error { return printConfig(c, out) },
	}
}

func printConfig(c *cli.Context, out *output) error {
	if c.NArg() > 0 {
		return &usageError{"init takes no arguments, but was given " + c.Args().First(), "name directories of .repo files with --repo-dir"}
	}
	if c.Bool("schema") {
		return out.whole("json_schema", string(nightly.Schema))
	}
	opt := nightly.InitOptions{Releasever: cmp.Or(c.String("releasever"), releaseOf("/etc/os-release")), Arch: cmp.Or(c.String("arch"), machineArch())}
	var err error
	if opt.Store, err = filepath.Abs(c.String("store")); err != nil {
		return err
	}
	for _, dir := range c.StringSlice("repo-dir") {
		if dir, err = filepath.Abs(dir); err != nil {
			return err
		}
		opt.Dirs = append(opt.Dirs, dir)
	}
	text, err := nightly.Init(opt)
	if err != nil {
		return err
	}
	return out.whole("config", string(text))
}

func machineArch() string {
	arch := runtime.GOARCH
	if name, ok := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]; ok {
		arch = name
	}
	return repofile.BaseArch(arch)
}

// releaseOf is the major version of an Enterprise Linux; 8 where the machine is none.
func releaseOf(file string) string {
	const other = "8"
	f, err := os.Open(file)
	if err != nil {
		return other
	}
	defer f.Close()
	keys := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		keys[key] = strings.Trim(value, `"'`)
	}
	if !strings.Contains(" "+keys["ID"]+" "+keys["ID_LIKE"]+" ", " rhel ") {
		return other
	}
	major, _, _ := strings.Cut(keys["VERSION_ID"], ".")
	return cmp.Or(major, other)
}
