package serve

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// serveDir answers with the directory's index.html, or else with a listing.
func (v *view) serveDir(w http.ResponseWriter, r *http.Request, d *os.File) {
	index := &view{root: v.root, dir: v.dir, name: path.Join(v.name, "index.html"), public: v.public}
	if f, err := index.open(); err == nil {
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			index.serveFile(w, r, f, info)
			return
		}
	}
	rows, err := v.list(d)
	if err != nil {
		fail(w, err)
		return
	}
	sendListing(w, r, v.public, append(rows, v.promised...))
}

// sendListing answers with a listing of rows, sorted.
func sendListing(w http.ResponseWriter, r *http.Request, name string, rows []row) {
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(kind(a), kind(b)), cmp.Compare(a.name, b.name))
	})
	rows = slices.CompactFunc(rows, func(a, b row) bool { return a.name == b.name })
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-cache")
	if r.Method == http.MethodGet {
		writeListing(w, name, rows)
	}
}

type row struct {
	name string    // a directory's ends in a slash
	size int64     // bytes
	time time.Time // zero: not known
}

// list reads a directory. Links show what
// they lead to; those that lead out show as files without a size.
func (v *view) list(d *os.File) ([]row, error) {
	entries, err := d.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // pruned meanwhile
		}
		if err != nil {
			return nil, err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			if to, err := v.root.Stat(path.Join(v.name, e.Name())); err == nil {
				info = to
			}
		}
		r := row{e.Name(), info.Size(), info.ModTime()}
		if info.IsDir() {
			r.name += "/"
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func kind(r row) int {
	if strings.HasSuffix(r.name, "/") {
		return 0
	}
	return 1
}

func writeListing(w io.Writer, name string, rows []row) {
	out := bufio.NewWriter(w)
	defer out.Flush() // a client that went away is no error of ours
	title := html.EscapeString("/" + strings.TrimPrefix(name+"/", "./"))
	fmt.Fprintf(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title></head>\n<body><h1>%s</h1>\n<table>\n", title, title)
	if name != "." {
		fmt.Fprint(out, "<tr><td><a href=\"../\">../</a></td></tr>\n")
	}
	for _, r := range rows {
		size, when := "", ""
		if kind(r) == 1 {
			size = fmt.Sprint(r.size)
		}
		if !r.time.IsZero() {
			when = r.time.UTC().Format("2006-01-02 15:04")
		}
		fmt.Fprintf(out, "<tr><td><a href=\"%s\">%s</a></td><td>%s</td><td align=\"right\">%s</td></tr>\n",
			html.EscapeString(href(r.name)), html.EscapeString(r.name), when, size)
	}
	fmt.Fprint(out, "</table></body></html>\n")
}

// href is a relative reference to a name in the same directory; its "./" keeps
// a name with a colon (name:stream:version) from being read as a scheme.
func href(name string) string {
	return (&url.URL{Path: "./" + name}).EscapedPath()
}
