package repodata

import "hash/maphash"

// interner gives out one string for the same bytes. Half of what a parser of primary
// does is to ask it, most often for what is there: it looks once where a Go map would
// look twice, and it grows without hashing again.
type interner struct {
	seed  maphash.Seed
	slots []internSlot // a power of two, at most three quarters full
	count int
}

type internSlot struct {
	hash uint64
	text string // empty: a free slot
}

// firstSlots is the size of the first table.
const firstSlots = 1 << 12

func (t *interner) intern(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if t.slots == nil {
		t.seed, t.slots = maphash.MakeSeed(), make([]internSlot, firstSlots)
	}
	hash := maphash.Bytes(t.seed, b)
	mask := uint64(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := &t.slots[i]
		if slot.text == "" {
			slot.hash, slot.text = hash, string(b)
			text := slot.text
			if t.count++; t.count > len(t.slots)/4*3 {
				t.grow()
			}
			return text
		}
		if slot.hash == hash && slot.text == string(b) {
			return slot.text
		}
	}
}

func (t *interner) grow() {
	old := t.slots
	t.slots = make([]internSlot, 2*len(old))
	mask := uint64(len(t.slots) - 1)
	for _, slot := range old {
		if slot.text == "" {
			continue
		}
		i := slot.hash & mask
		for t.slots[i].text != "" {
			i = (i + 1) & mask
		}
		t.slots[i] = slot
	}
}
