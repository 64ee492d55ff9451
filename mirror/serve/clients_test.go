package serve_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"flatstream/fixtures"
	"flatstream/mirror"
	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

// fakeModular is a store, on demand, of packages with payloads: fake-modular of the
// test data, and what those need.
func fakeModular(t *testing.T) string {
	t.Helper()
	data := os.Getenv("FLATSTREAM_DATA")
	if data == "" {
		data = "../../../shared/data"
	}
	fake, err := filepath.Abs(filepath.Join(data, "fake-modular"))
	must(t, err)
	if _, err := os.Stat(fake); err != nil {
		t.Skip("the test data's fake-modular is not here")
	}
	base, err := fixtures.Parse("package glibc 2.28-1.el8 x86_64\n  provides rtld(GNU_HASH), libc.so.6()(64bit)\n")
	must(t, err)
	dir := t.TempDir()
	must(t, base.Write(dir, fixtures.Options{}))
	s, err := tree.Open(filepath.Join(t.TempDir(), "store"))
	must(t, err)
	defer s.Close()
	unlock, err := s.Lock()
	must(t, err)
	defer unlock()
	sources := []mirror.Source{{Name: "base", URLs: []string{dir}}, {Name: "fake", URLs: []string{fake}}}
	_, err = mirror.SyncAll(context.Background(), sources, s, mirror.Options{Policy: mirror.OnDemand}, false, 0)
	must(t, err)
	return s.Dir()
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// dnf with nothing but the .repo file of a set's URL installs packages that a mirror
// on demand does not have yet, and reposync copies the set.
func TestDnfInstallsFromASet(t *testing.T) {
	needTools(t, "dnf", "rpm", "curl")
	const plugins = "/usr/lib/python3/dist-packages/dnf-plugins"
	srv, work := start(t, fakeModular(t)), t.TempDir()
	set := srv.URL + "/at/current/default+nodejs:10/"
	write(t, work, map[string]string{"plugins/.keep": ""})
	must(t, os.Mkdir(filepath.Join(work, "repos"), 0o755))
	command(t, "curl", "-sSf", "-o", work+"/repos/set.repo", set+"flatstream.repo")
	dnf := func(args ...string) string {
		return command(t, "dnf", append([]string{"-y", "--installroot=" + work + "/root", "--releasever=29", "--forcearch=x86_64",
			"--setopt=reposdir=" + work + "/repos", "--setopt=cachedir=" + work + "/cache", "--setopt=module_platform_id=platform:f29"}, args...)...)
	}
	dnf("--noplugins", "makecache")
	dnf("--noplugins", "install", "nodejs", "npm")
	if got := command(t, "rpm", "--root", work+"/root", "-q", "nodejs"); !strings.HasPrefix(got, "nodejs-10.11.0-") {
		t.Errorf("installed %s", got)
	}
	if _, err := os.Stat(plugins + "/reposync.py"); err != nil {
		needTools(t, "reposync.py of dnf-plugins-core")
	}
	must(t, os.Symlink(plugins+"/reposync.py", work+"/plugins/reposync.py"))
	dnf("--setopt=pluginpath="+work+"/plugins", "reposync", "--download-metadata", "--download-path="+work+"/copy")
	n := 0
	must(t, filepath.WalkDir(work+"/copy", func(p string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(p, ".rpm") {
			n++
		}
		return err
	}))
	if got := ask(t, srv.URL, "GET", "/at/current/default+nodejs:10/report.json").body; !strings.Contains(got, fmt.Sprintf(`"packages":%d,`, n)) {
		t.Errorf("reposync copied %d packages: %.300s", n, got)
	}
}

// curl resumes a download that broke, also of a package that is fetched on demand.
func TestCurlResumes(t *testing.T) {
	needTools(t, "curl")
	text := strings.Repeat("0123456789abcdef", 64<<10)
	up := t.TempDir()
	write(t, up, map[string]string{"big.rpm": text})
	srv, work := start(t, bigStore(t, up, text)), t.TempDir()
	for _, have := range []int{1, 100_000, len(text) - 1} {
		file := filepath.Join(work, fmt.Sprint(have))
		must(t, os.WriteFile(file, []byte(text[:have]), 0o644))
		command(t, "curl", "-sSf", "-C", "-", "-o", file, srv.URL+"/mirror/r/big.rpm")
		got, err := os.ReadFile(file)
		must(t, err)
		if string(got) != text {
			t.Errorf("resumed at %d: %d bytes", have, len(got))
		}
	}
	if got := command(t, "curl", "-sSf", "-r", "3-5,10-11", srv.URL+"/mirror/r/big.rpm"); !strings.Contains(got, "\n345\r") || !strings.Contains(got, "\nab\r") {
		t.Errorf("two ranges: %q", got)
	}
}

// wget --mirror over the listings copies the published tree, and a second time nothing;
// on demand it copies the same.
func TestWgetMirrors(t *testing.T) {
	if testing.Short() {
		t.Skip("it asks another program, not for races")
	}
	needTools(t, "wget")
	mirrored := func(config string) (store string, copied map[string]digest.Checksum, again string) {
		s, work := newSite(t, config), t.TempDir()
		args := []string{"-nv", "--mirror", "--no-parent", "--no-host-directories", "--cut-dirs=2", "--reject=index.html*", "-e", "robots=off", "-P", work, start(t, s.store).URL + "/mirror/8/"}
		command(t, "wget", args...)
		return s.store, sums(t, work), command(t, "wget", args...)
	}
	store, got, again := mirrored(nightConfig)
	want := sums(t, filepath.Join(store, "current/mirror/8"))
	if len(want) < 50 || fmt.Sprint(want) != fmt.Sprint(got) {
		t.Errorf("wget copied %d files of %d", len(got), len(want))
	}
	if strings.Contains(again, ".rpm") {
		t.Errorf("the second time it copied packages again:\n%.1000s", again)
	}
	if _, lazy, _ := mirrored(demandConfig); fmt.Sprint(want) != fmt.Sprint(lazy) {
		t.Errorf("on demand wget copied %d files of %d", len(lazy), len(want))
	}
}

// sums maps every file below dir to its checksum.
func sums(t *testing.T, dir string) map[string]digest.Checksum {
	t.Helper()
	found := map[string]digest.Checksum{}
	dir, err := filepath.EvalSymlinks(dir)
	must(t, err)
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(p)
		found[strings.TrimPrefix(p, dir)] = digest.OfBytes(text)
		return err
	}))
	return found
}

