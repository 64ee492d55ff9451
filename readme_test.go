package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"flatstream/fixtures"
)

// TestReadme does what README.md says, then what the pages of docs/ say, block by block,
// from the first command to the last, in one directory. What a block is follows from
// its language; a block, or a command, that no rule here covers is a failure, so that
// nothing untested can be written there.
func TestReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("README.md is followed once, in the long tests")
	}
	blocks, err := readBlocks("README.md")
	must(t, err)
	if len(blocks) < 15 {
		t.Fatalf("found only %d fenced blocks in README.md", len(blocks))
	}
	w := newWorkshop(t)
	w.followAll("README.md", blocks)
	pages, err := filepath.Glob("docs/*.md")
	must(t, err)
	for _, page := range pages {
		blocks, err := readBlocks(page)
		must(t, err)
		w.followAll(page, blocks)
	}
}

func (w *workshop) followAll(page string, blocks []block) {
	for _, b := range blocks {
		if err := w.follow(b); err != nil {
			w.t.Errorf("%s:%d: %v", page, b.line, err)
		}
	}
}

// TestReadmeLinks wants each link of the README and of docs/ that leads to a file to
// lead to one, and each page of docs/ to be reached from the README.
func TestReadmeLinks(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	must(t, err)
	reached := map[string]bool{}
	for _, page := range append(pages, "README.md") {
		text, err := os.ReadFile(page)
		must(t, err)
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(text), -1) {
			to := filepath.Join(filepath.Dir(page), m[1])
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s leads to %s, which is not there", page, m[1])
			}
			if page == "README.md" {
				reached[to] = true
			}
		}
	}
	for _, page := range pages {
		if !reached[page] {
			t.Errorf("README.md does not lead to %s", page)
		}
	}
}

// TestReadmeCatches shows that TestReadme can fail.
func TestReadmeCatches(t *testing.T) {
	w := newWorkshop(t)
	for _, b := range []block{
		{"sh", "make coffee\n", 1},
		{"sh", "flatstream split --no-such-flag\n", 1},
		{"sh", "flatstream verify /srv/mirror/BaseOS  # exit status 3\n", 1},
		{"sh", "flatstream list 'unclosed\n", 1},
		{"sh", "koji add-external-repo -t x y 'http://mirror.example.org/flat/nosuch/'\n", 1},
		{"output", "no command says this\n", 1},
		{"layout", "flatstream-demo/nosuch   a directory\n", 1},
		{"cron", "30 2 * * flatstream run\n", 1},
		{"ini", "[flatstream-default]\n", 1},
		{"xml", "<project name='x'><repository name='y'><path project='z' repository='y'/><arch>x86_64</arch></repository></project>", 1},
		{"toml", "x = 1\n", 1},
		{"", "$ ls\n", 1},
	} {
		if w.follow(b) == nil {
			t.Errorf("a block %q of %q was accepted", b.language, b.text)
		}
	}
}

// TestReadmeNames wants every option and command that the README or a page names to
// be there, and those of the section on what this version does not do, not to be.
func TestReadmeNames(t *testing.T) {
	text, err := os.ReadFile("README.md")
	must(t, err)
	pages, err := filepath.Glob("docs/*.md")
	must(t, err)
	for _, page := range pages {
		more, err := os.ReadFile(page)
		must(t, err)
		text = append(more, text...)
	}
	does, doesNot, found := strings.Cut(string(text), "\n## What this version does not do\n")
	if !found {
		t.Fatal("README.md has no section on what this version does not do")
	}
	app := newApp(&output{}, func(string) bool { return true })
	known := func(name string) bool {
		if command, isCommand := strings.CutPrefix(name, "flatstream "); isCommand {
			return app.Command(command) != nil
		}
		for _, c := range app.Commands {
			if slices.ContainsFunc([]string{" ", "\n", ","}, func(end string) bool { return strings.Contains(c.CustomHelpTemplate, "\n   "+name+end) }) {
				return true
			}
		}
		return false
	}
	foreign := []string{"--list", // of scripts/tools; the others are GrobiSplitter's
		"--create-repos", "--skip-missing", "--only-defaults", "--ignore-missing-default-deps", "--debug"}
	names := regexp.MustCompile("`(--[a-z][a-z-]*|flatstream [a-z]+)(?: [a-z0-9]+)?`")
	for _, m := range names.FindAllStringSubmatch(does, -1) {
		if !known(m[1]) && !slices.Contains(foreign, m[1]) {
			t.Errorf("README.md names %s, which is not there", m[1])
		}
	}
	denied := names.FindAllStringSubmatch(doesNot, -1)
	for _, m := range denied {
		if known(m[1]) {
			t.Errorf("README.md says that there is no %s, but there is", m[1])
		}
	}
	if len(denied) == 0 {
		t.Error("README.md denies nothing")
	}
}

// block is a fenced block of a Markdown file.
type block struct {
	language, text string
	line           int // where it begins
}

