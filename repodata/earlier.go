package repodata

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"

	"flatstream/repodata/digest"
)

// earlier is a repository that a Writer of the same program wrote before. What of it
// would come out again is linked and not compressed once more.
//
// It is never believed. Content is hashed as it would be written, and the file that
// claims to hold it is hashed as it lies there; both sums and sizes must be those
// that repomd.xml has side by side, and that file must be ours byte for byte. Damage
// of either file therefore costs the time of writing it anew and nothing else. No
// state is kept for this that could be out of step with the files.
type earlier struct {
	dir string // DIR/repodata
	md  *RepoMD
}

// openEarlier is nil where nothing can be used again: there is no such repository, it
// cannot be read, or its revision is another one.
func openEarlier(dir, revision string) *earlier {
	if dir == "" {
		return nil
	}
	e := &earlier{dir: filepath.Join(dir, "repodata")}
	b, err := readPlain(filepath.Join(e.dir, "repomd.xml"), MaxRepoMD)
	if err != nil {
		return nil
	}
	if e.md, err = ParseRepoMD(b); err != nil || e.md.Revision != revision {
		return nil
	}
	return e
}

// again takes the file name of a type from the earlier repository, if content comes
// out the same. After a miss nothing more is tried: repositories that differ in one
// file mostly differ in all that follow.
func (w *Writer) again(typ, name string, content func(*bufio.Writer) error) (rec Record, ok bool, err error) {
	if w.earlier == nil {
		return rec, false, nil
	}
	old, listed := w.earlier.md.Record(typ)
	want := "repodata/" + old.Checksum.Hex + "-" + name
	if listed && old.Checksum.Algo == "sha256" && path.Clean(old.Location) == want {
		open := meter{w: io.Discard, h: sha256.New()}
		w.buf.Reset(&open)
		if err := errors.Join(content(w.buf), w.buf.Flush()); err != nil {
			return rec, false, err
		}
		rec = Record{
			Type: typ, Location: want, Timestamp: w.opt.Timestamp, Checksum: old.Checksum, Size: old.Size,
			OpenChecksum: open.sum(), OpenSize: open.n,
		}
		ok = old.OpenChecksum == rec.OpenChecksum && old.OpenSize == rec.OpenSize &&
			relink(filepath.Join(w.earlier.dir, path.Base(want)), filepath.Join(w.dir, path.Base(want)), old.Size, old.Checksum)
	}
	if !ok {
		w.earlier = nil
	}
	return rec, ok, nil
}

// WriteAgain makes a new file of b, of mode 0644. Where old is that very file already,
// it becomes a hard link to it; old may be empty, missing or anything else.
func WriteAgain(old, name string, b []byte) error {
	if old != "" && relink(old, name, int64(len(b)), digest.OfBytes(b)) {
		return nil
	}
	return WriteFile(name, b)
}

// relink makes name a hard link to old, if that is a plain file of mode 0644 with
// this content; otherwise there is no name. It is judged by its new name, which
// nobody else knows.
func relink(old, name string, size int64, sum digest.Checksum) bool {
	if os.Link(old, name) != nil { // missing, another file system, no more links
		return false
	}
	f, err := openPlain(name)
	if err == nil {
		h := sha256.New()
		var n int64
		n, err = io.Copy(h, io.LimitReader(f, size+1))
		f.Close()
		if err == nil && n == size && hex.EncodeToString(h.Sum(nil)) == sum.Hex {
			return true
		}
	}
	os.Remove(name)
	return false
}

// openPlain opens a regular file of ours with mode 0644: whoever else owns it could
// change it later. Nothing is followed or waited for.
func openPlain(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil || stat.Mode != unix.S_IFREG|0o644 || int(stat.Uid) != os.Geteuid() {
		f.Close()
		return nil, errors.Join(err, &fs.PathError{Op: "use again", Path: name, Err: fs.ErrInvalid})
	}
	return f, nil
}

func readPlain(name string, limit int64) ([]byte, error) {
	f, err := openPlain(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	_, err = io.Copy(&b, io.LimitReader(f, limit))
	return b.Bytes(), err
}
