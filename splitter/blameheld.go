package splitter

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"flatstream/repodata"
)

// Held is a package file that a repository has in moments one after another.
type Held struct {
	Repo     string // as in [Moment.Repos]
	Checksum string // digits of the package file's; empty where it is not known
	From, To int    // from moments[From] on, before moments[To]
}

// holdings say which packages a repository has when. What a package file provides never
// changes, so that a few moments, in which every one of the files is somewhere, tell about
// all the others, whatever came, went and came back between them.
type holdings struct {
	files []string // digits, by number
	of    map[string][]holding
	// unsure are the repositories of which it was seen that their packages are others, or
	// of which a file has no checksum: each of their states is read.
	unsure map[string]bool
	read   map[string]bool // the repositories of which it was seen that they are the same
}

type holding struct {
	file     int32
	from, to int
}

func newHoldings(held []Held) *holdings {
	if held == nil {
		return nil
	}
	h := &holdings{of: map[string][]holding{}, unsure: map[string]bool{}, read: map[string]bool{}}
	numbers := map[string]int32{}
	for _, one := range held {
		if one.Checksum == "" {
			h.unsure[one.Repo] = true
		}
		n, known := numbers[one.Checksum]
		if !known {
			n = int32(len(h.files))
			numbers[one.Checksum], h.files = n, append(h.files, one.Checksum)
		}
		h.of[one.Repo] = append(h.of[one.Repo], holding{n, one.From, one.To})
	}
	return h
}

// fresh is a state of a repository of which something is to be found out.
type fresh struct {
	sum string
	at  int // a moment that has it
	place
}

// finding is what was found of words in one state, by package file.
type finding struct {
	files  map[string]bool // all files of its packages, by their digits
	sights []map[string]*sight
}

