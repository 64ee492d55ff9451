package bucket

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

// item is one object of a prefix as its manifest lists it.
type item struct {
	path string // below the prefix
	size int64  // bytes
	sum  digest.Checksum
	etag string // as the server gave it, without quotes
	gone int64  // seconds since 1970 at which the published snapshot no longer had it; 0: it has
}

// pathsOf is the set of their paths.
func pathsOf(items []item) map[string]bool {
	paths := make(map[string]bool, len(items))
	for _, i := range items {
		paths[i.path] = true
	}
	return paths
}

const (
	manifestHead = "flatstream bucket manifest 1"
	// maxManifest caps what is read of a manifest, decompressed: ten million objects.
	maxManifest = 2 << 30
)

// encodeItems writes a manifest: gzip over a head line and one line for each item,
// sorted by path, with its fields parted by tabs. The same items give the same bytes.
func encodeItems(items []item) ([]byte, error) {
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(a.path, b.path) })
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := bufio.NewWriter(z)
	fmt.Fprintln(w, manifestHead)
	for _, i := range items {
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\n", i.size, i.sum, i.etag, i.gone, i.path)
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	err := z.Close()
	return out.Bytes(), err
}

// decodeItems reads what encodeItems wrote. gzip's own checksum and length tell a
// manifest that was cut off.
func decodeItems(data []byte) ([]item, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	lines := bufio.NewScanner(io.LimitReader(z, maxManifest))
	if !lines.Scan() || lines.Text() != manifestHead {
		return nil, fmt.Errorf("manifest begins with %.40q, want %q", lines.Text(), manifestHead)
	}
	var items []item
	for lines.Scan() {
		i, err := decodeItem(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("manifest line %d: %w", len(items)+2, err)
		}
		items = append(items, i)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return items, nil
}

func decodeItem(line string) (i item, err error) {
	f := strings.Split(line, "\t")
	if len(f) != 5 {
		return i, fmt.Errorf("not five fields: %.80q", line)
	}
	if i.size, err = strconv.ParseInt(f[0], 10, 64); err != nil || i.size < 0 {
		return i, fmt.Errorf("size %.20q is no count of bytes", f[0])
	}
	if i.sum, err = parseSum(f[1]); err != nil {
		return i, err
	}
	if i.gone, err = strconv.ParseInt(f[3], 10, 64); err != nil {
		return i, fmt.Errorf("%.20q is no time", f[3])
	}
	i.etag, i.path = f[2], f[4]
	return i, tree.CheckPath(i.path)
}

// parseSum reads a checksum as [digest.Checksum.String] writes it.
func parseSum(text string) (digest.Checksum, error) {
	algo, digits, _ := strings.Cut(text, ":")
	return digest.Parse(algo, digits)
}
