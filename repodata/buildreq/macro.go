package buildreq

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"
)

// macro is one definition. An unknown one was defined where nobody can say whether,
// or how.
type macro struct {
	body     string
	function bool // takes arguments
	unknown  *guess
	under    *macro // what %undefine brings back
}

// guess names what is not known: a macro as it was written, and why; no why means
// that nothing defines it.
type guess struct{ text, why string }

// macros expands text. What it does not know stays as it was written, as in rpm.
type macros struct {
	defined map[string]macro
	depth   int
	size    int // bytes written for the line at hand
}

func newMacros(defines map[string]string) *macros {
	m := &macros{defined: map[string]macro{}}
	for name, body := range defines {
		m.set(name, body)
	}
	return m
}

func (m *macros) set(name, body string) { m.defined[name] = macro{body: body} }

func (m *macros) setUnknown(name string, g *guess) {
	m.defined[name] = macro{unknown: &guess{text: "%{" + name + "}", why: "depends on " + g.text + ", which is not known here"}}
}

func macroName(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != ""
}

func isNameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// errTooDeep is a macro that uses itself, or wants to.
var errTooDeep = fmt.Errorf("macros stand more than %d deep in one another: one of them uses itself", maxDepth)

// errTooLong ends macros that double themselves.
var errTooLong = fmt.Errorf("its macros expand to more than %d bytes", maxLine)

// expand replaces every macro that is known.
func (m *macros) expand(s string) (string, error) {
	if m.depth == 0 {
		m.size = 0
	}
	if m.depth >= maxDepth {
		return "", errTooDeep
	}
	m.depth++
	defer func() { m.depth-- }()
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 || i+1 == len(s) {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		s = s[i:]
		text, n, err := m.one(s)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		s = s[n:]
		if m.size += len(text); m.size > maxLine {
			return "", errTooLong
		}
	}
	return b.String(), nil
}

// one expands the macro that s begins with, and says how many bytes of s that was.
func (m *macros) one(s string) (text string, n int, err error) {
	switch c := s[1]; {
	case c == '%':
		return "%", 2, nil
	case c == '{', c == '(', c == '[':
		n = 1 + closing(s[1:])
		if n == 0 {
			return "", 0, fmt.Errorf("a macro is never closed: %.60q", s)
		}
		switch inner := s[2 : n-1]; c {
		case '{':
			text, err = m.braced(s[:n], inner)
		case '[':
			text, err = m.expression(s[:n], inner)
		default:
			text = s[:n] // shell
		}
		return text, n, err
	case c == '*' || c == '#' || c >= '0' && c <= '9':
		if d, ok := m.defined[s[1:2]]; ok { // of the function that is called
			text, err = m.expand(d.body)
			return text, 2, err
		}
	case c == '?' || c == '!' || isNameByte(c):
		return m.bare(s)
	}
	return s[:2], 2, nil
}

