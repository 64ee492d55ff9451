package splitter

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"flatstream/repodata"
	"flatstream/repodata/digest"
	"flatstream/splitter/modulemd"
)

// eachMatch calls found for each package of a repository that is what a word means.
// Packages that cannot be are not parsed. files, if not nil, takes in the digits of all
// package files. What it gave counts only if it returns no error.
func eachMatch(ctx context.Context, r *repodata.Repo, words []lookup, files map[string]bool, found func(i int, p *repodata.Package, how string)) error {
	const few = 8 // to look for in the bytes of an element
	all := indexWords(words)
	var decoder repodata.Decoder
	var odd error // an element that cannot be read; if the bytes are not those of repomd.xml, the end says so
	for e, err := range r.Elements(ctx, repodata.TypePrimary) {
		if err != nil {
			return err
		}
		if odd != nil {
			continue
		}
		if files != nil {
			files[strings.Clone(e.PkgID)] = true
		}
		if len(words) <= few && !slices.ContainsFunc(words, func(w lookup) bool { return w.mayMatch(e.Raw) }) {
			continue
		}
		p, err := decoder.Package(e, repodata.PartRelations|repodata.PartFiles)
		if err != nil {
			rec, _ := r.MD.Record(repodata.TypePrimary)
			odd = fmt.Errorf("read %s: %w", rec.Location, err)
			continue
		}
		for _, i := range all.candidates(p) {
			if how, ok := words[i].matches(p); ok {
				found(i, p, how)
			}
		}
	}
	return odd
}

// wordIndex lists words, by number, under their names.
type wordIndex map[string][]int

func indexWords(words []lookup) wordIndex {
	index := wordIndex{}
	for i, w := range words {
		for _, name := range w.names {
			index[name] = append(index[name], i)
		}
	}
	return index
}

// candidates lists the words that a package may be.
func (x wordIndex) candidates(p *repodata.Package) []int {
	list := slices.Clone(x[p.Name])
	for _, rel := range p.Provides {
		list = append(list, x[rel.Name]...)
	}
	for _, f := range p.Files {
		list = append(list, x[f.Path]...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// moduleFiles are the modules.yaml files that were read, by their checksums.
type moduleFiles struct {
	sync.Mutex
	read map[digest.Checksum]*modulemd.File
}

// of reads a repository's modules.yaml, unless one of the same bytes was read before.
func (m *moduleFiles) of(r *repodata.Repo) (*modulemd.File, error) {
	rec, ok := r.MD.Record(repodata.TypeModules)
	if !ok {
		return nil, fs.ErrNotExist
	}
	m.Lock()
	defer m.Unlock()
	if file := m.read[rec.Checksum]; file != nil {
		return file, nil
	}
	file, err := readModules(Source{Repo: r})
	if err != nil {
		return nil, err
	}
	if m.read == nil {
		m.read = map[digest.Checksum]*modulemd.File{}
	}
	m.read[rec.Checksum] = file
	return file, nil
}

// addBuilds adds streams that match, and the builds that list what was found.
func (m *moduleFiles) addBuilds(r *repodata.Repo, words []lookup, sights []*sight) error {
	file, err := m.of(r)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading modules: %w", err)
	}
	for i := range words {
		w, s := &words[i], sights[i]
		wanted := map[string]bool{}
		for n := range s.Packages {
			wanted[n.String()] = true
		}
		for _, build := range file.Builds {
			nsvca := build.NSVCA()
			if w.isStream(build.Name, build.Stream) {
				id := StreamID{build.Name, build.Stream}
				s.Streams[id] = append(s.Streams[id], nsvca)
			}
			for _, artifact := range build.Artifacts {
				if wanted[artifact] && !slices.Contains(s.builds[artifact], nsvca) {
					s.builds[artifact] = append(s.builds[artifact], nsvca)
				}
			}
		}
		for _, builds := range s.Streams {
			slices.Sort(builds)
		}
		for _, d := range file.EffectiveDefaults() {
			if d.Stream != "" && (d.Module == w.word || w.isStream(d.Module, d.Stream)) {
				s.Defaults[d.Module] = d.Stream
			}
		}
	}
	return nil
}
