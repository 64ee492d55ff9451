package buildreq

import (
	"fmt"
	"slices"
	"strings"
)

// parser walks the lines of one spec.
type parser struct {
	spec     *Spec
	macros   *macros
	conds    []cond
	preamble bool // in the preamble or after %package, where tags count
}

// line takes one line, joined but not expanded. As in rpm it is expanded whole and
// then split again, so that a macro may bring conditions and tags.
func (p *parser) line(n int, joined string) (err error) {
	word, rest := firstWord(joined)
	defines := word == "%global" || word == "%define"
	switch reading := p.reading(); {
	case reading == unknown:
		if p.unknownDefinition(word, rest) {
			return nil
		}
	case reading == yes && (p.preamble || defines) && !slices.Contains(conditions, word):
		if joined, err = p.macros.expand(joined); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	for one := range strings.SplitSeq(joined, "\n") {
		if err := p.single(n, one); err != nil {
			return err
		}
	}
	return nil
}

// single takes one line, expanded where it matters.
func (p *parser) single(n int, line string) error {
	word, rest := firstWord(line)
	if done, err := p.condition(n, word, rest); done || err != nil {
		return err
	}
	reading := p.reading()
	switch {
	case reading == no:
	case section(word):
		p.preamble = word == "%package"
		if word == "%generate_buildrequires" {
			p.spec.Dynamic = true
		}
	case !p.preamble || strings.HasPrefix(word, "#") || word == "%dnl":
	case reading == unknown:
		return p.unknownTag(n, line)
	default:
		return p.tag(n, line)
	}
	return nil
}

func firstWord(line string) (word, rest string) {
	line = strings.TrimLeft(line, " \t")
	i := strings.IndexAny(line, " \t\n")
	if i < 0 {
		return strings.TrimRight(line, "\r"), ""
	}
	return line[:i], strings.TrimSpace(line[i:])
}

// sections begin at a word of their own (build/parseSpec.c, partList); those in
// which tags count are the preamble and %package.
var sections = []string{
	"%package", "%description", "%prep", "%conf", "%generate_buildrequires", "%build", "%install", "%check", "%clean",
	"%preun", "%postun", "%pretrans", "%posttrans", "%pre", "%post", "%preuntrans", "%postuntrans", "%files", "%changelog",
	"%triggerpostun", "%triggerprein", "%triggerun", "%triggerin", "%trigger", "%verifyscript", "%sourcelist", "%patchlist",
	"%filetriggerin", "%filetrigger", "%filetriggerun", "%filetriggerpostun",
	"%transfiletriggerin", "%transfiletrigger", "%transfiletriggerun", "%transfiletriggerpostun",
}

func section(word string) bool { return slices.Contains(sections, word) }

// splitTag reads "Tag: value"; ok is false for anything else.
func splitTag(line string) (tag, value string, ok bool) {
	tag, value, ok = strings.Cut(line, ":")
	if !ok {
		return "", "", false
	}
	tag, _, _ = strings.Cut(tag, "(") // BuildRequires(x) is one, too
	return strings.ToLower(strings.TrimSpace(tag)), strings.TrimSpace(value), true
}

// buildTags are the tags about the build; true for what must be there.
var buildTags = map[string]bool{"buildrequires": true, "buildprereq": true, "buildconflicts": false}

// unknownTag refuses a build requirement of which nobody knows whether it counts.
func (p *parser) unknownTag(n int, line string) error {
	tag, _, _ := splitTag(line)
	if _, build := buildTags[tag]; build {
		return p.blame(n)
	}
	return nil
}

// blame names the condition that cannot be decided.
func (p *parser) blame(n int) error {
	for _, c := range p.conds {
		if c.reading == unknown {
			return &UnknownError{Line: c.line, Macro: c.macro.text, Why: c.macro.why}
		}
	}
	return fmt.Errorf("line %d: a condition around it cannot be decided", n)
}

// tag takes one expanded line of the preamble.
func (p *parser) tag(n int, line string) error {
	tag, value, ok := splitTag(line)
	if !ok {
		return nil
	}
	switch tag {
	case "name", "version", "release", "epoch":
		p.setName(tag, value)
		return nil
	}
	needed, build := buildTags[tag]
	if !build {
		return nil
	}
	if m, found := p.macros.unknownIn(value); found {
		return &UnknownError{Line: n, Macro: m.text, Why: m.why}
	}
	deps, err := SplitRelations(value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n, err)
	}
	list := &p.spec.Requires
	if !needed {
		list = &p.spec.Conflicts
	}
	for _, d := range deps {
		if !slices.Contains(*list, d) {
			*list = append(*list, d)
		}
	}
	return nil
}

// setName takes a tag of the main package, which is a macro from there on. Those of
// a %package are not looked at, since the first one counts.
func (p *parser) setName(tag, value string) {
	fields := map[string]*string{"name": &p.spec.Name, "version": &p.spec.Version, "release": &p.spec.Release}
	if _, taken := p.macros.defined[tag]; taken {
		return
	}
	if f := fields[tag]; f != nil {
		*f = p.macros.plain(value)
	}
	p.macros.set(tag, value)
	p.macros.set(strings.ToUpper(tag), value)
}
