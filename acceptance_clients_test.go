package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flatstream/fixtures"
	"flatstream/splitter"
)

// headers is a repository of the 517 real headers, with a modules.yaml that says what
// their labels say.
func headers(t *testing.T) string {
	t.Helper()
	archive := realData(t, "rpms/centos8-header-only-rpms.tar.xz")
	need(t, "rpm", "createrepo_c", "modifyrepo_c", "tar", "xz")
	dir := filepath.Join(t.TempDir(), "headers")
	must(t, os.Mkdir(dir, 0o755))
	runTool(t, "tar", "-xJf", archive, "-C", dir)
	rpms, err := filepath.Glob(filepath.Join(dir, "*.rpm"))
	must(t, err)
	builds := map[string][]string{}
	format := `%{modularitylabel} %{name}-%{epochnum}:%{version}-%{release}.%{arch}\n`
	for line := range strings.Lines(runTool(t, "rpm", append([]string{"-qp", "--nosignature", "--qf", format}, rpms...)...)) {
		label, nevra, _ := strings.Cut(strings.TrimSpace(line), " ")
		if label != "(none)" {
			builds[label] = append(builds[label], nevra)
		}
	}
	var text strings.Builder
	for _, label := range slices.Sorted(maps.Keys(builds)) {
		writeDocument(t, &text, label, builds[label])
	}
	modules := filepath.Join(t.TempDir(), "modules.yaml")
	must(t, os.WriteFile(modules, []byte(text.String()), 0o644))
	runTool(t, "createrepo_c", "-q", dir)
	runTool(t, "modifyrepo_c", "--mdtype=modules", modules, filepath.Join(dir, "repodata"))
	return dir
}

// writeDocument writes a modulemd document and makes its stream the default.
func writeDocument(t *testing.T, w io.Writer, label string, nevras []string) {
	t.Helper()
	f := strings.Split(label, ":")
	if len(f) != 4 {
		t.Fatalf("label %s", label)
	}
	fmt.Fprintf(w, "---\ndocument: modulemd\nversion: 2\ndata:\n  name: %s\n  stream: %q\n  version: %s\n  context: %q\n  arch: x86_64\n", f[0], f[1], f[2], f[3])
	fmt.Fprintf(w, "  summary: %s\n  description: %s\n  license:\n    module: [MIT]\n  dependencies:\n  - requires:\n      platform: [el8]\n  artifacts:\n    rpms:\n", f[0], f[0])
	for _, n := range nevras {
		fmt.Fprintf(w, "    - %s\n", n)
	}
	fmt.Fprintf(w, "...\n---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: %s\n  stream: %q\n...\n", f[0], f[1])
}

// base is what the packages of fake-modular need beside themselves.
func base(t *testing.T) string {
	t.Helper()
	repo, err := fixtures.Parse("package glibc 2.28-1.el8 x86_64\n  provides rtld(GNU_HASH), libc.so.6()(64bit)\n")
	must(t, err)
	dir := filepath.Join(t.TempDir(), "base")
	must(t, repo.Write(dir, fixtures.Options{}))
	return dir
}

// TestClientsOfFlatRepositories lets dnf, obs-build and mergerepo_c use what split made
// with hard links, from the disk and from flatstream serve.
func TestClientsOfFlatRepositories(t *testing.T) {
	need(t, "dnf", "rpm", "mergerepo_c", "perl")
	fake := realData(t, "fake-modular")
	t.Run("fake-modular", func(t *testing.T) {
		copied := filepath.Join(t.TempDir(), "fake-modular") // on the disk that the target is on
		must(t, os.CopyFS(copied, os.DirFS(fake)))
		clients(t, []string{base(t), copied}, "streams/nodejs/10", []string{"nodejs", "npm"}, "nodejs-1:10.11.0-1.module_2200+adbac02b.x86_64", true)
	})
	t.Run("headers", func(t *testing.T) {
		// Payloads are empty, so that nothing here can be installed, only downloaded.
		clients(t, []string{headers(t)}, "streams/container-tools/rhel8", []string{"podman"}, "podman-0:1.6.4-10.module_el8.2.0+305+5e198a41.x86_64", false)
	})
}

