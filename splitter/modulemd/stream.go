package modulemd

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// build reads the data of a stream document, version 1 or 2 of modulemd.
func (d *document) build(mdversion string, data *yaml.Node) *Build {
	if mdversion != "1" && mdversion != "2" {
		d.fail("modulemd version %s, only 1 and 2 are known", quote(mdversion))
		return nil
	}
	f := d.fields(data)
	b := &Build{Source: d.source, Doc: d.index, Raw: d.raw}
	d.identity(b, f)
	b.Arch = d.name(f["arch"])
	b.Static = d.flag("static_context", f["static_context"])
	b.Summary, b.Description = d.value(f["summary"]), d.value(f["description"])
	if mdversion == "1" {
		d.requiresV1(b, f["dependencies"])
		b.EOL = d.name(f["eol"])
	} else {
		d.requiresV2(b, f["dependencies"])
	}
	b.Artifacts = d.rpms(f["artifacts"])
	b.Demodularized = d.rpms(f["demodularized"])
	b.API = d.rpms(f["api"])
	b.Profiles = d.profiles(f["profiles"])
	b.Macros = d.value(d.fields(d.fields(f["buildopts"])["rpms"])["macros"])
	if d.err != nil {
		return nil
	}
	d.strict(b, mdversion, d.follow(data))
	return b
}

// identity reads what names the build. Name and stream must be there; DNF takes a
// document without version as version 0, and one without context as well.
func (d *document) identity(b *Build, f map[string]*yaml.Node) {
	b.Name, b.Stream, b.Context = d.name(f["name"]), d.name(f["stream"]), d.name(f["context"])
	version := d.name(f["version"])
	switch {
	case b.Name == "":
		d.fail("no name")
	case b.Stream == "":
		d.fail("module %s: no stream", b.Name)
	}
	if d.err != nil {
		return
	}
	d.id = strings.TrimRight(b.Name+":"+b.Stream+":"+version+":"+b.Context, ":")
	if version == "" {
		d.remark(lenientDocument, "no version, read as 0")
	} else {
		b.Version = d.number("version", version)
	}
	if b.Context == "" {
		d.remark(lenientDocument, "no context")
	}
}

// number reads an unsigned 64-bit number, decimal digits only (P4).
func (d *document) number(what, s string) uint64 {
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil && d.err == nil {
		d.fail("%s %s is no unsigned 64-bit number", what, quote(s))
	}
	return v
}

// flag reads a boolean. libmodulemd knows true and false only; YAML 1.1's other
// words are read too, with a warning.
func (d *document) flag(what string, n *yaml.Node) bool {
	switch s := d.value(n); s {
	case "true":
		return true
	case "false", "":
		return false
	case "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		d.remark(rejected, "%s is %s, read as true", what, s)
		return true
	case "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		d.remark(rejected, "%s is %s, read as false", what, s)
	default:
		d.fail("%s is %s, neither true nor false", what, quote(s))
	}
	return false
}

// rpms reads {rpms: [...]}.
func (d *document) rpms(n *yaml.Node) []string { return d.names(d.fields(n)["rpms"]) }

func (d *document) profiles(n *yaml.Node) map[string][]string {
	var m map[string][]string
	for _, p := range d.pairs(n) {
		if m == nil {
			m = map[string][]string{}
		}
		if isNull(p.value) {
			d.remark(rejected, "profile %s is empty, not a mapping", quote(p.key))
		}
		m[p.key] = d.rpms(p.value)
	}
	return m
}

// requiresV1 upgrades {requires: {module: stream}} as libmodulemd does: one
// entry, one stream for each module (P23).
func (d *document) requiresV1(b *Build, n *yaml.Node) {
	f := d.fields(n)
	b.Requires = d.entryV1(f["requires"])
	b.BuildRequires = d.entryV1(f["buildrequires"])
}

func (d *document) entryV1(n *yaml.Node) []Requires {
	var r Requires
	for _, p := range d.pairs(n) {
		r = append(r, Require{Module: p.key, Streams: []string{d.name(p.value)}})
	}
	if r == nil {
		return nil
	}
	return []Requires{r}
}

// requiresV2 reads the list of entries. A lone mapping is taken as a list of one.
func (d *document) requiresV2(b *Build, n *yaml.Node) {
	n = d.follow(n)
	if n == nil {
		return
	}
	entries := []*yaml.Node{n}
	switch n.Kind {
	case yaml.SequenceNode:
		entries = n.Content
	default:
		d.remark(rejected, "dependencies is no list, read as a list of one")
	}
	for _, e := range entries {
		f := d.fields(e)
		b.Requires = append(b.Requires, d.entryV2(f["requires"]))
		b.BuildRequires = append(b.BuildRequires, d.entryV2(f["buildrequires"]))
		if d.err != nil {
			return
		}
	}
}

func (d *document) entryV2(n *yaml.Node) Requires {
	var r Requires
	n = d.follow(n)
	for _, p := range d.pairs(n) {
		r = append(r, Require{Module: p.key, Streams: d.names(p.value)})
	}
	if n != nil && d.err == nil && (n.Kind != yaml.MappingNode || len(n.Content) != 2*len(r)) {
		d.remark(rejected, "line %d: required modules are no mapping in which each stands once", d.lineOf(n))
	}
	return r
}
