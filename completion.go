package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// Completions are made from the table of commands and stand alone: a shell need not
// call flatstream to complete its words.

func completionCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "completion of commands and flags for bash, zsh or fish",
		ArgsUsage: "SHELL",
		Description: "Prints a script for SHELL: bash, zsh or fish. For bash put it into /etc/bash_completion.d/flatstream, for zsh into " +
			"_flatstream in a directory of $fpath, for fish into ~/.config/fish/completions/flatstream.fish.",
		Action: func(c *cli.Context) error {
			write := map[string]func([]shellCommand) string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Args().First()]
			switch {
			case c.NArg() != 1:
				return &usageError{"completion needs the name of a shell", "use bash, zsh or fish"}
			case write == nil:
				return &usageError{fmt.Sprintf("there is no completion for %q", c.Args().First()), "use bash, zsh or fish"}
			}
			return out.whole("completion", write(shellCommands(c.App)))
		},
	}
}

// shellCommand is what a shell knows of a command.
type shellCommand struct {
	name, usage string
	flags       []shellFlag
}

type shellFlag struct {
	names      []string // with dashes
	usage      string
	takesValue bool
}

func shellCommands(app *cli.App) []shellCommand {
	var all []shellCommand
	for _, cmd := range app.Commands {
		if cmd.Name == "help" {
			continue
		}
		c := shellCommand{name: cmd.Name, usage: cmd.Usage}
		for _, f := range cmd.Flags {
			c.flags = append(c.flags, newShellFlag(f))
		}
		all = append(all, c)
	}
	return all
}

func newShellFlag(f cli.Flag) shellFlag {
	_, isBool := f.(*cli.BoolFlag)
	flag := shellFlag{takesValue: !isBool}
	for _, name := range f.Names() {
		if len(name) == 1 {
			flag.names = append(flag.names, "-"+name)
		} else {
			flag.names = append(flag.names, "--"+name)
		}
	}
	if doc, ok := f.(cli.DocGenerationFlag); ok {
		flag.usage = strings.ReplaceAll(doc.GetUsage(), "`", "")
	}
	return flag
}

func bashCompletion(commands []shellCommand) string {
	var names []string
	var cases strings.Builder
	for _, c := range commands {
		names = append(names, c.name)
		var flags []string
		for _, f := range c.flags {
			flags = append(flags, f.names...)
		}
		fmt.Fprintf(&cases, "\t%s) words='%s' ;;\n", c.name, strings.Join(append(flags, "--help"), " "))
	}
	return fmt.Sprintf(`# bash completion for flatstream

_flatstream() {
	local word words command='' current=${COMP_WORDS[COMP_CWORD]}
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		%s) command=$word; break ;;
		esac
	done
	COMPREPLY=()
	case $command in
	'') words='%s --help --version' ;;
%s	esac
	if [[ -z $command || $current == -* ]]; then
		COMPREPLY=($(compgen -W "$words" -- "$current"))
	fi
}

complete -o default -F _flatstream flatstream
`, strings.Join(names, "|"), strings.Join(names, " "), cases.String())
}

// zshText is text inside of single quotes and brackets.
var zshText = strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`)

func zshCompletion(commands []shellCommand) string {
	var names, cases strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&names, "    '%s:%s'\n", c.name, zshText.Replace(c.usage))
		fmt.Fprintf(&cases, "  %s) _arguments", c.name)
		for _, f := range c.flags {
			for _, name := range f.names {
				value := ""
				if f.takesValue {
					value = ":value:_files"
				}
				fmt.Fprintf(&cases, " \\\n    '*%s[%s]%s'", name, zshText.Replace(f.usage), value)
			}
		}
		cases.WriteString(" \\\n    '*:file:_files' ;;\n")
	}
	return fmt.Sprintf(`#compdef flatstream

_flatstream() {
  local -a commands
  commands=(
%s  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
%s  esac
}

_flatstream "$@"
`, names.String(), cases.String())
}

func fishCompletion(commands []shellCommand) string {
	quote := func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'" }
	var b strings.Builder
	b.WriteString("# fish completion for flatstream\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "complete -c flatstream -n __fish_use_subcommand -f -a %s -d %s\n", c.name, quote(c.usage))
		for _, f := range c.flags {
			fmt.Fprintf(&b, "complete -c flatstream -n '__fish_seen_subcommand_from %s'", c.name)
			for _, name := range f.names {
				if long, ok := strings.CutPrefix(name, "--"); ok {
					fmt.Fprintf(&b, " -l %s", long)
				} else {
					fmt.Fprintf(&b, " -s %s", strings.TrimPrefix(name, "-"))
				}
			}
			if f.takesValue {
				b.WriteString(" -r")
			}
			fmt.Fprintf(&b, " -d %s\n", quote(f.usage))
		}
	}
	return b.String()
}
