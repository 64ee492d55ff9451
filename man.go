package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

func manCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:  "man",
		Usage: "the manual page",
		Description: "Prints flatstream(1) as man reads it: flatstream man | man -l -. It is made from the same table as the help " +
			"of each command.",
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return &usageError{"man takes no arguments, but was given " + c.Args().First(), "one page has all commands"}
			}
			return out.whole("man", manPage(c.App))
		},
	}
}

// roff makes text that man shows as it is: no hyphen becomes another sign, and no line
// begins a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return strings.ReplaceAll(text, "\n", "\n.br\n")
}

// manPage writes all commands, in the order of the help, then what is true of each.
func manPage(app *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH FLATSTREAM 1 \"\" \"flatstream %s\" \"\"\n", roff(version))
	fmt.Fprintf(&b, ".SH NAME\nflatstream \\- %s\n.SH SYNOPSIS\n.B flatstream\n.I COMMAND\n[\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n", roff(app.Usage))
	b.WriteString(".SH COMMANDS\n")
	global := globalFlags()
	for _, cmd := range app.Commands {
		if cmd.Name == "help" {
			continue
		}
		fmt.Fprintf(&b, ".SS \"flatstream %s\"\n%s.\n.PP\n%s\n", roff(strings.TrimSpace(cmd.Name+" "+cmd.ArgsUsage)), roff(cmd.Usage), roff(cmd.Description))
		manFlags(&b, cmd.Flags[:len(cmd.Flags)-len(global)]) // newApp puts those of every command last
	}
	b.WriteString(".SH \"OPTIONS OF EVERY COMMAND\"\nFlags may stand before or after arguments.\n")
	manFlags(&b, global)
	b.WriteString(".SH \"EXIT STATUS\"\n")
	for _, line := range []string{
		"0\tdone", "1\tfailed; what was published stays as it was", "2\tthe command line makes no sense",
		"3\tverify found problems that no baseline knows, run held a view back, or fsck found damage",
		"4\tanother run holds the lock of the store", "130\tinterrupted",
	} {
		status, text, _ := strings.Cut(line, "\t")
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", status, roff(text))
	}
	b.WriteString(".SH FILES\n.TP\n.I /etc/flatstream.yaml\n" + roff("the config of the packaged service; flatstream init writes a first one") + "\n")
	b.WriteString(".TP\n.I STORE/current\n" + roff("what is published") + "\n")
	return b.String()
}

func manFlags(b *strings.Builder, flags []cli.Flag) {
	for _, f := range flags {
		if doc, ok := f.(cli.DocGenerationFlag); ok {
			names, usage := flagHelp(doc, f.Names())
			fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(names), roff(usage))
		}
	}
}
