package modulemd

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"flatstream/repodata/rpmver"

	"gopkg.in/yaml.v3"
)

// Filtered returns b's document with only those artifacts that keep reports true
// for, called with each as the document writes it. The rest stays as it is, except
// for what would make libmodulemd refuse the document and can be mended: an
// artifact without an epoch gets its 0 (P22), aliases are written out. Comments
// among the artifacts and the list's rpm-map go. Without any artifact left the
// whole entry goes.
//
// It is nil for a Build that Parse did not return, since that has no document, and
// for one whose aliases multiply beyond reason.
func (b *Build) Filtered(keep func(nevra string) bool) []byte {
	var kept []string
	for _, a := range b.Artifacts {
		if keep(a) {
			kept = append(kept, withEpoch(a))
		}
	}
	root, err := decode(b.Raw)
	if err != nil {
		return nil
	}
	if !hasAlias(root) {
		if text, ok := spliceArtifacts(b.Raw, root, kept); ok && b.saysOnly(text, kept) {
			return text
		}
	}
	text := encodeArtifacts(root, kept)
	if text == nil || !b.saysOnly(text, kept) {
		return nil
	}
	return text
}

// withEpoch writes the epoch where it is missing.
func withEpoch(artifact string) string {
	if isStrictNEVRA(artifact) {
		return artifact
	}
	if n, err := rpmver.ParseNEVRA(artifact); err == nil {
		return n.String()
	}
	return artifact
}

// saysOnly reports whether text is b's document with these artifacts.
func (b *Build) saysOnly(text []byte, artifacts []string) bool {
	f := &File{}
	d := &document{source: b.Source}
	d.raw = text
	if d.add(f, map[Key]*Build{}) != nil || len(f.Builds) != 1 {
		return false
	}
	want := *b
	want.Artifacts = artifacts
	return f.Builds[0].Key() == b.Key() && sameContent(f.Builds[0], &want)
}

// spliceArtifacts replaces the lines of data.artifacts in a document of block
// mappings, the way every build system writes them.
func spliceArtifacts(raw []byte, root *yaml.Node, artifacts []string) ([]byte, bool) {
	data := child(root, "data")
	if data == nil || data.Kind != yaml.MappingNode || (root.Style|data.Style)&yaml.FlowStyle != 0 {
		return nil, false
	}
	at := slices.IndexFunc(data.Content, func(n *yaml.Node) bool { return n.Value == "artifacts" && n.Kind == yaml.ScalarNode })
	if at < 0 {
		return raw, len(artifacts) == 0
	}
	if at%2 != 0 {
		return nil, false
	}
	lines := bytes.SplitAfter(raw, []byte("\n"))
	key := data.Content[at]
	first, end := key.Line-1, lineAfter(root, data.Content[at+1], len(lines))
	if first >= len(lines) || end <= first || key.Column < 2 {
		return nil, false
	}
	var out bytes.Buffer
	for _, l := range lines[:first] {
		out.Write(l)
	}
	writeArtifacts(&out, key.Column-1, lineEnding(lines[first]), artifacts)
	for _, l := range lines[end:] {
		out.Write(l)
	}
	return out.Bytes(), true
}

// lineAfter returns the index of the line where the first node behind after
// begins, total if there is none.
func lineAfter(root, after *yaml.Node, total int) int {
	data := child(root, "data")
	next := total
	for _, m := range []*yaml.Node{root, data} {
		for i := 0; i < len(m.Content); i += 2 {
			if l := m.Content[i].Line - 1; l >= after.Line && l < next {
				next = l
			}
		}
	}
	return next
}

func lineEnding(line []byte) string {
	if bytes.HasSuffix(line, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

func writeArtifacts(out *bytes.Buffer, indent int, ending string, artifacts []string) {
	if len(artifacts) == 0 {
		return
	}
	if out.Len() > 0 && !bytes.HasSuffix(out.Bytes(), []byte("\n")) {
		out.WriteString(ending)
	}
	pad := strings.Repeat(" ", indent)
	out.WriteString(pad + "artifacts:" + ending + pad + "  rpms:" + ending)
	for _, a := range artifacts {
		out.WriteString(pad + "  - " + plain(a) + ending)
	}
}

// plain writes a NEVRA as it is and quotes anything else.
func plain(s string) string {
	if isStrictNEVRA(s) && !strings.ContainsAny(s, " \t#\"'\\") && !strings.ContainsAny(s[:1], "!&*-?:,[]{}|>%@`") {
		return s
	}
	quoted, _ := json.Marshal(s) // a string always can
	return string(quoted)
}

// encodeArtifacts writes the whole document anew, for the rare forms that cannot
// be edited by lines: flow mappings and aliases.
func encodeArtifacts(root *yaml.Node, artifacts []string) []byte {
	steps := 0
	root = expand(root, &steps)
	data := child(root, "data")
	if data == nil {
		return nil
	}
	setArtifacts(data, artifacts)
	out, err := yaml.Marshal(root)
	if err != nil {
		return nil
	}
	return out
}

// expand copies a tree with its aliases written out; nil when that takes too many
// steps or never ends.
func expand(n *yaml.Node, steps *int) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if *steps++; *steps > maxMarks {
		return nil
	}
	c := *n
	c.Anchor, c.Content = "", nil
	for _, part := range n.Content {
		part = expand(part, steps)
		if part == nil {
			return nil
		}
		c.Content = append(c.Content, part)
	}
	return &c
}

// setArtifacts replaces the values of data.artifacts.
func setArtifacts(data *yaml.Node, artifacts []string) {
	scalar := func(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, a := range artifacts {
		list.Content = append(list.Content, scalar(a))
	}
	for i := 0; i+1 < len(data.Content); i += 2 {
		if data.Content[i].Value == "artifacts" {
			data.Content[i+1] = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalar("rpms"), list}}
		}
	}
}
