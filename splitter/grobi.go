package splitter

import (
	"bytes"
	"path/filepath"

	"flatstream/repodata"
	"flatstream/splitter/modulemd"
)

// planGrobi places packages as GrobiSplitter does: one directory per build, empty
// ones too, and non_modular for all that no document lists, unlisted ones included. That
// each build's company is recorded is ours (P19).
func (p *Plan) planGrobi() error {
	held := p.holders()
	byName := map[string]*Flat{}
	for _, g := range p.Index.AllGroups() {
		for _, b := range g.Builds {
			name := b.NSVCA()
			f := byName[name]
			if f == nil {
				dir, err := nsvcaElement(name)
				if err != nil {
					return err
				}
				f = &Flat{ID: repoID(name), Kind: KindStream, Path: dir, Module: b.Name, Stream: b.Stream, Group: g}
				byName[name] = f
				p.Repos = append(p.Repos, f)
			}
			f.Builds = append(f.Builds, b)
		}
	}
	rest := &Flat{ID: repoID(KindNonModular), Kind: KindNonModular, Path: "non_modular"}
	var unlisted []int32
	for i := range p.pkgs[:p.merged] {
		if p.pkgs[i].subject.Modular() {
			continue
		}
		rest.members = append(rest.members, int32(i))
		if p.pkgs[i].unlisted() {
			unlisted = append(unlisted, int32(i))
		}
	}
	streams := p.Repos
	p.Repos = append(p.Repos, rest)
	activations := p.resolveGroups(p.Index.AllGroups())
	if err := p.complete(streams, held, func(f *Flat) *Activation { return activations[f.Group] }); err != nil {
		return err
	}
	if len(unlisted) > 0 {
		p.warnUnlisted(unlisted, "as with GrobiSplitter they are in non_modular")
	}
	var err error
	p.plainBuild, err = p.builtIn(nil) // there is no default view to go by
	return err
}

// resolveGroups enables each group alone; nil: it cannot be enabled.
func (p *Plan) resolveGroups(groups []*Group) map[*Group]*Activation {
	found := make([]*Activation, len(groups))
	p.each(len(groups), func(i int) { found[i], _ = p.Index.ResolveGroup(groups[i]) })
	byGroup := make(map[*Group]*Activation, len(groups))
	for i, g := range groups {
		byGroup[g] = found[i]
	}
	return byGroup
}

// ModulesName is the file that GrobiSplitter writes beside the packages of a build.
const ModulesName = "modules.yaml"

// grobiModules is what GrobiSplitter says of a build: its document with every artifact,
// whether it is there or not, the module's defaults and the stream's translations; not
// obsoletes. GrobiSplitter lets libmodulemd write them, we keep upstream's text: read by
// libmodulemd it is the same to the byte. A document that libmodulemd refuses, which
// would end GrobiSplitter, is mended.
func (p *Plan) grobiModules(f *Flat) []byte {
	b := f.Builds[0]
	docs := [][]byte{b.Raw}
	if p.carried.rejected[b] {
		docs[0] = b.Filtered(func(string) bool { return true })
	}
	if d := p.carried.defaults[f.Module]; d != nil {
		docs = append(docs, d.Raw)
	}
	if t := p.carried.translations[StreamID{f.Module, f.Stream}]; t != nil {
		docs = append(docs, t.Raw)
	}
	var buf bytes.Buffer
	_ = modulemd.Write(&buf, docs...) // a Buffer takes everything
	return buf.Bytes()
}

// writeGrobi writes the file that stands beside the packages of a build.
func (s *splitting) writeGrobi(f *Flat, dir string) error {
	if s.Options.Layout != LayoutGrobiSplitter || f.Kind != KindStream {
		return nil
	}
	return repodata.WriteAgain(s.earlierFile(f, ModulesName), filepath.Join(dir, ModulesName), s.grobiModules(f))
}
