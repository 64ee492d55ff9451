package splitter

import (
	"fmt"
	"slices"
	"strings"

	"flatstream/repodata/rpmfile"
	"flatstream/splitter/modulemd"
)

// disagreements gathers, by code, packages of which document, label and release
// marker do not say the same (P8, P9). Each code is one warning with a few examples.
type disagreements struct {
	p        *Plan
	labelled map[*modulemd.Build]bool // builds of which some package has a label
	builds   map[string]bool          // name:stream:version:context of all documents
	found    map[string][]string
}

// labelCodes are the codes in the order of what matters, and what they mean.
var labelCodes = []struct{ code, text string }{
	{"label-other-stream", "the label names another stream than the document that lists the package"},
	{"label-not-listed", "the label names a build whose document does not list the package"},
	{"listed-without-label", "a document lists the package, and others of its build have a label, it has none"},
	{"bad-label", "the label is not name:stream:version:context"},
	{"label-without-marker", "a label, but no module marker in the release"},
	{"marker-without-label", "a module marker in the release, but no label and no document that lists the package"},
	{"label-other-build", "the label names another build of the stream that lists the package, often an earlier one, which is harmless"},
}

// warnLabels reports what the labels that were read say against the other signals.
func (p *Plan) warnLabels() {
	d := &disagreements{p: p, labelled: map[*modulemd.Build]bool{}, builds: map[string]bool{}, found: map[string][]string{}}
	for _, g := range p.Index.AllGroups() {
		for _, b := range g.Builds {
			d.builds[b.NSVC()] = true
		}
	}
	for i := range p.pkgs {
		if k := &p.pkgs[i]; k.label != "" {
			for _, b := range p.Index.Owners(k.NEVRA) {
				d.labelled[b] = true
			}
		}
	}
	for i := range p.pkgs {
		if k := &p.pkgs[i]; k.labelState == labelRead && !k.exempt {
			d.judge(k)
		}
	}
	for _, c := range labelCodes {
		if list := d.found[c.code]; len(list) > 0 {
			p.warn(c.code, "%s: %s (%s)", c.text, counted(len(list), "package"), someOf(list))
		}
	}
}

func (d *disagreements) judge(k *pkg) {
	owners := d.p.Index.Owners(k.NEVRA)
	add := func(code, text string) { d.found[code] = append(d.found[code], text) }
	if k.label == "" {
		isLabelled := func(b *modulemd.Build) bool { return d.labelled[b] }
		switch {
		case slices.ContainsFunc(owners, isLabelled):
			add("listed-without-label", k.NEVRA.String())
		case len(owners) == 0 && k.marked():
			add("marker-without-label", k.NEVRA.String())
		}
		return
	}
	if !k.marked() {
		add("label-without-marker", fmt.Sprintf("%s (%s)", k.NEVRA, k.label))
	}
	label, err := rpmfile.ParseLabel(k.label)
	if err != nil {
		add("bad-label", fmt.Sprintf("%s (%q)", k.NEVRA, k.label))
		return
	}
	sameStream := func(b *modulemd.Build) bool { return b.Name == label.Name && b.Stream == label.Stream }
	sameBuild := func(b *modulemd.Build) bool { return b.NSVC() == label.String() }
	switch {
	case len(owners) == 0 && d.builds[label.String()]:
		add("label-not-listed", fmt.Sprintf("%s (%s)", k.NEVRA, k.label))
	case len(owners) == 0, slices.ContainsFunc(owners, sameBuild):
	case slices.ContainsFunc(owners, sameStream):
		add("label-other-build", fmt.Sprintf("%s (%s)", k.NEVRA, k.label))
	default:
		add("label-other-stream", fmt.Sprintf("%s (%s, listed by %s:%s)", k.NEVRA, k.label, owners[0].Name, owners[0].Stream))
	}
}

// maxExamples is how many of a long list a warning names.
const maxExamples = 3

// someOf names the first few of a list, and says how many there are besides.
func someOf(list []string) string {
	if len(list) <= maxExamples {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:maxExamples], ", "), len(list)-maxExamples)
}

// counted writes a number and its noun, which takes an s for many.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
