// Package codec compresses and decompresses the files of a repository: gzip, xz,
// zstd and bzip2 in, gzip and zstd out.
//
// What is read is known by its first bytes, never by its name: a mirror's
// "primary.xml.gz" may hold zstd. Concatenated gzip members, zstd frames and xz
// or bzip2 streams are one file, as their formats say. Memory is bounded by
// [MaxWindow] whatever the input asks for; how much comes out is not bounded, so
// a caller that knows the open size limits it (package digest does).
package codec

import "fmt"

// Format is a way to compress one file.
type Format uint8

// The formats that repositories use. None is also what an empty file has.
const (
	None Format = iota
	Gzip
	XZ
	Zstd
	Bzip2
)

var formats = [...]struct{ name, ext string }{
	None:  {"none", ""},
	Gzip:  {"gzip", ".gz"},
	XZ:    {"xz", ".xz"},
	Zstd:  {"zstd", ".zst"},
	Bzip2: {"bzip2", ".bz2"},
}

// String is the format's name as --compress and createrepo_c write it.
func (f Format) String() string { return formats[f].name }

// Ext is the ending of a file name, with its dot; empty for None.
func (f Format) Ext() string { return formats[f].ext }

// ParseFormat reads a format's name as --compress takes it: none, gzip (or gz),
// xz, zstd (or zst), bzip2 (or bz2).
func ParseFormat(name string) (Format, error) {
	for i, f := range formats {
		if name == f.name || name != "" && "."+name == f.ext {
			return Format(i), nil
		}
	}
	return None, fmt.Errorf("unknown compression %q: use gzip, zstd, xz, bzip2 or none", name)
}
