package splitter

import (
	"hash/maphash"
	"math/bits"
)

// firsts finds among things that are numbered from 0 those whose key came before. It
// holds numbers, not keys: for hundreds of thousands of packages a map of strings is
// most of what a plan takes, and a number with half a hash stays in the cache.
type firsts struct {
	seed  maphash.Seed
	slots []uint64 // a power of two, at most half full: the upper half of a hash, then number + 1
	count int
}

const lowerHalf = 1<<32 - 1

// newFirsts has room for n things; it grows for more.
func newFirsts(n int) *firsts {
	return &firsts{seed: maphash.MakeSeed(), slots: make([]uint64, 1<<bits.Len(uint(2*n+15)))}
}

// string hashes a key.
func (f *firsts) string(key string) uint64 { return maphash.String(f.seed, key) }

// first returns the number of the first thing with the key of i, which is i itself where
// none came before. hash is the key's; same compares the keys of i and j.
func (f *firsts) first(i int, hash uint64, same func(j int) bool) int {
	at := f.home(hash)
	for ; f.slots[at] != 0; at = (at + 1) & (len(f.slots) - 1) {
		slot := f.slots[at]
		if j := int(slot&lowerHalf) - 1; (slot^hash)&^lowerHalf == 0 && same(j) {
			return j
		}
	}
	f.slots[at] = hash&^lowerHalf | uint64(i+1)
	if f.count++; 2*f.count > len(f.slots) {
		f.grow()
	}
	return i
}

// home is where a hash belongs: its upper bits say it.
func (f *firsts) home(hash uint64) int {
	return int(hash >> (64 - bits.TrailingZeros(uint(len(f.slots)))))
}

func (f *firsts) grow() {
	old := f.slots
	f.slots = make([]uint64, 2*len(old))
	for _, slot := range old {
		if slot == 0 {
			continue
		}
		at := f.home(slot)
		for f.slots[at] != 0 {
			at = (at + 1) & (len(f.slots) - 1)
		}
		f.slots[at] = slot
	}
}
