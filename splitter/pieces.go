package splitter

import (
	"iter"
	"slices"
	"sync"

	"flatstream/repodata"
)

// Large repositories of a target have most of their packages in common: default and
// every view are non-modular and some more. What they have in common is compressed once.
// The sequence of packages is cut behind some of them, which their checksums choose, so
// that it depends on nothing but the repository what its bytes are, and yet the cuts of
// two repositories meet again behind each difference. What lies between two cuts is a
// piece; what lies before the first and after the last is not, so small repositories
// have none.

const (
	// minPiece is how many packages make a piece: each begins with an empty window.
	minPiece = 128
	// maxPiece bounds the memory of one.
	maxPiece = 4096
)

// cutsBehind says whether a piece may end with this package: one of 512 does.
func cutsBehind(pkgid string) bool { return len(pkgid) > 2 && pkgid[:2] == "00" && pkgid[2] < '8' }

// cuts are the numbers of members behind which a repository is cut.
func (p *Plan) cuts(members []int32) []int {
	var all []int
	last := 0
	for i, m := range members {
		k := &p.pkgs[m]
		next := i + 1
		if next-last >= minPiece && (cutsBehind(k.pkgid) || next-last == maxPiece) ||
			next < len(members) && p.pkgs[members[next]].source != k.source {
			all = append(all, next)
			last = next
		}
	}
	return all
}

// piece is what several repositories hold.
type piece struct {
	members []int32
	users   int // repositories that hold it

	mu     sync.Mutex
	places []placed // what primary's elements say in the form that is kept
	files  [len(elementTypes)]struct {
		packed []byte // waits for the other users
		taken  int
	}
}

type pieceKey struct{ first, last int32 }

// findPieces finds the pieces that more than one of these repositories hold.
func (p *Plan) findPieces(queue []*batch) map[pieceKey]*piece {
	all := map[pieceKey]*piece{}
	for _, b := range queue {
		members := b.first.members
		if len(members) < 2*minPiece {
			continue
		}
		cuts := p.cuts(members)
		for i := 1; i < len(cuts); i++ {
			run := members[cuts[i-1]:cuts[i]]
			key := pieceKey{run[0], run[len(run)-1]}
			if x := all[key]; x == nil {
				all[key] = &piece{members: run, users: 1}
			} else if slices.Equal(x.members, run) {
				x.users++
			}
		}
	}
	return all
}

// runs streams the members' elements of one type, in the members' order.
func (s *splitting) runs(elements func(from, to int) iter.Seq2[[]byte, error], t int, f *Flat, places []placed) iter.Seq2[repodata.Run, error] {
	return func(yield func(repodata.Run, error) bool) {
		one := func(from, to int) bool {
			for raw, err := range elements(from, to) {
				if !yield(repodata.Run{Lines: raw, Count: 1}, err) {
					return false
				}
			}
			return true
		}
		last := 0
		var lines []byte
		for i, cut := range s.cuts(f.members) {
			from := last
			last = cut
			if i == 0 || cut-from < minPiece {
				if !one(from, cut) {
					return
				}
				continue
			}
			var err error
			if lines, err = s.lines(lines[:0], t, f.members[from:cut], elements(from, cut)); err != nil {
				yield(repodata.Run{}, err)
				return
			}
			run := repodata.Run{Lines: lines[:len(lines)-1], Count: cut - from}
			run.Share = s.share(t, f.members[from:cut], places[from:cut])
			if !yield(run, nil) {
				return
			}
		}
		one(last, len(f.members))
	}
}

// lines appends the elements of a piece, each with a newline behind it. What lies side
// by side in the source, and is not primary, is read as it lies.
func (s *splitting) lines(dst []byte, t int, members []int32, elements iter.Seq2[[]byte, error]) ([]byte, error) {
	if spool := s.spools.of(t, s.pkgs[members[0]].source); spool != nil && elementTypes[t] != repodata.TypePrimary {
		positions, err := s.positions(t, spool, members)
		if err != nil {
			return nil, err
		}
		side := 1
		for side < len(positions) && positions[side] == positions[0]+side {
			side++
		}
		if side == len(positions) {
			return spool.AppendLines(dst, positions[0], positions[0]+side)
		}
	}
	for raw, err := range elements {
		if err != nil {
			return nil, err
		}
		dst = append(append(dst, raw...), '\n')
	}
	return dst, nil
}

// share keeps what a piece is compressed to until all who hold it have taken it.
func (s *splitting) share(t int, members []int32, places []placed) func(func([]byte) ([]byte, error)) error {
	x := s.pieces[pieceKey{members[0], members[len(members)-1]}]
	if x == nil || x.users == 1 || !slices.Equal(x.members, members) {
		return func(write func([]byte) ([]byte, error)) error { _, err := write(nil); return err }
	}
	return func(write func([]byte) ([]byte, error)) error {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.places == nil {
			x.places = places
		}
		kept := &x.files[t]
		packed := kept.packed
		same := elementTypes[t] != repodata.TypePrimary || slices.Equal(x.places, places)
		if !same {
			packed = nil
		}
		packed, err := write(packed)
		if kept.taken++; kept.taken == x.users {
			kept.packed = nil
		} else if same && kept.packed == nil {
			kept.packed = slices.Clone(packed)
		}
		return err
	}
}
