package splitter

import (
	"bytes"

	"flatstream/repodata/rpmver"
	"flatstream/splitter/modulemd"
)

// carried are the documents that stream repositories with --modulemd get besides those
// of their builds: what can be read there by libmodulemd, and nothing else.
type carried struct {
	defaults  map[string]*modulemd.Defaults // by module
	obsoletes map[StreamID][]*modulemd.Obsoletes

	translations map[StreamID]*modulemd.Translation // the newest
	rejected     map[*modulemd.Build]bool           // what libmodulemd cannot read
}

// newCarried picks the defaults document of each module that says what all sources
// together do, of several the newest, and what the index counts as obsoletes.
func newCarried(files []SourceModules, x *Index) carried {
	c := carried{
		map[string]*modulemd.Defaults{}, map[StreamID][]*modulemd.Obsoletes{},
		map[StreamID]*modulemd.Translation{}, map[*modulemd.Build]bool{},
	}
	readable := map[*modulemd.Obsoletes]bool{}
	for _, f := range files {
		bad := f.File.RejectedDocs()
		for _, d := range f.File.EffectiveDefaults() {
			best := c.defaults[d.Module]
			if d.Stream == x.Default(d.Module) && !bad[d.Doc] && (best == nil || d.Modified > best.Modified) {
				c.defaults[d.Module] = d
			}
		}
		for _, b := range f.File.Builds {
			if bad[b.Doc] {
				c.rejected[b] = true
			}
		}
		for _, t := range f.File.Translations {
			id := StreamID{t.Module, t.Stream}
			if best := c.translations[id]; best == nil || t.Modified > best.Modified {
				c.translations[id] = t
			}
		}
		for _, o := range f.File.Obsoletes {
			readable[o] = !bad[o.Doc]
		}
	}
	for _, id := range x.Streams() {
		for _, o := range x.Obsoletes(id) {
			if readable[o] {
				c.obsoletes[id] = append(c.obsoletes[id], o)
			}
		}
	}
	return c
}

// filteredModules is the modules.yaml of one stream repository: the documents of its
// builds, their artifacts reduced to what is there, and what is said of the stream.
func (p *Plan) filteredModules(f *Flat) []byte {
	if p.Options.Layout == LayoutGrobiSplitter {
		return p.grobiModules(f)
	}
	present := map[rpmver.NEVRA]bool{}
	for _, m := range f.members {
		present[p.pkgs[m].NEVRA] = true
	}
	keep := func(text string) bool {
		n, err := rpmver.ParseNEVRA(text)
		return err == nil && present[n]
	}
	var docs [][]byte
	seen := map[string]bool{}
	for _, b := range f.Builds {
		if !seen[b.NSVCA()] {
			docs = append(docs, b.Filtered(keep))
			seen[b.NSVCA()] = true
		}
	}
	if d := p.carried.defaults[f.Module]; d != nil {
		docs = append(docs, d.Raw)
	}
	if t := p.carried.translations[StreamID{f.Module, f.Stream}]; t != nil && t.Sound {
		docs = append(docs, t.Raw)
	}
	for _, o := range p.carried.obsoletes[StreamID{f.Module, f.Stream}] {
		docs = append(docs, o.Raw)
	}
	var buf bytes.Buffer
	_ = modulemd.Write(&buf, docs...) // a Buffer takes everything
	return buf.Bytes()
}
