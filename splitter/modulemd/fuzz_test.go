package modulemd

import (
	"bytes"
	"slices"
	"testing"
)

// Whatever the bytes: no panic, each build has a name, its document reads back as
// the same build, and a filtered one lists what was kept and nothing else.
func FuzzParse(f *testing.F) {
	f.Add([]byte(stream("", "  artifacts:\n    rpms:\n    - a-0:1-1.noarch\n    - b-1-1.noarch\n  api: {rpms: [x]}\n")))
	f.Add([]byte(stream("1", "  dependencies: {requires: {perl: 5.30}}\n  eol: 2077-10-23\n")))
	f.Add([]byte(stream("", "  dependencies:\n  - requires: {perl: 5.3, nginx: []}\n  artifacts: &a {rpms: ['a-0:1-1.noarch']}\n  api: *a\n")))
	f.Add([]byte(defaults("stream: 1.10\n  profiles: {1.10: [x]}") + obsoletes("modified: 2018-05-23T14:25Z\n  message: m")))
	f.Add([]byte("--- {document: modulemd, version: 2, data: {name: a, stream: b, version: 1, context: c, artifacts: {rpms: [b]}}}\r\n...\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse(bytes.NewReader(text), "")
		if err != nil {
			return
		}
		for _, b := range file.Builds {
			if b.Name == "" || b.Stream == "" || b.Context == "" {
				t.Fatalf("a build without a name: %+v", b)
			}
			checkSame(t, b, b.Raw, b.Artifacts)
			var kept []string
			doc := b.Filtered(func(a string) bool {
				if len(a)%2 == 0 {
					kept = append(kept, withEpoch(a))
					return true
				}
				return false
			})
			if doc != nil {
				checkSame(t, b, doc, kept)
			}
		}
	})
}

func checkSame(t *testing.T, b *Build, doc []byte, artifacts []string) {
	t.Helper()
	var w bytes.Buffer
	if err := Write(&w, doc); err != nil {
		t.Fatal(err)
	}
	again, err := Parse(&w, "")
	if err != nil || len(again.Builds) != 1 {
		t.Fatalf("%q does not read back: %v %+v", doc, err, again)
	}
	got := again.Builds[0]
	if got.Key() != b.Key() || !slices.Equal(got.Artifacts, artifacts) && len(artifacts)+len(got.Artifacts) > 0 {
		t.Fatalf("%q reads back as %s with %q, want %s with %q", doc, got.Key(), got.Artifacts, b.Key(), artifacts)
	}
}

func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"el8/appstream-x86_64.modules.yaml.xz", "c9s/AppStream/repodata/*-modules.yaml.xz"} {
		text := dataFile(b, name)
		b.Run(name[:3], func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(bytes.NewReader(text), ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
