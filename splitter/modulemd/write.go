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
	var b bytes.Buffer
	for _, doc := range docs {
		b.Reset()
		b.Grow(len(doc) + 9)
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
