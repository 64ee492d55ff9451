package modulemd

import (
	"bytes"
	"errors"
	"fmt"
)

// Limits on what a file may ask of us (P25). The largest real files have 900
// documents of at most 100 KiB each.
const (
	maxFile      = 256 << 20 // bytes of a file
	maxDocument  = 16 << 20  // bytes of one document
	maxDocuments = 200_000   // of a file: each may cost a warning
	maxMarkers   = 1 << 20   // of the --- and ... lines of a file, whatever stands between them
	maxMarks     = 1 << 19   // of the bytes that begin a YAML node, per document: about 200 bytes of memory each
	maxNesting   = 1000      // levels; modulemd needs eight, xmd a few more
	maxSteps     = 1 << 21   // nodes read per document, each alias counted as often as it is followed
	maxName      = 4096      // bytes of a name, stream, package, ...
	maxRemarks   = 16        // warnings per document
	manyRemarks  = 50_000    // warnings of a file from which on each document has two at most
)

// errHostile marks an error that ends the whole file.
var errHostile = errors.New("refused, no real modules.yaml is like this")

func hostile(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, errHostile)...)
}

// checkShape refuses what would cost the YAML parser far more memory or stack
// than the text is long. It sees no difference between structure and text, so it
// counts too much, never too little.
func checkShape(raw []byte) error {
	marks, open, deepest := 0, 0, 0
	for line := range bytes.Lines(raw) {
		lead := len(line) - len(bytes.TrimLeft(line, " \t-?:"))
		deepest = max(deepest, 2*lead+open)
		for _, c := range line {
			switch c {
			case '[', '{':
				open++
				marks++
				deepest = max(deepest, 2*lead+open)
			case ']', '}':
				open = max(0, open-1)
			case '\n', ',', ':', '-', '?':
				marks++
			}
		}
	}
	switch {
	case deepest > maxNesting:
		return hostile("more than %d levels", maxNesting)
	case marks > maxMarks:
		return hostile("more than %d entries", maxMarks)
	}
	return nil
}
