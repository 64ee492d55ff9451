package repofile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Vars are DNF's variables: name without the dollar sign, and value.
type Vars map[string]string

// UnresolvedError names the variables that a text uses and nobody set.
type UnresolvedError struct{ Names []string }

func (e *UnresolvedError) Error() string {
	names := make([]string, len(e.Names))
	for i, n := range e.Names {
		names[i] = "$" + n
	}
	return "nothing sets " + strings.Join(names, ", ") + " (use --releasever, --basearch or --setvar)"
}

// NewVars makes the variables of a release and an architecture: releasever,
// releasever_major and releasever_minor (behind the first dot, else empty), arch
// and basearch. An empty argument sets nothing.
func NewVars(releasever, arch string) Vars {
	v := Vars{}
	v.SetRelease(releasever)
	if arch != "" {
		v["arch"], v["basearch"] = arch, BaseArch(arch)
	}
	return v
}

// SetRelease sets the three variables of a release.
func (v Vars) SetRelease(releasever string) {
	if releasever == "" {
		return
	}
	major, minor, _ := strings.Cut(releasever, ".")
	v["releasever"], v["releasever_major"], v["releasever_minor"] = releasever, major, minor
}

// BaseArch is dnf.rpm.basearch: the name under which mirrors keep an
// architecture. One that the table does not know is its own.
func BaseArch(arch string) string {
	for base, archs := range map[string]string{
		"i386":    "i386 i486 i586 i686 athlon geode pentium3 pentium4",
		"x86_64":  "x86_64 x86_64_v2 x86_64_v3 x86_64_v4 amd64 ia32e",
		"armhfp":  "armv6hl armv7hl armv7hnl armv8hl",
		"arm":     "armv5tel armv5tejl armv5tl armv6l armv7l armv8l",
		"ppc64":   "ppc64 ppc64iseries ppc64p7 ppc64pseries",
		"riscv64": "riscv64 riscv128",
	} {
		if slices.Contains(strings.Fields(archs), arch) {
			return base
		}
	}
	return arch
}

// With returns a copy of v with more over it.
func (v Vars) With(more Vars) Vars {
	out := maps.Clone(v)
	if out == nil {
		out = Vars{}
	}
	maps.Copy(out, more)
	return out
}

var (
	varName   = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	dnfNumber = regexp.MustCompile(`^DNF[0-9]$`)
)

// VarsFromEnviron picks DNF's variables out of an environment ("KEY=value"):
// DNF_VAR_name sets $name, and DNF0 to DNF9 set themselves.
func VarsFromEnviron(environ []string) Vars {
	v := Vars{}
	for _, e := range environ {
		key, value, _ := strings.Cut(e, "=")
		name, ok := strings.CutPrefix(key, "DNF_VAR_")
		if ok && varName.MatchString(name) || dnfNumber.MatchString(key) {
			v[name] = value
		}
	}
	return v
}

// maxVar bounds the first line of a variable's file, in bytes.
const maxVar = 4096

// ReadVars reads a directory such as /etc/dnf/vars: each file's name is a
// variable, its first line the value. Files whose name no variable can have
// (foo.rpmsave) are not variables. A directory that does not exist has none.
func ReadVars(dir fs.FS) (Vars, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read variables: %w", err)
	}
	v := Vars{}
	for _, e := range entries {
		if !varName.MatchString(e.Name()) || e.IsDir() {
			continue
		}
		value, err := firstLine(dir, e.Name())
		if err != nil {
			return nil, fmt.Errorf("read variable %s: %w", e.Name(), err)
		}
		v[e.Name()] = value
	}
	return v, nil
}

func firstLine(dir fs.FS, name string) (string, error) {
	f, err := dir.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, maxVar+1)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", err
	}
	if len(line) > maxVar {
		return "", fmt.Errorf("its first line is longer than %d bytes", maxVar)
	}
	return strings.TrimSpace(line), nil
}

// Bounds of one expansion: the depth of ${a:-${b:-...}}, and bytes in and out.
// The search for closing braces is quadratic, so the first two keep it short.
const (
	maxDepth    = 16
	maxText     = 64 << 10
	maxExpanded = 1 << 20
)

// Expand replaces $name, ${name}, ${name:-word} (word where name is unset or
// empty) and ${name:+word} (word where it is neither); word is expanded too, and
// in it a backslash takes the next character as it is. Everything else that
// starts with a dollar sign stays, as in DNF. With an *[UnresolvedError] comes
// the text with the unknown names left in place.
func (v Vars) Expand(text string) (string, error) {
	if len(text) > maxText && strings.Contains(text, "$") {
		return text, fmt.Errorf("a text with variables is longer than %d bytes", maxText)
	}
	e := expander{vars: v}
	out := e.expand(text, 0)
	if e.tooMuch {
		return text, fmt.Errorf("the variables nest deeper than %d or grow beyond %d bytes", maxDepth, maxExpanded)
	}
	if len(e.missing) > 0 {
		return out, &UnresolvedError{e.missing}
	}
	return out, nil
}

type expander struct {
	vars    Vars
	missing []string
	tooMuch bool
}

func (e *expander) expand(text string, depth int) string {
	if !strings.Contains(text, "$") {
		return text
	}
	if e.tooMuch = e.tooMuch || depth > maxDepth; e.tooMuch {
		return ""
	}
	var out strings.Builder
	for text != "" {
		before, after, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			break
		}
		value, used := e.one(after, depth)
		out.WriteString(value)
		text = after[used:]
		if e.tooMuch = e.tooMuch || out.Len() > maxExpanded; e.tooMuch {
			return ""
		}
	}
	return out.String()
}

// one expands what stands behind a dollar sign and says how much of it that was.
func (e *expander) one(s string, depth int) (value string, used int) {
	if n := nameLen(s); n > 0 {
		return e.lookup(s[:n], "$"+s[:n]), n
	}
	if !strings.HasPrefix(s, "{") {
		return "$", 0
	}
	n := nameLen(s[1:])
	name, rest := s[1:1+n], s[1+n:]
	switch {
	case n == 0:
	case strings.HasPrefix(rest, "}"):
		return e.lookup(name, "$"+s[:n+2]), n + 2
	case strings.HasPrefix(rest, ":-"), strings.HasPrefix(rest, ":+"):
		word, wordLen, closed := cutWord(rest[2:])
		if !closed {
			break
		}
		used = 1 + n + 2 + wordLen
		isSet := e.vars[name] != ""
		switch {
		case isSet == (rest[1] == '+'):
			return unescape(e.expand(word, depth+1)), used
		case isSet:
			return e.vars[name], used
		}
		return "", used
	}
	return "$", 0
}

func (e *expander) lookup(name, raw string) string {
	if value, ok := e.vars[name]; ok {
		return value
	}
	if !slices.Contains(e.missing, name) {
		e.missing = append(e.missing, name)
	}
	return raw
}

func nameLen(s string) int {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_') {
			return i
		}
	}
	return len(s)
}

// cutWord finds the brace that closes a word, past nested ones and escapes.
func cutWord(s string) (word string, used int, closed bool) {
	open := 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '{' && i > 0 && s[i-1] == '$':
			open++
		case s[i] == '}' && open > 0:
			open--
		case s[i] == '}':
			return s[:i], i + 1, true
		}
	}
	return "", 0, false
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
