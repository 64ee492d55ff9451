package tree

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"strings"

	"flatstream/repodata/digest"
)

// standing is a file of a snapshot as it stands on disk.
type standing struct {
	ino  uint64
	size int64
}

// snapshot holds the files of one snapshot against its manifest.
func (c *checker) snapshot(s Snapshot) error {
	c.u.Snapshots++
	dir := "snapshots/" + s.Name
	entries, err := s.Manifest()
	if err != nil {
		c.damage(BadManifest, dir+"/"+ManifestName, digest.Checksum{}, 0, "%v; nothing can be said of its files: roll back to another, and remove %s", err, dir)
		return nil
	}
	known := make(map[string]Entry, len(entries))
	for _, e := range entries {
		known[e.Path] = e
	}
	files, err := c.standing(dir, known)
	if err != nil {
		return err
	}
	if err := c.read(c.unread(dir, entries, files)); err != nil {
		return err
	}
	for _, e := range entries {
		if e.URL == "" {
			c.entry(dir, e, files)
		}
	}
	return nil
}

// standing walks a snapshot; symbolic links are looked at and never followed.
func (c *checker) standing(dir string, known map[string]Entry) (map[string]standing, error) {
	files := make(map[string]standing, len(known))
	err := fs.WalkDir(c.t.root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		p := strings.TrimPrefix(name, dir+"/")
		if err != nil || d.IsDir() || p == ManifestName {
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			c.alias(name, dir)
			return nil
		}
		if e, ok := known[p]; !ok || e.URL != "" {
			c.damage(ForeignFile, name, digest.Checksum{}, 0, "the snapshot's manifest does not name it: look at it, then remove it")
			return nil
		}
		if !d.Type().IsRegular() {
			return nil // missing, then
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		ino, _ := inode(info)
		files[p] = standing{ino, info.Size()}
		return nil
	})
	return files, err
}

// alias judges a symbolic link of a snapshot: it leads to something in the same one.
func (c *checker) alias(name, dir string) {
	to, err := c.t.root.Readlink(name)
	target := path.Join(path.Dir(name), to)
	if err == nil && !path.IsAbs(to) && under(target, dir) {
		if _, err := c.t.root.Stat(target); err == nil {
			return
		}
	}
	c.damage(BadLink, name, digest.Checksum{}, 0, "a link to %.200q, which is not in its snapshot: look at it, then remove it", to)
}

// want is the checksum of an entry. Earlier versions left none for what split wrote;
// metadata says it in its name.
func (e Entry) want() digest.Checksum {
	if !e.Checksum.IsZero() || !ImmutableName(e.Path) || IsPackage(e.Path) {
		return e.Checksum
	}
	digits, _, _ := strings.Cut(path.Base(e.Path), "-")
	for _, algo := range []string{"md5", "sha1", "sha224", "sha256", "sha384", "sha512"} {
		if c, err := digest.Parse(algo, digits); err == nil {
			return c
		}
	}
	return digest.Checksum{}
}

// unread lists each content of the snapshot that nobody has read yet, once.
func (c *checker) unread(dir string, entries []Entry, files map[string]standing) []reading {
	var list []reading
	queued := map[content]bool{}
	for _, e := range entries {
		f, ok := files[e.Path]
		key := content{f.ino, e.want().Algo}
		if _, done := c.sums[key]; !ok || done || queued[key] || key.algo == "" || f.size != e.Size {
			continue
		}
		queued[key] = true
		list = append(list, reading{dir + "/" + e.Path, f.ino, e.want(), e.Size})
	}
	return list
}

// entry judges one file.
func (c *checker) entry(dir string, e Entry, files map[string]standing) {
	c.u.Files++
	name, want := dir+"/"+e.Path, e.want()
	f, ok := files[e.Path]
	switch {
	case !ok:
		c.damage(MissingFile, name, want, e.Size, "the manifest names it, and there is no such file")
		return
	case f.size != e.Size:
		c.damage(BadFile, name, want, e.Size, "it has %d bytes, the manifest says %d", f.size, e.Size)
		return
	case want.IsZero():
		c.u.Unproven++
		return
	}
	if c.sums[content{f.ino, want.Algo}] != want {
		c.damage(BadFile, name, want, e.Size, "its bytes are not those that were published")
		return
	}
	ino, stored := c.u.stored[want]
	if stored && ino == f.ino {
		return
	}
	if _, seen := c.u.good[want]; stored && !seen {
		c.u.Unshared++
	}
	c.u.good[want] = name
}

// links judges current and the tags.
func (c *checker) links() error {
	if _, _, err := c.t.Current(); err != nil {
		c.damage(BadLink, currentLink, digest.Checksum{}, 0, "%v; flatstream rollback STORE SNAPSHOT publishes one again", err)
	}
	tags, err := fs.ReadDir(c.t.root.FS(), "tags")
	if err != nil {
		return err
	}
	for _, tag := range tags {
		name := "tags/" + tag.Name()
		to, err := c.t.root.Readlink(name)
		at, ours := strings.CutPrefix(to, "../snapshots/")
		if err == nil && ours {
			_, err = c.t.snapshot(at)
		}
		if err != nil || !ours {
			c.damage(BadLink, name, digest.Checksum{}, 0, "it leads to no snapshot: remove it, or flatstream tag --move STORE SNAPSHOT %s", tag.Name())
		}
	}
	return nil
}

// state reads what runs remember. What is damaged there costs a run's time, mostly.
func (c *checker) state() error {
	return fs.WalkDir(c.t.root.FS(), "state", func(name string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".json" {
			return err
		}
		if !d.Type().IsRegular() {
			c.damage(BadState, name, digest.Checksum{}, 0, "it is no regular file: look at it, then remove it")
			return nil
		}
		doc, err := c.t.root.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !json.Valid(doc) {
			c.damage(BadState, name, digest.Checksum{}, 0, "it is not the JSON that a run wrote: remove it, and the next run writes it anew")
		}
		return nil
	})
}
