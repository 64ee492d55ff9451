package nightly

import (
	"context"
	"path/filepath"

	"flatstream/mirror/tree"
	"flatstream/splitter/catalogue"
)

// writePages writes the catalogue of a target that will be published.
func (n *night) writePages(ctx context.Context, stage *tree.Stage, b build, in catalogue.Input) error {
	return catalogue.Write(filepath.Join(stage.Dir(), b.flat()), in)
}
