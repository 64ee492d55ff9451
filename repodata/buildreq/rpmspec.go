package buildreq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// ErrNoRpmspec says that this machine has no rpmspec.
var ErrNoRpmspec = errors.New("rpmspec is not installed")

// AskRpmspec asks rpm's own rpmspec. It runs what the spec says, shell and Lua, on this
// machine, so it is for specs that [ParseSpec] cannot read; defines are as there. The
// error is ErrNoRpmspec, or has rpmspec's own words.
func AskRpmspec(ctx context.Context, file string, defines map[string]string) (*Spec, error) {
	tool, err := exec.LookPath("rpmspec")
	if err != nil {
		return nil, ErrNoRpmspec
	}
	s := &Spec{}
	for _, q := range []struct {
		query []string
		take  func(lines []string)
	}{
		{[]string{"--srpm", "--queryformat", "%{name}\n%{version}\n%{release}\n"}, func(l []string) {
			if len(l) == 3 {
				s.Name, s.Version, s.Release = l[0], l[1], l[2]
			}
		}},
		{[]string{"--buildrequires"}, func(l []string) { s.Requires = l }},
		{[]string{"--srpm", "--buildconflicts"}, func(l []string) { s.Conflicts = l }},
	} {
		args := []string{"-q"}
		for _, name := range sortedNames(defines) {
			args = append(args, "--define", name+" "+oneLine(defines[name]))
		}
		args = append(append(args, q.query...), "--", file)
		var stderr bytes.Buffer
		cmd := exec.CommandContext(ctx, tool, args...)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			first, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
			return nil, fmt.Errorf("rpmspec: %w: %.400s", err, first)
		}
		q.take(relations(string(out)))
	}
	return s, nil
}

// relations are the lines of rpmspec's answer without what rpm itself provides.
func relations(out string) []string {
	var list []string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "rpmlib(") && !slices.Contains(list, line) {
			list = append(list, line)
		}
	}
	return list
}

func oneLine(body string) string {
	if body == "" {
		return "%{nil}"
	}
	return strings.ReplaceAll(body, "\n", " ")
}

func sortedNames(m map[string]string) []string {
	var names []string
	for name := range m {
		if name != "nil" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
