package rpmfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Relations is what the header of a package file says of other packages, as a spec file
// writes it: "name", "name >= 1:2-3" or a rich dependency in parentheses; each once. The
// requirements and conflicts of a source package are its BuildRequires and
// BuildConflicts.
type Relations struct {
	Requires                       []string // without what rpm itself provides, rpmlib(...)
	Conflicts, Obsoletes, Provides []string
	Files                          []string // every path that it owns
}

// The tags of relations, and bits of their flags (rpm's rpmds.h).
const (
	tagRequireFlags, tagRequireName, tagRequireVersion    = 1048, 1049, 1050
	tagConflictFlags, tagConflictName, tagConflictVersion = 1053, 1054, 1055
	tagProvideName, tagProvideFlags, tagProvideVersion    = 1047, 1112, 1113
	tagObsoleteName, tagObsoleteFlags, tagObsoleteVersion = 1090, 1114, 1115
	tagDirIndexes, tagBaseNames, tagDirNames              = 1116, 1117, 1118

	flagLess, flagGreater, flagEqual, flagRPMLib = 1 << 1, 1 << 2, 1 << 3, 1 << 24
)

// ReadRelations reads the relations of a package file of size bytes.
// The errors are those of [Read].
func ReadRelations(r io.ReaderAt, size int64) (*Relations, error) {
	rel, err := readRelations(r, size)
	if err != nil {
		return nil, fmt.Errorf("read package header: %w", err)
	}
	return rel, nil
}

func readRelations(r io.ReaderAt, size int64) (*Relations, error) {
	_, _, main, err := findHeaders(r, size)
	if err != nil {
		return nil, err
	}
	arrays, err := main.arrays(r, size)
	if err != nil {
		return nil, err
	}
	var rel Relations
	for _, kind := range []struct {
		list                 *[]string
		name, flags, version uint32
	}{
		{&rel.Requires, tagRequireName, tagRequireFlags, tagRequireVersion},
		{&rel.Conflicts, tagConflictName, tagConflictFlags, tagConflictVersion},
		{&rel.Obsoletes, tagObsoleteName, tagObsoleteFlags, tagObsoleteVersion},
		{&rel.Provides, tagProvideName, tagProvideFlags, tagProvideVersion},
	} {
		if *kind.list, err = arrays.relations(kind.name, kind.flags, kind.version); err != nil {
			return nil, err
		}
	}
	rel.Files, err = arrays.files()
	return &rel, err
}

// arrays are the values of the relation tags.
type arrays struct {
	texts   map[uint32][]string
	numbers map[uint32][]uint32
}

func (i intro) arrays(r io.ReaderAt, size int64) (*arrays, error) {
	b := make([]byte, i.end()-i.start-introSize)
	if err := readAt(r, size, b, i.start+introSize); err != nil {
		return nil, err
	}
	index, data := b[:entrySize*i.entries], b[entrySize*i.entries:]
	a := &arrays{map[uint32][]string{}, map[uint32][]uint32{}}
	for ; len(index) > 0; index = index[entrySize:] {
		e := parseEntry(index)
		if err := e.check(i.data); err != nil {
			return nil, err
		}
		var err error
		switch e.tag {
		case tagRequireName, tagRequireVersion, tagConflictName, tagConflictVersion, tagObsoleteName, tagObsoleteVersion,
			tagProvideName, tagProvideVersion, tagBaseNames, tagDirNames:
			a.texts[e.tag], err = e.strings(data)
		case tagRequireFlags, tagConflictFlags, tagObsoleteFlags, tagProvideFlags, tagDirIndexes:
			a.numbers[e.tag], err = e.numbers(data)
		}
		if err != nil {
			return nil, err
		}
	}
	return a, nil
}

// strings reads a checked entry that must be an array of strings.
func (e entry) strings(data []byte) ([]string, error) {
	if e.kind != typeStringArray {
		return nil, fmt.Errorf("tag %d has type %d, want an array of strings", e.tag, e.kind)
	}
	var list []string
	for rest := data[e.offset:]; len(list) < int(e.count); {
		end := bytes.IndexByte(rest, 0)
		if end < 0 {
			return nil, fmt.Errorf("tag %d promises %d strings and ends after %d", e.tag, e.count, len(list))
		}
		list = append(list, string(rest[:end]))
		rest = rest[end+1:]
	}
	return list, nil
}

// numbers reads a checked entry that must be an array of 32-bit numbers.
func (e entry) numbers(data []byte) ([]uint32, error) {
	if e.kind != typeInt32 {
		return nil, fmt.Errorf("tag %d has type %d, want numbers of 32 bits", e.tag, e.kind)
	}
	list := make([]uint32, e.count)
	for i := range list {
		list[i] = binary.BigEndian.Uint32(data[int(e.offset)+4*i:])
	}
	return list, nil
}

// relations puts the three arrays of a kind of relation together.
func (a *arrays) relations(name, flags, version uint32) ([]string, error) {
	names, signs, versions := a.texts[name], a.numbers[flags], a.texts[version]
	if len(signs) != len(names) || len(versions) != len(names) {
		return nil, errors.New("its names, flags and versions of relations are not of one number")
	}
	var list []string
	for i, n := range names {
		if signs[i]&flagRPMLib != 0 || n == "" {
			continue
		}
		if strings.ContainsFunc(n, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return nil, fmt.Errorf("%q cannot be the name of a relation", n)
		}
		list = append(list, relation(n, signs[i], versions[i]))
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// files joins directories and names.
func (a *arrays) files() ([]string, error) {
	names, dirs, at := a.texts[tagBaseNames], a.texts[tagDirNames], a.numbers[tagDirIndexes]
	if len(at) != len(names) {
		return nil, errors.New("its names of files and their directories are not of one number")
	}
	var files []string
	for i, name := range names {
		if int64(at[i]) >= int64(len(dirs)) {
			return nil, fmt.Errorf("the file %q is in directory %d of %d", name, at[i], len(dirs))
		}
		files = append(files, dirs[at[i]]+name)
	}
	return files, nil
}

func relation(name string, flags uint32, version string) string {
	op := ""
	for _, sign := range []struct {
		bit  uint32
		text string
	}{{flagLess, "<"}, {flagGreater, ">"}, {flagEqual, "="}} {
		if flags&sign.bit != 0 {
			op += sign.text
		}
	}
	if op == "" || version == "" {
		return name
	}
	return name + " " + op + " " + version
}