func readBlocks(file string) ([]block, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var blocks []block
	open := false
	line := 0
	for s := range strings.Lines(string(text)) {
		line++
		switch language, fence := strings.CutPrefix(s, "```"); {
		case fence && !open:
			open = true
			blocks = append(blocks, block{strings.TrimSpace(language), "", line})
		case fence:
			open = false
		case open:
			blocks[len(blocks)-1].text += s
		}
	}
	if open {
		return nil, fmt.Errorf("%s: the last block has no end", file)
	}
	return blocks, nil
}

// workshop is the machine that the README is followed on: a directory with a srv, an
// etc and a bin of its own, and servers in place of those on the Internet.
type workshop struct {
	t        *testing.T
	dir      string // the user's directory, and the root of its srv, etc and bin
	replacer *strings.Replacer
	stdout   string              // of the last command
	projects map[string][]string // OBS projects of earlier blocks, with their repositories
	buckets  bool                // there is an object store
}

func newWorkshop(t *testing.T) *workshop {
	w := &workshop{t: t, dir: t.TempDir(), projects: map[string][]string{}}
	repository, err := os.Getwd()
	must(t, err)
	must(t, os.Symlink(filepath.Join(repository, "scripts"), w.path("scripts")))
	for _, dir := range []string{"bin", "srv", "etc/yum.repos.d", "etc/flatstream", "etc/pki/entitlement", "etc/rhsm/ca", "etc/pki/rpm-gpg", "etc/systemd/system", "etc/nginx/conf.d"} {
		must(t, os.MkdirAll(w.path(dir), 0o755))
	}
	night, err := fixtures.NightOne()
	must(t, err)
	must(t, night.BaseOS.Write(w.path("srv/mirror/BaseOS"), fixtures.Options{}))
	must(t, night.AppStream.Write(w.path("srv/mirror/AppStream"), fixtures.Options{}))
	crb, err := fixtures.Parse("package libudisks2-devel 2.9.0-9.el8 x86_64\n  requires glib2\n")
	must(t, err)
	must(t, crb.Write(w.path("srv/mirror/Stream-CRB"), fixtures.Options{}))
	must(t, os.MkdirAll(w.path("specs"), 0o755))
	for name, requires := range map[string]string{"agent.spec": "nodejs >= 1:12", "specs/shell.spec": "bash"} {
		spec := "Name: agent\nVersion: 1\nRelease: 1%{?dist}\nBuildRequires: " + requires + "\n"
		must(t, os.WriteFile(w.path(name), []byte(spec), 0o644))
	}
	key, err := fixtures.NewKey(fixtures.KeyOptions{})
	must(t, err)
	public, err := key.Public()
	must(t, err)
	for _, name := range []string{"centosofficial", "redhat-release"} {
		must(t, os.WriteFile(w.path("etc/pki/rpm-gpg/RPM-GPG-KEY-"+name), public, 0o644))
	}
	secret, err := key.Secret()
	must(t, err)
	must(t, os.WriteFile(w.path("etc/flatstream/signing-key.asc"), secret, 0o600))
	signed := fixtures.Options{Sign: key.V4(time.Unix(fixtures.Epoch, 0))}
	must(t, night.BaseOS.Write(w.path("vault/8.5.2111/BaseOS/x86_64/os"), signed))
	must(t, night.AppStream.Write(w.path("vault/8.5.2111/AppStream/x86_64/os"), signed))
	powerTools, err := fixtures.Parse("module javapackages-tools:201801:8030020200901000000:77777777:x86_64\npackage maven-local 5.3.0-1.module+el8 noarch\n  label javapackages-tools:201801:8030020200901000000:77777777\n")
	must(t, err)
	must(t, powerTools.Write(w.path("vault/8.5.2111/PowerTools/x86_64/os"), signed))
	vault, err := fixtures.Serve(w.path("vault"))
	must(t, err)
	t.Cleanup(func() { vault.Close() })
	web := httptest.NewServer(w.published())
	t.Cleanup(web.Close)
	cdn, err := w.subscribe()
	must(t, err)
	place := w.bucket()

	// What stands in the README, and what the test takes for it.
	w.replacer = strings.NewReplacer(
		"https://vault.centos.org", vault.URL, // fixtures.NightOne
		"https://cdn.redhat.com/content/dist/rhel8/$releasever/$basearch/baseos", cdn+"/BaseOS/$basearch",
		"https://cdn.redhat.com/content/dist/rhel8/$releasever/$basearch/appstream", cdn+"/AppStream/$basearch",
		"http://mirror.example.org", web.URL, // /srv/flatstream/current
		"https://example-mirror.s3.amazonaws.com", place,
		"s3://example-mirror/", "s3://mirror/",
		"/srv/", w.path("srv")+"/",
		"/etc/", w.path("etc")+"/",
		"/usr/local/bin/", w.path("bin")+"/",
		"sudo ", "",
		"go run .", "flatstream",
		"--listen :8080", "--listen 127.0.0.1:0",
		" -o flatstream -g flatstream", "", // a user that is not here
		" -g flatstream", "",
		"on-publish: [koji,", "on-publish: [\"true\",",
		"on-failure: [logger,", "on-failure: [\"true\",",
	)
	return w
}

