package modulemd

import (
	"cmp"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"
)

// EffectiveDefaults returns what each module's defaults are within f, sorted by
// module name: of several documents the last wins, whatever their modified says
// (libmodulemd replaces; measured). The merge between files is not done here.
func (f *File) EffectiveDefaults() []*Defaults {
	last := make(map[string]*Defaults, len(f.Defaults))
	for _, d := range f.Defaults {
		last[d.Module] = d
	}
	return slices.SortedFunc(maps.Values(last), func(a, b *Defaults) int { return cmp.Compare(a.Module, b.Module) })
}

// addDefaults reads a modulemd-defaults document, version 1. Intents are
// deprecated and DNF reads none.
func (d *document) addDefaults(f *File, version string, data *yaml.Node) {
	if version != "1" {
		d.fail("modulemd-defaults version %s, only 1 is known", quote(version))
	}
	m := d.fields(data)
	def := &Defaults{
		Module: d.name(m["module"]),
		Stream: d.name(m["stream"]),
		Source: d.source, Doc: d.index, Raw: d.raw,
	}
	if def.Module == "" {
		d.fail("defaults without a module")
	}
	if d.err != nil {
		return
	}
	d.id = "defaults of " + def.Module
	if modified := d.name(m["modified"]); modified != "" {
		def.Modified = d.number("modified", modified)
	}
	for _, p := range d.pairs(m["profiles"]) {
		if def.Profiles == nil {
			def.Profiles = map[string][]string{}
		}
		def.Profiles[p.key] = d.names(p.value)
	}
	if d.err != nil {
		return
	}
	if hasAlias(d.root) {
		d.remark(rejected, "a YAML alias")
	}
	f.Defaults = append(f.Defaults, def)
}
