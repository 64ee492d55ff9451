package tree

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ScratchFor is the nearest existing directory above a target: it has the file system
// and the room that the target will have, before [StageBeside] has made anything.
// Empty where nothing can be written there.
func ScratchFor(target string) string {
	dir, err := filepath.Abs(target)
	for err == nil && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		if info, err := os.Stat(dir); err == nil && info.IsDir() && unix.Access(dir, unix.W_OK) == nil {
			return dir
		} else if err == nil {
			break
		}
	}
	return ""
}
