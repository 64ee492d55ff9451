package catalogue

import (
	"cmp"
	"slices"
	"strings"

	"flatstream/splitter"
)

// frame is what all pages have: the title and the way to the top of the target.
type frame struct {
	Head  string
	Root  string // "", or a number of "../"
	Home  string // the first page, from here
	About string // for search results and links that are shown elsewhere
}

func newFrame(page, title, about string) frame {
	root := strings.Repeat("../", strings.Count(page, "/"))
	return frame{title, root, link(root, PageName), about}
}

// indexPage is what the template index shows.
type indexPage struct {
	frame
	*splitter.Report
	Name     string // what this is a catalogue of
	Modules  []*module
	Streams  int // repositories
	Merged   []*flat
	Packages int // different ones
	Letters  []*letter
	Initials string // their names, for the script
	Verdict  verdict
	Changes  changes
	Start    *install // how to use the default view; nil: there is none
	HasEnd   bool     // some stream names the end of its life
}

func (s *site) indexPage() *indexPage {
	p := &indexPage{
		Report: s.Report, Name: strings.Join(slices.DeleteFunc([]string{s.Report.Platform, s.Report.Arch}, func(t string) bool { return t == "" }), " "),
		Modules: s.modules, Merged: s.merged(), Letters: s.letters, Verdict: s.verdict(), Changes: s.changes(),
	}
	p.frame = newFrame(PageName, cmp.Or(p.Name, "flatstream")+": streams as ordinary repositories", "Module streams as ordinary RPM repositories: what there is, and how to install it.")
	for _, m := range s.modules {
		p.Streams += len(m.Streams)
		for _, f := range m.Streams {
			p.HasEnd = p.HasEnd || len(f.Ends()) > 0
		}
	}
	var initials []string
	for _, l := range s.letters {
		initials = append(initials, l.Name)
	}
	p.Initials = strings.Join(initials, " ")
	p.Packages = s.packages()
	for _, f := range s.flats {
		if f.Kind == splitter.KindDefault {
			p.Start = s.install(f)
		}
	}
	return p
}

// packages counts the different packages of all repositories.
func (s *site) packages() int {
	seen := map[nevra]bool{}
	for _, f := range s.flats {
		for _, p := range f.Holds {
			seen[p] = true
		}
	}
	return len(seen)
}
