package serve

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Limits of a set's name, far beyond what anyone enables.
const (
	maxSetName  = 2000 // bytes
	maxSetSpecs = 64
)

// setName reads the path element that names a set of streams: SPECs joined by "+",
// such as default+nodejs:18+-perl. A byte of a name that would mean something else
// there, "+" above all, is written ~XX. canonical is the one spelling of the set:
// default or none first, then all, then what is left out, then the streams, sorted,
// each once. A view starts from the default streams, so default is added.
func setName(element string) (specs []string, canonical string, err error) {
	if len(element) > maxSetName {
		return nil, "", &statusError{http.StatusRequestURITooLong, fmt.Sprintf("a set's name has at most %d bytes", maxSetName)}
	}
	parts := strings.Split(element, "+")
	if len(parts) > maxSetSpecs {
		return nil, "", &statusError{http.StatusBadRequest, fmt.Sprintf("a set names at most %d streams", maxSetSpecs)}
	}
	for _, part := range parts {
		spec, err := unescapeSpec(part)
		if err != nil {
			return nil, "", err
		}
		specs = append(specs, spec)
	}
	if !slices.Contains(specs, "none") && !slices.Contains(specs, "default") {
		specs = append(specs, "default")
	}
	slices.SortFunc(specs, func(a, b string) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a, b)) })
	specs = slices.Compact(specs)
	if err := contradiction(specs); err != nil {
		return nil, "", err
	}
	escaped := make([]string, len(specs))
	for i, spec := range specs {
		escaped[i] = escapeSpec(spec)
	}
	return specs, strings.Join(escaped, "+"), nil
}

func rank(spec string) int {
	switch {
	case spec == "default" || spec == "none":
		return 0
	case spec == "all":
		return 1
	case spec[0] == '-':
		return 2
	}
	return 3
}

// contradiction finds what no order of the SPECs could mean.
func contradiction(specs []string) error {
	if len(specs) > 1 && specs[0] == "default" && specs[1] == "none" {
		return &statusError{http.StatusConflict, "default and none exclude each other: one starts from the default streams, the other from nothing"}
	}
	for _, spec := range specs {
		module, _, _ := strings.Cut(spec, ":")
		if slices.Contains(specs, "-"+module) {
			return &statusError{http.StatusConflict, fmt.Sprintf("%s is asked for and left out (-%s) at once", spec, module)}
		}
	}
	return nil
}

func plainInSpec(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("._-:", c) >= 0
}

func escapeSpec(spec string) string {
	var b strings.Builder
	for i := range len(spec) {
		if c := spec[i]; plainInSpec(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "~%02X", c)
		}
	}
	return b.String()
}

func unescapeSpec(part string) (string, error) {
	var b []byte
	for i := 0; i < len(part); i++ {
		if part[i] != '~' {
			b = append(b, part[i])
			continue
		}
		if i+3 > len(part) {
			return "", badSpec(part)
		}
		code, err := hex.DecodeString(part[i+1 : i+3])
		if err != nil {
			return "", badSpec(part)
		}
		b = append(b, code...)
		i += 2
	}
	spec := string(b)
	if module, stream, exact := strings.Cut(strings.TrimPrefix(spec, "-"), ":"); module == "" || exact && (stream == "" || spec[0] == '-') || strings.ContainsAny(spec, "/\x00") {
		return "", badSpec(part)
	}
	return spec, nil
}

func badSpec(part string) error {
	return &statusError{http.StatusBadRequest, fmt.Sprintf("%.100q is not module:stream, module, -module, default, none or all; they are joined by +, and a + within a name is ~2B", part)}
}
