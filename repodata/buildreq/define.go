package buildreq

import (
	"fmt"
	"strings"
)

// definition carries out the macro that s begins with, where that is one that defines
// another, and says how many bytes of s it takes; 0 when it is none. Its value is the
// empty string.
func (m *macros) definition(name, s string) (n int, err error) {
	rest := s[1+len(name):]
	switch name {
	case "global", "define":
		var used int
		used, err = m.define(name == "global", rest)
		return 1 + len(name) + used, err
	case "undefine", "bcond_with", "bcond_without", "bcond":
	default:
		return 0, nil
	}
	line, _, _ := strings.Cut(rest, "\n")
	n = 1 + len(name) + len(line)
	if line, err = m.expand(line); err != nil {
		return n, err
	}
	what, value := firstWord(line)
	if !macroName(what) {
		return n, fmt.Errorf("%q cannot be the name that %%%s wants", what, name)
	}
	if name == "undefine" {
		m.undefine(what)
		return n, nil
	}
	return n, m.bcond(name, what, value)
}

// define takes what follows %global or %define, and says how long it is: a body in
// braces ends with them, any other with a line that has no backslash at its end.
func (m *macros) define(global bool, s string) (n int, err error) {
	start := len(s) - len(strings.TrimLeft(s, " \t"))
	end := start
	for end < len(s) && isNameByte(s[end]) {
		end++
	}
	name := s[start:end]
	if !macroName(name) {
		word, _ := firstWord(s)
		return 0, fmt.Errorf("%q cannot be the name of a macro", word)
	}
	function := end < len(s) && s[end] == '('
	if function {
		length := closing(s[end:])
		if length == 0 {
			return 0, fmt.Errorf("the parameters of the macro %s are never closed", name)
		}
		end += length
	}
	blank := len(s[end:]) - len(strings.TrimLeft(s[end:], " \t"))
	n = end + blank
	body := ""
	if n < len(s) && s[n] == '{' && closing(s[n:]) > 0 {
		length := closing(s[n:])
		body, n = s[n+1:n+length-1], n+length
	} else {
		length := lineEnd(s[n:])
		body, n = strings.TrimRight(strings.ReplaceAll(s[n:n+length], "\\\n", "\n"), " \t\r\n"), n+length
	}
	if global {
		if body, err = m.expand(body); err != nil {
			return n, err
		}
	}
	d := macro{body: body, function: function}
	if hidden, ok := m.defined[name]; ok {
		d.under = &hidden
	}
	m.defined[name] = d
	return n, nil
}

// undefine takes back the last definition of a macro; an earlier one then counts again.
func (m *macros) undefine(name string) {
	if d := m.defined[name]; d.under != nil {
		m.defined[name] = *d.under
		return
	}
	delete(m.defined, name)
}

// lineEnd is where a macro's body without braces ends: at the first newline that no
// backslash and no open bracket hides.
func lineEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '\n':
			return i
		case s[i] == '%' && i+1 < len(s) && strings.IndexByte("{([", s[i+1]) >= 0:
			if n := closing(s[i+1:]); n > 0 {
				i += n
			}
		}
	}
	return len(s)
}

// bcond takes %bcond_with (off unless asked for), %bcond_without and %bcond, which
// computes its default.
func (m *macros) bcond(word, name, value string) error {
	on := word == "bcond_without"
	if word == "bcond" {
		if g, found := m.unknownIn(value); found {
			m.setUnknown("with_"+name, g)
			return nil
		}
		v, err := evaluate(value)
		if err != nil {
			return fmt.Errorf("the default of %%bcond %s cannot be read: %w", name, err)
		}
		on = v.isTrue()
	}
	if _, ok := m.defined["_with_"+name]; ok {
		on = true
	}
	if _, ok := m.defined["_without_"+name]; ok {
		on = false
	}
	if on {
		m.set("with_"+name, "1")
	}
	return nil
}
