package serve

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"flatstream/mirror/tree"
)

// rpmMagic begins the lead of every RPM package (rpm's lib/rpmlead.c).
var rpmMagic = []byte{0xed, 0xab, 0xee, 0xdb}

// openFlags never wait for a writer of a named pipe.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK

func (v *view) open() (*os.File, error) {
	f, err := v.root.OpenFile(v.name, openFlags, 0)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || notDirectory(err) {
		return f, err
	}
	info, errLink := v.root.Lstat(v.name)
	if errLink == nil && info.Mode()&fs.ModeSymlink == 0 {
		return nil, err
	}
	if errLink == nil && v.dir != "" && path.Ext(v.name) == ".rpm" && tree.IsTarget(v.dir) {
		if f, err := followPackage(filepath.Join(v.dir, v.name)); err == nil {
			return f, nil
		}
	}
	return nil, &statusError{http.StatusForbidden, "a symbolic link leads out of what is served"}
}

// followPackage opens the RPM package that a link leads to, and nothing else.
func followPackage(link string) (*os.File, error) {
	to, err := filepath.EvalSymlinks(link)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(to, openFlags|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	magic := make([]byte, len(rpmMagic))
	if err == nil && info.Mode().IsRegular() && path.Ext(to) == ".rpm" {
		_, err = f.ReadAt(magic, 0)
	}
	if err != nil || !bytes.Equal(magic, rpmMagic) {
		return nil, errors.Join(err, errors.New("no RPM package"), f.Close())
	}
	return f, nil
}

func notDirectory(err error) bool {
	return errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}

// serveFile answers with one file. Every header is set before: with a content
// type there is no sniffing, so net/http hands the file to sendfile(2).
func (v *view) serveFile(w http.ResponseWriter, r *http.Request, f *os.File, info fs.FileInfo) {
	head := w.Header()
	head.Set("Content-Type", tree.ContentType(v.name))
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("ETag", etag(info))
	if cache := cacheControl(v.name); cache != "" {
		head.Set("Cache-Control", cache)
	}
	if info.Size() == 0 && r.Header.Get("Range") != "" {
		r = r.Clone(r.Context()) // net/http would answer 206 with "bytes 0--1/0"
		r.Header.Del("Range")
	}
	http.ServeContent(w, r, "", info.ModTime(), f)
}

// etag is strong: published files never change, and one that is replaced has
// another inode. A package that two snapshots share has one tag, so a download
// resumes over a publication.
func etag(info fs.FileInfo) string {
	var inode uint64
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = st.Ino
	}
	return fmt.Sprintf(`"%x-%x-%x"`, info.ModTime().UnixNano(), info.Size(), inode)
}

// cacheControl keeps caches from ever mixing two states of a repository: what
// names the others (repomd.xml and its signature) is asked for each time, and so are
// pages; what is named by its checksum never again.
func cacheControl(p string) string {
	name := path.Base(p)
	if strings.HasPrefix(name, "repomd.xml") || path.Ext(name) == ".html" {
		return "no-cache"
	}
	if path.Base(path.Dir(p)) == "repodata" && tree.ImmutableName(p) {
		return immutable
	}
	return ""
}

// immutable is for what never changes under its name.
const immutable = "public, max-age=31536000, immutable"

// recorder counts what an answer sends. ReadFrom hands a file on to net/http as
// it is, or there would be no sendfile(2).
type recorder struct {
	http.ResponseWriter
	code  int
	bytes int64
}

func (r *recorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(p []byte) (int, error) {
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(r.ResponseWriter, src)
	r.bytes += n
	return n, err
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
