package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"flatstream/fixtures"
)

// TestPlacesOfPackagesInDNF: dnf installs a labelled package from plain paths, from ../ and
// over xml:base, as long as the .repo file says module_hotfixes=1; reposync aborts where a
// path leaves the repository (P27). README's table of clients says so.
func TestPlacesOfPackagesInDNF(t *testing.T) {
	need(t, "dnf", "rpm")
	repo, err := fixtures.Parse("module m:1:1:c:x86_64\n  default\npackage tool 1-1.module+el8 noarch\n  label m:1:1:c\n")
	must(t, err)
	source := filepath.Join(t.TempDir(), "source")
	must(t, repo.Write(source, fixtures.Options{}))
	url := serveTarget(t, source)
	const reposync = "/usr/lib/python3/dist-packages/dnf-plugins/reposync.py"
	if _, err := os.Stat(reposync); err != nil {
		need(t, "reposync.py of dnf-plugins-core")
	}
	plugins := t.TempDir()
	must(t, os.Symlink(reposync, filepath.Join(plugins, "reposync.py")))
	for _, c := range []struct {
		name, source, link, href string
		reposync                 bool
	}{
		{"plain", source, "hardlink", `href="Packages/`, true},
		{"parent", source, "none", `href="../`, false},
		{"base", url + "/", "none", `xml:base="http`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := filepath.Join(t.TempDir(), "flat")
			if c.name == "parent" {
				target = filepath.Join(filepath.Dir(source), "flat") // so that ../ leads there
			}
			splitReport(t, "source="+c.source, "--link", c.link, "--target", target)
			dir := filepath.Join(target, "default")
			primary, err := filepath.Glob(filepath.Join(dir, "repodata/*-primary.xml.gz"))
			must(t, err)
			if text := runTool(t, "gzip", "-dc", primary[0]); !strings.Contains(text, c.href) {
				t.Fatalf("no %s in %s", c.href, text)
			}
			dnf(t, t.TempDir(), dir, "install", "tool")

			text, err := os.ReadFile(filepath.Join(dir, "flatstream.repo"))
			must(t, err)
			cold := t.TempDir()
			must(t, os.WriteFile(filepath.Join(cold, "x.repo"), []byte(strings.ReplaceAll(string(text), "module_hotfixes=1\n", "")), 0o644))
			out, err := exec.Command("dnf", append(dnfRoot(t.TempDir(), cold), "--noplugins", "install", "tool")...).CombinedOutput()
			if err == nil || !strings.Contains(string(out), "modular") {
				t.Errorf("without module_hotfixes=1 dnf says %v: %s", err, out)
			}
			copied := t.TempDir()
			out, err = exec.Command("dnf", append(dnfRoot(t.TempDir(), dir), "--setopt=pluginpath="+plugins, "reposync", "--download-path="+copied)...).CombinedOutput()
			if (err == nil) != c.reposync {
				t.Errorf("reposync says %v: %s", err, out)
			}
		})
	}
}
