package tree

import (
	"path"
	"strings"
)

// ContentType goes by the end of a name, for mirrors the last one: .xml.gz is gzip.
func ContentType(name string) string {
	name = path.Base(name)
	switch path.Ext(name) {
	case ".rpm", ".drpm":
		return "application/x-rpm"
	case ".gz":
		return "application/gzip"
	case ".zst":
		return "application/zstd"
	case ".xz":
		return "application/x-xz"
	case ".bz2":
		return "application/x-bzip2"
	case ".xml":
		return "application/xml"
	case ".json":
		return "application/json"
	case ".yaml", ".yml":
		return "application/yaml"
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".asc":
		return "application/pgp-signature"
	case ".repo", ".txt", ".conf", ".log":
		return "text/plain; charset=utf-8"
	}
	if name == ManifestName || strings.HasPrefix(name, "RPM-GPG-KEY") {
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// ImmutableName reports whether one path always means one content: packages,
// and metadata whose name begins with its checksum.
func ImmutableName(p string) bool {
	name := path.Base(p)
	if path.Base(path.Dir(p)) != "repodata" {
		return IsPackage(name)
	}
	digits, _, found := strings.Cut(name, "-")
	return found && len(digits) >= 32 && strings.Trim(digits, "0123456789abcdef") == ""
}

// IsPackage reports whether a path is that of a package or of a delta of one.
func IsPackage(p string) bool {
	return strings.HasSuffix(p, ".rpm") || strings.HasSuffix(p, ".drpm")
}
