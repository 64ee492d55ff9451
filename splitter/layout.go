package splitter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
)

// MaxElement is the most bytes that one path element of a target may have. Most
// file systems allow 255; what is left is room for our temporary suffixes.
const MaxElement = 200

// escapeElement makes one path element of a module, stream or view name. Bytes
// outside A-Za-z0-9._+- and a leading dot become ~XX (upper-case hexadecimal), so
// that no name can climb out of its directory, hide, or meet another name:
// the tilde itself is escaped, hence the map is one to one.
func escapeElement(name string) (string, error) {
	if name == "" {
		return "", fmt.Errorf("an empty name cannot be a directory")
	}
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; plainByte(c) && (c != '.' || i > 0) {
			b.WriteByte(c)
		} else {
			b.WriteString(tilde(c))
		}
	}
	if b.Len() > MaxElement {
		return "", tooLong(b.String())
	}
	return b.String(), nil
}

func tilde(c byte) string { return fmt.Sprintf("~%02X", c) }

func tooLong(element string) error {
	return fmt.Errorf("the name %.40q... is %d bytes as a directory, over the limit of %d", element, len(element), MaxElement)
}

func plainByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '.' || c == '_' || c == '+' || c == '-'
}

// repoID makes a repository id that dnf accepts (A-Za-z0-9-_.:). Where other bytes
// had to become "_", a hash of the whole name keeps two ids apart.
func repoID(name string) string {
	id := []byte("flatstream-" + name)
	changed := false
	for i, c := range id {
		if !plainByte(c) && c != ':' || c == '+' {
			id[i], changed = '_', true
		}
	}
	if !changed {
		return string(id)
	}
	sum := sha256.Sum256([]byte(name))
	return string(id) + "-" + hex.EncodeToString(sum[:4])
}

// joinEscaped escapes each element and joins them below dir.
func joinEscaped(dir string, elements ...string) (string, error) {
	for _, e := range elements {
		escaped, err := escapeElement(e)
		if err != nil {
			return "", err
		}
		dir = path.Join(dir, escaped)
	}
	return dir, nil
}

// nsvcaElement is GrobiSplitter's directory name, taken as it is; what could not
// be one directory is refused.
func nsvcaElement(nsvca string) (string, error) {
	if strings.ContainsAny(nsvca, "/\x00") || strings.HasPrefix(nsvca, ".") || len(nsvca) > 255 {
		return "", fmt.Errorf("the build %.80q cannot name a directory", nsvca)
	}
	return nsvca, nil
}
