// Command flatstream turns modular RPM repositories into flat ones that need no
// module support: it mirrors them, splits them by module stream, verifies that
// what it made is dependency-closed, and serves it over plain HTTP.
//
// Package main parses flags, makes one call, prints what came back and maps the
// error to an exit status. Decisions live in splitter, the format in repodata,
// the world in mirror.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/bucket"
	"flatstream/mirror/tree"
)

// version is set by the linker in release builds.
var version = "0.1.0"

// Exit statuses, a contract with scripts.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitProblems = 3
	exitLocked   = 4
	exitSignal   = 130
)

func main() {
	debug.SetGCPercent(200)         // a split lives for a second: 8 % less CPU for 10 MB more memory
	debug.SetMemoryLimit(800 << 20) // from there on memory is dearer than CPU: 10^5 documents stay below 1 GB
	signal.Ignore(syscall.SIGPIPE)  // a reader that leaves early is an error of write(2), and temporary files still go
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends at once what the first one could not
	code := run(ctx, os.Args, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program: it returns the exit status.
func run(ctx context.Context, argv []string, stdout, stderr io.Writer) int {
	out := &output{out: stdout, err: stderr, json: wantsJSON(argv)}
	app := newApp(out, func(name string) bool { return slices.Contains(argv, name) })
	args, err := reorder(app, argv)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	if err == nil && !errors.Is(out.lost, syscall.EPIPE) { // a reader that has seen enough is no failure
		err = out.lost
	}
	if err == nil {
		return exitDone
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	return out.fail(err)
}

// wantsJSON looks for --json before flags are parsed, so that a wrong command line
// too is answered in JSON.
func wantsJSON(argv []string) bool {
	for i, arg := range argv {
		switch arg {
		case "--":
			return false
		case "--json", "-json", "--format=json":
			return true
		case "--format":
			return i+1 < len(argv) && argv[i+1] == "json"
		}
	}
	return false
}

// newApp is the program. Help takes longer to put together than all else that happens
// before a command begins, so only the commands get theirs that helps says.
func newApp(out *output, helps func(name string) bool) *cli.App {
	app := &cli.App{
		Name:      "flatstream",
		Usage:     "flat RPM repositories from modular ones",
		UsageText: "flatstream COMMAND [ARGUMENTS] [OPTIONS]",
		Writer:    out.out,
		ErrWriter: out.err,
		Flags:     append(globalFlags(), &cli.BoolFlag{Name: "version", Usage: "print the version"}),
		Commands: []*cli.Command{
			demoCommand(out), listCommand(out), splitCommand(out), verifyCommand(out), explainCommand(out), forCommand(out),
			syncCommand(out), initCommand(out), runCommand(out), configCommand(out), serveCommand(out),
			snapshotsCommand(out), diffCommand(out), blameCommand(out), rollbackCommand(out), tagCommand(out), pruneCommand(out), fsckCommand(out), publishCommand(out),
			completionCommand(out), manCommand(out),
		},
		HideVersion:               true,
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {}, // the status is ours to choose
		OnUsageError:              onUsageError,
		Suggest:                   false,
		Action: func(c *cli.Context) error {
			if c.Bool("version") {
				_, err := fmt.Fprintf(out.out, "flatstream %s\n", version)
				return err
			}
			if c.NArg() == 0 {
				return cli.ShowAppHelp(c)
			}
			return unknownCommand(c.App, c.Args().First())
		},
	}
	app.CustomAppHelpTemplate = appHelp(app)
	for _, cmd := range app.Commands {
		if helps(cmd.Name) {
			cmd.CustomHelpTemplate = commandHelp(cmd, cmd.Flags, globalFlags())
		}
		cmd.Flags = append(cmd.Flags, globalFlags()...)
		cmd.OnUsageError = onUsageError
		cmd.Before = out.configure
		cmd.HideHelpCommand = true
	}
	return app
}

func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "json", Usage: "one JSON document on stdout; the same as --format json"},
		&cli.StringFlag{Name: "format", Usage: "how results are written: `text` or json; verify also knows junit"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing but errors and findings"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "print more: each package, build and repository"},
		&cli.BoolFlag{Name: "no-progress", Usage: "show no progress bar, even on a terminal"},
		&cli.IntFlag{Name: "jobs", Usage: "work on `N` things at once; 0: one per processor, eight downloads"},
	}
}

// badValue is how package flag says that a value is not of a flag's kind.
var badValue = regexp.MustCompile(`(?s)^invalid value (".*") for flag -(\S+): .*$`)

func onUsageError(c *cli.Context, err error, _ bool) error {
	if m := badValue.FindStringSubmatch(err.Error()); m != nil {
		return &usageError{text: "--" + m[2] + " cannot be " + m[1], hint: "flatstream " + c.Command.Name + " --help says what it takes"}
	}
	return &usageError{text: err.Error(), hint: "see flatstream --help, or --help after a command"}
}

func unknownCommand(app *cli.App, name string) error {
	hint := "flatstream --help lists the commands"
	near := strings.Split(cli.SuggestCommand(app.Commands, name), `"`) // Did you mean "split"?
	if len(near) == 3 && len(near[1]) > 1 {
		hint = fmt.Sprintf("did you mean %s? %s", near[1], hint)
	}
	return &usageError{text: fmt.Sprintf("unknown command %q", name), hint: hint}
}

// reorder moves flags before arguments, and global flags behind the command, since
// cli stops reading flags at the first argument. What follows "--" stays as it is.
func reorder(app *cli.App, argv []string) ([]string, error) {
	var flags, words []string
	var cmd *cli.Command
	help := false
	known := app.Flags
	rest := argv[min(1, len(argv)):]
	for i := 0; i < len(rest); i++ {
		arg := rest[i]
		switch {
		case arg == "--":
			words = append(words, rest[i+1:]...)
			i = len(rest)
		case len(arg) > 1 && arg[0] == '-':
			flag := findFlag(arg, known)
			if flag == nil {
				return nil, unknownFlag(arg, known)
			}
			if slices.Contains(flag.Names(), "version") {
				return []string{argv[0], arg}, nil
			}
			help = help || flag == cli.HelpFlag
			flags = append(flags, arg)
			if !takesValue(arg, flag) {
				continue
			}
			if i++; i == len(rest) {
				return nil, &usageError{text: arg + " needs a value", hint: "see flatstream --help, or --help after a command"}
			}
			flags = append(flags, rest[i])
		case cmd == nil && len(words) == 0 && app.Command(arg) != nil:
			cmd = app.Command(arg)
			known = cmd.Flags
		default:
			words = append(words, arg)
		}
	}
	args := []string{argv[0]}
	if cmd != nil {
		args = append(args, cmd.Name)
		if help { // whatever else is there
			return append(args, "--help"), nil
		}
	} else if len(words) > 0 && words[0] != "help" && words[0] != "h" {
		return nil, unknownCommand(app, words[0])
	} else if len(words) > 1 && app.Command(words[1]) == nil {
		return nil, unknownCommand(app, words[1])
	}
	args = append(args, flags...)
	if cmd != nil && len(words) > 0 {
		args = append(args, "--")
	}
	return append(args, words...), nil
}

// findFlag looks up an argument such as -q, --jobs or --jobs=2; nil when there is no
// such flag.
func findFlag(arg string, flags []cli.Flag) cli.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	for _, f := range append(slices.Clone(flags), cli.HelpFlag) {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func unknownFlag(arg string, flags []cli.Flag) error {
	arg, _, _ = strings.Cut(arg, "=")
	hint := "see flatstream --help, or --help after a command"
	if near := cli.SuggestFlag(flags, strings.TrimLeft(arg, "-"), false); near != "" {
		hint = fmt.Sprintf("did you mean %s? %s", near, hint)
	}
	return &usageError{text: "unknown flag " + arg, hint: hint}
}

func takesValue(arg string, flag cli.Flag) bool {
	_, isBool := flag.(*cli.BoolFlag)
	return !isBool && !strings.Contains(arg, "=")
}

// exitStatus maps an error to the status that scripts read.
func exitStatus(err error) int {
	var usage *usageError
	var locked *tree.LockedError
	var tagName *tree.TagNameError
	var bucketLocked *bucket.LockedError
	var location *bucket.LocationError
	var endpoint *bucket.EndpointError
	var public *bucket.PublicError
	switch {
	case errors.As(err, &usage), errors.As(err, &tagName), errors.As(err, &location), errors.As(err, &endpoint), errors.As(err, &public):
		return exitUsage
	case errors.Is(err, errProblems):
		return exitProblems
	case errors.As(err, &locked), errors.As(err, &bucketLocked):
		return exitLocked
	case errors.Is(err, errInterrupted):
		return exitSignal
	}
	return exitFailed
}
