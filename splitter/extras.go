package splitter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"flatstream/repodata"
	"flatstream/repodata/rpmver"
	"flatstream/splitter/modulemd"
)

// extras is what flat repositories carry besides packages (P26), by repository.
type extras struct {
	updateinfo map[*Flat][][]byte // advisories in their order
	comps      *repodata.Comps    // of the source whose groups are used
}

// readExtras reads updateinfo and comps of every merged source once.
func (p *Plan) readExtras() (*extras, error) {
	x := &extras{updateinfo: map[*Flat][][]byte{}}
	homes := p.homes()
	for _, s := range p.Sources {
		if s.Role != RoleMerge {
			continue
		}
		if err := x.readUpdateinfo(s, homes, p.Options.Modulemd); err != nil {
			return nil, fmt.Errorf("reading advisories of %s: %w", s.Name, err)
		}
		if err := x.readComps(p, s); err != nil {
			return nil, fmt.Errorf("reading groups of %s: %w", s.Name, err)
		}
	}
	return x, nil
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

func (x *extras) readUpdateinfo(s Source, homes map[rpmver.NEVRA][]*Flat, modulemd bool) (err error) {
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
		x.route(advisory, homes, modulemd)
	}
	return nil
}

// route hands one advisory to the repositories that hold a package of it, reduced to
// those packages.
func (x *extras) route(a *repodata.Advisory, homes map[rpmver.NEVRA][]*Flat, modulemd bool) {
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
		if xml, n := a.Filter(func(n rpmver.NEVRA) bool { return set[n] }, !keepsModule); n > 0 {
			x.updateinfo[f] = append(x.updateinfo[f], xml)
		}
	}
}

func (x *extras) readComps(p *Plan, s Source) (err error) {
	r, err := s.Repo.Data(repodata.TypeGroup)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if x.comps != nil {
		p.warn("groups-left-out", "the groups of %s are left out: one repository has one comps file, and another source came first", s.Name)
		_, err = io.Copy(io.Discard, r)
		return err
	}
	x.comps, err = repodata.ParseComps(r)
	return err
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
	if len(x.updateinfo[f]) == 0 {
		return nil
	}
	var doc bytes.Buffer
	err := repodata.WriteUpdateinfo(&doc, func(yield func([]byte, error) bool) {
		for _, raw := range x.updateinfo[f] {
			if !yield(raw, nil) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return w.Data(repodata.TypeUpdateinfo, "updateinfo.xml", &doc)
}

// filteredModules is the modules.yaml of one stream repository: the documents of its
// builds, their artifacts reduced to what is there.
func (p *Plan) filteredModules(f *Flat) []byte {
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
	var buf bytes.Buffer
	_ = modulemd.Write(&buf, docs...) // a Buffer takes everything
	return buf.Bytes()
}
