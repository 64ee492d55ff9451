package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flatstream/repodata"
	"flatstream/splitter"
)

// The tests here run the real program over real repositories and let other programs
// judge what it made: createrepo_c's parser, libmodulemd, dnf, rpm, obs-build.

// python is the interpreter that the distribution's modules belong to.
const python = "/usr/bin/python3"

// realData is a directory of the real repository data, or the test skips.
func realData(t *testing.T, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("real repositories are left out of short tests")
	}
	root := os.Getenv("FLATSTREAM_DATA")
	if root == "" {
		root = "../shared/data"
	}
	dir, err := filepath.Abs(filepath.Join(root, name))
	must(t, err)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real data here: set FLATSTREAM_DATA to the directory that has %s", name)
	}
	return dir
}

// need skips the test where a program or Python module (python:NAME) is missing; in CI
// that is a failure.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		var err error
		if module, ok := strings.CutPrefix(tool, "python:"); ok {
			err = exec.Command(python, "-c", "import "+module).Run()
		} else {
			_, err = exec.LookPath(tool)
		}
		switch {
		case err == nil:
		case os.Getenv("CI") == "true":
			t.Fatalf("%s is not installed, and CI must have it: run scripts/tools", tool)
		default:
			t.Skipf("%s is not installed: run scripts/tools", tool)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// runTool runs a program that must succeed and returns its standard output.
func runTool(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// flatstream runs the program, which must exit with 0.
func flatstream(t *testing.T, args ...string) string {
	t.Helper()
	return runTool(t, "flatstream", append([]string{"--quiet"}, args...)...)
}

// splitReport splits and returns the report.
func splitReport(t *testing.T, args ...string) *splitter.Report {
	t.Helper()
	var r splitter.Report
	must(t, json.Unmarshal([]byte(flatstream(t, append([]string{"--json", "split"}, args...)...)), &r))
	return &r
}

// readRepo is one line of scripts/read-repos.
type readRepo struct {
	Dir      string
	Packages []struct{ NEVRA, PkgID, Href, Base string }
	Warnings []string
}

// nevras are the different NEVRAs of a repository, sorted.
func (r readRepo) nevras() []string {
	var all []string
	for _, p := range r.Packages {
		all = append(all, p.NEVRA)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// readTarget lets createrepo_c's parser read every repository of a target. A warning of
// the parser, and a package file that is not where its location says, fail the test.
func readTarget(t *testing.T, target string, report *splitter.Report, files bool) map[string]readRepo {
	t.Helper()
	need(t, "python:createrepo_c")
	args := []string{}
	for _, repo := range report.Repos {
		args = append(args, filepath.Join(target, repo.Path))
	}
	dec := json.NewDecoder(strings.NewReader(runTool(t, "scripts/read-repos", args...)))
	read := map[string]readRepo{}
	for _, repo := range report.Repos {
		var r readRepo
		must(t, dec.Decode(&r))
		for _, w := range r.Warnings {
			t.Errorf("%s: createrepo_c: %s", repo.Path, w)
		}
		if len(r.Packages) != repo.Packages {
			t.Errorf("%s: createrepo_c reads %d packages, report.json says %d", repo.Path, len(r.Packages), repo.Packages)
		}
		for _, p := range r.Packages {
			if _, err := os.Stat(filepath.Join(r.Dir, p.Href)); files && err != nil {
				t.Errorf("%s: %v", repo.Path, err)
			}
		}
		read[repo.Path] = r
	}
	return read
}

// reference asks scripts/grobi-reference: directory to NEVRAs.
func reference(t *testing.T, repositories ...string) map[string][]string {
	t.Helper()
	need(t, "python:createrepo_c", "python:gi")
	var dirs map[string][]string
	must(t, json.Unmarshal([]byte(runTool(t, "scripts/grobi-reference", repositories...)), &dirs))
	return dirs
}

// streamsOf folds GrobiSplitter's directories, one a build, into module:stream.
func streamsOf(builds map[string][]string) map[string][]string {
	streams := map[string][]string{}
	for nsvca, nevras := range builds {
		if parts := strings.Split(nsvca, ":"); len(parts) == 5 {
			id := parts[0] + ":" + parts[1]
			streams[id] = append(streams[id], nevras...)
		}
	}
	for id, nevras := range streams {
		slices.Sort(nevras)
		streams[id] = slices.Compact(nevras)
	}
	return streams
}

// dnf runs dnf as a client that knows only the .repo files in reposdir.
func dnf(t *testing.T, root, reposdir string, args ...string) string {
	t.Helper()
	return runTool(t, "dnf", append(append(dnfRoot(root, reposdir), "--noplugins"), args...)...)
}

// dnfRoot are the options of a dnf that knows one root and one directory of .repo files.
func dnfRoot(root, reposdir string) []string {
	return []string{
		"-y", "-q", "--releasever=8", "--forcearch=x86_64", "--installroot=" + root,
		"--setopt=reposdir=" + reposdir, "--setopt=cachedir=" + filepath.Join(root, "cache"),
		"--setopt=module_platform_id=platform:el8", "--setopt=metadata_expire=0",
	}
}

// repoquery is what dnf sees in one repository.
func repoquery(t *testing.T, reposdir, id string) []string {
	t.Helper()
	out := dnf(t, t.TempDir(), reposdir, "--repo="+id, "repoquery", "--qf", "%{name}-%{epoch}:%{version}-%{release}.%{arch}")
	nevras := strings.Fields(out)
	slices.Sort(nevras)
	return slices.Compact(nevras)
}

// TestCentOSStream9 splits BaseOS and AppStream as they are upstream.
func TestCentOSStream9(t *testing.T) {
	baseos, appstream := realData(t, "c9s/BaseOS"), realData(t, "c9s/AppStream")
	target := filepath.Join(t.TempDir(), "flat")
	report := splitReport(t, baseos, appstream, "--link", "none", "--target", target)
	read := readTarget(t, target, report, false)

	placed := map[string][]string{}
	for _, repo := range report.Repos {
		if repo.Kind == splitter.KindStream {
			id := repo.Module + ":" + repo.Stream
			placed[id] = append(placed[id], read[repo.Path].nevras()...)
		}
	}
	want := streamsOf(reference(t, baseos, appstream))
	if len(want) != 15 || len(placed) != 15 {
		t.Errorf("%d streams, and libmodulemd reads %d: want 15", len(placed), len(want))
	}
	for id, nevras := range want {
		slices.Sort(placed[id])
		if got := slices.Compact(placed[id]); !slices.Equal(got, nevras) {
			t.Errorf("%s holds %d packages, its documents and the sources say %d", id, len(got), len(nevras))
		}
	}

	need(t, "dnf")
	for _, repo := range report.Repos {
		dir := filepath.Join(target, repo.Path)
		if got, want := repoquery(t, dir, repo.ID), read[repo.Path].nevras(); !slices.Equal(got, want) {
			t.Errorf("%s: dnf sees %d packages, createrepo_c %d", repo.Path, len(got), len(want))
		}
	}
}

// TestGrobiSplitterSets compares package sets, directory by directory.
func TestGrobiSplitterSets(t *testing.T) {
	for _, name := range []string{"c9s/AppStream", "fake-modular"} {
		t.Run(name, func(t *testing.T) {
			source := realData(t, name)
			target := filepath.Join(t.TempDir(), "flat")
			report := splitReport(t, source, "--layout", "grobisplitter", "--link", "none", "--target", target)
			read := readTarget(t, target, report, false)
			want := reference(t, source)
			if got := slices.Sorted(maps.Keys(read)); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
				t.Errorf("directories %v\nGrobiSplitter makes %v", got, slices.Sorted(maps.Keys(want)))
			}
			for dir, nevras := range want {
				if got := read[dir].nevras(); !slices.Equal(got, nevras) {
					t.Errorf("%s holds %d packages, GrobiSplitter puts %d there", dir, len(got), len(nevras))
				}
			}
			sameModulesFiles(t, target, source)
			entries, err := os.ReadDir(target)
			must(t, err)
			for _, e := range entries {
				if _, ok := want[e.Name()]; e.IsDir() && !ok && e.Name() != "catalogue" {
					t.Errorf("%s is no directory of GrobiSplitter's", e.Name())
				}
			}
		})
	}
}

// sameModulesFiles compares the modules.yaml beside the packages of each build with
// GrobiSplitter's, byte for byte as libmodulemd writes them, and with the one in repodata.
func sameModulesFiles(t *testing.T, target, source string) {
	t.Helper()
	var want, got map[string]string
	must(t, json.Unmarshal([]byte(runTool(t, "scripts/grobi-reference", "--modules", source)), &want))
	must(t, json.Unmarshal([]byte(runTool(t, "scripts/grobi-reference", "--read", target)), &got))
	if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) || len(want) == 0 {
		t.Errorf("modules.yaml in %v, GrobiSplitter writes it into %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	for dir, text := range want {
		if got[dir] != text {
			t.Errorf("%s/modules.yaml is\n%s\nGrobiSplitter's\n%s", dir, got[dir], text)
		}
		beside, err := os.ReadFile(filepath.Join(target, dir, "modules.yaml"))
		must(t, err)
		repo, err := repodata.Open(os.DirFS(filepath.Join(target, dir)))
		must(t, err)
		r, err := repo.Data(repodata.TypeModules)
		must(t, err)
		inside, err := io.ReadAll(r)
		must(t, err)
		must(t, r.Close())
		if !bytes.Equal(beside, inside) {
			t.Errorf("%s: modules.yaml beside the packages and in repodata differ", dir)
		}
	}
}

// TestSameBytes splits the same sources again, and on one processor, into one place:
// not a byte differs.
func TestSameBytes(t *testing.T) {
	baseos, appstream := realData(t, "c9s/BaseOS"), realData(t, "c9s/AppStream")
	target := filepath.Join(t.TempDir(), "flat")
	for _, format := range []string{"gzip", "zstd"} {
		var first string
		for _, environ := range []string{"GOMAXPROCS=2", "GOMAXPROCS=2", "GOMAXPROCS=1", "GOMAXPROCS=7"} {
			cmd := exec.Command("flatstream", "-q", "split", baseos, appstream, "--link", "none", "--compress", format, "--modulemd",
				"--view", "build=php:8.2,nodejs:20", "--target", target)
			cmd.Env = append(os.Environ(), environ)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, stderr.String())
			}
			sum, err := hashTree(target)
			must(t, err)
			if first == "" {
				first = sum
			}
			if sum != first {
				t.Errorf("%s, %s: other bytes than the first time", format, environ)
			}
		}
	}
}
