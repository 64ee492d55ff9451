package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"flatstream/fixtures"
)

// virtual is an upstream in which the newest libiscsi is of a stream that has no -devel
// package, so that who does not know modules takes what does not belong together.
const virtual = `
package setup 1-1 noarch
package filesystem 1-1 x86_64
package glibc 2.28-1 x86_64
package bash 4.4-1 x86_64
  requires glibc
package coreutils 8.30-1 x86_64
package rpm 4.14-1 x86_64
package sed 4.5-1 x86_64
package tar 1.30-1 x86_64
package gcc 8.5-1 x86_64
package make 4.2-1 x86_64
package rpm-build 4.14-1 x86_64
package patch 2.7-1 x86_64
`

const virtualModules = `
package libiscsi 1.18-8.module+el8 x86_64
package libiscsi-devel 1.18-8.module+el8 x86_64
  requires libiscsi = 1.18-8.module+el8
package libiscsi-devel 1.18-7.module+el8 x86_64
  requires libiscsi = 1.18-7.module+el8
package libiscsi 1.18-7.module+el8 x86_64
package libiscsi 1.19-1.module+el8 x86_64
`

const virtualDocuments = `---
document: modulemd
version: 2
data:
  name: virt
  stream: rhel
  version: 1
  context: aaaaaaaa
  arch: x86_64
  summary: s
  description: d
  license: { module: [MIT] }
  dependencies: [{ requires: { platform: [el8] } }]
  buildopts: { rpms: { macros: "%with_iscsi 1\n%_vendor it's \"flat\" \\ here\n" } }
  artifacts: { rpms: [libiscsi-0:1.18-8.module+el8.x86_64, libiscsi-devel-0:1.18-8.module+el8.x86_64, libiscsi-0:1.18-7.module+el8.x86_64, libiscsi-devel-0:1.18-7.module+el8.x86_64] }
...
---
document: modulemd
version: 2
data:
  name: virt
  stream: av
  version: 1
  context: bbbbbbbb
  arch: x86_64
  summary: s
  description: d
  license: { module: [MIT] }
  dependencies: [{ requires: { platform: [el8] } }]
  artifacts: { rpms: [libiscsi-0:1.19-1.module+el8.x86_64] }
...
`

// kitchen is a served target with a view of virt:rhel, and the sources that it is of.
type kitchen struct {
	t                         *testing.T
	baseos, appstream, target string
}

func newKitchen(t *testing.T) *kitchen {
	t.Helper()
	need(t, "modifyrepo_c")
	dir := t.TempDir()
	k := &kitchen{t, filepath.Join(dir, "baseos"), filepath.Join(dir, "appstream"), filepath.Join(dir, "srv/x86_64")}
	for place, text := range map[string]string{k.baseos: virtual, k.appstream: virtualModules} {
		repo, err := fixtures.Parse(text)
		must(t, err)
		must(t, repo.Write(place, fixtures.Options{}))
	}
	documents := filepath.Join(dir, "modules.yaml")
	must(t, os.WriteFile(documents, []byte(virtualDocuments), 0o644))
	runTool(t, "modifyrepo_c", "--mdtype=modules", documents, filepath.Join(k.appstream, "repodata"))
	must(t, os.Mkdir(filepath.Dir(k.target), 0o755))
	url := serveTarget(t, filepath.Dir(k.target))
	splitReport(t, k.baseos, k.appstream, "--target", k.target, "--view", "build=virt:rhel", "--base-url", url+"/x86_64")
	return k
}

// file writes what config says for a tool into a file.
func (k *kitchen) file(tool, name string) (file, text string) {
	k.t.Helper()
	text = flatstream(k.t, "config", "build", "--in", k.target, "--for", tool)
	file = filepath.Join(k.t.TempDir(), name)
	must(k.t, os.WriteFile(file, []byte(text), 0o644))
	return file, text
}

