package splitter

import (
	"slices"
	"testing"

	"flatstream/splitter/modulemd"
)

func TestDefaultsOfSeveralDocuments(t *testing.T) {
	tests := []struct{ name, documents, want string }{
		{"the last one of a file", "default m:1 9\ndefault m:2 1", "2"},
		{"the newer one of two sources", "default m:1 9\nsource t\ndefault m:2 1", "1"},
		{"the newer one, in whichever source", "default m:1 1\nsource t\ndefault m:2 9", "2"},
		{"two that are equally new and differ", "default m:1 1\nsource t\ndefault m:2 1", ""},
		{"two that agree", "default m:1 1\nsource t\ndefault m:1 1", "1"},
		{"a newer one without a stream", "default m:1 1\nsource t\ndefault m 9", "1"},
		{"a newer one without a stream, first", "default m 9\nsource t\ndefault m:1 1", "1"},
		{"a conflict that a third one decides, even an older one", "default m:1 2\nsource t\ndefault m:2 2\nsource u\ndefault m:2 1", "2"},
	}
	for _, tt := range tests {
		x, _ := newTestIndex(t, "m:1 1\nm:2 1\n"+tt.documents)
		if got := x.Default("m"); got != tt.want {
			t.Errorf("%s: default %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestObsoletes(t *testing.T) {
	files := []SourceModules{{"s", &modulemd.File{Obsoletes: []*modulemd.Obsoletes{
		{Module: "m", Stream: "1", Modified: "2021-05-01T00:00Z", Message: "newer"},
		{Module: "m", Stream: "1", Modified: "2020-05-01T00:00Z", Message: "older"},
		{Module: "m", Stream: "2", Modified: "2020-05-01T00:00Z"},
	}}}, {"t", &modulemd.File{Obsoletes: []*modulemd.Obsoletes{
		{Module: "m", Stream: "2", Modified: "2020-05-01T00:01Z", Reset: true},
	}}}}
	x, _ := NewIndex(files, IndexOptions{})
	if got := x.Obsoletes(StreamID{"m", "1"}); len(got) != 1 || got[0].Message != "newer" {
		t.Errorf("m:1: %v, want the newer one", got)
	}
	if got := x.Obsoletes(StreamID{"m", "2"}); len(got) != 0 {
		t.Errorf("m:2 was reset, got %v", got)
	}
}

func TestWarningsOfAnIndex(t *testing.T) {
	_, warnings := newTestIndex(t, `
		m:1 1 has=broken
		m:1 1
		d:1 1 +m:rhel-8
		default d:9
		nodejs:12 820190101010101
		nodejs:12 8000020180101010101
		default m:3
		source t
		m:1 1 has=a-0:1-1.x86_64
		default m:1`)
	var codes []string
	for _, w := range warnings {
		codes = append(codes, w.Code)
	}
	slices.Sort(codes)
	want := []string{"absent-default", "bad-artifact", "conflicting-default", "differing-document", "duplicate-document", "odd-exclusion", "version-order"}
	if !slices.Equal(codes, want) {
		t.Errorf("warnings %v, want %v", warnings, want)
	}
}
