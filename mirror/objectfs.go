package mirror

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"time"

	"flatstream/repodata"
	"flatstream/repodata/digest"
)

// objectFS shows the metadata of one repomd.xml as the directory that
// repodata.Open reads: its own bytes, and each record's by its checksum.
type objectFS struct {
	md   *repodata.RepoMD
	open func(digest.Checksum) (*os.File, error)
}

func (o *objectFS) Open(name string) (fs.File, error) {
	if name == repomdPath {
		return &bytesFile{bytes.NewReader(o.md.Raw), name, int64(len(o.md.Raw))}, nil
	}
	for _, rec := range o.md.Records {
		if rec.Location == name {
			return o.open(rec.Checksum)
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// bytesFile is repomd.xml as a file.
type bytesFile struct {
	*bytes.Reader
	name string
	size int64
}

func (b *bytesFile) Close() error               { return nil }
func (b *bytesFile) Stat() (fs.FileInfo, error) { return b, nil }
func (b *bytesFile) Name() string               { return path.Base(b.name) }
func (b *bytesFile) Size() int64                { return b.size }
func (b *bytesFile) Mode() fs.FileMode          { return 0o444 }
func (b *bytesFile) ModTime() time.Time         { return time.Time{} }
func (b *bytesFile) IsDir() bool                { return false }
func (b *bytesFile) Sys() any                   { return nil }
