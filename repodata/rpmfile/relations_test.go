package rpmfile_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flatstream/repodata/rpmfile"
)

// TestRelationsAreThoseThatRpmReads compares every real header with rpm's own words.
func TestRelationsAreThoseThatRpmReads(t *testing.T) {
	dir := t.TempDir()
	files := unpackHeaders(t, dir)
	paths, err := filepath.Glob(dir + "/*.rpm")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("rpm"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("rpm is not installed: apt-get install rpm to compare with it")
	}
	format := "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm\\n" +
		"[R%{REQUIRENAME} %{REQUIREFLAGS:depflags} %{REQUIREVERSION}\\n][C%{CONFLICTNAME} %{CONFLICTFLAGS:depflags} %{CONFLICTVERSION}\\n]" +
		"[O%{OBSOLETENAME} %{OBSOLETEFLAGS:depflags} %{OBSOLETEVERSION}\\n][P%{PROVIDENAME} %{PROVIDEFLAGS:depflags} %{PROVIDEVERSION}\\n][F%{FILENAMES}\\n]"
	out, err := exec.Command("rpm", append([]string{"-qp", "--nosignature", "--nodigest", "--qf", format}, paths...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	name := ""
	for line := range strings.Lines(string(out)) {
		line = strings.Join(strings.Fields(line), " ")
		if strings.HasSuffix(line, ".rpm") {
			name = line
		} else if !strings.HasPrefix(line, "Rrpmlib(") {
			want[name] = append(want[name], line)
		}
	}
	relations := 0
	for name, b := range files {
		rel, err := rpmfile.ReadRelations(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for letter, list := range map[string][]string{"R": rel.Requires, "C": rel.Conflicts, "O": rel.Obsoletes, "P": rel.Provides, "F": rel.Files} {
			for _, r := range list {
				got = append(got, letter+strings.Join(strings.Fields(r), " "))
			}
		}
		relations += len(got)
		all := want[name]
		slices.Sort(all)
		slices.Sort(got)
		if !slices.Equal(got, slices.Compact(all)) {
			t.Errorf("%s: %q, rpm says %q", name, got, all)
		}
	}
	if relations < 60_000 {
		t.Errorf("only %d relations and files were compared", relations)
	}
	t.Logf("%d relations and files of %d packages", relations, len(files))
}

func FuzzReadRelations(f *testing.F) {
	f.Add(with(field{1049, 8, 2, "a\x00b\x00"}, field{1048, 4, 2, "\x00\x00\x00\x0c\x00\x00\x00\x00"}, field{1050, 8, 2, "1\x00\x00"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		rel, err := rpmfile.ReadRelations(bytes.NewReader(b), int64(len(b)))
		if err == nil && slices.Contains(rel.Requires, "") {
			t.Errorf("an empty requirement of a file of %d bytes", len(b))
		}
	})
}
