package rpmdep

import (
	"errors"
	"fmt"
	"strings"
)

// Limits on a rich dependency, far above honest ones: the longest of the 17,649
// packages of CentOS Stream 9 AppStream has 130 bytes, the deepest nests three.
const (
	MaxRichLength = 64 << 10 // bytes
	MaxRichDepth  = 10_000   // parentheses within parentheses
)

// Expr is a rich dependency as a tree: a leaf that holds one plain relation, or
// an operator over arguments.
type Expr struct {
	Op   RichOp
	Dep  Dep     // of a leaf (RichDep), else zero
	Args []*Expr // in the order written; how many: see RichOp
}

// RichOp is the operator of an [Expr].
type RichOp uint8

// The operators, with their arguments in order. rpm lets only and, or and with
// be chained, so those have two arguments or more.
const (
	RichDep        RichOp = iota // a leaf
	RichAnd                      // A and B and ...
	RichOr                       // A or B or ...
	RichIf                       // A if B: A, or not B
	RichIfElse                   // A if B else C: A when B, else C
	RichUnless                   // A unless B: A and not B
	RichUnlessElse               // A unless B else C: C when B, else A
	RichWith                     // A with B with ...: one package that meets all
	RichWithout                  // A without B: one package that meets A and not B
)

var richWords = [...]string{
	RichDep: "", RichAnd: "and", RichOr: "or", RichIf: "if", RichIfElse: "if",
	RichUnless: "unless", RichUnlessElse: "unless", RichWith: "with", RichWithout: "without",
}

// String is the operator's (first) word; empty for a leaf.
func (o RichOp) String() string { return richWords[o] }

// String writes the expression as [ParseRich] reads it, with its parentheses.
func (e *Expr) String() string {
	var b strings.Builder
	e.write(&b)
	return b.String()
}

func (e *Expr) write(b *strings.Builder) {
	b.WriteByte('(')
	if e.Op == RichDep {
		b.WriteString(e.Dep.String())
	}
	for i, a := range e.Args {
		switch {
		case i == 2 && (e.Op == RichIfElse || e.Op == RichUnlessElse):
			b.WriteString(" else ")
		case i > 0:
			b.WriteString(" " + e.Op.String() + " ")
		}
		if a.Op == RichDep {
			b.WriteString(a.Dep.String())
		} else {
			a.write(b)
		}
	}
	b.WriteByte(')')
}

// ParseRich reads a rich dependency. The grammar is that of rpmrichParse in rpm's
// lib/rpmds.c: every expression in parentheses, one operator within a pair of
// them, only and, or and with in chains; commas count as white space, and
// parentheses inside a name (foo(x86-64)) belong to it. "(a)" is the leaf a.
func ParseRich(s string) (*Expr, error) {
	if len(s) > MaxRichLength {
		return nil, fmt.Errorf("rich dependency of %d bytes is over the limit of %d", len(s), MaxRichLength)
	}
	p := richParser{rest: s}
	e, err := p.group(1)
	if err == nil && p.rest != "" {
		err = fmt.Errorf("%.200q stands after the end", p.rest)
	}
	if err != nil {
		return nil, fmt.Errorf("parse rich dependency %.200q: %w", s, err)
	}
	return e, nil
}

type richParser struct{ rest string }

// group reads one pair of parentheses.
func (p *richParser) group(depth int) (*Expr, error) {
	if depth > MaxRichDepth {
		return nil, fmt.Errorf("parentheses nest over the limit of %d", MaxRichDepth)
	}
	if !strings.HasPrefix(p.rest, "(") {
		return nil, errors.New("it does not start with a parenthesis")
	}
	p.rest = p.rest[1:]
	e := &Expr{}
	for {
		arg, err := p.argument(depth)
		if err != nil {
			return nil, err
		}
		e.Args = append(e.Args, arg)
		if p.skipSpace(); strings.HasPrefix(p.rest, ")") {
			p.rest = p.rest[1:]
			return e.finish()
		}
		end := strings.IndexAny(p.rest, richSpace[:6]+")")
		if end < 0 {
			end = len(p.rest)
		}
		if err := e.extend(p.rest[:end]); err != nil {
			return nil, err
		}
		p.rest = p.rest[end:]
	}
}

// extend takes the next operator word into e: the first one, a link of a chain,
// or the else of an if.
func (e *Expr) extend(word string) error {
	switch {
	case word == "":
		return errors.New("a closing parenthesis is missing")
	case word == "else" && e.Op == RichIf:
		e.Op = RichIfElse
		return nil
	case word == "else" && e.Op == RichUnless:
		e.Op = RichUnlessElse
		return nil
	case e.Op == RichDep:
		for _, op := range []RichOp{RichAnd, RichOr, RichIf, RichUnless, RichWith, RichWithout} {
			if word == op.String() {
				e.Op = op
				return nil
			}
		}
		return fmt.Errorf("unknown operator %q", word)
	case word == e.Op.String() && (e.Op == RichAnd || e.Op == RichOr || e.Op == RichWith):
		return nil
	}
	return fmt.Errorf("%q cannot follow %q without parentheses", word, e.Op)
}

// finish turns parentheses around a single argument into that argument.
func (e *Expr) finish() (*Expr, error) {
	if e.Op == RichDep {
		return e.Args[0], nil
	}
	return e, nil
}

func (p *richParser) argument(depth int) (*Expr, error) {
	p.skipSpace()
	switch {
	case strings.HasPrefix(p.rest, "("):
		return p.group(depth + 1)
	case p.rest == "":
		return nil, errors.New("a closing parenthesis is missing")
	case p.rest[0] == ')':
		return nil, errors.New("a name is missing before a closing parenthesis")
	}
	name, err := p.take()
	if err != nil {
		return nil, err
	}
	p.skipSpace()
	sign, _ := p.word()
	op := opOf(sign)
	if op == 0 { // no operator of versions, so one of expressions
		return &Expr{Dep: Dep{Name: name}}, nil
	}
	p.rest = p.rest[len(sign):]
	p.skipSpace()
	version, err := p.take()
	if err != nil {
		return nil, err
	}
	d, err := newDep(name, op, version)
	if err != nil {
		return nil, err
	}
	return &Expr{Dep: d}, nil
}

func (p *richParser) skipSpace() { p.rest = strings.TrimLeft(p.rest, richSpace) }

// richSpace is rpm's risspace and, last, the comma, which does not end an operator.
const richSpace = " \t\n\v\f\r,"

// word is the next word, up to white space or a parenthesis that it did not open,
// and how many it opened and did not close.
func (p *richParser) word() (w string, open int) {
	for i := range len(p.rest) {
		switch c := p.rest[i]; {
		case strings.IndexByte(richSpace, c) >= 0:
			return p.rest[:i], open
		case c == '(':
			open++
		case c == ')' && open == 0:
			return p.rest[:i], 0
		case c == ')':
			open--
		}
	}
	return p.rest, open
}

// take reads a name or a version. One with an open parenthesis, which rpm lets
// pass, is refused: before a closing one it would not mean the same.
func (p *richParser) take() (string, error) {
	w, open := p.word()
	if open > 0 {
		return "", fmt.Errorf("%q has a parenthesis that is not closed", w)
	}
	p.rest = p.rest[len(w):]
	return w, nil
}