// learn finds out what repositories have of words from as few of their states as tell it,
// and notes it for those whose packages are known. The others are left to be read.
func (b *blamer) learn(ctx context.Context, states []*state, todo []fresh, words []lookup) error {
	h := b.held
	if h == nil {
		return nil
	}
	h.trust(states)
	failed := map[string]bool{}
	known := make([]bool, len(h.files))
	found := make([]map[string]*sight, len(words))
	for i := range found {
		found[i] = map[string]*sight{}
	}
	for {
		reads := h.plan(todo, known, failed)
		if len(reads) == 0 {
			break
		}
		results := make([]*finding, len(reads))
		group, within := errgroup.WithContext(ctx)
		group.SetLimit(b.workers())
		for i, r := range reads {
			group.Go(func() error {
				results[i], _ = r.find(within, words) // a state that cannot be read is read again, and then its error counts
				return within.Err()
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for i, r := range reads {
			if results[i] == nil {
				failed[r.sum] = true
				continue
			}
			if h.read[r.path] = h.agrees(r, results[i].files); !h.read[r.path] {
				h.unsure[r.path] = true
			}
			for w := range words {
				maps.Copy(found[w], results[i].sights[w])
			}
			h.cover(r, known, results[i].files)
		}
	}
	b.apply(todo, known, found, words)
	return nil
}

// trust compares what a target's report says with the files that are there.
func (h *holdings) trust(states []*state) {
	for _, s := range states {
		counts := map[string]int{}
		for p := range s.reports {
			for _, one := range h.of[p] {
				if one.holds(s.at) {
					counts[p]++
				}
			}
			if _, have := s.Repos[p]; have && counts[p] != s.reports[p].Packages {
				h.unsure[p] = true
			} else {
				h.read[p] = true
			}
		}
	}
}

func (o holding) holds(moment int) bool { return o.from <= moment && moment < o.to }

// plan chooses states to read until every file is in one: always the one that has the
// most files that are in none yet.
func (h *holdings) plan(todo []fresh, known []bool, failed map[string]bool) []fresh {
	covered := slices.Clone(known)
	paths := map[string][]fresh{}
	moments := 0
	for _, f := range todo {
		if !h.unsure[f.path] && !failed[f.sum] {
			paths[f.path], moments = append(paths[f.path], f), max(moments, f.at+1)
		}
	}
	var reads []fresh
	seen := maps.Clone(h.read)
	for {
		var best fresh
		most := 0
		for _, p := range slices.Sorted(maps.Keys(paths)) {
			missing := h.missing(p, covered, moments)
			for _, f := range paths[p] {
				n := missing[f.at]
				if !seen[p] {
					n++ // it is not known yet whether its packages are its files
				}
				if n > most {
					best, most = f, n
				}
			}
		}
		if most == 0 {
			return reads
		}
		reads, seen[best.path] = append(reads, best), true
		h.cover(best, covered, nil)
	}
}

// missing counts the files of a repository that are not covered, moment by moment.
func (h *holdings) missing(p string, covered []bool, moments int) []int {
	counts := make([]int, moments+1)
	for _, one := range h.of[p] {
		if !covered[one.file] && one.from < moments {
			counts[one.from]++
			counts[min(one.to, moments)]--
		}
	}
	for i := 1; i < len(counts); i++ {
		counts[i] += counts[i-1]
	}
	return counts
}

// cover marks the files of a state, or those of them that only holds.
func (h *holdings) cover(f fresh, covered []bool, only map[string]bool) {
	for _, one := range h.of[f.path] {
		if one.holds(f.at) && (only == nil || only[h.files[one.file]]) {
			covered[one.file] = true
		}
	}
}

// agrees says whether the packages of a state are the files that it is said to have.
func (h *holdings) agrees(f fresh, have map[string]bool) bool {
	n := 0
	for _, one := range h.of[f.path] {
		if one.holds(f.at) {
			if !have[h.files[one.file]] {
				return false
			}
			n++
		}
	}
	return n >= len(have)
}

// find looks for words in one state, of which it says nothing unless all of it was read.
func (f fresh) find(ctx context.Context, words []lookup) (*finding, error) {
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	result := &finding{files: map[string]bool{}, sights: make([]map[string]*sight, len(words))}
	for i := range words {
		result.sights[i] = map[string]*sight{}
	}
	err = eachMatch(ctx, r, words, result.files, func(i int, p *repodata.Package, how string) {
		s := result.sights[i][p.PkgID.Hex]
		if s == nil {
			s = newSight()
			result.sights[i][p.PkgID.Hex] = s
		}
		s.take(p.NEVRA, p.PkgID, how)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// apply notes what each state has whose files are all known.
func (b *blamer) apply(todo []fresh, known []bool, found []map[string]*sight, words []lookup) {
	h := b.held
	unknown, matching := map[string][]holding{}, map[string][]holding{}
	for p, list := range h.of {
		for _, one := range list {
			if !known[one.file] {
				unknown[p] = append(unknown[p], one)
			} else if slices.ContainsFunc(found, func(of map[string]*sight) bool { return of[h.files[one.file]] != nil }) {
				matching[p] = append(matching[p], one)
			}
		}
	}
	for _, f := range todo {
		at := func(one holding) bool { return one.holds(f.at) }
		if h.unsure[f.path] || slices.ContainsFunc(unknown[f.path], at) {
			continue
		}
		sights := make([]*sight, len(words))
		for w := range words {
			sights[w] = newSight()
			for _, one := range matching[f.path] {
				if s := found[w][h.files[one.file]]; s != nil && at(one) {
					for n, id := range s.Packages {
						sights[w].take(n, id, s.how[n.String()])
					}
				}
			}
		}
		r, err := f.open()
		if err == nil {
			err = b.modules.addBuilds(r, words, sights)
		}
		if err != nil {
			continue // it is read by itself, and then its error counts
		}
		for w := range words {
			b.sights[sightKey{f.sum, words[w].word}] = sights[w]
		}
	}
}
