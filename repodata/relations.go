package repodata

import (
	"fmt"
	"strings"

	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// ParseRelations reads relations as a spec file writes them: "name", "name >= 1:2-3",
// or a rich dependency in parentheses.
func ParseRelations(texts []string) ([]Relation, error) {
	var list []Relation
	for _, text := range texts {
		if rich := strings.HasPrefix(text, "("); rich {
			if _, err := rpmdep.ParseRich(text); err != nil {
				return nil, fmt.Errorf("relation %.200q: %w", text, err)
			}
			list = append(list, Relation{Dep: rpmdep.Dep{Name: text}, Rich: true})
			continue
		}
		d, err := rpmdep.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("relation %.200q: %w", text, err)
		}
		list = append(list, Relation{Dep: d})
	}
	return list, nil
}

// relations is the list of that name, nil for none.
func (p *Package) relations(name string) *[]Relation {
	switch name {
	case "provides":
		return &p.Provides
	case "requires":
		return &p.Requires
	case "conflicts":
		return &p.Conflicts
	case "obsoletes":
		return &p.Obsoletes
	case "recommends":
		return &p.Recommends
	case "suggests":
		return &p.Suggests
	case "supplements":
		return &p.Supplements
	case "enhances":
		return &p.Enhances
	}
	return nil
}

func (x *primaryParser) entry() error {
	r := Relation{}
	var epoch uint32
	for {
		key, value, more := x.m.attr()
		if !more {
			break
		}
		var err error
		switch string(key) {
		case "name":
			if x.d.providing != nil && !x.d.providing[string(value)] {
				return nil
			}
			r.Name = x.d.intern(value)
		case "flags":
			r.Op, err = rpmdep.ParseFlags(value)
		case "epoch":
			if len(value) != 1 || value[0] != '0' {
				epoch, err = rpmver.ParseEpoch(string(value))
			}
		case "ver":
			r.EVR.Version = x.versionText(value, x.p.Version)
		case "rel":
			r.EVR.Release = x.versionText(value, x.p.Release)
		case "pre":
			r.Pre = len(value) == 1 && value[0] == '1'
		}
		if err != nil {
			return fmt.Errorf("relation %q: %w", r.Name, err)
		}
	}
	if r.Name == "" {
		return fmt.Errorf("a relation has no name")
	}
	if r.EVR.Epoch = epoch; r.Op == 0 || r.EVR.Version == "" {
		r.Op, r.EVR = 0, rpmver.EVR{}
	}
	r.Rich = r.Name[0] == '('
	x.d.relations.add(r)
	return nil
}

// versionText saves a lookup: most versions in an element are the package's own.
func (x *primaryParser) versionText(value []byte, own string) string {
	if string(value) == own {
		return own
	}
	return x.d.intern(value)
}
