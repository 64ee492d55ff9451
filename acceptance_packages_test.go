package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// staticProgram builds what a package holds, with the flags of scripts/check, so that
// its packages are compiled once.
func staticProgram(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "flatstream")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", name, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return name
}

// TestPackages: the deb and the rpm are the same bytes each time; dpkg and rpm install
// them into a root of their own, where the program runs and the service names it, and
// take them away again without a trace but the store.
func TestPackages(t *testing.T) {
	if testing.Short() {
		t.Skip("packages are left out of short tests")
	}
	need(t, "dpkg", "dpkg-deb", "rpm", "rpmbuild", "git")
	program := staticProgram(t)
	for _, format := range []string{"deb", "rpm"} {
		t.Run(format, func(t *testing.T) {
			once, again := makePackage(t, format, program), makePackage(t, format, program)
			one, err := os.ReadFile(once)
			must(t, err)
			two, err := os.ReadFile(again)
			must(t, err)
			if string(one) != string(two) {
				t.Errorf("two packages of one binary differ")
			}
			root := t.TempDir()
			if format == "deb" {
				must(t, os.MkdirAll(filepath.Join(root, "var/lib/dpkg"), 0o755))
				must(t, os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o644))
			}
			runTool(t, "sh", "-c", installers[format][0], "sh", root, once)
			checkInstalled(t, root)
			runTool(t, "sh", "-c", installers[format][1], "sh", root)
			if _, err := os.Stat(filepath.Join(root, "usr/bin/flatstream")); err == nil {
				t.Error("it is still there after its removal")
			}
		})
	}
}

// installers install a package $2 into the root $1, and remove it. rpm's scripts would
// need a shell and the shadow tools there; dpkg's leave another root alone.
var installers = map[string][2]string{
	"deb": {
		`dpkg --root="$1" --force-script-chrootless --force-not-root --log=/dev/null --install "$2"`,
		`dpkg --root="$1" --force-script-chrootless --force-not-root --log=/dev/null --remove flatstream`,
	},
	"rpm": {
		`rpm --root "$1" --dbpath /rpmdb --install --nodeps --noscripts "$2" && rpm --root "$1" --dbpath /rpmdb --verify --nodeps flatstream`,
		`rpm --root "$1" --dbpath /rpmdb --erase --noscripts flatstream`,
	},
}

func makePackage(t *testing.T, format, program string) string {
	t.Helper()
	dir := t.TempDir()
	runTool(t, "scripts/package", format, "amd64", program, dir)
	made, err := filepath.Glob(filepath.Join(dir, "*."+format))
	must(t, err)
	if len(made) != 1 {
		t.Fatalf("made %v", made)
	}
	return made[0]
}

func checkInstalled(t *testing.T, root string) {
	t.Helper()
	program := filepath.Join(root, "usr/bin/flatstream")
	if got, want := runTool(t, program, "--version"), "flatstream "+version+"\n"; got != want {
		t.Errorf("the installed program says %q, want %q", got, want)
	}
	f, err := elf.Open(program)
	must(t, err)
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program is not static")
		}
	}
	if os.Getuid() == 0 { // as in a container from scratch
		runTool(t, "chroot", "--userspec=65532:65532", root, "/usr/bin/flatstream", "--version")
	}
	unit, err := os.ReadFile(filepath.Join(root, "usr/lib/systemd/system/flatstream.service"))
	must(t, err)
	for _, want := range []string{"\nExecStart=/usr/bin/flatstream run --config /etc/flatstream.yaml\n", "\nUser=flatstream\n", "\nProtectSystem=strict\n", "\nPrivateTmp=yes\n"} {
		if !strings.Contains(string(unit), want) {
			t.Errorf("the service has no line %q", strings.TrimSpace(want))
		}
	}
	for _, name := range []string{
		"usr/lib/systemd/system/flatstream.timer", "usr/lib/sysusers.d/flatstream.conf", "usr/share/man/man1/flatstream.1.gz",
		"usr/share/bash-completion/completions/flatstream", "usr/share/doc/flatstream/nginx.conf", "usr/share/doc/flatstream/docs/entitlement.md", "usr/share/flatstream/flatstream.schema.json",
	} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// TestRelease: all that is handed out is the same bytes each time, for both arches.
func TestRelease(t *testing.T) {
	if os.Getenv("FLATSTREAM_FULL") != "1" {
		t.Skip("two releases take minutes: FLATSTREAM_FULL=1 makes them")
	}
	var sums []string
	for range 2 {
		out := filepath.Join(t.TempDir(), "out")
		runTool(t, "scripts/release", out)
		text, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
		must(t, err)
		sums = append(sums, string(text))
	}
	if sums[0] != sums[1] || strings.Count(sums[0], "\n") != 6 {
		t.Errorf("two releases:\n%s\n%s", sums[0], sums[1])
	}
}

// TestManPage: groff has nothing to say against it, and every command stands there.
func TestManPage(t *testing.T) {
	need(t, "groff")
	page := filepath.Join(t.TempDir(), "flatstream.1")
	must(t, os.WriteFile(page, []byte(flatstream(t, "man")), 0o644))
	cmd := exec.Command("groff", "-man", "-Tascii", "-P-c", "-P-b", "-P-u", "-ww", page)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	text, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("groff: %v, %s", err, complaints.String())
	}
	for _, c := range shellCommands(newApp(&output{}, func(string) bool { return false })) {
		if !strings.Contains(string(text), "   flatstream "+c.name) {
			t.Errorf("the page does not have %s", c.name)
		}
	}
}

// TestCompletions asks each shell what it would complete.
func TestCompletions(t *testing.T) {
	need(t, "bash", "zsh", "fish")
	dir := t.TempDir()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		must(t, os.WriteFile(filepath.Join(dir, shell), []byte(flatstream(t, "completion", shell)), 0o644))
	}
	bash := `source "$1"; COMP_WORDS=("${@:2}"); COMP_CWORD=$(($# - 2)); _flatstream; echo "${COMPREPLY[@]}"`
	for line, want := range map[string]string{
		"flatstream sp": "split", "flatstream s": "split sync serve snapshots", "flatstream split --targ": "--target",
		"flatstream --quiet verify --basel": "--baseline", "flatstream split /s": "",
	} {
		args := append([]string{"-c", bash, "bash", filepath.Join(dir, "bash")}, strings.Fields(line)...)
		if got := strings.TrimSpace(runTool(t, "bash", args...)); got != want {
			t.Errorf("bash completes %q to %q, want %q", line, got, want)
		}
		fish := runTool(t, "fish", "-c", `source $argv[1]; complete -C $argv[2]`, filepath.Join(dir, "fish"), line)
		if first, _, _ := strings.Cut(want, " "); !strings.Contains(fish, first) || strings.HasPrefix(line, "flatstream sp") && strings.Contains(fish, "sync") {
			t.Errorf("fish completes %q to %q", line, fish)
		}
	}
	runTool(t, "zsh", "-n", filepath.Join(dir, "zsh"))
	zsh := `autoload -U compinit; compinit -D -u; compdef() { :; }; _arguments() { print -l -- "$@"; }; words=(flatstream split ""); CURRENT=3; source "$1"`
	if got := runTool(t, "zsh", "-f", "-c", zsh, "zsh", filepath.Join(dir, "zsh")); !strings.Contains(got, "*--target[write to DIR") || strings.Contains(got, "--baseline") {
		t.Errorf("zsh is told %q", got)
	}
}
