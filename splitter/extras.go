package splitter

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"flatstream/repodata"
	"flatstream/repodata/rpmver"
)

// extras is what flat repositories carry besides packages (P26), by repository.
type extras struct {
	updateinfo map[*Flat]*advisories
	comps      *repodata.Comps // of all sources; nil: none has groups
}

// advisories are those of one repository, in their order.
type advisories struct {
	list []advisory
	byID map[string]int // place in list of the one that another source may add to
}

type advisory struct {
	source int
	xml    []byte
}

// add takes an advisory in. Two sources may have one id with different collections:
// they become one advisory with the collections of both, each package once. Within
// one source they stay apart, as DNF has it.
func (all *advisories) add(id string, source int, xml []byte) error {
	i, known := all.byID[id]
	if !known || id == "" || all.list[i].source == source {
		if !known {
			all.byID[id] = len(all.list)
		}
		all.list = append(all.list, advisory{source, xml})
		return nil
	}
	merged, err := repodata.MergeAdvisory(all.list[i].xml, xml)
	if err != nil {
		return fmt.Errorf("advisory %s: %w", id, err)
	}
	all.list[i].xml = merged
	return nil
}

// readExtras reads updateinfo and comps of every merged source once.
func (p *Plan) readExtras() (*extras, error) {
	x := &extras{updateinfo: map[*Flat]*advisories{}}
	if err := p.readAdvisories(x, p.Options.Modulemd); err != nil {
		return nil, err
	}
	var groups []*repodata.Comps
	for _, s := range p.Sources {
		if s.Role != RoleMerge {
			continue
		}
		c, err := readComps(s)
		if err != nil {
			return nil, fmt.Errorf("reading groups of %s: %w", s.Name, err)
		}
		if c != nil {
			groups = append(groups, c)
		}
	}
	var err error
	x.comps, err = repodata.MergeComps(groups...)
	return x, err
}

// readAdvisories is the part of readExtras that depends on what a repository holds.
func (p *Plan) readAdvisories(x *extras, modulemd bool) error {
	var homes map[rpmver.NEVRA][]*Flat
	for i, s := range p.Sources {
		if _, ok := s.Repo.MD.Record(repodata.TypeUpdateinfo); !ok || s.Role != RoleMerge {
			continue
		}
		if homes == nil {
			homes = p.homes()
		}
		if err := x.readUpdateinfo(s, i, homes, modulemd); err != nil {
			return fmt.Errorf("reading advisories of %s: %w", s.Name, err)
		}
	}
	return nil
}

// homes maps each package to the repositories that hold it.
func (p *Plan) homes() map[rpmver.NEVRA][]*Flat {
	homes := make(map[rpmver.NEVRA][]*Flat, len(p.pkgs))
	for _, f := range p.Repos {
		for _, m := range f.members {
			n := p.pkgs[m].NEVRA
			if list := homes[n]; len(list) == 0 || list[len(list)-1] != f {
				homes[n] = append(list, f)
			}
		}
	}
	return homes
}

func (x *extras) readUpdateinfo(s Source, source int, homes map[rpmver.NEVRA][]*Flat, modulemd bool) (err error) {
	r, err := s.Repo.Data(repodata.TypeUpdateinfo)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for advisory, err := range repodata.ParseUpdateinfo(r) {
		if err != nil {
			return err
		}
		if err := x.route(advisory, source, homes, modulemd); err != nil {
			return err
		}
	}
	return nil
}

// route hands one advisory to the repositories that hold a package of it, reduced to
// those packages.
func (x *extras) route(a *repodata.Advisory, source int, homes map[rpmver.NEVRA][]*Flat, modulemd bool) error {
	wanted := map[*Flat]map[rpmver.NEVRA]bool{}
	for _, c := range a.Collections {
		for _, k := range c.Packages {
			for _, f := range homes[k.NEVRA] {
				if wanted[f] == nil {
					wanted[f] = map[rpmver.NEVRA]bool{}
				}
				wanted[f][k.NEVRA] = true
			}
		}
	}
	for f, set := range wanted {
		keepsModule := modulemd && f.Kind == KindStream
		xml, n := a.Filter(func(n rpmver.NEVRA) bool { return set[n] }, !keepsModule)
		if n == 0 {
			continue
		}
		if x.updateinfo[f] == nil {
			x.updateinfo[f] = &advisories{byID: map[string]int{}}
		}
		if err := x.updateinfo[f].add(a.ID, source, xml); err != nil {
			return err
		}
	}
	return nil
}

// readComps is nil for a source without groups.
func readComps(s Source) (c *repodata.Comps, err error) {
	r, err := s.Repo.Data(repodata.TypeGroup)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return repodata.ParseComps(r)
}

// writeExtras writes updateinfo, comps and modules.yaml where there is something to
// write.
func (p *Plan) writeExtras(w *repodata.Writer, f *Flat, x *extras) error {
	if x.comps != nil {
		names := map[string]bool{}
		for _, m := range f.members {
			names[p.pkgs[m].Name] = true
		}
		if doc := x.comps.Filter(func(n string) bool { return names[n] }); doc != nil {
			if err := w.Data(repodata.TypeGroup, "comps.xml", bytes.NewReader(doc)); err != nil {
				return err
			}
		}
	}
	if p.Options.Modulemd && f.Kind == KindStream {
		if err := w.Data(repodata.TypeModules, "modules.yaml", bytes.NewReader(p.filteredModules(f))); err != nil {
			return err
		}
	}
	if x.updateinfo[f] == nil {
		return nil
	}
	var doc bytes.Buffer
	err := repodata.WriteUpdateinfo(&doc, func(yield func([]byte, error) bool) {
		for _, a := range x.updateinfo[f].list {
			if !yield(a.xml, nil) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return w.Data(repodata.TypeUpdateinfo, "updateinfo.xml", &doc)
}