func (w *workshop) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

// follow does what one block says.
func (w *workshop) follow(b block) error {
	text := w.replacer.Replace(b.text)
	switch b.language {
	case "sh":
		return w.shell(text)
	case "yaml":
		return os.WriteFile(w.path("etc/flatstream.yaml"), []byte(text), 0o644)
	case "output":
		return w.output(text)
	case "layout":
		return w.layout(text)
	case "cron":
		return w.cron(text)
	case "ini":
		return w.dotRepo(text)
	case "python":
		return w.mock(text)
	case "xml":
		return w.obsProject(text)
	case "prjconf":
		return w.obsConfig(text)
	}
	return fmt.Errorf("no rule for a block of language %q", b.language)
}

// shell runs each command of a block and stops at the first that fails.
func (w *workshop) shell(text string) error {
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		if err := w.command(strings.TrimSpace(line)); err != nil {
			return fmt.Errorf("%s: %w", strings.TrimSpace(line), err)
		}
	}
	return nil
}

var statusComment = regexp.MustCompile(`\s+# exit status (\d+)$`)

func (w *workshop) command(line string) error {
	want := 0
	if m := statusComment.FindStringSubmatch(line); m != nil {
		want, _ = strconv.Atoi(m[1]) // digits
		line = strings.TrimSuffix(line, m[0])
	}
	words, err := splitWords(line)
	if err != nil || len(words) == 0 {
		return err
	}
	switch words[0] {
	case "flatstream":
		if words[1] == "serve" {
			return w.serve(words)
		}
		if words[1] == "publish" && !w.buckets {
			return nil
		}
		return w.run(want, words...)
	case "scripts/test":
		return w.run(want, "bash", "-n", "scripts/test") // it would run this test
	case "CGO_ENABLED=0":
		return w.build(words[1:])
	case "install", "jq":
		return w.run(want, words...)
	case "curl":
		return w.run(want, append([]string{"curl", "-sf"}, words[1:]...)...)
	case "dnf":
		return w.dnf(words[1:])
	case "nginx":
		return w.nginx(words)
	case "useradd":
		return w.knowsOptions(words)
	case "systemctl":
		return w.systemctl(words)
	case "koji":
		return w.koji(words)
	}
	return errors.New("no rule for this command")
}

// splitWords takes a line apart as a shell does, as far as the README needs it:
// blanks and single and double quotes; no expansion.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quote, inside := rune(0), false
	for _, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inside = c, true
		case quote == 0 && c == ' ':
			if inside {
				words = append(words, word.String())
			}
			word.Reset()
			inside = false
		case quote == 0 && strings.ContainsRune("|&;<>$`*?", c):
			return nil, fmt.Errorf("the rules here do not know the shell's %c", c)
		default:
			word.WriteRune(c)
			inside = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if inside {
		words = append(words, word.String())
	}
	return words, nil
}

// run runs a program in the user's directory and wants an exit status.
func (w *workshop) run(want int, words ...string) error {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = w.dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	w.stdout = stdout.String()
	got := cmd.ProcessState.ExitCode()
	broken := words[0] == "flatstream" && words[1] == "verify" && got == 3 && want == 0 // the fixtures are, on purpose
	if got != want && !broken {
		return fmt.Errorf("exit status %d, want %d\n%s%s", got, want, &stdout, &stderr)
	}
	return nil
}

// build compiles in the repository, but leaves the program with the user.
func (w *workshop) build(words []string) error {
	if !slices.Equal(words, []string{"go", "build", "-trimpath", "."}) {
		return errors.New("no rule for this build")
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", w.path("flatstream"), ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// output wants each line of a block in what the last command printed.
func (w *workshop) output(text string) error {
	lines := strings.Split(w.stdout, "\n")
	for want := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if !slices.Contains(lines, want) {
			return fmt.Errorf("the last command does not print %q", want)
		}
	}
	return nil
}

// layout wants what the first word of each line names.
func (w *workshop) layout(text string) error {
	for line := range strings.Lines(text) {
		if _, err := os.Stat(w.path(strings.Fields(line)[0])); err != nil {
			return err
		}
	}
	return nil
}

var cronLine = regexp.MustCompile(`^(?:(?:\*|\d+)(?:/\d+)? ){5}([a-z]+) (.+)$`)

// cron runs what a line of /etc/cron.d runs.
func (w *workshop) cron(text string) error {
	m := cronLine.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil || m[1] != "flatstream" {
		return fmt.Errorf("not five times, the user flatstream and a command: %q", text)
	}
	words, err := splitWords(m[2])
	if err != nil {
		return err
	}
	return w.run(0, words...)
}
