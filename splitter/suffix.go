package splitter

import (
	"slices"
	"strings"

	"flatstream/splitter/modulemd"
)

// groupSuffix tells a further group of a stream apart from the one that DNF picks
// first (P6): "@perl=5.30,httpd=2.4+2.5" by what it requires, alternatives joined
// by "+"; "@perl=any" where any stream will do; "@none" when it requires nothing.
// Where another group of the stream requires the same, as static contexts may, it
// is "@context=" and the context.
func (p *Plan) groupSuffix(g *Group) string {
	suffix := requiresSuffix(g.Requires)
	for _, other := range p.Index.Groups(g.StreamID) {
		if other != g && requiresSuffix(other.Requires) == suffix {
			return "@context=" + g.Context
		}
	}
	return suffix
}

func requiresSuffix(requires modulemd.Requires) string {
	if len(requires) == 0 {
		return "@none"
	}
	var parts []string
	for _, r := range requires {
		streams := slices.Sorted(slices.Values(r.Streams))
		if len(streams) == 0 {
			streams = []string{"any"}
		}
		parts = append(parts, r.Module+"="+strings.Join(streams, "+"))
	}
	slices.Sort(parts)
	return "@" + strings.Join(parts, ",")
}

// escapeSuffix escapes the names in a suffix and keeps the signs between them.
func escapeSuffix(suffix string) string {
	var b strings.Builder
	for i := range len(suffix) {
		if c := suffix[i]; plainByte(c) || c == '@' || c == '=' || c == ',' {
			b.WriteByte(c)
		} else {
			b.WriteString(tilde(c))
		}
	}
	return b.String()
}
