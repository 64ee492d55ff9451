package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
)

// output is where a command prints, and how.
type output struct {
	out, err                         io.Writer
	json, quiet, verbose, noProgress bool
	junit                            bool // only verify
	reported                         bool // the JSON document is out already
	jobs                             int
	lost                             error // why prose did not reach stdout
}

// configure reads the global flags; it runs before every command.
func (o *output) configure(c *cli.Context) error {
	o.json = c.Bool("json")
	switch format := c.String("format"); {
	case format == "" || format == "text":
	case format == "json":
		o.json = true
	case format == "junit" && c.Command.Name == "verify":
		if o.junit = true; o.json {
			return &usageError{text: "--json and --format junit exclude each other", hint: "give one of them"}
		}
	default:
		return &usageError{text: fmt.Sprintf("unknown format %q", format), hint: "use text or json; verify also writes junit"}
	}
	o.quiet, o.verbose, o.noProgress = c.Bool("quiet"), c.Bool("verbose"), c.Bool("no-progress")
	o.jobs = c.Int("jobs")
	if o.jobs < 0 || o.jobs > 1024 {
		return &usageError{text: fmt.Sprintf("--jobs %d is out of range", o.jobs), hint: "use 0 to 1024"}
	}
	return nil
}

// printf writes prose to stdout; under --json, --format junit and --quiet it writes
// nothing.
func (o *output) printf(format string, args ...any) {
	if !o.json && !o.junit && !o.quiet {
		if _, err := fmt.Fprint(o.out, visible(fmt.Sprintf(format, args...))); o.lost == nil {
			o.lost = err
		}
	}
}

// whole writes a text that is all that a command is asked for, under --quiet too; under
// --json it stands in a document, under that key.
func (o *output) whole(key, text string) error {
	if o.json {
		return o.document(map[string]any{"schema": 1, key: text})
	}
	_, err := fmt.Fprint(o.out, visible(text))
	return err
}

// note writes one line to stderr, with our prefix.
func (o *output) note(format string, args ...any) {
	if !o.quiet {
		fmt.Fprintf(o.err, "flatstream: %s\n", visible(fmt.Sprintf(format, args...)))
	}
}

// document writes v as the one JSON document of this run.
func (o *output) document(v any) error {
	if !o.json {
		return nil
	}
	o.reported = true
	enc := json.NewEncoder(o.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// fail prints the error and returns the exit status.
func (o *output) fail(err error) int {
	code := exitStatus(err)
	text, hint := err.Error(), hintOf(err)
	if errors.Is(err, errProblems) && text == errProblems.Error() {
		return code // the findings themselves are on stdout
	}
	fmt.Fprintf(o.err, "flatstream: %s\n", visible(text))
	if hint != "" {
		fmt.Fprintf(o.err, "flatstream: hint: %s\n", visible(hint))
	}
	if o.json && !o.reported {
		doc := failure{Schema: 1}
		doc.Error.Code, doc.Error.Text, doc.Error.Hint = code, text, hint
		enc := json.NewEncoder(o.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		_ = enc.Encode(doc) // the status says it all if stdout is gone
	}
	return code
}

// failure is the JSON document of a run that failed.
type failure struct {
	Schema int `json:"schema"`
	Error  struct {
		Code int    `json:"code"` // the exit status
		Text string `json:"text"`
		Hint string `json:"hint"`
	} `json:"error"`
}

// errProblems is the outcome of a verify that found something; what it found is
// printed, so that there is nothing more to say.
var errProblems = errors.New("problems found")

var errInterrupted = errors.New("interrupted; nothing was published")

// hintedError is a failure that knows what to try next.
type hintedError struct{ text, hint string }

func (e *hintedError) Error() string { return e.text }

// Hint says what to try next.
func (e *hintedError) Hint() string { return e.hint }

// usageError is a command line that cannot be carried out.
type usageError struct{ text, hint string }

func (e *usageError) Error() string { return e.text }

// Hint says what to try next.
func (e *usageError) Hint() string { return e.hint }

// hintOf finds what an error, or one that it wraps, suggests to do.
func hintOf(err error) string {
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) {
		return hinter.Hint()
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "run this as the user who owns the files and directories"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "make room on that disk and start again; what was published stays as it was"
	}
	return ""
}

// counted writes "1 package" or "3 packages".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "y") {
		noun = strings.TrimSuffix(noun, "y") + "ie"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
