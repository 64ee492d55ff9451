package serve

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"flatstream/mirror/tree"
	"flatstream/splitter"
)

// snapshotOf resolves "current", a tag or a snapshot's name in a store.
func (h *handler) snapshotOf(ref string) (string, error) {
	root, err := os.OpenRoot(h.dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	name := ref
	if to, err := root.Readlink("tags/" + ref); err == nil {
		name = path.Base(to)
	} else if ref == "current" {
		if to, err = root.Readlink("current"); errors.Is(err, fs.ErrNotExist) {
			return "", &statusError{http.StatusServiceUnavailable, "nothing is published yet"}
		} else if err != nil {
			return "", err
		}
		name = path.Base(to)
	}
	info, err := root.Lstat("snapshots/" + name)
	if _, bad := time.Parse(tree.TimeFormat, name); bad != nil || err != nil || !info.IsDir() {
		return "", &statusError{http.StatusNotFound, fmt.Sprintf("there is no snapshot or tag %.100q; /at/ lists them", ref)}
	}
	return name, nil
}

// openSnapshot opens a snapshot's directory.
func (h *handler) openSnapshot(name string) (*os.Root, error) {
	root, err := os.OpenRoot(h.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.OpenRoot("snapshots/" + name)
}

// targets lists what was split in a snapshot, as path elements: TARGET/ARCH, or one
// "" where flat/ is the only target or nothing was split at all.
func targets(snapshot *os.Root) []string {
	found, _ := fs.Glob(snapshot.FS(), "flat/*/*/"+splitter.ReportName) // the pattern is good
	var names []string
	for _, report := range found { // a directory of a single target has no report in that depth
		names = append(names, strings.TrimPrefix(path.Dir(report), "flat/"))
	}
	if _, err := snapshot.Stat("flat/" + splitter.ReportName); err == nil || len(names) == 0 {
		return []string{""}
	}
	return names
}

func subFS(root *os.Root, dir string) fs.FS {
	sub, err := fs.Sub(root.FS(), dir)
	if err != nil { // only for a path that fs.ValidPath refuses
		return root.FS()
	}
	return sub
}

// origins says where the merged sources of a target stand in a snapshot, and the
// report of the target, nil where nothing was split: then all repositories of the
// mirror are merged.
func origins(snapshot *os.Root, target string) (map[string]string, []string, *splitter.Report, error) {
	report, err := splitter.ReadReport(subFS(snapshot, path.Join("flat", target)))
	if errors.Is(err, splitter.ErrNotTarget) && target == "" {
		return mirrored(snapshot)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	paths := map[string]string{}
	var names []string
	for _, s := range report.Sources {
		if s.Role != splitter.RoleMerge {
			continue
		}
		if err := tree.CheckPath(s.Location); err != nil || !inMirror(s.Location) {
			return nil, nil, nil, fmt.Errorf("source %s of %s is not in the store's mirror", s.Name, path.Join("flat", target))
		}
		paths[s.Name] = s.Location
		names = append(names, s.Name)
	}
	return paths, names, report, nil
}

// inMirror says whether a path of a snapshot is one of a repository: kept/ has what
// upstream deleted of those in mirror/.
func inMirror(p string) bool {
	return strings.HasPrefix(p, "mirror/") || strings.HasPrefix(p, "kept/")
}

func mirrored(snapshot *os.Root) (map[string]string, []string, *splitter.Report, error) {
	found, err := fs.Glob(snapshot.FS(), "mirror/*/repodata/repomd.xml")
	if err != nil {
		return nil, nil, nil, err
	}
	if len(found) == 0 {
		return nil, nil, nil, &statusError{http.StatusNotFound, "this snapshot has no repositories to make sets of"}
	}
	paths := map[string]string{}
	var names []string
	for _, repomd := range found {
		at := path.Dir(path.Dir(repomd))
		paths[path.Base(at)] = at
		names = append(names, path.Base(at))
	}
	slices.Sort(names)
	return paths, names, nil, nil
}