// zypperDir is where scripts/tools unpacks zypper: as a package it excludes
// dnf-plugins-core.
const zypperDir = "/usr/local/lib/flatstream-zypper"

// zypper refreshes a set's URL as it is and downloads packages from it.
func TestZypperDownloadsFromASet(t *testing.T) {
	program, err := exec.LookPath("zypper")
	if err != nil {
		program = zypperDir + "/usr/bin/zypper"
	}
	needTools(t, program)
	srv, work := start(t, fakeModular(t)), t.TempDir()
	zypper := func(args ...string) string {
		cmd := exec.Command(program, append([]string{"--root", work, "--non-interactive", "--no-gpg-checks"}, args...)...)
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+zypperDir+"/usr/lib/x86_64-linux-gnu:"+zypperDir+"/usr/lib/aarch64-linux-gnu", "LC_ALL=C.UTF-8")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("zypper %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	zypper("addrepo", "--no-gpgcheck", srv.URL+"/at/current/default+nodejs:10/", "flat")
	zypper("refresh")
	if got := zypper("search", "--details", "--match-exact", "nodejs"); !strings.Contains(got, "10.11.0-1.module_2200+adbac02b") {
		t.Errorf("zypper sees\n%s", got)
	}
	zypper("install", "--download-only", "nodejs", "npm")
	found := sums(t, filepath.Join(work, "var/cache/zypp/packages"))
	n := 0
	for p := range found {
		if strings.HasSuffix(p, ".rpm") {
			n++
		}
	}
	if n < 2 {
		t.Errorf("zypper downloaded %v", found)
	}
}
