package modulemd

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// dataFile returns a file of the shared data, decompressed. The name may be a
// pattern, since rpm-md files begin with their checksum.
func dataFile(t testing.TB, name string) []byte {
	t.Helper()
	root := os.Getenv("FLATSTREAM_DATA")
	if root == "" {
		root = "../../../shared/data"
	}
	found, err := filepath.Glob(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Skipf("no %s in %s: set FLATSTREAM_DATA to the test data", name, root)
	}
	raw, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	var r io.Reader = bytes.NewReader(raw)
	switch filepath.Ext(found[0]) {
	case ".xz":
		r, err = xz.NewReader(r)
	case ".gz":
		r, err = gzip.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	raw, err = io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// dataFiles lists every modules.yaml of the shared data: how many builds,
// effective defaults, obsoletes and other documents it has, and the warnings, each
// as CODE and a part of its text.
var dataFiles = []struct {
	name                               string
	builds, defaults, obsoletes, other int
	warnings                           []string
}{
	{"el8/appstream-x86_64.modules.yaml.xz", 569, 0, 0, 0, nil}, // 582 documents, 13 of them twice
	{"el8/powertools-x86_64.modules.yaml.xz", 30, 0, 0, 0, nil},
	{"el8/history/appstream-x86_64-2022-08-*.xz", 303, 0, 0, 0, nil},
	{"el8/history/appstream-x86_64-2024-02-*.xz", 502, 0, 0, 0, nil},
	{"el8/appstream-defaults.yaml", 0, 49, 0, 0, nil},
	{"el8/powertools-defaults.yaml", 0, 1, 0, 0, nil},
	{"c9s/AppStream/repodata/*-modules.yaml.xz", 31, 8, 0, 0, nil},
	{"fake-modular/repodata/*-modules.yaml.gz", 11, 4, 6, 0, nil},
	{"modulemd/libmodulemd/bad_stream_v1.yaml", 1, 0, 0, 0, []string{
		"lenient-document no version", "lenient-document no context", "libmodulemd-rejects MissingEpoch"}},
	{"modulemd/libmodulemd/bad_stream_v2.yaml", 1, 0, 0, 0, []string{"lenient-document no version", "libmodulemd-rejects a static context"}},
	{"modulemd/libmodulemd/broken_stream.yaml", 0, 0, 0, 0, []string{"bad-document line 4: a mapping is expected"}},
	{"modulemd/libmodulemd/dependson_v1.yaml", 0, 0, 0, 0, []string{"bad-document no name"}},
	{"modulemd/libmodulemd/dependson_v2.yaml", 0, 0, 0, 0, []string{"bad-document no name"}},
	{"modulemd/libmodulemd/good-v2-extra-keys.yaml", 1, 1, 0, 1, nil},
	{"modulemd/libmodulemd/good_and_bad.yaml", 2, 0, 0, 0, []string{`bad-document modulemd version "3000"`}},
	{"modulemd/libmodulemd/invalid_obsoletes_v1.yaml", 0, 0, 1, 0, []string{"libmodulemd-rejects obsoletes of foo:42: no message"}},
	{"modulemd/libmodulemd/long-valid.yaml", 5, 3, 1, 1, nil},
	{"modulemd/libmodulemd/modulemd_defaults_v1.yaml", 0, 1, 0, 0, nil},
	{"modulemd/libmodulemd/modulemd_obsoletes_v1.yaml", 0, 0, 1, 0, nil},
	{"modulemd/libmodulemd/modulemd_packager_v2.yaml", 0, 0, 0, 1, []string{"packager-document no stream"}},
	{"modulemd/libmodulemd/modulemd_packager_v3.yaml", 0, 0, 0, 1, []string{"packager-document no stream"}},
	{"modulemd/libmodulemd/modulemd_stream_v1.yaml", 1, 0, 0, 0, nil},
	{"modulemd/libmodulemd/modulemd_stream_v2.yaml", 1, 0, 0, 0, nil},
	{"modulemd/libmodulemd/modulemd_translations_v1.yaml", 0, 0, 0, 1, nil},
	{"modulemd/libmodulemd/sl_with_eol.yaml", 0, 0, 0, 0, []string{"bad-document no document type"}},
	{"modulemd/libmodulemd/static_context.yaml", 1, 0, 0, 0, nil},
	{"modulemd/libmodulemd/stream_packager_mix.yaml", 2, 0, 0, 2, []string{
		"lenient-document foo:a: no version", "lenient-document foo:a: no context", "packager-document document 1 ", "packager-document document 2 ",
		"lenient-document qux:d: no version", "lenient-document qux:d: no context"}},
	{"modulemd/libmodulemd/stream_unicode_v2.yaml", 1, 0, 0, 0, nil},
	{"modulemd/libmodulemd/valid_defaults_with_garbage.yaml", 0, 1, 0, 0, []string{"bad-document document 1 (line 7)"}},
}

func TestEveryFileOfTheSharedData(t *testing.T) {
	for _, want := range dataFiles {
		t.Run(filepath.Base(want.name), func(t *testing.T) {
			f := mustParse(t, string(dataFile(t, want.name)))
			got := []int{len(f.Builds), len(f.EffectiveDefaults()), len(f.Obsoletes), len(f.Other)}
			for i, n := range []int{want.builds, want.defaults, want.obsoletes, want.other} {
				if got[i] != n {
					t.Errorf("%d %s, want %d", got[i], []string{"builds", "defaults", "obsoletes", "other documents"}[i], n)
				}
			}
			checkWarnings(t, f, want.warnings...)
		})
	}
}

func TestEveryFileOfLibmodulemdIsInTheTable(t *testing.T) {
	dataFile(t, "modulemd/libmodulemd/long-valid.yaml")
	root := os.Getenv("FLATSTREAM_DATA")
	if root == "" {
		root = "../../../shared/data"
	}
	files, err := os.ReadDir(filepath.Join(root, "modulemd/libmodulemd"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, f := range dataFiles {
		known[filepath.Base(f.name)] = true
	}
	for _, f := range files {
		if !known[f.Name()] {
			t.Errorf("%s is not in the table", f.Name())
		}
	}
}

func mustParse(t testing.TB, text string) *File {
	t.Helper()
	f, err := Parse(strings.NewReader(text), "src")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// checkWarnings wants exactly these, each "CODE part of the text".
func checkWarnings(t testing.TB, f *File, want ...string) {
	t.Helper()
	for i := range max(len(want), len(f.Warnings)) {
		switch {
		case i >= len(want):
			t.Errorf("unexpected warning %+v", f.Warnings[i])
		case i >= len(f.Warnings):
			t.Errorf("no warning %q", want[i])
		default:
			code, part, _ := strings.Cut(want[i], " ")
			if w := f.Warnings[i]; w.Code != code || !strings.Contains(w.Text, part) {
				t.Errorf("warning %+v, want %q", w, want[i])
			}
		}
	}
}
