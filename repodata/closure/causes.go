package closure

import (
	"slices"
	"strings"
)

// cause is what packages of one repository have trouble with in the same way:
// requirements, or none for findings about files.
type cause struct {
	code         Code
	requirements []string
	near         []Near
	chain        []string // of the first package
	packages     []string
	followers    []string // packages that cannot be installed because of these
}

// causes groups problems by requirement, then requirements that exactly the same
// packages have, in the order in which they first appear.
func (c *Checked) causes() []*cause {
	type key struct {
		code Code
		text string // the requirement, or the packages that have it
	}
	var byRequirement, causes []*cause
	known := make(map[key]*cause)
	for _, p := range c.Problems {
		switch {
		case p.Code == Uninstallable:
			continue // see followers
		case p.Code == Conflict || len(p.Requirements) == 0:
			causes = append(causes, &cause{p.Code, p.Requirements, p.Near, p.Chain, []string{p.Package}, nil})
			continue
		}
		for _, req := range p.Requirements {
			k := key{p.Code, req}
			if known[k] == nil {
				known[k] = &cause{p.Code, []string{req}, p.nearOf(req), p.Chain, nil, nil}
				byRequirement = append(byRequirement, known[k])
			}
			known[k].packages = append(known[k].packages, p.Package)
		}
	}
	clear(known)
	for _, one := range byRequirement {
		k := key{one.code, strings.Join(one.packages, " ")}
		if same := known[k]; same != nil {
			same.requirements = append(same.requirements, one.requirements...)
			same.near = append(same.near, one.near...)
			continue
		}
		known[k] = one
		causes = append(causes, one)
	}
	return c.followers(causes)
}

// followers puts the packages that cannot be installed because of others under
// their causes, which the last line of their chains names. A cause in another
// repository has no problem of its own here, and is told by the shortest chain.
func (c *Checked) followers(causes []*cause) []*cause {
	byLine := make(map[string]*cause)
	for _, one := range causes {
		for _, line := range one.lines() {
			byLine[line] = one
		}
	}
	nearest := make(map[string]*Problem)
	var lines []string
	for i := range c.Problems {
		p := &c.Problems[i]
		line := p.cause()
		if line == "" || byLine[line] != nil {
			continue
		}
		if nearest[line] == nil {
			lines = append(lines, line)
			nearest[line] = p
		} else if len(p.Chain) < len(nearest[line].Chain) {
			nearest[line] = p
		}
	}
	for _, line := range lines {
		p := nearest[line]
		byLine[line] = &cause{p.Code, p.Requirements, p.Near, p.Chain, []string{p.Package}, nil}
		causes = append(causes, byLine[line])
	}
	for _, p := range c.Problems {
		if one := byLine[p.cause()]; one != nil && one.packages[0] != p.Package {
			one.followers = append(one.followers, p.Package)
		}
	}
	return causes
}

// cause is the last line of the chain of a package that only others keep from being
// installed, else empty.
func (p *Problem) cause() string {
	if p.Code != Uninstallable || len(p.Chain) == 0 {
		return ""
	}
	return p.Chain[len(p.Chain)-1]
}

// lines are the last lines of the chains that lead to a cause.
func (c *cause) lines() []string {
	if c.code == Conflict && len(c.chain) > 0 {
		return []string{causeLine(c.packages[0], c.chain[len(c.chain)-1])}
	}
	var lines []string
	for _, p := range c.packages {
		for _, r := range c.requirements {
			switch c.code {
			case MissingRequirement:
				lines = append(lines, missingLine(p, r))
			case BadDependency:
				lines = append(lines, unreadableLine(p, r))
			}
		}
	}
	return lines
}

func (p *Problem) nearOf(requirement string) []Near {
	return slices.DeleteFunc(slices.Clone(p.Near), func(n Near) bool { return n.Requirement != requirement })
}
