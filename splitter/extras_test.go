package splitter

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flatstream/fixtures"
)

// nightOne writes the small upstream's first night, to which its repositories were
// given a group and an advisory in common.
func nightOne(t *testing.T) []Source {
	t.Helper()
	night, err := fixtures.NightOne()
	if err != nil {
		t.Fatal(err)
	}
	night.AppStream.Groups = append(night.AppStream.Groups, fixtures.Group{ID: "core", Name: "Core", Default: []string{"git", "bash"}})
	night.BaseOS.Advisories = append(night.BaseOS.Advisories, fixtures.Advisory{
		ID: "FXSA-2021:0002", Type: "security", Severity: "Critical", Title: "nodejs and zlib",
		Collections: []fixtures.Collection{{Packages: []string{"zlib-0:1.2.11-16.el8_2.x86_64"}}},
	})
	dir := t.TempDir()
	if err := night.Write(dir, fixtures.Options{}); err != nil {
		t.Fatal(err)
	}
	return []Source{openDir(t, "baseos", filepath.Join(dir, "baseos")), openDir(t, "appstream", filepath.Join(dir, "appstream"))}
}

// dnf runs DNF over repositories with directories of its own, and sorts the lines.
func dnf(t *testing.T, repos []string, args ...string) []string {
	t.Helper()
	return dnfIn(t, filepath.Join(t.TempDir(), "root"), repos, args...)
}

// dnfIn is dnf for the system below root.
func dnfIn(t *testing.T, root string, repos []string, args ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("dnf"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("dnf is not installed, and CI must have it")
		}
		t.Skip("dnf is not installed")
	}
	own := t.TempDir()
	all := []string{"--noplugins", "-q", "--setopt=cachedir=" + own + "/cache", "--setopt=reposdir=" + own + "/none",
		"--setopt=logdir=" + own, "--setopt=module_platform_id=platform:el8", "--releasever=8", "--forcearch=x86_64", "--installroot=" + root}
	for i, repo := range repos {
		id := string(rune('a' + i))
		all = append(all, "--repofrompath="+id+","+repo, "--repoid="+id)
	}
	cmd := exec.Command("dnf", append(all, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "COLUMNS=200")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("dnf %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(lines)
	return slices.Compact(lines)
}

func TestGroupsOfAllSourcesInDNF(t *testing.T) {
	sources := nightOne(t)
	dir, report, err := splitInto(t, sources, Options{Link: LinkNothing})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range report.Warnings {
		if strings.Contains(w.Text, "group") {
			t.Errorf("a warning about groups: %s", w.Text)
		}
	}
	both := []string{sources[0].Dir, sources[1].Dir}
	for _, args := range [][]string{{"group", "list", "--hidden"}, {"group", "info", "core"}, {"group", "info", "development"}, {"group", "info", "database"}} {
		want := dnf(t, both, args...)
		got := dnf(t, []string{filepath.Join(dir, "default")}, args...)
		if !slices.Equal(got, want) || len(want) < 3 {
			t.Errorf("%v: default/ has\n%s\nthe sources\n%s", args, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestAdvisoriesOfAllSourcesInDNF(t *testing.T) {
	dir, _, err := splitInto(t, nightOne(t), Options{Link: LinkNothing, Views: []View{{Name: "node", Spec: []string{"nodejs:12"}}}})
	if err != nil {
		t.Fatal(err)
	}
	const nodejs, npm = "nodejs-1:12.19.1-1.module+el8.3.0+1202+0c0c0c0c.x86_64", "npm-1:6.14.8-1.12.19.1.1.module+el8.3.0+1202+0c0c0c0c.x86_64"
	const openssl, libs = "openssl-1:1.1.1g-11.el8.x86_64", "openssl-libs-1:1.1.1g-11.el8.x86_64"
	const zlib = "zlib-0:1.2.11-16.el8_2.x86_64"
	for _, c := range []struct {
		path, advisory string
		want           []string
	}{
		{"default", "--security", []string{openssl, libs, zlib}},
		{"default", "--advisory=FXSA-2021:0002", []string{zlib}},
		{"default", "--advisory=FXBA-2021:0003", []string{"git-0:2.27.0-1.el8.x86_64", "git-core-0:2.27.0-1.el8.x86_64"}},
		{"streams/nodejs/12", "--security", []string{nodejs, npm}},
		{"views/node", "--advisory=FXSA-2021:0002", []string{nodejs, npm, zlib}},
	} {
		if got := dnf(t, []string{filepath.Join(dir, c.path)}, "repoquery", "--setopt=*.module_hotfixes=1", c.advisory); !slices.Equal(got, c.want) {
			t.Errorf("%s %s:\ngot  %v\nwant %v", c.path, c.advisory, got, c.want)
		}
	}
	root := installed(t, "zlib-1-1.el8.x86_64", "nodejs-1:11-1.el8.x86_64", "git-core-1-1.el8.x86_64")
	for path, want := range map[string]string{
		"default":           "FXBA-2021:0003 git-core, FXSA-2021:0002 zlib",
		"streams/nodejs/12": "FXSA-2021:0002 nodejs",
		"views/node":        "FXBA-2021:0003 git-core, FXSA-2021:0002 nodejs, FXSA-2021:0002 zlib",
	} {
		var got []string
		for _, line := range dnfIn(t, root, []string{filepath.Join(dir, path)}, "updateinfo", "list", "--setopt=*.module_hotfixes=1") {
			words := strings.Fields(line) // FXSA-2021:0002 Critical/Sec. zlib-1.2.11-16.el8_2.x86_64
			name := words[len(words)-1]
			got = append(got, words[0]+" "+strings.TrimRight(name[:strings.IndexAny(name, "0123456789")], "-"))
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("%s: dnf updateinfo lists %s, want %s", path, text, want)
		}
	}
}

// installed is a root directory whose rpm database has these packages.
func installed(t *testing.T, nevras ...string) (root string) {
	t.Helper()
	if _, err := exec.LookPath("rpm"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("rpm is not installed, and CI must have it")
		}
		t.Skip("rpm is not installed")
	}
	root = t.TempDir()
	args := []string{"--root", root, "-i", "--justdb", "--nodeps", "--ignorearch", "--nosignature"}
	for _, nevra := range nevras {
		p, err := fixtures.ParseNEVRA(nevra)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.RPM()
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), p.FileName())
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	if out, err := exec.Command("rpm", args...).CombinedOutput(); err != nil {
		t.Fatalf("rpm: %v\n%s", err, out)
	}
	return root
}
