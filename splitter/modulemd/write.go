package modulemd

import (
	"bytes"
	"fmt"
	"io"
)

// Write writes a modules.yaml of these documents, each the Raw of a Build,
// Defaults or Obsoletes, an element of File.Other, or what Filtered returned.
// Their text is not changed but for a missing last line feed.
func Write(w io.Writer, docs ...[]byte) error {
	for _, doc := range docs {
		var b bytes.Buffer
		b.WriteString("---\n")
		b.Write(doc)
		if !bytes.HasSuffix(doc, []byte("\n")) {
			b.WriteByte('\n')
		}
		b.WriteString("...\n")
		if _, err := w.Write(b.Bytes()); err != nil {
			return fmt.Errorf("write modules.yaml: %w", err)
		}
	}
	return nil
}
