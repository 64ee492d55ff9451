package modulemd

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"
)

// Parse reads a modules.yaml, decompressed. Source names where it came from and
// is written into each Build, Defaults and Obsoletes.
//
// A document that cannot be used is a Warning that names it, and the rest goes on.
// The error says that the stream cannot be read, or that it is hostile: over
// 256 MiB or 200,000 documents, or a document over 16 MiB, deeper than 1000 levels,
// of half a million entries, or with aliases that multiply (P25).
//
// The same NSVCA twice is kept once; when the two differ the first stays and the
// second is a warning (P18).
func Parse(r io.Reader, source string) (*File, error) {
	f := &File{}
	seen := map[Key]*Build{}
	for t, err := range documents(r) {
		d := &document{text: t, source: source, brief: len(f.Warnings) > manyRemarks}
		if err == nil {
			err = d.add(f, seen)
		}
		if err != nil {
			return nil, fmt.Errorf("read the modules of %s: %w", source, err)
		}
		f.Warnings = append(f.Warnings, d.warnings...)
	}
	return f, nil
}

// add decodes d into f. Its error is always a hostile one.
func (d *document) add(f *File, seen map[Key]*Build) error {
	if err := checkShape(d.raw); err != nil {
		return fmt.Errorf("%s: %w", d.place(), err)
	}
	root, err := decode(d.raw)
	if err == nil {
		d.root = root
		d.dispatch(f, seen)
		err = d.err
	}
	if errors.Is(err, errHostile) {
		return fmt.Errorf("%s: %w", d.place(), err)
	}
	if err != nil {
		d.remark(badDocument, "%v", err)
	}
	return nil
}

// decode parses raw as exactly one document.
func decode(raw []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	var root, second yaml.Node
	if err := dec.Decode(&root); err != nil {
		return nil, fmt.Errorf("not YAML: %w", err)
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("not one YAML document: something follows its end")
	}
	if len(root.Content) != 1 {
		return nil, errors.New("empty")
	}
	return root.Content[0], nil
}

// dispatch hands d to the reader of its document type.
func (d *document) dispatch(f *File, seen map[Key]*Build) {
	top := d.fields(d.root)
	kind, version := d.name(top["document"]), d.name(top["version"])
	if d.err != nil {
		return
	}
	switch kind {
	case "":
		d.fail("no document type (document: modulemd and the like)")
	case "modulemd", "modulemd-stream":
		d.addBuild(f, seen, version, top["data"])
	case "modulemd-defaults":
		d.addDefaults(f, version, top["data"])
	case "modulemd-obsoletes":
		d.addObsoletes(f, version, top["data"])
	case "modulemd-translations":
		d.addTranslation(f, top["data"])
		f.Other = append(f.Other, d.raw)
	case "modulemd-packager":
		d.remark("packager-document", "a modulemd-packager document is no stream, left out")
		f.Other = append(f.Other, d.raw)
	default:
		d.remark("unknown-document", "unknown document type %s, passed through", quote(kind))
		f.Other = append(f.Other, d.raw)
	}
}

// addTranslation notes what a translations document is for. One that does not say so is
// passed through all the same.
func (d *document) addTranslation(f *File, data *yaml.Node) {
	m := d.fields(data)
	t := &Translation{Module: d.name(m["module"]), Stream: d.name(m["stream"]), Raw: d.raw}
	if d.err == nil {
		t.Modified = d.number("modified", d.name(m["modified"]))
	}
	if d.err == nil && t.Module != "" && t.Stream != "" {
		f.Translations = append(f.Translations, t)
		t.Sound = len(m) == 4 && d.soundTranslations(m["translations"])
	}
	if !errors.Is(d.err, errHostile) {
		d.err = nil
	}
}

// soundTranslations says whether every locale has just what libmodulemd knows.
func (d *document) soundTranslations(n *yaml.Node) bool {
	if d.follow(n) == nil || isNull(n) {
		return false
	}
	for _, locale := range d.pairs(n) {
		if isNull(locale.value) {
			return false
		}
		for _, p := range d.pairs(locale.value) {
			switch p.key {
			case "summary", "description":
				d.value(p.value)
			case "profiles":
				for _, text := range d.pairs(p.value) {
					d.value(text.value)
				}
			default:
				return false
			}
		}
	}
	return d.err == nil
}

func (d *document) addBuild(f *File, seen map[Key]*Build, version string, data *yaml.Node) {
	b := d.build(version, data)
	if d.err != nil {
		return
	}
	first, twice := seen[b.Key()]
	switch {
	case !twice:
		seen[b.Key()] = b
		f.Builds = append(f.Builds, b)
	case !sameContent(first, b):
		d.remark("duplicate-document", "document %d has the same name and another content; the first is taken", first.Doc)
	}
}
