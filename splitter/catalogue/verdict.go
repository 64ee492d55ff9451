package catalogue

import (
	"cmp"
	"slices"

	"flatstream/repodata/closure"
)

// judge takes over what verify found.
func (s *site) judge() {
	if s.Verdict == nil {
		return
	}
	for i := range s.Verdict.Checked {
		c := &s.Verdict.Checked[i]
		f := s.byID[c.Repo]
		if f == nil {
			continue
		}
		f.Checked, f.Problems = true, len(c.Problems)
		for _, p := range c.Problems {
			if p.Known {
				f.Known++
			}
		}
		f.Causes = s.Verdict.Explain(c)
		slices.SortStableFunc(f.Causes, worse)
	}
}

// Limits of a page: what a broken night found must not make it too large to open.
const (
	maxCauses  = 200 // on the page of a repository
	maxFirst   = 8   // on the first page
	maxSame    = 40  // packages under one cause
	maxLine    = 400 // bytes of a line of explanation
	maxChanges = 400 // packages of one kind of change
)

// found is one cause on a page.
type found struct {
	closure.Explanation
	Flat *flat
}

// Also lists the first of the packages that share the cause's fate.
func (f found) Also() []string {
	return first(maxSame, append(append([]string{}, f.Same...), f.Followers...))
}

// More counts those that Also leaves out.
func (f found) More() int { return len(f.Same) + len(f.Followers) - len(f.Also()) }

// AlsoCount counts the packages that share the cause's fate.
func (f found) AlsoCount() int { return len(f.Same) + len(f.Followers) }

// Text is the explanation, a line each.
func (f found) Text() []string {
	var lines []string
	for _, l := range f.Lines {
		lines = append(lines, clip(maxLine, l))
	}
	return lines
}

func (f *flat) causes(n int) []found {
	var list []found
	for _, e := range first(n, f.Causes) {
		list = append(list, found{e, f})
	}
	return list
}

// worse puts what no baseline knows first, then what keeps most packages from being
// installed.
func worse(a, b closure.Explanation) int {
	weight := func(e closure.Explanation) int { return len(e.Same) + len(e.Followers) }
	switch {
	case a.Known && !b.Known:
		return 1
	case b.Known && !a.Known:
		return -1
	}
	return cmp.Compare(weight(b), weight(a))
}

// verdict is what the first page says of the last verify.
type verdict struct {
	Made     bool
	Checked  int // packages
	Repos    int
	Problems int
	Known    int
	Bad      []*flat // repositories with problems
	Causes   []found // the worst of them
	Left     int     // causes that are not in Causes
}

func (s *site) verdict() verdict {
	if s.Verdict == nil {
		return verdict{}
	}
	sum := s.Verdict.Summary
	v := verdict{Made: true, Checked: sum.Packages, Repos: sum.Repos, Problems: sum.Problems, Known: sum.Known}
	seen := map[string]bool{} // a view and non-modular often say the same
	for _, f := range s.flats {
		if f.Problems == 0 {
			continue
		}
		v.Bad = append(v.Bad, f)
		for _, c := range f.causes(len(f.Causes)) {
			key := c.Package + "\n" + c.Sentence
			if seen[key] {
				continue
			}
			seen[key] = true
			v.Causes = append(v.Causes, c)
		}
	}
	slices.SortStableFunc(v.Causes, func(a, b found) int { return worse(a.Explanation, b.Explanation) })
	all := len(v.Causes)
	v.Causes = first(maxFirst, v.Causes)
	v.Left = all - len(v.Causes)
	return v
}
