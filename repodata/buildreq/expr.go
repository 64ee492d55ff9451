package buildreq

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"flatstream/repodata/rpmver"
)

// value is what an %if compares: a number, a string, or a version (v"1.2").
type value struct {
	text   string
	number int
	kind   byte // 'n', 's' or 'v'
}

func numberOf(n int) value { return value{number: n, kind: 'n'} }

func truthOf(b bool) value {
	if b {
		return numberOf(1)
	}
	return numberOf(0)
}

func (v value) isTrue() bool {
	if v.kind == 'n' {
		return v.number != 0
	}
	return v.text != ""
}

// String is what %[...] expands to.
func (v value) String() string {
	if v.kind == 'n' {
		return strconv.Itoa(v.number)
	}
	return v.text
}

// compare orders two values of one kind.
func (v value) compare(w value) (int, error) {
	switch {
	case v.kind != w.kind:
		return 0, errors.New("a number is compared with a string")
	case v.kind == 'n':
		return cmp.Compare(v.number, w.number), nil
	case v.kind == 'v':
		return rpmver.Compare(rpmver.ParseEVR(v.text), rpmver.ParseEVR(w.text)), nil
	}
	return strings.Compare(v.text, w.text), nil
}

// errNoValue is text where an expression wants a value.
var errNoValue = errors.New("it ends where a value should stand")

// reader reads one expression by the grammar of rpm's rpmio/expression.c: unary ! and
// -, then * /, then + -, then comparisons, then && ||, then ?:.
type reader struct {
	rest  string
	depth int
}

// evaluate computes the expression of an %if. The rest of the line after a complete
// expression must be empty.
func evaluate(s string) (value, error) {
	r := &reader{rest: s}
	v, err := r.ternary()
	if err == nil && r.peek() != "" {
		err = fmt.Errorf("%q is too much", r.rest)
	}
	return v, err
}

// operators, the longer first.
var operators = []string{"&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "+", "-", "*", "/", "?", ":"}

// peek is the operator that comes next; "value" before a value, empty at the end.
func (r *reader) peek() string {
	r.rest = strings.TrimLeft(r.rest, " \t\n\r")
	if r.rest == "" {
		return ""
	}
	for _, op := range operators {
		if strings.HasPrefix(r.rest, op) {
			return op
		}
	}
	return "value"
}

func (r *reader) take(op string) { r.rest = r.rest[len(op):] }

func (r *reader) ternary() (value, error) {
	v, err := r.logical()
	if err != nil || r.peek() != "?" {
		return v, err
	}
	r.take("?")
	yes, err := r.ternary()
	if err != nil {
		return v, err
	}
	if r.peek() != ":" {
		return v, errors.New(`a "?" has no ":"`)
	}
	r.take(":")
	no, err := r.ternary()
	if v.isTrue() {
		return yes, err
	}
	return no, err
}

// logical reads && and ||, which rpm gives one precedence, from the left.
func (r *reader) logical() (value, error) {
	v, err := r.relation()
	for err == nil {
		op := r.peek()
		if op != "&&" && op != "||" {
			break
		}
		r.take(op)
		var w value
		if w, err = r.relation(); err != nil {
			break
		}
		if (op == "&&") == v.isTrue() {
			v = w
		}
	}
	return v, err
}

func (r *reader) relation() (value, error) {
	v, err := r.sum()
	for err == nil {
		op := r.peek()
		if strings.IndexByte("=<>!", (op + " ")[0]) < 0 || op == "!" {
			break
		}
		r.take(op)
		var w value
		if w, err = r.sum(); err != nil {
			break
		}
		var order int
		if order, err = v.compare(w); err != nil {
			break
		}
		v = truthOf(op == "==" && order == 0 || op == "!=" && order != 0 || op == "<" && order < 0 ||
			op == ">" && order > 0 || op == "<=" && order <= 0 || op == ">=" && order >= 0)
	}
	return v, err
}

func (r *reader) sum() (value, error) { return r.chain("+", "-", r.product) }

func (r *reader) product() (value, error) { return r.chain("*", "/", r.single) }

// chain reads operands joined by two operators of one precedence.
func (r *reader) chain(a, b string, operand func() (value, error)) (value, error) {
	v, err := operand()
	for err == nil {
		op := r.peek()
		if op != a && op != b {
			break
		}
		r.take(op)
		var w value
		if w, err = operand(); err == nil {
			v, err = arithmetic(op, v, w)
		}
	}
	return v, err
}

func arithmetic(op string, v, w value) (value, error) {
	if v.kind == 's' && w.kind == 's' && op == "+" {
		return value{text: v.text + w.text, kind: 's'}, nil
	}
	if v.kind != 'n' || w.kind != 'n' {
		return v, fmt.Errorf("%s wants numbers", op)
	}
	switch op {
	case "+":
		return numberOf(v.number + w.number), nil
	case "-":
		return numberOf(v.number - w.number), nil
	case "*":
		return numberOf(v.number * w.number), nil
	}
	if w.number == 0 {
		return v, errors.New("a division by zero")
	}
	return numberOf(v.number / w.number), nil
}

// single reads a value, a sign before one, or an expression in parentheses.
func (r *reader) single() (value, error) {
	if r.depth++; r.depth > maxDepth {
		return value{}, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	defer func() { r.depth-- }()
	switch op := r.peek(); op {
	case "":
		return value{}, errNoValue
	case "!":
		r.take(op)
		v, err := r.single()
		return truthOf(!v.isTrue()), err
	case "-":
		r.take(op)
		v, err := r.single()
		if err == nil && v.kind != 'n' {
			err = errors.New("- wants a number")
		}
		return numberOf(-v.number), err
	case "(":
		r.take(op)
		v, err := r.ternary()
		if err == nil && r.peek() != ")" {
			err = errors.New("a parenthesis is not closed")
		}
		if err == nil {
			r.take(")")
		}
		return v, err
	case "value":
		return r.literal()
	default:
		return value{}, fmt.Errorf("%q stands where a value should", op)
	}
}

func (r *reader) literal() (value, error) {
	kind := byte('s')
	s := r.rest
	if strings.HasPrefix(s, `v"`) {
		kind, s = 'v', s[1:]
	}
	if s[0] == '"' {
		end := strings.IndexByte(s[1:], '"')
		if end < 0 {
			return value{}, errors.New("a string is not closed")
		}
		r.rest = s[end+2:]
		return value{text: s[1 : end+1], kind: kind}, nil
	}
	end := 0
	for end < len(s) && (isNameByte(s[end]) || s[end] == '.') {
		end++
	}
	word := s[:end]
	if word == "" {
		return value{}, fmt.Errorf("%.20q cannot be read", s)
	}
	r.rest = s[end:]
	if n, err := strconv.Atoi(word); err == nil {
		return numberOf(n), nil
	}
	if word[0] >= '0' && word[0] <= '9' {
		return value{}, fmt.Errorf("%q is no number", word)
	}
	return value{text: word, kind: 's'}, nil
}
