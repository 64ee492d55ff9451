// Package buildreq reads what a build needs: from a spec file, and from the log of a
// build that failed for want of it. (The header of a source package is rpmfile's.)
//
// rpm's own reading of a spec runs macros of the machine, shell and Lua among them,
// and so answers for the machine at hand. [ParseSpec] reads a spec for another system
// without running anything: definitions and conditions in the spec, the macros that
// the caller gives, and nothing else. What it cannot know (a macro that nobody
// defined, %(shell), %{lua:}) is carried along as unknown, and is an error only
// where it decides about a build requirement; the error says which macro, and where.
//
// The rules are those of rpm's build/parseSpec.c, build/parsePreamble.c and
// rpmio/macro.c (4.14 and later): lines are joined while a macro's braces are open,
// then expanded, then split again; conditions nest; tags count in the preamble and
// after %package.
package buildreq

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Limits, far above honest spec files: texlive's, the largest known, has 5 MB.
const (
	MaxSize  = 32 << 20 // bytes of a spec
	maxLine  = 1 << 20  // bytes of a joined or expanded line
	maxDepth = 64       // macros within macros, as in rpm
)

// Spec is what a spec file says about its build.
type Spec struct {
	Name, Version, Release string // expanded; what is not known keeps its macro
	Requires               []string
	Conflicts              []string
	// Dynamic says that %generate_buildrequires names more, which only a build knows.
	Dynamic bool
}

// UnknownError says that a macro decides about the build requirements, and that its
// value is not known.
type UnknownError struct {
	Line  int    // from 1
	Macro string // as written, such as %{go_version}
	Why   string // empty: nothing defines it
}

func (e *UnknownError) Error() string {
	if e.Why != "" {
		return fmt.Sprintf("line %d: %s %s", e.Line, e.Macro, e.Why)
	}
	return fmt.Sprintf("line %d: nothing defines the macro %s", e.Line, e.Macro)
}

// ParseSpec reads a spec file. defines are macros with their bodies, such as "rhel": "8";
// System has those of a distribution. The error is an [UnknownError], or says in which
// line the spec cannot be read.
func ParseSpec(r io.Reader, defines map[string]string) (*Spec, error) {
	p := &parser{spec: &Spec{}, macros: newMacros(defines), preamble: true}
	lines := bufio.NewScanner(io.LimitReader(r, MaxSize+1))
	lines.Buffer(nil, maxLine)
	size, first := 0, 1
	var joined strings.Builder
	var open brackets
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if size += len(line) + 1; size > MaxSize {
			return nil, fmt.Errorf("it is larger than %d bytes, which no spec file is", MaxSize)
		}
		if strings.ContainsRune(line, 0) {
			return nil, fmt.Errorf("line %d: it holds a zero byte, so this is no spec file", n)
		}
		if joined.Len() == 0 {
			first = n
		} else {
			joined.WriteByte('\n')
		}
		joined.WriteString(line)
		if joined.Len() > maxLine {
			break
		}
		if open.read(line) {
			continue
		}
		if err := p.line(first, joined.String()); err != nil {
			return nil, err
		}
		joined.Reset()
		open = brackets{}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", first+1, err)
	}
	if joined.Len() > 0 {
		return nil, fmt.Errorf("line %d: the macro that begins here is never closed", first)
	}
	if n := len(p.conds); n > 0 {
		return nil, fmt.Errorf("line %d: this %%if has no %%endif", p.conds[n-1].line)
	}
	if p.spec.Name == "" {
		return nil, fmt.Errorf("it has no Name, so this is no spec file")
	}
	return p.spec, nil
}

// brackets says whether a line goes on in the next one: a macro's brackets are open,
// or it ends in a backslash (copyNextLineFromOFI).
type brackets struct{ brace, paren, square int }

// read takes a line and reports whether the next one belongs to it.
func (b *brackets) read(line string) (more bool) {
	continued := false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
			continued = i == len(line)
		case '%':
			if i+1 == len(line) {
				continue
			}
			switch i++; line[i] {
			case '{':
				b.brace++
			case '(':
				b.paren++
			case '[':
				b.square++
			case '%':
			default:
				i--
			}
		case '{':
			b.brace = deeper(b.brace)
		case '}':
			b.brace = max(0, b.brace-1)
		case '(':
			b.paren = deeper(b.paren)
		case ')':
			b.paren = max(0, b.paren-1)
		case '[':
			b.square = deeper(b.square)
		case ']':
			b.square = max(0, b.square-1)
		}
	}
	return continued || *b != brackets{}
}

// deeper counts a bracket, which matters only within a macro's.
func deeper(n int) int {
	if n > 0 {
		n++
	}
	return n
}
