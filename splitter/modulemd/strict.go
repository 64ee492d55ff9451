package modulemd

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// strict warns of what makes libmodulemd 2.14 reject the whole document though we
// can read it (P22). DNF then knows nothing of the build and takes its packages as
// non-modular.
func (d *document) strict(b *Build, mdversion string, data *yaml.Node) {
	if child(data, "summary") == nil {
		d.remark(rejected, "no summary")
	}
	if child(data, "description") == nil {
		d.remark(rejected, "no description")
	}
	if l := child(data, "license", "module"); l == nil || len(l.Content) == 0 && (l.Kind != yaml.ScalarNode || isNull(l)) {
		d.remark(rejected, "no module license")
	}
	if mdversion == "2" && b.Static && !staticContext.MatchString(b.Context) {
		d.remark(rejected, "a static context has 1 to 13 of the characters a-z A-Z 0-9 and _")
	}
	if hasAlias(d.root) {
		d.remark(rejected, "a YAML alias")
	}
	d.strictArtifacts(b, data)
	d.strictBuildorder(child(data, "components", "rpms"))
	d.strictBuildorder(child(data, "components", "modules"))
}

// staticContext is what modulemd_module_stream_v2_validate_context wants.
var staticContext = regexp.MustCompile(`^[a-zA-Z0-9_]{1,13}$`)

// isStrictNEVRA reports whether libmodulemd accepts the artifact, that is whether
// it is name-epoch:version-release.arch with digits for the epoch. The name, the
// version and the rest may be empty; it does not mind.
func isStrictNEVRA(a string) bool {
	release := strings.LastIndexByte(a, '-')
	if release < 0 || !strings.Contains(a[release:], ".") {
		return false
	}
	version := strings.LastIndexByte(a[:release], '-')
	epoch, _, ok := strings.Cut(a[version+1:release], ":")
	return version >= 0 && ok && epoch != "" && strings.Trim(epoch, "0123456789") == ""
}

// strictArtifacts counts the artifacts without an epoch (P16, P22).
func (d *document) strictArtifacts(b *Build, data *yaml.Node) {
	if a := child(data, "artifacts"); a != nil && isNull(a) {
		d.remark(rejected, "artifacts is empty, not a mapping")
	}
	if a := child(data, "artifacts", "rpms"); a != nil && isNull(a) {
		d.remark(rejected, "artifacts.rpms is empty, not a list")
	}
	n, first := 0, ""
	for _, a := range b.Artifacts {
		if isStrictNEVRA(a) {
			continue
		}
		if n++; n == 1 {
			first = a
		}
	}
	if n > 0 {
		d.remark(rejected, "%d of %d artifacts are not name-epoch:version-release.arch, the first is %s", n, len(b.Artifacts), quote(first))
	}
}

// strictBuildorder looks for a buildorder that is no signed 64-bit number;
// libmodulemd refuses the greatest, too.
func (d *document) strictBuildorder(components *yaml.Node) {
	if components == nil || components.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(components.Content); i += 2 {
		order := child(components.Content[i+1], "buildorder")
		if order == nil {
			continue
		}
		if v, err := strconv.ParseInt(order.Value, 10, 64); err != nil || v == math.MaxInt64 {
			d.remark(rejected, "component %s: buildorder %s is no signed number below 2^63-1", quote(components.Content[i].Value), quote(order.Value))
		}
	}
}

// child walks down mappings by key, last of equal keys first; nil where the way
// ends. Aliases end it too: libmodulemd follows none.
func child(n *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		if n == nil || n.Kind != yaml.MappingNode {
			return nil
		}
		var found *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				found = n.Content[i+1]
			}
		}
		n = found
	}
	return n
}

func hasAlias(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		return true
	}
	for _, c := range n.Content {
		if hasAlias(c) {
			return true
		}
	}
	return false
}
