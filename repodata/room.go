package repodata

import "slices"

// room is memory for lists that are filled one after the other, and given up all at
// once. A list that does not fit any more makes a room of its own; the next time, all
// of them fit. The zero value is ready.
type room[T any] struct {
	all  []T // from its beginning
	open []T // the list that is being filled
	used int // by those before
}

// leastRoom is how many the first room holds.
const leastRoom = 256

func (r *room[T]) add(one T) { r.open = append(r.open, one) }

// drop gives up the list that is being filled.
func (r *room[T]) drop() { r.open = r.open[:0] }

// keep ends the list and returns it, nil when it is empty: where it stands, which is
// taken at the next reset, or else a copy.
func (r *room[T]) keep(here bool) []T {
	n := len(r.open)
	if n == 0 {
		return nil
	}
	if !here {
		return slices.Clone(r.open)
	}
	list := r.open[:n:n]
	r.open, r.used = r.open[n:], r.used+n
	return list
}

// reset gives up all lists.
func (r *room[T]) reset() {
	if r.all == nil || r.used > cap(r.all) {
		r.all = make([]T, 0, max(r.used+r.used/4, leastRoom))
	}
	r.open, r.used = r.all[:0], 0
}
