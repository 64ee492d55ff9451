package splitter

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// Overlay adds packages of a source with [RoleOverlay] to one view: a -devel package
// that the distribution leaves out, say, from CentOS Stream.
type Overlay struct {
	View   string
	Source string
	Globs  []string // of package names; a NEVRA is that very package
}

// overlayPkg is a package that an overlay may take: what it requires in just one
// EVR, which is what makes builds of another distribution fall apart.
type overlayPkg struct {
	at        int32 // in Plan.pkgs
	sourceRPM string
	exact     []rpmdep.Dep
}

// overlays is what the overlay sources offer, and what the rest of the plan provides
// under the names that they require exactly.
type overlays struct {
	offered  map[string][]overlayPkg // by source name
	provides map[int32][]rpmdep.Dep  // by package
}

// loadOverlays reads the overlay sources behind the merged ones.
func (p *Plan) loadOverlays(ctx context.Context) error {
	if len(p.Options.Overlays) == 0 {
		return nil
	}
	o := &overlays{offered: map[string][]overlayPkg{}, provides: map[int32][]rpmdep.Dep{}}
	wanted := map[string]bool{}
	for i, s := range p.Sources {
		if s.Role != RoleOverlay {
			continue
		}
		pos := -1
		for k, err := range s.Repo.Packages(ctx, repodata.PartRelations) {
			if err != nil {
				return fmt.Errorf("reading packages of %s: %w", s.Name, err)
			}
			pos++
			if err := repodata.CheckHref(k.Location); err != nil {
				return fmt.Errorf("%s: package %s: %w", s.Name, k.NEVRA, err)
			}
			c := overlayPkg{at: int32(len(p.pkgs)), sourceRPM: k.SourceRPM, exact: exactRequires(k)}
			p.pkgs = append(p.pkgs, pkg{NEVRA: k.NEVRA, source: i, pos: pos, pkgid: k.PkgID.Hex, href: k.Location, base: k.Base, time: k.FileTime, subject: Subject{artifact: -1, name: -1}})
			o.offered[s.Name] = append(o.offered[s.Name], c)
			for _, d := range c.exact {
				wanted[d.Name] = true
			}
		}
		p.counts[i] = pos + 1
	}
	p.overlays = o
	return o.loadProvides(ctx, p, wanted)
}

func exactRequires(k *repodata.Package) []rpmdep.Dep {
	var exact []rpmdep.Dep
	for _, r := range k.Requires {
		if !r.Rich && r.Op == rpmdep.Equal && !slices.Contains(exact, r.Dep) {
			exact = append(exact, r.Dep)
		}
	}
	return exact
}

// loadProvides remembers who provides the wanted names, in every source that can be
// in a view.
func (o *overlays) loadProvides(ctx context.Context, p *Plan, wanted map[string]bool) error {
	type place struct{ source, pos int }
	at := make(map[place]int32, len(p.pkgs))
	for i := range p.pkgs {
		at[place{p.pkgs[i].source, p.pkgs[i].pos}] = int32(i)
	}
	for i, s := range p.Sources {
		if s.Role == RoleSupply {
			continue
		}
		pos := -1
		for k, err := range s.Repo.Packages(ctx, repodata.PartRelations) {
			if err != nil {
				return fmt.Errorf("reading packages of %s: %w", s.Name, err)
			}
			pos++
			n, ok := at[place{i, pos}]
			if !ok {
				continue // the same file as another one
			}
			for _, r := range k.Provides {
				if wanted[r.Name] {
					o.provides[n] = append(o.provides[n], r.Dep)
				}
			}
		}
	}
	return nil
}

// overlay adds to a view what its overlays name: of each name and arch the newest
// build whose exact requires the view meets.
func (p *Plan) overlay(f *Flat) error {
	for _, o := range p.Options.Overlays {
		if o.View != f.Name {
			continue
		}
		offered, err := p.offered(o)
		if err != nil {
			return err
		}
		var wanted [][]overlayPkg
		for _, glob := range o.Globs {
			builds := matching(p, offered, glob)
			if len(builds) == 0 {
				return &UsageError{fmt.Sprintf("overlay of view %s: %s has no package %s", o.View, o.Source, glob), "flatstream list --provides NAME SOURCE shows who has it"}
			}
			wanted = append(wanted, builds...)
		}
		if err := p.overlayAll(f, o, offered, wanted); err != nil {
			return err
		}
	}
	slices.Sort(f.members)
	f.members = slices.Compact(f.members)
	return nil
}

