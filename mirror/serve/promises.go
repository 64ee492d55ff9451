package serve

import (
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

// promises are the remote entries of one manifest.
type promises struct {
	at   map[string]tree.Entry
	from map[digest.Checksum]int // number of the upstream in whose repository it stands
}

// known reads what a snapshot promises; nil: nothing.
func (d *demand) known(r *http.Request, snapshot *os.Root) *promises {
	info, err := snapshot.Lstat(tree.ManifestName)
	if err != nil || !tree.IsStore(d.dir) {
		return nil
	}
	known, release, err := d.manifests.get(r.Context(), etag(info), func() (*promises, int64, error) {
		p, err := d.read(snapshot)
		return p, 0, err
	})
	defer release()
	if err != nil || len(known.at) == 0 {
		return nil
	}
	return known
}

// find looks a path of a snapshot up among its promises. Symbolic links of the
// snapshot, such as aliases, are followed.
func (d *demand) find(r *http.Request, snapshot *os.Root, name string) (tree.Entry, *promises, bool) {
	known := d.known(r, snapshot)
	if known == nil {
		return tree.Entry{}, nil, false
	}
	e, ok := known.at[followLinks(snapshot, name)]
	return e, known, ok
}

// list is what the promises add to a directory of a snapshot.
func (d *demand) list(r *http.Request, snapshot *os.Root, name string) []row {
	known := d.known(r, snapshot)
	if known == nil {
		return nil
	}
	prefix := followLinks(snapshot, name) + "/"
	if prefix == "./" {
		prefix = ""
	}
	var rows []row
	for p, e := range known.at {
		if rest, ok := strings.CutPrefix(p, prefix); ok {
			if dir, _, nested := strings.Cut(rest, "/"); nested {
				rows = append(rows, row{name: dir + "/"})
			} else {
				rows = append(rows, row{name: rest, size: e.Size})
			}
		}
	}
	return rows
}

func (d *demand) read(snapshot *os.Root) (*promises, error) {
	entries, err := tree.ReadManifest(snapshot.FS())
	if err != nil {
		return nil, err
	}
	p := &promises{map[string]tree.Entry{}, map[digest.Checksum]int{}}
	for _, e := range entries {
		if e.URL == "" {
			continue
		}
		p.at[e.Path] = e
		for i, u := range d.upstreams {
			if strings.HasPrefix(e.Path, u.Path+"/") {
				p.from[e.Checksum] = i
			}
		}
	}
	return p, nil
}

// followLinks resolves the symbolic links in a path whose last elements may not exist.
func followLinks(root *os.Root, name string) string {
	for range 10 {
		elems := strings.Split(name, "/")
		again := false
		for i := range elems {
			at := strings.Join(elems[:i+1], "/")
			info, err := root.Lstat(at)
			if err != nil {
				return name
			}
			if info.Mode()&fs.ModeSymlink == 0 {
				continue
			}
			to, err := root.Readlink(at)
			if err != nil || path.IsAbs(to) {
				return name
			}
			name, again = path.Join(append([]string{path.Dir(at), to}, elems[i+1:]...)...), true
			break
		}
		if !again {
			return name
		}
	}
	return name
}
