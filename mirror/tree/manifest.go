package tree

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"flatstream/repodata/digest"
)

// ManifestName is the file of a snapshot that lists all its others. It is
// written last, so a directory that has it is whole.
const ManifestName = "manifest"

const manifestHead = "flatstream manifest 1"

// Entry is one line of a manifest: a file of the snapshot, or a package that
// can be had on demand.
type Entry struct {
	Path     string          // below the snapshot, slashes
	Size     int64           // bytes
	Checksum digest.Checksum // zero for files that others wrote into the stage
	URL      string          // on demand: where to fetch it; then the snapshot has no such file
	Grace    bool            // here for old clients only, carried from an earlier snapshot
}

// A manifest is text: a head line, then one line for each entry, sorted by
// path, with its fields parted by tabs (CheckPath lets none into a path):
//
//	kind size checksum path [url]
//
// kind is file, remote, or one of them after "grace-"; checksum is algo:digits,
// or "-".
func writeManifest(w io.Writer, entries []Entry) error {
	buf := bufio.NewWriter(w)
	fmt.Fprintln(buf, manifestHead)
	for _, e := range entries {
		kind, sum := "file", "-"
		if e.URL != "" {
			kind = "remote"
		}
		if e.Grace {
			kind = "grace-" + kind
		}
		if !e.Checksum.IsZero() {
			sum = e.Checksum.String()
		}
		fmt.Fprintf(buf, "%s\t%d\t%s\t%s", kind, e.Size, sum, e.Path)
		if e.URL != "" {
			fmt.Fprintf(buf, "\t%s", e.URL)
		}
		buf.WriteByte('\n')
	}
	return buf.Flush()
}

// parseManifest reads what writeManifest wrote; a last line without its end is
// an error, so a truncated file is never taken for a whole one.
func parseManifest(data []byte) ([]Entry, error) {
	head, rest, ended := strings.Cut(string(data), "\n")
	if !ended || head != manifestHead {
		return nil, fmt.Errorf("manifest begins with %.40q, want %q", head, manifestHead)
	}
	entries := make([]Entry, 0, strings.Count(rest, "\n"))
	for n := 2; len(rest) > 0; n++ {
		line, after, ended := strings.Cut(rest, "\n")
		if !ended {
			return nil, fmt.Errorf("manifest line %d: cut off", n)
		}
		e, err := parseEntry(line)
		if err != nil {
			return nil, fmt.Errorf("manifest line %d: %w", n, err)
		}
		entries = append(entries, e)
		rest = after
	}
	return entries, nil
}

// findEntries parses only those lines whose path ends in "/" and one of the names: of
// a manifest of a hundred thousand packages it reads some hundred. A line with a URL is
// none of them.
func findEntries(data []byte, names []string) ([]Entry, error) {
	if !whole(data) {
		return parseManifest(data) // which says what is wrong
	}
	var entries []Entry
	for _, name := range names {
		for at, end := 0, []byte("/"+name+"\n"); ; {
			i := bytes.Index(data[at:], end)
			if i < 0 {
				break
			}
			begin, stop := bytes.LastIndexByte(data[:at+i], '\n')+1, at+i+len(end)
			e, err := parseEntry(string(data[begin : stop-1]))
			if err != nil {
				return nil, fmt.Errorf("manifest: %w", err)
			}
			entries, at = append(entries, e), stop
		}
	}
	return entries, nil
}

func parseEntry(line string) (e Entry, err error) {
	f := strings.Split(line, "\t")
	kind, grace := strings.CutPrefix(f[0], "grace-")
	e.Grace = grace
	switch {
	case kind == "file" && len(f) == 4:
	case kind == "remote" && len(f) == 5 && f[4] != "":
		e.URL = f[4]
	default:
		return e, fmt.Errorf("neither a file nor a remote one: %.80q", line)
	}
	if e.Size, err = strconv.ParseInt(f[1], 10, 64); err != nil || e.Size < 0 {
		return e, fmt.Errorf("size %.20q is no count of bytes", f[1])
	}
	if f[2] != "-" {
		algo, digits, _ := strings.Cut(f[2], ":")
		if e.Checksum, err = digest.Parse(algo, digits); err != nil {
			return e, err
		}
	}
	e.Path = f[3]
	return e, CheckPath(e.Path)
}
