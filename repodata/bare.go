package repodata

import (
	"fmt"

	"flatstream/repodata/rpmver"
)

// BareElement is the element of a package in filelists or other when nothing is
// known of its files or its changelog.
func BareElement(pkgid string, n rpmver.NEVRA) []byte {
	return fmt.Appendf(nil, "<package%s%s%s>\n  <version%s%s%s/>\n</package>",
		attribute("pkgid", pkgid), attribute("name", n.Name), attribute("arch", n.Arch),
		attribute("epoch", fmt.Sprint(n.Epoch)), attribute("ver", n.Version), attribute("rel", n.Release))
}
