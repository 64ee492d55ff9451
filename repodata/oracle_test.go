package repodata

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flatstream/repodata/codec"
)

// needTool skips without a real program, but fails in CI, where all are installed.
func needTool(t *testing.T, path string) {
	t.Helper()
	if _, err := exec.LookPath(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed, and CI must have it", path)
		}
		t.Skipf("%s is not installed", path)
	}
}

// dnf runs DNF 4 over one repository with directories of its own.
func dnf(t *testing.T, repo string, args ...string) []string {
	t.Helper()
	own := t.TempDir()
	all := append([]string{"--noplugins", "-q", "--setopt=cachedir=" + own + "/cache", "--setopt=reposdir=" + own + "/none",
		"--setopt=logdir=" + own, "--setopt=module_platform_id=platform:el9", "--releasever=9", "--forcearch=x86_64",
		"--installroot=" + own + "/root", "--repofrompath=copy," + repo, "--setopt=copy.module_hotfixes=1", "--repoid=copy"}, args...)
	out, err := exec.Command("dnf", all...).CombinedOutput()
	if err != nil {
		t.Fatalf("dnf %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(lines)
	return lines
}

// copyRepo writes a repository again, through spools and a writer.
func copyRepo(t testing.TB, r *Repo, format codec.Format) (dir string) {
	t.Helper()
	dir = t.TempDir()
	rec, _ := r.MD.Record(TypePrimary)
	w, err := NewWriter(dir, WriterOptions{Format: format, Revision: r.MD.Revision, Timestamp: rec.Timestamp})
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{TypePrimary, TypeFilelists, TypeOther} {
		s, err := r.Spool(context.Background(), typ, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		elements := func(yield func([]byte, error) bool) {
			for e, err := range s.Elements(allOf(s)) {
				if !yield(e.Raw, err) {
					return
				}
			}
		}
		if err := w.Packages(typ, s.Len(), elements); err != nil {
			t.Fatal(err)
		}
	}
	for typ, name := range map[string]string{TypeGroup: "comps.xml", TypeUpdateinfo: "updateinfo.xml", TypeModules: "modules.yaml"} {
		if _, ok := r.MD.Record(typ); !ok {
			continue
		}
		data, err := r.Data(typ)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Data(typ, name, data); err != nil {
			t.Fatal(err)
		}
		data.Close()
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A copy is, for createrepo_c and for DNF, what the original is.
func TestCopyIsTheOriginal(t *testing.T) {
	for _, name := range someRealRepos() {
		for _, format := range []codec.Format{codec.Gzip, codec.Zstd} {
			if format == codec.Zstd && name == "c9s/AppStream" {
				continue // DNF takes seconds for it, and has said what there is to say
			}
			t.Run(name+" "+format.String(), func(t *testing.T) {
				r := openReal(t, name)
				dir := copyRepo(t, r, format)
				sameOpenData(t, r, dir)
				t.Run("createrepo_c", func(t *testing.T) {
					needTool(t, "createrepo_c")
					if format == codec.Zstd {
						return // createrepo_c reads it since 1.0, which distributions of today may not have
					}
					if got, want := createrepoReads(t, dir), createrepoReads(t, filepath.Join(dataDir(t), name)); got != want {
						t.Errorf("it reads\n%s\nof the original\n%s", got, want)
					}
				})
				t.Run("dnf", func(t *testing.T) {
					needTool(t, "dnf")
					got := dnf(t, dir, "repoquery", "--nevra")
					want := dnf(t, filepath.Join(dataDir(t), name), "repoquery", "--nevra")
					if len(want) < 20 || !slices.Equal(got, want) {
						t.Errorf("%d packages, of the original %d", len(got), len(want))
					}
				})
			})
		}
	}
}

// sameOpenData compares by open-checksum: the decompressed bytes of the copy are
// those that createrepo_c wrote.
func sameOpenData(t *testing.T, r *Repo, dir string) {
	t.Helper()
	again, err := Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{TypePrimary, TypeFilelists, TypeOther} {
		want, _ := r.MD.Record(typ)
		if got, _ := again.MD.Record(typ); got.OpenChecksum != want.OpenChecksum || got.OpenSize != want.OpenSize {
			t.Errorf("%s differs decompressed: %v, want %v", typ, got, want)
		}
	}
}

func createrepoReads(t *testing.T, repo string) string {
	t.Helper()
	out, err := exec.Command("/usr/bin/python3", "testdata/createrepo_parse.py", repo).CombinedOutput()
	if err != nil {
		t.Fatalf("createrepo_c cannot read %s: %v\n%s", repo, err, out)
	}
	return string(out)
}

// A compressed "group" record is read by DNF like a plain one, so Data compresses
// comps like everything else.
func TestDNFReadsCompressedGroups(t *testing.T) {
	comps := realData(t, "c9s/AppStream", TypeGroup)
	needTool(t, "dnf")
	var want []string
	for _, format := range []codec.Format{codec.None, codec.Gzip, codec.Zstd} {
		dir := t.TempDir()
		w, err := NewWriter(dir, WriterOptions{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Packages(TypePrimary, 1, elementsOf(minimalPackage(""))); err != nil {
			t.Fatal(err)
		}
		if err := w.Data(TypeGroup, "comps.xml", bytes.NewReader(comps)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got := dnf(t, dir, "group", "list", "--hidden")
		if want == nil {
			want = got
		}
		if len(got) < 20 || !slices.Equal(got, want) {
			t.Errorf("%s: %d lines of groups, uncompressed %d: %v", format, len(got), len(want), got)
		}
	}
}
