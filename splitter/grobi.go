package splitter

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
	var of *Group
	var a *Activation
	for _, f := range streams { // those of one group stand together
		if f.Group != of {
			of = f.Group
			a, _ = p.Index.ResolveGroup(of) // nil: it cannot be enabled
		}
		p.fill(f, held)
		p.connect(f, a)
		var err error
		if f.Build, err = p.buildNeeds(f); err != nil { // there is no default view to go by
			return err
		}
	}
	if len(unlisted) > 0 {
		p.warnUnlisted(unlisted, "as with GrobiSplitter they are in non_modular")
	}
	return nil
}
