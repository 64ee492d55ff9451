package closure

import (
	"hash/maphash"
	"slices"
	"strings"

	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// symbols numbers strings from 0. The strings are copies, packed side by side, so
// that no metadata buffer is kept alive by a name in it. There are millions of them:
// neither their places nor the table to find them holds a pointer, which the garbage
// collector would have to follow each time.
type symbols struct {
	seeds [2]maphash.Seed
	slots []symbolSlot // a power of two, at most three quarters full
	at    []heapPlace  // by number
	heaps []string
	open  strings.Builder // one of the heaps, still growing
	which int             // it is
	read  uint32          // nobody uses it, see touch
}

// symbolKey is what a string is known by: 96 bits of two hashes with seeds that nobody
// knows. Two of two million strings have the same with a probability of 10^-16, less than
// that of a fault of the machine. To compare the strings themselves would be to wait for
// memory twice more, for the place of one and for its bytes.
type symbolKey struct {
	hash uint64
	more uint32
}

type symbolSlot struct {
	symbolKey
	next int32 // the number and 1; 0: a free slot
}

// heapPlace is where a string is. One that is too long to be packed has a heap alone.
type heapPlace struct {
	heap       uint32
	start, end uint16
}

const (
	heapSize   = 56 << 10      // bytes that strings are packed into at a time; places in them have 16 bits
	longest    = heapSize / 16 // bytes of a string that is packed
	wholeHeap  = 1<<16 - 1     // as the start in a heapPlace: all of that heap
	firstSlots = 1 << 10
)

func (s *symbols) len() int { return len(s.at) }

// text is the string of a number.
func (s *symbols) text(id int32) string {
	p := s.at[id]
	if p.start == wholeHeap {
		return s.heaps[p.heap]
	}
	return s.heaps[p.heap][p.start:p.end]
}

// start makes the first table.
func (s *symbols) start() {
	if s.slots == nil {
		s.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
		s.slots = make([]symbolSlot, firstSlots)
	}
}

func (s *symbols) intern(text string) int32 {
	s.start()
	return s.internKey(text, s.key(text))
}

// internedAtOnce is how many strings are looked up at once: well above the misses that
// a processor waits for side by side.
const internedAtOnce = 64

// internAll appends the numbers of the texts to ids. Where millions of strings are known,
// to look one up is to wait for its slot, which is in no cache: 140 ns here. So the slots
// of many are read first, for which a processor waits side by side, 6 ns each. With the
// keys, which spare it the rest, that takes 11 % of a verify of 200,000 packages.
func (s *symbols) internAll(texts []string, ids []int32) []int32 {
	var keys [internedAtOnce]symbolKey
	for some := range slices.Chunk(texts, internedAtOnce) {
		s.touch(some, keys[:len(some)])
		for i, text := range some {
			ids = append(ids, s.internKey(text, keys[i]))
		}
	}
	return ids
}

// lookupAll appends the numbers of those texts that are known to ids.
func (s *symbols) lookupAll(texts []string, ids []int32) []int32 {
	var keys [internedAtOnce]symbolKey
	for some := range slices.Chunk(texts, internedAtOnce) {
		s.touch(some, keys[:len(some)])
		for i := range some {
			if slot := s.find(keys[i]); slot.next != 0 {
				ids = append(ids, slot.next-1)
			}
		}
	}
	return ids
}

// touch finds the keys of some texts, and reads their slots.
func (s *symbols) touch(texts []string, keys []symbolKey) {
	s.start()
	for i, text := range texts {
		keys[i] = s.key(text)
	}
	read := uint32(0)
	for _, k := range keys {
		read += s.slots[int(k.hash)&(len(s.slots)-1)].more
	}
	s.read = read // without a use nothing would be read
}

func (s *symbols) internKey(text string, key symbolKey) int32 {
	slot := s.find(key)
	if slot.next == 0 {
		s.add(text)
		*slot = symbolSlot{key, int32(len(s.at))}
		if len(s.at) > len(s.slots)/4*3 {
			s.grow()
		}
		return int32(len(s.at) - 1)
	}
	return slot.next - 1
}

// lookup finds a string that is known.
func (s *symbols) lookup(text string) (int32, bool) {
	if s.slots == nil {
		return 0, false
	}
	slot := s.find(s.key(text))
	return slot.next - 1, slot.next != 0
}

func (s *symbols) key(text string) symbolKey {
	return symbolKey{maphash.String(s.seeds[0], text), uint32(maphash.String(s.seeds[1], text))}
}

// find is the slot of a string, or the one that it will have.
func (s *symbols) find(key symbolKey) *symbolSlot {
	mask := len(s.slots) - 1
	for i := int(key.hash) & mask; ; i = (i + 1) & mask {
		if slot := &s.slots[i]; slot.next == 0 || slot.symbolKey == key {
			return slot
		}
	}
}

func (s *symbols) grow() {
	old := s.slots
	s.slots = make([]symbolSlot, 2*len(old))
	clear(s.slots) // a page that is read first is given twice, the second time with both processors held: 7 % of a verify
	for _, slot := range old {
		if slot.next != 0 {
			*s.find(slot.symbolKey) = slot
		}
	}
}

// add copies a new string. What a Builder has handed out stays valid as long as it does
// not have to grow.
func (s *symbols) add(text string) {
	if len(text) > longest {
		s.heaps = append(s.heaps, strings.Clone(text))
		s.at = push(s.at, heapPlace{uint32(len(s.heaps) - 1), wholeHeap, 0})
		return
	}
	if s.open.Cap() == 0 || s.open.Len()+len(text) > heapSize {
		s.open = strings.Builder{}
		s.open.Grow(heapSize)
		s.heaps, s.which = append(s.heaps, ""), len(s.heaps)
	}
	start := s.open.Len()
	s.open.WriteString(text)
	s.heaps[s.which] = s.open.String()
	s.at = push(s.at, heapPlace{uint32(s.which), uint16(start), uint16(s.open.Len())})
}

// version is what may follow a name in a relation; the zero value is none.
type version struct {
	op  rpmdep.Op
	evr rpmver.EVR
}

// versions numbers the versions of relations; 0 is no version.
type versions struct {
	ids  map[version]int32
	all  []version
	last int32 // most provides of a package have the version of the one before
}

func (v *versions) intern(d rpmdep.Dep, words *symbols) int32 {
	if d.Op == 0 {
		return 0
	}
	if v.ids == nil {
		v.ids = make(map[version]int32)
		v.all = append(v.all, version{})
	}
	key := version{d.Op, d.EVR}
	if v.all[v.last] == key {
		return v.last
	}
	id, ok := v.ids[key]
	if !ok {
		id = int32(len(v.all))
		key.evr = words.evr(key.evr)
		v.ids[key] = id
		v.all = append(v.all, key)
	}
	v.last = id
	return id
}

// dep is the version of a relation whose name does not matter.
func (v *versions) dep(id int32) rpmdep.Dep {
	if id == 0 {
		return rpmdep.Dep{}
	}
	return rpmdep.Dep{Op: v.all[id].op, EVR: v.all[id].evr}
}

// word returns the copy of a string.
func (s *symbols) word(text string) string { return s.text(s.intern(text)) }

// evr returns e with strings of our own.
func (s *symbols) evr(e rpmver.EVR) rpmver.EVR {
	e.Version, e.Release = s.word(e.Version), s.word(e.Release)
	return e
}
