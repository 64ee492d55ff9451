package rpmdep

import "fmt"

// Op is a set of the three signs that stand between a name and an EVR. The zero
// value says that the relation has no version.
type Op uint8

// The three signs. Less|Equal is "<=", Less|Greater is "<>".
const (
	Less Op = 1 << iota
	Greater
	Equal
)

// signs are rpm's spellings, by Op; "<>" is in rpm's tables of tests only.
var signs = [8]string{
	Less: "<", Greater: ">", Equal: "=",
	Less | Equal: "<=", Greater | Equal: ">=", Less | Greater: "<>", Less | Greater | Equal: "<=>",
}

// String is the operator as rpm prints it; empty for the zero value.
func (o Op) String() string { return signs[o&(Less|Greater|Equal)] }

// ParseOp reads an operator as it stands in a spec: < <= =< = == >= => > and <>.
func ParseOp(s string) (Op, error) {
	if op := opOf(s); op != 0 {
		return op, nil
	}
	return 0, fmt.Errorf("%q is not an operator (< <= = >= >)", s)
}

// opOf is the operator that a word is, 0 for none.
func opOf(s string) Op {
	switch s {
	case "<":
		return Less
	case "<=", "=<":
		return Less | Equal
	case "=", "==":
		return Equal
	case ">=", "=>":
		return Greater | Equal
	case ">":
		return Greater
	case "<>":
		return Less | Greater
	}
	return 0
}

// ParseFlags reads the flags attribute of an rpm:entry as createrepo_c writes it:
// LT, LE, EQ, GE or GT. The empty string is no Op, so any version.
func ParseFlags[T string | []byte](s T) (Op, error) {
	switch string(s) {
	case "":
		return 0, nil
	case "EQ":
		return Equal, nil
	case "GE":
		return Greater | Equal, nil
	case "LT":
		return Less, nil
	case "LE":
		return Less | Equal, nil
	case "GT":
		return Greater, nil
	}
	return 0, fmt.Errorf("%q is not a comparison flag (EQ, LT, LE, GT, GE)", s)
}
