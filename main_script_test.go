package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"flatstream/fixtures"
)

// TestMain makes the test binary answer to the name flatstream, so that scripts and
// acceptance tests run the real program.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"flatstream": main, "behind-disk": func() {
		fmt.Fprintln(os.Stderr, fixtures.BehindDisk())
		os.Exit(1)
	}})
}

// TestScripts goes through the front door: one script per bad input or promise. What
// the commands mean beside testscript's own is said in testdata/README.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Condition:           condition,
		Setup:               giveOtherDisk,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fixture": scriptFixture, "upstream": scriptUpstream, "silence": scriptSilence, "status": scriptStatus,
			"complaint": scriptComplaint, "hint": scriptHint, "warning": scriptWarning, "json": scriptJSON,
			"corrupt": scriptCorrupt, "truncate": scriptTruncate, "replace": scriptReplace,
			"remember": scriptRemember, "unchanged": scriptUnchanged,
		},
	})
}

// otherDisk is a directory that is mostly a file system of its own.
const otherDisk = "/dev/shm"

// condition knows [otherdisk]: otherDisk is another file system than scripts run on,
// and can be written.
func condition(name string) (bool, error) {
	if name != "otherdisk" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	var here, there syscall.Stat_t
	if syscall.Stat(os.TempDir(), &here) != nil || syscall.Stat(otherDisk, &there) != nil {
		return false, nil
	}
	probe, err := os.CreateTemp(otherDisk, "flatstream-test-")
	if err != nil {
		return false, nil
	}
	probe.Close()
	return here.Dev != there.Dev, os.Remove(probe.Name())
}

// giveOtherDisk sets $OTHERDISK to a directory there that a script may make.
func giveOtherDisk(env *testscript.Env) error {
	dir := filepath.Join(otherDisk, "flatstream-test-"+rand.Text())
	env.Setenv("OTHERDISK", dir)
	env.Defer(func() { os.RemoveAll(dir) })
	return nil
}

// scriptFixture: fixture FILE DIR [metadata] [plain] [MODULES.yaml] writes the
// repository that FILE describes (fixtures.Parse).
func scriptFixture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fixture FILE DIR [metadata] [plain] [MODULES.yaml]")
	}
	repo, err := fixtures.Parse(ts.ReadFile(args[0]))
	ts.Check(err)
	opt := fixtures.Options{}
	for _, arg := range args[2:] {
		switch {
		case arg == "metadata":
			opt.MetadataOnly = true
		case arg == "plain":
			opt.Compression, opt.PlainNames = "none", true
		case strings.HasSuffix(arg, ".yaml"):
			repo.ModulesText = ts.ReadFile(arg)
		default:
			ts.Fatalf("unknown fixture option %s", arg)
		}
	}
	ts.Check(repo.Write(ts.MkAbs(args[1]), opt))
}

// scriptUpstream: upstream NAME DIR serves DIR on loopback and sets $NAME to its URL.
func scriptUpstream(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: upstream NAME DIR")
	}
	server, err := fixtures.Serve(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Defer(func() { server.Close() })
	ts.Setenv(args[0], server.URL)
}

// scriptSilence: silence NAME sets $NAME to the URL of a server that never answers. Each
// connection makes a file called connected.
func scriptSilence(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: silence NAME")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
	ts.Setenv(args[0], "http://"+listener.Addr().String())
	connected := ts.MkAbs("connected")
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // the script is over
			}
			defer conn.Close()
			if err := os.WriteFile(connected, nil, 0o644); err != nil {
				return // the script waits in vain, and fails
			}
		}
	}()
}

// scriptStatus: status N COMMAND ARGS... runs the command and wants exactly this exit
// status.
func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

const (
	prefix        = "flatstream: "
	hintPrefix    = prefix + "hint: "
	warningPrefix = prefix + "warning: "
)