// closing is the index behind the bracket that closes the first byte of s; 0 when
// none does.
func closing(s string) int {
	pairs := map[byte]byte{'{': '}', '(': ')', '[': ']'}
	open, end, depth := s[0], pairs[s[0]], 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case open:
			depth++
		case end:
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// bare expands %name, %?name and %!?name.
func (m *macros) bare(s string) (text string, n int, err error) {
	n = 1
	for n < len(s) && (s[n] == '?' || s[n] == '!') {
		n++
	}
	start := n
	for n < len(s) && isNameByte(s[n]) {
		n++
	}
	if n == start {
		return s[:n], n, nil
	}
	name := s[start:n]
	if length, err := m.definition(name, s); length > 0 && start == 1 || err != nil {
		return "", length, err
	}
	d, known := m.defined[name]
	if start > 1 {
		text, err = m.conditional(s[:n], s[1:start], name, "", false)
		return text, n, err
	}
	switch {
	case !known:
		return s[:n], n, nil
	case d.unknown != nil:
		return "%{" + name + "}", n, nil
	case d.function: // its arguments are the rest of the line
		line, _, _ := strings.Cut(s[n:], "\n")
		text, err = m.call(d, name, line)
		return text, n + len(line), err
	}
	text, err = m.expand(d.body)
	return text, n, err
}

// braced expands %{inner}; whole is how it was written.
func (m *macros) braced(whole, inner string) (string, error) {
	i := 0
	for i < len(inner) && (inner[i] == '?' || inner[i] == '!') {
		i++
	}
	flags, rest := inner[:i], inner[i:]
	end := 0
	for end < len(rest) && isNameByte(rest[end]) {
		end++
	}
	name, rest := rest[:end], rest[end:]
	if rest == "*" || rest == "#" {
		name, rest = rest, ""
	}
	if name == "" {
		return whole, nil
	}
	if strings.Contains(flags, "?") {
		body, has := strings.CutPrefix(rest, ":")
		if rest != "" && !has {
			return whole, nil
		}
		return m.conditional(whole, flags, name, body, has)
	}
	if text, done, err := m.builtin(whole, name, rest); done {
		return text, err
	}
	d, known := m.defined[name]
	switch {
	case !known || d.unknown != nil:
		return whole, nil
	case d.function:
		args, _ := strings.CutPrefix(rest, ":")
		return m.call(d, name, args)
	case rest != "":
		return whole, nil
	}
	return m.expand(d.body)
}

// conditional expands %{?name}, %{?name:body} and their opposites.
func (m *macros) conditional(whole, flags, name, body string, hasBody bool) (string, error) {
	d, known := m.defined[name]
	if known && d.unknown != nil {
		return whole, nil
	}
	if negative := strings.Count(flags, "!")%2 == 1; known == negative {
		return "", nil
	} else if hasBody {
		return m.expand(body)
	} else if negative {
		return "", nil
	}
	if d.function {
		return m.call(d, name, "")
	}
	return m.expand(d.body)
}

// call expands a macro that takes arguments. Options are not understood, so a body
// that asks for them stays unknown.
func (m *macros) call(d macro, name, line string) (string, error) {
	line, err := m.expand(line)
	if err != nil {
		return "", err
	}
	args := strings.Fields(line)
	outer := map[string]macro{}
	local := map[string]string{"0": name, "*": strings.Join(args, " "), "#": strconv.Itoa(len(args))}
	for i, arg := range args {
		local[strconv.Itoa(i+1)] = arg
	}
	for i := range 10 { // those of a calling macro, given or not
		outer[strconv.Itoa(i)] = m.defined[strconv.Itoa(i)]
		delete(m.defined, strconv.Itoa(i))
	}
	for name, arg := range local {
		outer[name] = m.defined[name]
		m.set(name, strings.ReplaceAll(arg, "%", "%%"))
	}
	text, err := m.expand(d.body)
	for name := range outer {
		delete(m.defined, name)
	}
	for name, d := range outer {
		if d != (macro{}) {
			m.defined[name] = d
		}
	}
	return text, err
}

// expression expands %[...] (rpm 4.16).
func (m *macros) expression(whole, inner string) (string, error) {
	text, err := m.expand(inner)
	if err != nil {
		return "", err
	}
	if _, found := m.unknownIn(text); found {
		return whole, nil
	}
	v, err := evaluate(text)
	if err != nil {
		return "", fmt.Errorf("the expression %q cannot be read: %w", inner, err)
	}
	return v.String(), nil
}

// builtin expands rpm's own macros; done is false where name is none of them.
func (m *macros) builtin(whole, name, rest string) (text string, done bool, err error) {
	arg, _ := strings.CutPrefix(rest, ":")
	arg = strings.TrimSpace(arg)
	switch name {
	case "defined", "undefined", "with", "without":
		return m.presence(whole, name, arg), true, nil
	case "expand":
		if arg, err = m.expand(arg); err == nil {
			arg, err = m.expand(arg)
		}
		return arg, true, err
	case "lua", "getenv", "load", "include", "uncompress", "S", "P", "getconfdir", "getncpus", "gsub", "shescape", "verbose":
		return whole, true, nil
	case "echo", "warn", "error", "trace", "dump", "dnl":
		return "", true, nil
	}
	f := map[string]func(string) string{
		"quote": strings.TrimSpace, "basename": path.Base, "lower": strings.ToLower, "upper": strings.ToUpper,
		"dirname": path.Dir, "suffix": func(s string) string { return strings.TrimPrefix(path.Ext(s), ".") },
		"shrink": func(s string) string { return strings.Join(strings.Fields(s), " ") },
		"len":    func(s string) string { return strconv.Itoa(len(s)) },
	}[name]
	if f == nil || rest == "" {
		return "", false, nil
	}
	arg, err = m.expand(arg)
	if _, found := m.unknownIn(arg); found {
		return whole, true, err
	}
	return f(arg), true, err
}

// presence answers %{defined x} and its kin.
func (m *macros) presence(whole, what, name string) string {
	if what == "with" || what == "without" {
		name = "with_" + name
	}
	d, known := m.defined[name]
	switch {
	case known && d.unknown != nil:
		return whole
	case known == (what == "defined" || what == "with"):
		return "1"
	}
	return "0"
}

// unknownIn finds the first macro in an expanded text.
func (m *macros) unknownIn(text string) (*guess, bool) {
	for i := 0; i+1 < len(text); i++ {
		if text[i] != '%' {
			continue
		}
		switch c := text[i+1]; {
		case c == '(':
			return &guess{whole(text[i:]), "runs a program, which is not done here"}, true
		case c == '{' || c == '[':
			return m.guessOf(whole(text[i:])), true
		case c == '?' || c == '!' || isNameByte(c):
			end := i + 1
			for end < len(text) && (isNameByte(text[end]) || strings.IndexByte("?!", text[end]) >= 0) {
				end++
			}
			return m.guessOf(text[i:end]), true
		}
	}
	return nil, false
}

// whole cuts out the bracketed macro that s begins with.
func whole(s string) string {
	if n := closing(s[1:]); n > 0 {
		return s[:1+n]
	}
	return s
}

// runsCode are built-in macros whose value only rpm itself can tell.
var runsCode = map[string]string{
	"lua": "runs a program, which is not done here", "getenv": "depends on the environment",
	"load": "reads another file", "include": "reads another file", "uncompress": "reads another file",
}

// guessOf says why a macro is not known.
func (m *macros) guessOf(text string) *guess {
	name := strings.TrimLeft(text, "%{?!")
	end := 0
	for end < len(name) && isNameByte(name[end]) {
		end++
	}
	inner := strings.TrimSpace(strings.Trim(name[end:], ":} "))
	name = name[:end]
	switch name {
	case "with", "without":
		name = "with_" + inner
	case "defined", "undefined":
		name = inner
	}
	if d, ok := m.defined[name]; ok && d.unknown != nil {
		return &guess{text, d.unknown.why}
	}
	return &guess{text, runsCode[name]}
}

// plain expands what can be, for show.
func (m *macros) plain(s string) string {
	if text, err := m.expand(s); err == nil {
		return text
	}
	return s
}
