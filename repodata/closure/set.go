package closure

import (
	"math/bits"
	"slices"
)

// set is a set of package ids, one bit each. Ids beyond its length are not in it.
type set []uint64

func (s set) has(id int32) bool {
	w := int(id >> 6)
	return w < len(s) && s[w]&(1<<(id&63)) != 0
}

func (s *set) add(id int32) {
	for int(id>>6) >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[id>>6] |= 1 << (id & 63)
}

// remove takes id out; s need not have it.
func (s set) remove(id int32) {
	if w := int(id >> 6); w < len(s) {
		s[w] &^= 1 << (id & 63)
	}
}

// include adds all of t; s must be at least as long.
func (s set) include(t set) {
	for i, w := range t {
		s[i] |= w
	}
}

// first is the index of the first word with a member; len(s) where there is none.
func (s set) first() int {
	if i := slices.IndexFunc(s, func(w uint64) bool { return w != 0 }); i >= 0 {
		return i
	}
	return len(s)
}

// keep drops what is not in t.
func (s set) keep(t set) {
	for i := range s {
		if i < len(t) {
			s[i] &= t[i]
		} else {
			s[i] = 0
		}
	}
}

// all yields the members in ascending order.
func (s set) all(yield func(int32) bool) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			if !yield(int32(i<<6 + bits.TrailingZeros64(w))) {
				return
			}
		}
	}
}