// TestConfigsAreReadByTheirTools: each program that is here reads what is made for it,
// and finds in it what the view has.
func TestConfigsAreReadByTheirTools(t *testing.T) {
	need(t, "dnf", "mergerepo_c", "nginx", "perl", python)
	k := newKitchen(t)
	t.Run("dnf", func(t *testing.T) {
		file, _ := k.file("dnf", "flatstream.repo")
		k.wantDevel(dnf(t, t.TempDir(), filepath.Dir(file), "repoquery", "--qf", "%{name}-%{version}-%{release}"))
	})
	t.Run("mock", k.mock)
	t.Run("koji", k.koji)
	t.Run("obs", k.obs)
	t.Run("zypper", k.zypper)
	t.Run("bazeldnf", k.bazeldnf)
	t.Run("docker", k.docker)
	t.Run("nginx", func(t *testing.T) {
		file, _ := k.file("nginx", "flatstream.conf")
		main := filepath.Join(t.TempDir(), "nginx.conf")
		must(t, os.WriteFile(main, []byte("pid nginx.pid;\nevents {}\nhttp { access_log off; include "+file+"; }\n"), 0o644))
		runTool(t, "nginx", "-t", "-q", "-e", "stderr", "-p", filepath.Dir(main), "-c", main)
	})
}

// wantDevel wants the view's packages in a list: those of virt:rhel and not of virt:av.
func (k *kitchen) wantDevel(list string) {
	k.t.Helper()
	if !strings.Contains(list, "libiscsi-devel-1.18-8.module+el8") || !strings.Contains(list, "bash-4.4-1") || strings.Contains(list, "libiscsi-1.19") {
		k.t.Errorf("that is not the view:\n%s", list)
	}
}

func (k *kitchen) mock(t *testing.T) {
	file, _ := k.file("mock", "view.cfg")
	script := `import sys
config_opts = {'macros': {}}
exec(open(sys.argv[1]).read())
assert config_opts['macros'] == {'%with_iscsi': '1', '%_vendor': 'it\'s "flat" \\ here'}, config_opts['macros']
assert config_opts['chroot_setup_cmd'].split()[:2] == ['install', 'bash'], config_opts
assert config_opts['target_arch'] == 'x86_64' and config_opts['releasever'] == '8'
sys.stdout.write(config_opts['dnf.conf'])`
	conf := filepath.Join(t.TempDir(), "dnf.conf")
	must(t, os.WriteFile(conf, []byte(runTool(t, python, "-c", script, file)), 0o644))
	k.wantDevel(dnf(t, t.TempDir(), "/nowhere", "-c", conf, "repoquery", "--qf", "%{name}-%{version}-%{release}"))
}

// koji runs the script with a koji that says what it is asked for, then merges as Koji
// does for that mode.
func (k *kitchen) koji(t *testing.T) {
	file, _ := k.file("koji", "koji.sh")
	said := strings.Fields(runTool(t, "sh", "-euc", `koji() { echo "$@"; }; TAG=el8-build; . "$1"`, "sh", file))
	want := []string{"add-external-repo", "-t", "el8-build", "-p", "10", "-m", "bare", "flatstream-view-build"}
	if len(said) != len(want)+3 || !slices.Equal(said[:len(want)], want) || !strings.HasSuffix(said[len(want)], "/$arch/views/build/") {
		t.Fatalf("koji is told %q", said)
	}
	url := strings.Replace(said[len(want)], "$arch", "x86_64", 1)
	const newest, older = "libiscsi-devel-0:1.18-8.module+el8.x86_64", "libiscsi-devel-0:1.18-7.module+el8.x86_64"
	k.merge(url, "--all", newest, older) // mode bare
	// Mode koji keeps one build of each source package; a view with one of each loses nothing.
	one := filepath.Join(t.TempDir(), "one")
	splitReport(t, k.baseos, k.appstream, "--target", one, "--view", "build=virt:rhel", "--newest", "1", "--link", "copy")
	k.merge("file://"+filepath.Join(one, "views/build"), "--koji", newest)
}

// merge merges a repository as Koji does, and wants packages to be kept.
func (k *kitchen) merge(repo, mode string, want ...string) {
	k.t.Helper()
	out := k.t.TempDir()
	runTool(k.t, "mergerepo_c", "--pkgorigins", mode, "--archlist", "x86_64", "--outputdir", out, "--repo", repo)
	merged := runTool(k.t, "scripts/read-repos", out)
	for _, n := range want {
		if !strings.Contains(merged, n) {
			k.t.Errorf("mergerepo_c %s drops %s", mode, n)
		}
	}
}

