package nightly

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"flatstream/mirror/repofile"
	"flatstream/mirror/tree"
)

// hookTime is how long a hook may run: a repository's regeneration takes minutes, and
// one that hangs must not hang into the next night.
const hookTime = 10 * time.Minute

// hookGrace is how long a hook that is told to end has for it.
const hookGrace = 5 * time.Second

// hooks runs on-publish after a publication that changed something, and on-failure
// after a failure or when something was withheld, but not because another run holds
// the store. A publication whose hook did not run, or failed, or that the bucket does not
// show yet, is announced by the next run. Each reads the report as text, and finds in its environment what
// [night.environ] says. A hook that fails is an error of its own; what was published
// stays.
func (n *night) hooks(ctx context.Context, failure error) error {
	if _, locked := errors.AsType[*tree.LockedError](failure); locked {
		return nil
	}
	text := n.report.text(failure)
	var errs []error
	if (n.report.Published || n.untold) && !n.unshown {
		errs = append(errs, n.tell(ctx, text, failure == nil))
	}
	if failure != nil || n.report.Withheld() {
		errs = append(errs, n.runHook(context.WithoutCancel(ctx), hookTime, "on-failure", n.Hooks.OnFailure, text))
	}
	return errors.Join(errs...)
}

// tell runs on-publish where something changed, and remembers that it was: not after a
// failure behind the publication, since the next run then does that night's work again.
func (n *night) tell(ctx context.Context, text string, whole bool) error {
	if n.report.changedAnything() {
		if err := n.runHook(ctx, hookTime, "on-publish", n.Hooks.OnPublish, text); err != nil {
			return err
		}
	}
	if !whole {
		return nil
	}
	return n.announce()
}

// commonArches are what $basearch is on systems that exist.
var commonArches = []string{"x86_64", "aarch64", "ppc64le", "s390x", "riscv64", "i386", "armhfp", "ppc64", "loongarch64"}

// Doubts says, one sentence each, what this process cannot find though a run will need
// it: files for TLS, a hook's program, a directory for metrics, an arch.
func (c *Config) Doubts(machine repofile.Vars) ([]string, error) {
	all, err := c.Upstreams(machine)
	if err != nil {
		return nil, err
	}
	var doubts []string
	for _, u := range all {
		for _, file := range []string{u.Fetch.TLS.CACert, u.Fetch.TLS.ClientCert, u.Fetch.TLS.ClientKey} {
			if _, err := os.Stat(file); err != nil && file != "" {
				doubts = append(doubts, fmt.Sprintf("repository %s: %v", u.Name, err))
			}
		}
	}
	for _, b := range c.builds() {
		if !slices.Contains(commonArches, b.arch) {
			doubts = append(doubts, fmt.Sprintf("%s: %s is no arch of a known system (%s)", b.flat(), b.arch, strings.Join(commonArches, ", ")))
		}
	}
	for name, hook := range map[string][]string{"on-publish": c.Hooks.OnPublish, "on-failure": c.Hooks.OnFailure} {
		if len(hook) == 0 {
			continue
		}
		if _, err := exec.LookPath(hook[0]); err != nil {
			doubts = append(doubts, fmt.Sprintf("hook %s: there is no program %s in the PATH of this process", name, hook[0]))
		}
	}
	if dir := filepath.Dir(c.Metrics); c.Metrics != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			doubts = append(doubts, fmt.Sprintf("metrics: there is no directory %s", dir))
		}
	}
	slices.Sort(doubts)
	return slices.Compact(doubts), nil
}

// environ is what hooks are told besides the report: FLATSTREAM_STORE,
// FLATSTREAM_SNAPSHOT (the current one), FLATSTREAM_REPOS (ids of the upstream
// repositories that changed), and of the views that changed FLATSTREAM_VIEWS (names),
// FLATSTREAM_ARCHES, and FLATSTREAM_PATHS (below the snapshot). Lists are separated by
// blanks, each word stands once; no name of a config has a blank in it.
func (n *night) environ() []string {
	var views, arches, paths []string
	add := func(list *[]string, word string) {
		if !slices.Contains(*list, word) {
			*list = append(*list, word)
		}
	}
	for i, b := range n.builds() {
		if i >= len(n.report.Targets) {
			break // the run ended before it
		}
		for _, p := range n.report.Targets[i].Changed {
			if name, ok := viewName(p); ok {
				add(&views, name)
				add(&arches, b.arch)
				add(&paths, b.flat()+"/"+p)
			}
		}
	}
	return append(os.Environ(),
		"FLATSTREAM_STORE="+n.Store, "FLATSTREAM_SNAPSHOT="+n.report.Snapshot, "FLATSTREAM_REPOS="+strings.Join(n.report.Changed, " "),
		"FLATSTREAM_VIEWS="+strings.Join(views, " "), "FLATSTREAM_ARCHES="+strings.Join(arches, " "), "FLATSTREAM_PATHS="+strings.Join(paths, " "))
}

// viewName is the name of the view at a path of a target.
func viewName(p string) (string, bool) {
	if p == "default" {
		return p, true
	}
	return strings.CutPrefix(p, "views/")
}

// HookError is a hook that could not be run, failed or took too long.
type HookError struct {
	Name    string // on-publish or on-failure
	Command string
	Reason  string
	Output  string // the end of what it wrote
}

func (e *HookError) Error() string {
	s := fmt.Sprintf("hook %s (%s): %s", e.Name, e.Command, e.Reason)
	if e.Output != "" {
		s += ": " + e.Output
	}
	return s
}

// runHook runs one command in a process group of its own, so that what it started
// ends with it.
func (n *night) runHook(ctx context.Context, limit time.Duration, name string, command []string, input string) error {
	if len(command) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var out tail
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &out
	cmd.Env = n.environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = hookGrace
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly there is nobody left
	}
	e := &HookError{Name: name, Command: command[0], Reason: err.Error(), Output: strings.TrimSpace(string(out))}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		e.Reason = fmt.Sprintf("ended after %v", limit)
	case ctx.Err() != nil:
		e.Reason = "interrupted"
	}
	return e
}

// tail keeps the end of what is written to it.
type tail []byte

// tailSize is enough for the last words of a program, in bytes.
const tailSize = 500

func (t *tail) Write(p []byte) (int, error) {
	*t = append(*t, p...)
	if len(*t) > tailSize {
		*t = append((*t)[:0], (*t)[len(*t)-tailSize:]...)
	}
	return len(p), nil
}
