package splitter

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// planViews makes default/ and views/: one flat repository each of what DNF would
// make available with those streams enabled, less the unlisted packages.
func (p *Plan) planViews() error {
	if !p.Options.NoDefaultView {
		a, err := p.Index.Resolve(nil)
		if err != nil {
			return err
		}
		if err := p.planView(&Flat{ID: repoID(KindDefault), Kind: KindDefault, Name: KindDefault, Path: "default"}, a, p.Options.Newest); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for _, v := range p.Options.Views {
		if seen[v.Name] || v.Name == KindDefault {
			return &UsageError{fmt.Sprintf("view %q is defined twice", v.Name), "give each --view a name of its own; default always exists"}
		}
		seen[v.Name] = true
		sel, err := p.parseSpecs(v.Spec)
		if err != nil {
			return fmt.Errorf("view %s: %w", v.Name, err)
		}
		a, err := p.Index.ResolveWith(sel.streams(), ResolveOptions{NoDefaults: sel.empty, Disabled: sel.disabled})
		if conflict, ok := errors.AsType[*Conflict](err); ok {
			return fmt.Errorf("view %s: %w%s", v.Name, err, p.meant(conflict))
		}
		if err != nil {
			return fmt.Errorf("view %s: %w", v.Name, err)
		}
		element, err := escapeElement(v.Name)
		if err != nil {
			return fmt.Errorf("view: %w", err)
		}
		f := &Flat{ID: repoID("view-" + v.Name), Kind: KindView, Name: v.Name, Path: path.Join("views", element)}
		if err := p.planView(f, a, cmp.Or(v.Newest, p.Options.Newest)); err != nil {
			return err
		}
	}
	return nil
}

// planView fills one view and says what was left out of it.
func (p *Plan) planView(f *Flat, a *Activation, newest int) error {
	filter := p.Index.Filter(a)
	for i := range p.pkgs[:p.merged] {
		k := &p.pkgs[i]
		if k.unlisted() && p.Options.Unlisted != UnlistedKeep {
			continue
		}
		if filter.Verdict(k.subject).Available() {
			f.members = append(f.members, int32(i))
		}
	}
	if newest > 0 {
		f.members = p.keepNewest(f.members, newest)
	}
	f.Hidden = p.hidden(filter)
	for _, g := range a.Groups {
		f.Builds = append(f.Builds, g.Builds...)
	}
	for _, d := range a.Dropped {
		p.warn("default-dropped", "%s leaves out the default stream %s: %s", f.Path, d.StreamID, d.Reason)
	}
	p.warnClashes(f, filter)
	p.Repos = append(p.Repos, f)
	return p.overlay(f)
}

// warnClashes names the packages that several modules of a view ship under one name
// (P12): DNF keeps all of them, and the highest EVR is installed.
func (p *Plan) warnClashes(f *Flat, filter *Filter) {
	modules := map[string][]string{}
	for _, m := range f.members {
		k := &p.pkgs[m]
		if isSourceArch(k.Arch) || !k.subject.Modular() {
			continue
		}
		for _, g := range filter.Verdict(k.subject).Groups {
			if !slices.Contains(modules[k.Name], g.Module) {
				modules[k.Name] = append(modules[k.Name], g.Module)
			}
		}
	}
	var clashes []string
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		if from := modules[name]; len(from) > 1 {
			slices.Sort(from)
			f.Clashes = append(f.Clashes, Clash{name, from})
			clashes = append(clashes, fmt.Sprintf("%s (%s)", name, strings.Join(from, ", ")))
		}
	}
	if n := len(clashes); n > 0 {
		p.warn("name-clash", "%s: %s shipped by more than one module, of which the highest version is installed: %s", f.Path, counted(n, "package name"), someOf(clashes))
	}
}
