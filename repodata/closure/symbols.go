package closure

import (
	"strings"

	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// symbols numbers strings from 0. The strings are copies, packed side by side, so
// that no metadata buffer is kept alive by a name in it.
type symbols struct {
	ids  map[string]int32
	text []string
	heap strings.Builder
}

const heapSize = 64 << 10 // bytes that names are packed into at a time

func (s *symbols) intern(text string) int32 {
	if id, ok := s.ids[text]; ok {
		return id
	}
	if s.ids == nil {
		s.ids = make(map[string]int32)
	}
	id := int32(len(s.text))
	text = s.copy(text)
	s.ids[text] = id
	s.text = append(s.text, text)
	return id
}

// copy puts text on the heap. What a Builder has handed out stays valid as long
// as it does not have to grow.
func (s *symbols) copy(text string) string {
	if len(text) > heapSize/16 {
		return strings.Clone(text)
	}
	if s.heap.Len()+len(text) > s.heap.Cap() {
		s.heap = strings.Builder{}
		s.heap.Grow(heapSize)
	}
	at := s.heap.Len()
	s.heap.WriteString(text)
	return s.heap.String()[at:]
}

// lookup finds a string that is known.
func (s *symbols) lookup(text string) (int32, bool) {
	id, ok := s.ids[text]
	return id, ok
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

// evr returns e with strings of our own.
func (s *symbols) evr(e rpmver.EVR) rpmver.EVR {
	e.Version, e.Release = s.text[s.intern(e.Version)], s.text[s.intern(e.Release)]
	return e
}