// obs resolves the build root of a package that needs libiscsi-devel as OBS does: over
// the view it can, over the modular repositories the newer libiscsi misleads it.
func (k *kitchen) obs(t *testing.T) {
	file, text := k.file("obs", "prjconf")
	if !strings.Contains(text, "\n%_vendor it's \"flat\" \\ here\n") || !strings.Contains(text, "\n# ExpandFlags: module:virt-rhel\n") {
		t.Errorf("the project's config is\n%s", text)
	}
	m := regexp.MustCompile(`<download arch="x86_64" url="([^"]+)" repotype="rpmmd"/>`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no download in\n%s", text)
	}
	spec := filepath.Join(t.TempDir(), "x.spec")
	must(t, os.WriteFile(spec, []byte("Name: x\nVersion: 1\nRelease: 1\nSummary: s\nLicense: MIT\nBuildRequires: libiscsi-devel\n%description\n"), 0o644))
	root, err := k.expand(file, spec, m[1])
	if err != nil || !slices.Contains(root, "libiscsi-devel") || !slices.Contains(root, "libiscsi") || !slices.Contains(root, "gcc") || !slices.Contains(root, "bash") {
		t.Errorf("the build root over the view is %v, %v", root, err)
	}
	if root, err := k.expand(file, spec, k.baseos, k.appstream); err == nil {
		t.Errorf("over the modular repositories it is %v, though nothing fits there", root)
	}
}

// expand is OBS's own resolution of a spec's build root over repositories.
func (k *kitchen) expand(config, spec string, repos ...string) ([]string, error) {
	k.t.Helper()
	work := k.t.TempDir()
	env := append(os.Environ(), "BUILD_DIR="+obsBuild)
	var deps []byte
	for _, repo := range repos {
		cmd := exec.Command(filepath.Join(obsBuild, "createrepomddeps"), "--cachedir="+work, repo)
		cmd.Env = env
		out, err := cmd.Output()
		must(k.t, err)
		deps = append(deps, out...)
	}
	file := filepath.Join(work, "deps")
	must(k.t, os.WriteFile(file, deps, 0o644))
	cmd := exec.Command(filepath.Join(obsBuild, "expanddeps"), "--dist", config, "--archpath", "x86_64:noarch", "--depfile", file, spec)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	k.t.Logf("%s", out)
	return strings.Fields(string(out)), err
}

// zypper is not here beside dnf; its file is at least one that its kind of reader takes.
func (k *kitchen) zypper(t *testing.T) {
	file, _ := k.file("zypper", "flatstream.repo")
	said := runTool(t, python, "-c", `import configparser, sys
c = configparser.ConfigParser(interpolation=None)
c.read(sys.argv[1])
s = c['flatstream-view-build']
print(s['type'], s['enabled'], s['autorefresh'], s['baseurl'])`, file)
	if !strings.HasPrefix(said, "rpm-md 1 1 http://") || !strings.HasSuffix(said, "/x86_64/views/build/\n") {
		t.Errorf("it says %q", said)
	}
}

func (k *kitchen) bazeldnf(t *testing.T) {
	_, text := k.file("bazeldnf", "repo.yaml")
	var repos struct {
		Repositories []struct{ Arch, Name, Baseurl string }
	}
	must(t, yaml.Unmarshal([]byte(text), &repos))
	if len(repos.Repositories) != 1 || repos.Repositories[0].Name != "flatstream-view-build" || repos.Repositories[0].Arch != "x86_64" {
		t.Fatalf("repo.yaml is\n%s", text)
	}
	_, err := get(repos.Repositories[0].Baseurl + "repodata/repomd.xml")
	must(t, err)
}

// docker does what the lines say, on a machine whose own repository is modular.
func (k *kitchen) docker(t *testing.T) {
	_, text := k.file("docker", "Containerfile")
	added := regexp.MustCompile(`(?m)^ADD (\S+) /etc/yum.repos.d/$`).FindStringSubmatch(text)
	run := regexp.MustCompile(`(?m)^RUN dnf (.*) \$PACKAGES && dnf clean all$`).FindStringSubmatch(text)
	if added == nil || run == nil {
		t.Fatalf("it says\n%s", text)
	}
	repo, err := get(added[1])
	must(t, err)
	reposdir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(reposdir, "flatstream.repo"), repo, 0o644))
	must(t, os.WriteFile(filepath.Join(reposdir, "ubi.repo"), []byte("[ubi]\nname=ubi\nbaseurl=file://"+k.appstream+"\nenabled=1\ngpgcheck=0\n"), 0o644))
	got := t.TempDir()
	line := strings.Fields(strings.ReplaceAll(run[1], "'", ""))
	dnf(t, t.TempDir(), reposdir, append(line, "--downloadonly", "--downloaddir="+got, "libiscsi-devel")...)
	if _, err := os.Stat(filepath.Join(got, "libiscsi-devel-1.18-8.module+el8.x86_64.rpm")); err != nil {
		t.Error(err)
	}
}