func (p *Plan) offered(o Overlay) ([]overlayPkg, error) {
	i := slices.IndexFunc(p.Sources, func(s Source) bool { return s.Name == o.Source })
	if i < 0 || p.Sources[i].Role != RoleOverlay {
		return nil, &UsageError{fmt.Sprintf("overlay of view %s: %s is no overlay source", o.View, o.Source), fmt.Sprintf("declare it: --role %s=overlay", o.Source)}
	}
	return p.overlays.offered[o.Source], nil
}

// matching groups the offered binary packages that a glob names by name and arch,
// the newest first.
func matching(p *Plan, offered []overlayPkg, glob string) [][]overlayPkg {
	groups := map[string][]overlayPkg{}
	for _, c := range offered {
		k := &p.pkgs[c.at]
		ok, err := path.Match(glob, k.Name)
		if (err == nil && ok || glob == k.NEVRA.String()) && !isSourceArch(k.Arch) {
			groups[k.Name+"."+k.Arch] = append(groups[k.Name+"."+k.Arch], c)
		}
	}
	var names []string
	for name := range groups {
		names = append(names, name)
	}
	slices.Sort(names)
	var list [][]overlayPkg
	for _, name := range names {
		slices.SortStableFunc(groups[name], func(a, b overlayPkg) int { return rpmver.Compare(p.pkgs[b.at].EVR, p.pkgs[a.at].EVR) })
		list = append(list, groups[name])
	}
	return list
}

// overlayAll adds one build for each name and arch: first those that fit by
// themselves, again and again, as one may need another; then the newest of what is
// left, if they fit together or with their siblings.
func (p *Plan) overlayAll(f *Flat, o Overlay, offered []overlayPkg, wanted [][]overlayPkg) error {
	for found := true; found; {
		found = false
		wanted = slices.DeleteFunc(wanted, func(candidates []overlayPkg) bool {
			i := slices.IndexFunc(candidates, func(c overlayPkg) bool { return p.unmet(f.members, c) == nil })
			if i < 0 {
				return false
			}
			f.members = append(f.members, candidates[i].at)
			found = true
			return true
		})
	}
	all := slices.Clone(f.members)
	for _, candidates := range wanted {
		all = append(all, candidates[0].at)
		if p.Options.OverlaySiblings {
			all = append(all, p.siblings(offered, candidates[0])...)
		}
	}
	for _, candidates := range wanted {
		if p.unmet(all, candidates[0]) != nil {
			return p.refuse(f, o, candidates[0])
		}
	}
	f.members = all
	return nil
}

// siblings are the binary packages of one source package.
func (p *Plan) siblings(offered []overlayPkg, of overlayPkg) []int32 {
	var found []int32
	for _, c := range offered {
		if c.sourceRPM == of.sourceRPM && !isSourceArch(p.pkgs[c.at].Arch) {
			found = append(found, c.at)
		}
	}
	return found
}

// unmet is the first exact requirement of c that nothing among the members meets.
func (p *Plan) unmet(members []int32, c overlayPkg) *rpmdep.Dep {
	for _, d := range c.exact {
		meets := func(m int32) bool {
			return slices.ContainsFunc(p.overlays.provides[m], func(have rpmdep.Dep) bool { return rpmdep.Match(have, d) })
		}
		if !meets(c.at) && !slices.ContainsFunc(members, meets) {
			return &d
		}
	}
	return nil
}

func (p *Plan) refuse(f *Flat, o Overlay, c overlayPkg) error {
	d := p.unmet(f.members, c)
	var have []string
	for _, m := range f.members {
		for _, provided := range p.overlays.provides[m] {
			if provided.Name == d.Name && !slices.Contains(have, provided.EVR.String()) {
				have = append(have, provided.EVR.String())
			}
		}
	}
	has := "has none"
	if len(have) > 0 {
		has = "has " + strings.Join(have, ", ")
	}
	hint := "--overlay-siblings brings the other packages of its source package along; or take a build that fits"
	if p.Options.OverlaySiblings {
		hint = "not even the packages of its source package meet it: leave it out, or add what is missing"
	}
	return &UsageError{fmt.Sprintf("overlay of view %s: %s of %s requires %s, and the view %s", o.View, p.pkgs[c.at].NEVRA, o.Source, d, has), hint}
}
