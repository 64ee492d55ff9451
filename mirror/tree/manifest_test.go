package tree

import (
	"bytes"
	"reflect"
	"testing"

	"flatstream/repodata/digest"
)

func TestManifestRoundTrip(t *testing.T) {
	sum := digest.OfBytes([]byte("x"))
	want := []Entry{
		{Path: "a b.rpm", Size: 1, Checksum: sum},
		{Path: "b", Size: 0},
		{Path: "c.rpm", Size: 3, Checksum: sum, Grace: true},
		{Path: "d.rpm", Size: 4, Checksum: sum, URL: "https://example.org/d.rpm"},
		{Path: "e.rpm", Size: 5, Checksum: sum, URL: "https://example.org/e.rpm", Grace: true},
	}
	var buf bytes.Buffer
	if err := writeManifest(&buf, want); err != nil {
		t.Fatal(err)
	}
	got, err := parseManifest(buf.Bytes())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, %v", got, err)
	}
	for cut := range buf.Len() {
		if entries, err := parseManifest(buf.Bytes()[:cut]); err == nil && buf.Bytes()[cut-1] != '\n' {
			t.Fatalf("cut at %d reads as %d entries", cut, len(entries))
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(manifestHead + "\nfile\t1\t-\ta\n"))
	f.Add([]byte(manifestHead + "\ngrace-remote\t1\tmd5:d41d8cd98f00b204e9800998ecf8427e\ta\thttp://x/\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseManifest(data)
		if err != nil {
			return
		}
		var buf bytes.Buffer
		if err := writeManifest(&buf, entries); err != nil {
			t.Fatal(err)
		}
		again, err := parseManifest(buf.Bytes())
		if err != nil || !reflect.DeepEqual(again, entries) {
			t.Fatalf("%q reads back as %v, %v", buf.Bytes(), again, err)
		}
	})
}