// scriptComplaint: complaint REGEXP wants one sentence of ours about what went wrong:
// it ends stderr, but for its hint, has no final period and no Go in it.
func scriptComplaint(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: complaint REGEXP")
	}
	lines := stderrLines(ts)
	if n := len(lines); n > 0 && strings.HasPrefix(lines[n-1], hintPrefix) {
		lines = lines[:n-1]
	}
	if len(lines) == 0 {
		ts.Fatalf("stderr says nothing")
	}
	line := lines[len(lines)-1]
	switch {
	case !strings.HasPrefix(line, prefix), strings.HasPrefix(line, warningPrefix):
		ts.Fatalf("the last line of stderr is no complaint: %s", line)
	case strings.HasSuffix(line, "."):
		ts.Fatalf("a final period: %s", line)
	case goisms.MatchString(line):
		ts.Fatalf("this speaks Go, not English: %s", line)
	case !match(ts, args[0], strings.TrimPrefix(line, prefix)):
		ts.Fatalf("%q does not match %s", line, args[0])
	}
}

// goisms are traces of types and panics that no user should read.
var goisms = regexp.MustCompile(`%!|goroutine|nil pointer|\*[a-z]+\.[A-Z]|interface \{`)

// scriptHint: hint REGEXP wants stderr to end in a hint that matches.
func scriptHint(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: hint REGEXP")
	}
	lines := stderrLines(ts)
	text, found := "", false
	if len(lines) > 0 {
		text, found = strings.CutPrefix(lines[len(lines)-1], hintPrefix)
	}
	if found = found && match(ts, args[0], text); found == neg {
		ts.Fatalf("hint %q, want a match of %s to be %v", text, args[0], !neg)
	}
}

// scriptWarning: warning REGEXP wants a warning on stderr that matches; ! none does.
func scriptWarning(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: warning REGEXP")
	}
	found := slices.ContainsFunc(stderrLines(ts), func(line string) bool {
		text, ok := strings.CutPrefix(line, warningPrefix)
		return ok && match(ts, args[0], text)
	})
	if found == neg {
		ts.Fatalf("a warning that matches %s: %v, want %v", args[0], found, !neg)
	}
}

func stderrLines(ts *testscript.TestScript) []string {
	text := strings.TrimSuffix(ts.ReadFile("stderr"), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func match(ts *testscript.TestScript, pattern, text string) bool {
	re, err := regexp.Compile(pattern)
	ts.Check(err)
	return re.MatchString(text)
}

// scriptJSON: json PATH VALUE wants stdout to be one JSON document whose value at PATH
// (a.b.0; len for a length) is VALUE; strings may be a /REGEXP/.
func scriptJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: json PATH VALUE")
	}
	var doc any
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	dec.UseNumber()
	ts.Check(dec.Decode(&doc))
	if dec.More() {
		ts.Fatalf("stdout holds more than one JSON document")
	}
	got, err := jsonAt(doc, args[0])
	ts.Check(err)
	same := got == args[1]
	if pattern, ok := strings.CutPrefix(args[1], "/"); ok {
		same = match(ts, strings.TrimSuffix(pattern, "/"), got)
	}
	if same == neg {
		ts.Fatalf("%s is %s, want %s to be %v", args[0], got, args[1], !neg)
	}
}

func jsonAt(doc any, path string) (string, error) {
	for step := range strings.SplitSeq(path, ".") {
		switch v := doc.(type) {
		case map[string]any:
			if step == "len" {
				doc = json.Number(strconv.Itoa(len(v)))
				continue
			}
			value, ok := v[step]
			if !ok {
				return "", fmt.Errorf("%s: no %q; there are %v", path, step, slices.Sorted(maps.Keys(v)))
			}
			doc = value
		case []any:
			if step == "len" {
				doc = json.Number(strconv.Itoa(len(v)))
				continue
			}
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return "", fmt.Errorf("%s: no element %s of %d", path, step, len(v))
			}
			doc = v[i]
		default:
			return "", fmt.Errorf("%s: %v has no %q", path, v, step)
		}
	}
	return fmt.Sprint(doc), nil
}

