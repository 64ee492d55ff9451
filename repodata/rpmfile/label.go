package rpmfile

import (
	"fmt"
	"strconv"
	"strings"
)

// Label is a ModularityLabel: the module build that a package was made in. It is
// a witness, not a proof: labels may be absent, or name an earlier build of the
// same stream (P9).
type Label struct {
	Name, Stream string
	Version      uint64 // never text: 15 and 19 digits stand side by side (P4)
	Context      string
}

// ParseLabel reads name:stream:version:context, each part there.
func ParseLabel(s string) (Label, error) {
	part := strings.Split(s, ":")
	if len(part) != 4 || part[0] == "" || part[1] == "" || part[3] == "" {
		return Label{}, fmt.Errorf("%q is not a modularity label (name:stream:version:context)", s)
	}
	version, err := strconv.ParseUint(part[2], 10, 64)
	if err != nil {
		return Label{}, fmt.Errorf("modularity label %q: version %q is not a 64-bit number", s, part[2])
	}
	return Label{part[0], part[1], version, part[3]}, nil
}

// String writes the label as [ParseLabel] reads it.
func (l Label) String() string {
	return l.Name + ":" + l.Stream + ":" + strconv.FormatUint(l.Version, 10) + ":" + l.Context
}
