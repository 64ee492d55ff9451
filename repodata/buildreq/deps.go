package buildreq

import (
	"fmt"
	"strings"

	"flatstream/repodata/rpmdep"
)

// SplitRelations reads the value of a BuildRequires tag: relations separated by blanks or
// commas, "name OP version" being one, and rich ones in their parentheses
// (build/parseReqs.c). Each comes back in the form of rpmdep.
func SplitRelations(s string) ([]string, error) {
	var deps []string
	for {
		s = strings.TrimLeft(s, " \t\n\r,")
		if s == "" {
			return deps, nil
		}
		if s[0] == '(' {
			n := closing(s)
			if n == 0 {
				return nil, fmt.Errorf("a rich dependency is not closed: %.80q", s)
			}
			e, err := rpmdep.ParseRich(s[:n])
			if err != nil {
				return nil, fmt.Errorf("the rich dependency %.80q cannot be read: %w", s[:n], err)
			}
			deps, s = append(deps, e.String()), s[n:]
			continue
		}
		dep, rest, err := oneDep(s)
		if err != nil {
			return nil, err
		}
		deps, s = append(deps, dep), rest
	}
}

// oneDep takes a plain relation off the front of s.
func oneDep(s string) (dep, rest string, err error) {
	name, rest := token(s)
	if c := name[0]; !isNameByte(c) && c != '/' && c != '.' {
		return "", "", fmt.Errorf("%q cannot be the name of a build requirement", name)
	}
	op, after := token(rest)
	if _, err := rpmdep.ParseOp(op); op == "" || err != nil {
		if op != "" && strings.Trim(op, "<>=") == "" {
			return "", "", fmt.Errorf("%q is no operator of a version", op)
		}
		return name, rest, nil
	}
	version, after := token(after)
	if version == "" {
		return "", "", fmt.Errorf("%s %s has no version", name, op)
	}
	d, err := rpmdep.Parse(name + " " + op + " " + version)
	if err != nil {
		return "", "", err
	}
	return d.String(), after, nil
}

// token takes a word off the front of s.
func token(s string) (word, rest string) {
	s = strings.TrimLeft(s, " \t\n\r")
	i := strings.IndexAny(s, " \t\n\r,")
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}