// one is the file that a pattern means, since metadata is named by checksum.
func one(ts *testscript.TestScript, pattern string) string {
	found, err := filepath.Glob(ts.MkAbs(pattern))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%s means %d files, not one", pattern, len(found))
	}
	return found[0]
}

// scriptCorrupt: corrupt FILE OFFSET flips one bit; a negative offset counts from the
// end.
func scriptCorrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: corrupt FILE OFFSET")
	}
	edit(ts, args[0], args[1], func(b []byte, at int) []byte {
		b[at] ^= 1
		return b
	})
}

// scriptTruncate: truncate FILE SIZE cuts a file; a negative size counts from the end.
func scriptTruncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE SIZE")
	}
	edit(ts, args[0], args[1], func(b []byte, at int) []byte { return b[:at] })
}

func edit(ts *testscript.TestScript, pattern, offset string, change func([]byte, int) []byte) {
	file := one(ts, pattern)
	b, err := os.ReadFile(file)
	ts.Check(err)
	at, err := strconv.Atoi(offset)
	ts.Check(err)
	if at < 0 {
		at += len(b)
	}
	if at < 0 || at >= len(b) {
		ts.Fatalf("%s has %d bytes, there is no byte %d", file, len(b), at)
	}
	ts.Check(os.WriteFile(file, change(b, at), 0o644))
}

// scriptReplace: replace FILE OLD NEW rewrites every OLD; there must be one.
func scriptReplace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	file := one(ts, args[0])
	b, err := os.ReadFile(file)
	ts.Check(err)
	if !strings.Contains(string(b), args[1]) {
		ts.Fatalf("%s does not hold %s", file, args[1])
	}
	ts.Check(os.WriteFile(file, []byte(strings.ReplaceAll(string(b), args[1], args[2])), 0o644))
}

// remembered is where remember keeps what unchanged compares.
func remembered(dir string) string {
	return "REMEMBERED_" + strings.Map(func(c rune) rune {
		if c == '/' || c == '.' {
			return '_'
		}
		return c
	}, dir)
}

// scriptRemember: remember DIR notes every byte, mode and name below DIR.
func scriptRemember(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: remember DIR")
	}
	sum, err := hashTree(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Setenv(remembered(args[0]), sum)
}

// scriptUnchanged: unchanged DIR wants DIR to be as it was remembered, and nothing
// unfinished beside it; ! unchanged wants it to differ.
func scriptUnchanged(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: unchanged DIR")
	}
	dir := ts.MkAbs(args[0])
	before := ts.Getenv(remembered(args[0]))
	if before == "" {
		ts.Fatalf("%s was not remembered", args[0])
	}
	now, err := hashTree(dir)
	ts.Check(err)
	if (now == before) == neg {
		ts.Fatalf("%s: unchanged is %v, want %v", args[0], now == before, !neg)
	}
	if left := leftovers(dir); len(left) > 0 {
		ts.Fatalf("left behind: %v", left)
	}
}

// leftovers are the unfinished targets beside one.
func leftovers(target string) []string {
	found, _ := filepath.Glob(filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+".flatstream-*")) // the pattern is well-formed
	return found
}

// hashTree is a digest of every name, mode, link and byte below dir.
func hashTree(dir string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var content []byte
		switch {
		case info.Mode().IsRegular():
			content, err = os.ReadFile(name)
		case info.Mode()&fs.ModeSymlink != 0:
			var to string
			to, err = os.Readlink(name)
			content = []byte(to)
		}
		fmt.Fprintf(h, "%q %v %x\n", rel, info.Mode(), sha256.Sum256(content))
		return err
	})
	return fmt.Sprintf("%x", h.Sum(nil)), err
}
