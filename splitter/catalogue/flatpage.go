package catalogue

import (
	"slices"
	"strings"

	"flatstream/splitter"
)

// maxBeside is how many of the repositories beside a stream its page lists: in a
// distribution with hundreds of default streams these lists were most of all pages.
const maxBeside = 20

// flatPage is what the template flat shows: one repository.
type flatPage struct {
	frame
	*flat
	Letters    []*letter
	Siblings   []*flat // streams of the same module, this one too
	Install    *install
	Listed     []listed // packages by name; empty for merged repositories, which have thousands
	Needs      []*flat  // that the module declares
	Beside     []*flat  // that it needs besides: default streams, non-modular
	BesideLeft int      // of these, that are not shown
	Unknown    []string // required ids that have no page
	Graph      *graph
	Causes     []found
	Left       int // causes that are not shown
	Since      string
	Hidden     []hidden
}

// listed is one package name of a stream.
type listed struct {
	Name   string
	Builds []nevra
	Broken bool // some build has a problem
}

// hidden are the packages that one stream hides.
type hidden struct {
	By     string
	Flat   *flat
	NEVRAs []string
}

func (s *site) flatPage(f *flat) *flatPage {
	p := &flatPage{
		frame: newFrame(f.Page, f.Title+": flat repository", f.Summary), flat: f, Letters: s.letters, Install: s.install(f),
		Causes: f.causes(maxCauses), Hidden: s.hiddenBy(f),
	}
	p.Left = len(f.Causes) - len(p.Causes)
	if s.Earlier != nil {
		p.Since = s.Earlier.Name
	}
	for _, id := range f.Requires {
		needed := s.byID[id]
		switch {
		case needed == nil:
			p.Unknown = append(p.Unknown, id)
		case slices.Contains(f.Declared, id):
			p.Needs = append(p.Needs, needed)
		default:
			p.Beside = append(p.Beside, needed)
		}
	}
	p.BesideLeft = len(p.Beside) - len(first(maxBeside, p.Beside))
	p.Beside = first(maxBeside, p.Beside)
	if f.Kind != splitter.KindStream {
		return p
	}
	p.Listed = f.listed()
	p.Graph = newGraph(f, p.Needs)
	for _, m := range s.modules {
		if m.Name == f.Module {
			p.Siblings = m.Streams
		}
	}
	return p
}

// listed sorts a stream's packages by name.
func (f *flat) listed() []listed {
	broken := map[string]bool{}
	for _, c := range f.Causes {
		for _, p := range slices.Concat([]string{c.Package}, c.Same, c.Followers) {
			broken[nameOf(p)] = true
		}
	}
	byName := map[string]int{}
	var list []listed
	for _, p := range f.Holds {
		i, known := byName[p.Name]
		if !known {
			i = len(list)
			byName[p.Name] = i
			list = append(list, listed{Name: p.Name, Broken: broken[p.Name]})
		}
		list[i].Builds = append(list[i].Builds, p)
	}
	slices.SortFunc(list, func(a, b listed) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (s *site) hiddenBy(f *flat) []hidden {
	at := map[string]int{}
	var list []hidden
	for _, h := range f.Hidden {
		i, known := at[h.By]
		if !known {
			i = len(list)
			at[h.By] = i
			list = append(list, hidden{By: h.By, Flat: s.stream(h.By)})
		}
		list[i].NEVRAs = append(list[i].NEVRAs, h.NEVRA)
	}
	return list
}

// letterPage is what the template letter shows.
type letterPage struct {
	frame
	*letter
	Letters []*letter
}

func (s *site) letterPage(l *letter) *letterPage {
	return &letterPage{newFrame(l.Page, "Packages: "+l.Name, ""), l, s.letters}
}
