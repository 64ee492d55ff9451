package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

const exitHelp = `EXIT STATUS:
   0 done; 1 failed; 2 usage;
   3 verify found problems, publish withheld, damage found, or a build that
     nothing here can satisfy;
   4 another run holds the lock; 130 interrupted
`

const (
	helpWidth  = 80 // of a line
	helpColumn = 27 // where the words about a flag begin
)

// appHelp is what flatstream --help prints.
func appHelp(app *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, "NAME:\n   %s - %s\n\nUSAGE:\n   %s\n\nCOMMANDS:\n", app.Name, app.Usage, app.UsageText)
	for _, cmd := range app.Commands {
		writeEntry(&b, cmd.Name, cmd.Usage, 15)
	}
	b.WriteString("\n   flatstream COMMAND --help says more.\n")
	writeFlags(&b, "OPTIONS OF EVERY COMMAND", app.Flags)
	return b.String() + "\n" + exitHelp
}

// commandHelp is what flatstream COMMAND --help prints: its own flags first, then
// those that every command has.
func commandHelp(cmd *cli.Command, own, global []cli.Flag) string {
	var b strings.Builder
	fmt.Fprintf(&b, "NAME:\n   flatstream %s - %s\n\nUSAGE:\n   flatstream %s\n\nDESCRIPTION:\n", cmd.Name, cmd.Usage,
		strings.Join(strings.Fields(cmd.Name+" "+cmd.ArgsUsage+" [OPTIONS]"), " "))
	for _, line := range wrapWords(cmd.Description, helpWidth-3) {
		fmt.Fprintf(&b, "   %s\n", line)
	}
	writeFlags(&b, "OPTIONS", own)
	writeFlags(&b, "OPTIONS OF EVERY COMMAND", global)
	return b.String() + "\n" + exitHelp
}

func writeFlags(b *strings.Builder, title string, flags []cli.Flag) {
	if len(flags) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for _, f := range flags {
		if doc, ok := f.(cli.DocGenerationFlag); ok {
			names, usage := flagHelp(doc, f.Names())
			writeEntry(b, names, usage, helpColumn)
		}
	}
}

// flagHelp writes "--name VALUE, -n VALUE" and what the flag does. The word between
// backquotes in its usage stands for the value.
func flagHelp(f cli.DocGenerationFlag, names []string) (left, usage string) {
	value := ""
	before, rest, quoted := strings.Cut(f.GetUsage(), "`")
	word, after, _ := strings.Cut(rest, "`")
	if usage = before + word + after; f.TakesValue() {
		value = " VALUE"
		if quoted {
			value = " " + word
		}
	}
	var all []string
	for _, name := range names {
		dashes := "--"
		if len(name) == 1 {
			dashes = "-"
		}
		all = append(all, dashes+name+value)
	}
	text := strings.Trim(f.GetDefaultText(), `"`)
	if f.TakesValue() && text != "" && text != "0" && text != "0s" && !strings.Contains(usage, "(default") {
		usage += " (default: " + text + ")"
	}
	return strings.Join(all, ", "), usage
}

// writeEntry writes one line of two columns; what does not fit goes on below.
func writeEntry(b *strings.Builder, left, text string, column int) {
	if len(left) > column-5 {
		fmt.Fprintf(b, "   %s\n%*s", left, column, "")
	} else {
		fmt.Fprintf(b, "   %-*s", column-3, left)
	}
	lines := wrapWords(text, helpWidth-column)
	fmt.Fprintf(b, "%s\n", strings.Join(lines, "\n"+strings.Repeat(" ", column)))
}

// wrapWords breaks text into lines of at most width bytes; a word is never cut, and a
// newline stays one.
func wrapWords(text string, width int) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			if line != "" && len(line)+1+len(word) > width {
				lines = append(lines, line)
				line = ""
			}
			line = strings.TrimPrefix(line+" "+word, " ")
		}
		lines = append(lines, line)
	}
	return lines
}
