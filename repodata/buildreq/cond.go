package buildreq

import (
	"fmt"
	"slices"
	"strings"
)

// truth is what is known of a condition.
type truth uint8

const (
	no truth = iota
	yes
	unknown
)

// cond is one open %if.
type cond struct {
	line    int
	reading truth
	taken   truth  // some branch so far was, or may have been
	macro   *guess // what makes it unknown
	isElse  bool   // %else was there
}

// reading says whether lines count here, which all open conditions decide.
func (p *parser) reading() truth {
	all := yes
	for _, c := range p.conds {
		if c.reading == no {
			return no
		}
		if c.reading == unknown {
			all = unknown
		}
	}
	return all
}

// conditions begin and end branches.
var conditions = []string{"%if", "%ifarch", "%ifnarch", "%ifos", "%ifnos", "%elif", "%elifarch", "%elifos", "%else", "%endif"}

// condition takes %if and its kin; done is false for any other line.
func (p *parser) condition(n int, word, rest string) (done bool, err error) {
	switch word {
	case "%if", "%ifarch", "%ifnarch", "%ifos", "%ifnos":
		c := cond{line: n, reading: no}
		if p.reading() != no {
			if c.reading, c.macro, err = p.judge(word, rest); err != nil {
				return true, fmt.Errorf("line %d: %w", n, err)
			}
		}
		c.taken = c.reading
		p.conds = append(p.conds, c)
	case "%elif", "%elifarch", "%elifos":
		err = p.orElse(n, "%"+strings.TrimPrefix(word, "%el"), rest)
	case "%else":
		err = p.orElse(n, "", "")
	case "%endif":
		if len(p.conds) == 0 {
			return true, fmt.Errorf("line %d: this %%endif has no %%if", n)
		}
		p.conds = p.conds[:len(p.conds)-1]
	default:
		return false, nil
	}
	return true, err
}

// orElse goes on to the next branch of the innermost condition; word is empty for
// %else.
func (p *parser) orElse(n int, word, rest string) error {
	if len(p.conds) == 0 {
		return fmt.Errorf("line %d: this %%else has no %%if", n)
	}
	c := p.conds[len(p.conds)-1]
	if c.isElse {
		return fmt.Errorf("line %d: this branch stands after the %%else of line %d", n, c.line)
	}
	outer := parser{conds: p.conds[:len(p.conds)-1]}
	value, macro := yes, (*guess)(nil)
	if word != "" && c.taken != yes && outer.reading() != no {
		var err error
		if value, macro, err = p.judge(word, rest); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	switch {
	case c.taken == yes:
		value = no
	case c.taken == unknown && value == yes:
		value = unknown // it counts when none before does
	}
	if value == unknown && c.macro == nil {
		c.macro = macro
	}
	c.reading, c.isElse = value, word == ""
	c.taken = max(c.taken, value)
	if value == yes {
		c.taken = yes
	}
	p.conds[len(p.conds)-1] = c
	return nil
}

// judge decides one condition.
func (p *parser) judge(word, rest string) (truth, *guess, error) {
	text, err := p.macros.expand(rest)
	if err != nil {
		return no, nil, err
	}
	switch word {
	case "%ifarch", "%ifnarch":
		v, g := p.oneOf(text, "_target_cpu")
		return negated(v, word == "%ifnarch"), g, nil
	case "%ifos", "%ifnos":
		v, g := p.oneOf(text, "_target_os")
		return negated(v, word == "%ifnos"), g, nil
	}
	if g, found := p.macros.unknownIn(text); found {
		return unknown, g, nil
	}
	v, err := evaluate(text)
	if err != nil {
		return no, nil, fmt.Errorf("the condition %q cannot be read: %w", text, err)
	}
	if v.isTrue() {
		return yes, nil, nil
	}
	return no, nil, nil
}

// oneOf says whether a macro's value is one of the words.
func (p *parser) oneOf(words, name string) (truth, *guess) {
	d, known := p.macros.defined[name]
	if !known || d.unknown != nil {
		return unknown, &guess{text: "%{" + name + "}"}
	}
	list := strings.FieldsFunc(words, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
	if slices.Contains(list, d.body) {
		return yes, nil
	}
	if g, found := p.macros.unknownIn(words); found {
		return unknown, g
	}
	return no, nil
}

func negated(v truth, not bool) truth {
	if not && v != unknown {
		return yes - v
	}
	return v
}

// unknownDefinition takes %global and its kin in a branch that nobody can decide: the
// macro's value is unknown from there on. It is false for any other line.
func (p *parser) unknownDefinition(word, rest string) bool {
	name, _ := firstWord(rest)
	name, _, _ = strings.Cut(name, "(")
	switch {
	case word == "%global" || word == "%define":
	case strings.HasPrefix(word, "%bcond"):
		name = "with_" + name
	default:
		return false
	}
	p.macros.setUnknown(name, p.blameGuess())
	return true
}

func (p *parser) blameGuess() *guess {
	for _, c := range p.conds {
		if c.reading == unknown && c.macro != nil {
			return c.macro
		}
	}
	return &guess{text: "%if"}
}