// clients splits and lets every client look at it. install names packages of the
// stream repository at path, of which nevra is then there.
func clients(t *testing.T, sources []string, path string, install []string, nevra string, payload bool) {
	target := filepath.Join(t.TempDir(), "flat")
	report := splitReport(t, append(slices.Clone(sources), "--link", "hardlink", "--target", target)...)
	read := readTarget(t, target, report, true)
	for _, repo := range report.Repos {
		if got, want := repoquery(t, target, repo.ID), read[repo.Path].nevras(); !slices.Equal(got, want) {
			t.Errorf("%s: dnf sees %d packages, createrepo_c %d", repo.Path, len(got), len(want))
		}
		obsReads(t, filepath.Join(target, repo.Path), read[repo.Path])
	}
	merges(t, target, report, read)

	installs(t, filepath.Join(target, path), install, nevra, payload)
	url := serveTarget(t, target)
	served := filepath.Join(t.TempDir(), "flat")
	splitReport(t, append(slices.Clone(sources), "--link", "hardlink", "--target", served, "--base-url", url)...)
	installs(t, filepath.Join(served, path), install, nevra, payload)
}

// installs downloads and, with payloads, installs packages into a root of their own,
// with the .repo file of one flat repository and nothing else.
func installs(t *testing.T, reposdir string, names []string, nevra string, payload bool) {
	t.Helper()
	root := t.TempDir()
	got := t.TempDir()
	dnf(t, root, reposdir, append([]string{"--downloadonly", "--downloaddir=" + got, "install"}, names...)...)
	file := regexp.MustCompile(`-\d+:`).ReplaceAllString(nevra, "-") + ".rpm"
	if _, err := os.Stat(filepath.Join(got, file)); err != nil {
		t.Errorf("dnf did not download it: %v", err)
	}
	if !payload {
		return
	}
	dnf(t, root, reposdir, append([]string{"install"}, names...)...)
	installed := runTool(t, "rpm", "--root", root, "-q", "--qf", `%{name}-%{epochnum}:%{version}-%{release}.%{arch}`, names[0])
	if installed != nevra {
		t.Errorf("installed %s, want %s", installed, nevra)
	}
}

// obsReads lets the parser that OBS uses read a repository.
func obsReads(t *testing.T, dir string, want readRepo) {
	t.Helper()
	const obsBuild = "/usr/lib/obs-build"
	if _, err := os.Stat(obsBuild); err != nil {
		need(t, "obs-build")
	}
	primary, err := filepath.Glob(filepath.Join(dir, "repodata", "*-primary.xml.gz"))
	must(t, err)
	if len(primary) != 1 {
		t.Fatalf("%s has %d primaries", dir, len(primary))
	}
	script := `open(my $f, '-|', 'gzip', '-dc', $ARGV[0]) or die;
		Build::Rpmmd::parse($f, sub { my $p = shift; print "$p->{name}-" . ($p->{epoch} || 0) . ":$p->{version}-$p->{release}.$p->{arch}\n" }, addselfprovides => 0);`
	got := strings.Fields(runTool(t, "perl", "-I"+obsBuild, "-MBuild::Rpmmd", "-e", script, primary[0]))
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, want.nevras()) {
		t.Errorf("%s: obs-build reads %d packages, createrepo_c %d", dir, len(got), len(want.nevras()))
	}
}

// merges lets Koji's tool merge all flat repositories; every name is in what comes out.
func merges(t *testing.T, target string, report *splitter.Report, read map[string]readRepo) {
	t.Helper()
	out := t.TempDir()
	args := []string{"--all", "--outputdir", out}
	want := map[string]bool{}
	for _, repo := range report.Repos {
		args = append(args, "--repo=file://"+filepath.Join(target, repo.Path))
		for _, n := range read[repo.Path].nevras() {
			want[n] = true
		}
	}
	runTool(t, "mergerepo_c", args...)
	var merged readRepo
	must(t, json.Unmarshal([]byte(runTool(t, "scripts/read-repos", out)), &merged))
	if got := merged.nevras(); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Errorf("mergerepo_c merged %d packages, want %d", len(got), len(want))
	}
}

// serveTarget runs flatstream serve until the test ends and returns its URL.
func serveTarget(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("flatstream", append([]string{"serve", dir, "--listen", "127.0.0.1:0"}, args...)...)
	stderr, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended by itself, then Wait says so
		if err := cmd.Wait(); err != nil {
			t.Errorf("flatstream serve: %v", err)
		}
	})
	said := make([]byte, 4096)
	n, err := stderr.Read(said)
	must(t, err)
	url := regexp.MustCompile(`http://[0-9.:]+`).FindString(string(said[:n]))
	if url == "" {
		t.Fatalf("flatstream serve names no URL: %s", said[:n])
	}
	go io.Copy(io.Discard, stderr) // ends with the process
	return url
}
