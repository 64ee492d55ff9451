package repofile

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// shared finds the data directory beside the checkout.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir := os.Getenv("FLATSTREAM_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	path := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skip("the shared data is not here")
	}
	return path
}

func parse(t *testing.T, text string) []Repo {
	t.Helper()
	repos, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return repos
}

// grammar is what libdnf's parser was asked: each text, and what it answers as
// section/key=value, or the line of the error.
var grammar = []struct {
	text string
	want string
	line int
}{
	{"[a]\nx=1\n", "a/x=1", 0},
	{"[a]\nx = 1 \ny=2 ; z\n", "a/x=1 a/y=2 ; z", 0},
	{"[a] ; comment\nx=1\n", "a/x=1", 0},
	{"[a]]\nx=1\n", "a/x=1", 0},
	{" [a]\nx=1\n", "a/x=1", 0},
	{"[ a b ]\nx=1\n", " a b /x=1", 0},
	{"[a]\nx=1\n[a]\ny=2\nx=3\n", "a/x=3 a/y=2", 0},
	{"[a]\nx=\"quoted\"\nX=2\n", "a/X=2 a/x=quoted", 0},
	{"[a]\nx='quoted'\ny=\"half\nz=\"a\"b\"\n", "a/x=quoted a/y=\"half a/z=a\"b", 0},
	{"[a]\nx=1\n\t# no comment\n", "a/x=1\n# no comment", 0},
	{"[a]\ny=\n 2\n \n 3\nz=\n", "a/y=\n2\n\n3 a/z=", 0},
	{"[a]\nbaseurl=http://x/#frag ;foo\n", "a/baseurl=http://x/#frag ;foo", 0},
	{"[a]\nx=a=b\n", "a/x=a=b", 0},
	{"[a]\n\n# c\n;c\nx=1", "a/x=1", 0},
	{"[a]\nx=1\n# c\n 2\n", "", 4},
	{"[a]\nx=1\n\n 2\n", "", 4},
	{"[a] text\n", "", 1},
	{"[]\n", "", 1},
	{"[a\n", "", 1},
	{"x=1\n", "", 1},
	{"[a]\n  x=1\n", "", 2},
	{"[a]\nx\n", "", 2},
	{"[a]\nx:1\n", "", 2},
	{"[a]\n=1\n", "", 2},
	{"# c\n # c\n[a]\nx=1\n", "", 2},
	{"[a]\nx=\"one\n two\"\ny=\"one\"\n two\n", "a/x=one\ntwo a/y=\"one\"\ntwo", 0},
}

func flatten(repos []Repo) string {
	var all []string
	for _, r := range repos {
		for _, k := range slices.Sorted(maps.Keys(r.Keys)) {
			all = append(all, r.ID+"/"+k+"="+r.Keys[k])
		}
	}
	return strings.Join(all, " ")
}

func TestGrammar(t *testing.T) {
	for _, c := range grammar {
		repos, err := Parse(strings.NewReader(c.text))
		if c.line == 0 && (err != nil || flatten(repos) != c.want) {
			t.Errorf("%q: %q, %v, want %q", c.text, flatten(repos), err, c.want)
		}
		if s, _ := errors.AsType[*SyntaxError](err); c.line != 0 && (s == nil || s.Line != c.line) {
			t.Errorf("%q: %v, want an error in line %d", c.text, err, c.line)
		}
	}
}

// TestGrammarIsLibdnfs asks libdnf itself the same.
func TestGrammarIsLibdnfs(t *testing.T) {
	const python = "/usr/bin/python3"
	if exec.Command(python, "-c", "import libdnf").Run() != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3-libdnf is missing")
		}
		t.Skip("python3-libdnf is not installed")
	}
	dir := t.TempDir()
	texts := make([]string, len(grammar))
	for i, c := range grammar {
		texts[i] = c.text
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", `
import libdnf, json, sys
out = []
for text in json.load(sys.stdin):
    open(sys.argv[1], "w").write(text)
    p = libdnf.conf.ConfigParser()
    try:
        p.read(sys.argv[1])
    except Exception as e:
        out.append("error")
        continue
    d = p.getData()
    out.append(" ".join(s + "/" + k + "=" + d[s][k] for s in sorted(d) for k in sorted(d[s]) if not k.startswith("#")))
json.dump(out, sys.stdout)
`, filepath.Join(dir, "x.repo"))
	cmd.Stdin = strings.NewReader(string(in))
	answer, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := json.Unmarshal(answer, &got); err != nil {
		t.Fatal(err)
	}
	for i, c := range grammar {
		want := c.want
		if c.line != 0 {
			want = "error"
		}
		if got[i] != want {
			t.Errorf("libdnf reads %q as %q, we say %q", c.text, got[i], want)
		}
	}
}

func TestRealRepoFiles(t *testing.T) {
	dir := shared(t, "repofiles")
	vars := NewVars("8.5", "x86_64")
	for name, want := range map[string]int{"centos-stream-8.repo": 19, "epel8.repo": 2, "redhat.repo": 4} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		repos, err := Parse(f)
		if err != nil || len(repos) != want {
			t.Errorf("%s: %d repositories, %v, want %d", name, len(repos), err, want)
		}
		for _, r := range repos {
			if r, err = r.Expand(vars); err != nil || r.Err() != nil || strings.Contains(strings.Join(r.BaseURLs, ""), "$") {
				t.Errorf("%s [%s]: %v, %v", name, r.ID, err, r.Err())
			}
		}
	}
}

func TestRealRepoFilesInDetail(t *testing.T) {
	read := func(name string) map[string]Repo {
		f, err := os.Open(shared(t, "repofiles", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		repos, err := Parse(f)
		if err != nil {
			t.Fatal(err)
		}
		byID := map[string]Repo{}
		for _, r := range repos {
			byID[r.ID] = r
		}
		return byID
	}
	nfv := read("centos-stream-8.repo")["nfv"]
	if !strings.Contains(nfv.BaseURLs[0], "/PowerTools/") || len(nfv.Warnings) != 1 {
		t.Errorf("[nfv] stands twice, the last wins with a warning: %v, %v", nfv.BaseURLs, nfv.Warnings)
	}
	rhel := read("redhat.repo")
	if r := rhel["cnv-2.4-for-rhel-8-x86_64-debug-rpms"]; len(r.GPGKeys) != 2 || r.Enabled || !r.GPGCheck || !r.SSLVerify ||
		r.SSLClientKey != "/etc/pki/entitlement/1234567890123456789-key.pem" || r.MetadataExpire != 24*time.Hour {
		t.Errorf("%+v", r)
	}
	if r := rhel["rhel-8-baseos-rhui-rpms"]; r.Mirrorlist == "" || len(r.BaseURLs) != 0 || !r.Enabled {
		t.Errorf("%+v", r)
	}
}

func TestDefaultsAreDNFs(t *testing.T) {
	r := parse(t, "[a]\nbaseurl=http://h/ , http://i/\n http://j/\n")[0]
	want := []string{"http://h/", "http://i/", "http://j/"}
	if !slices.Equal(r.BaseURLs, want) || !r.Enabled || r.GPGCheck || r.RepoGPGCheck || !r.SSLVerify || r.Name != "a" ||
		r.Timeout != 30*time.Second || r.MinRate != 1000 || r.Retries != 10 || r.Cost != 1000 || r.Priority != 99 ||
		r.MetadataExpire != 48*time.Hour || r.Throttle != 0 || r.ModuleHotfixes || r.Err() != nil {
		t.Errorf("%+v", r)
	}
}

func TestValues(t *testing.T) {
	r := parse(t, "[a]\nmetalink=m\nmirrorlist=l\nenabled=No\ngpgcheck=TRUE\ntimeout=1.5h\nmetadata_expire=never\nminrate=1k\n"+
		"bandwidth=1M\nthrottle=50%\nretries=0\npriority=-5\nexclude=a b\nexcludepkgs=c\nincludepkgs=d,e\nproxy=_none_\nzzz=1\n")[0]
	if r.Metalink != "m" || r.Enabled || !r.GPGCheck || r.Timeout != 90*time.Minute || r.MetadataExpire >= 0 || r.MinRate != 1024 ||
		r.Throttle != 512<<10 || r.Retries != 0 || r.Priority != -5 || len(r.ExcludePkgs) != 3 || len(r.IncludePkgs) != 2 ||
		r.Keys["zzz"] != "1" || r.Err() != nil {
		t.Errorf("%+v\n%v", r, r.Err())
	}
	if r := parse(t, "[a]\nmirrorlist=https://h/metalink?repo=x\n")[0]; r.Metalink == "" || r.Mirrorlist != "" {
		t.Error("a mirrorlist that contains metalink is one")
	}
}

func TestBadValuesAreProblems(t *testing.T) {
	for _, line := range []string{"gpgcheck=ture", "enabled=", "repo_gpgcheck= 2", "timeout=x", "timeout=1w", "minrate=1kb", "minrate=-1",
		"throttle=50%", "throttle=-1", "throttle=nan", "throttle=200%", "retries=-1", "priority=high", "metadata_expire=", "timeout=1e300"} {
		r := parse(t, "[a]\nbaseurl=http://h/\n"+line+"\n")[0]
		key, _, _ := strings.Cut(line, "=")
		if len(r.Problems) != 1 || r.Problems[0].Key != key || r.Err() == nil {
			t.Errorf("%s: problems %v", line, r.Problems)
		}
	}
	for _, id := range []string{"..", ".", "a/b", "a b", "a\x00", strings.Repeat("a", 300)} {
		if r := parse(t, "["+id+"]\nbaseurl=http://h/\n")[0]; r.Err() == nil {
			t.Errorf("the id %q is taken", id)
		}
	}
	if r := parse(t, "[a]\nname=x\n")[0]; r.Err() == nil {
		t.Error("a repository without any URL is taken")
	}
}

func TestUnresolvedVariablesAreErrorsWhereTheyLead(t *testing.T) {
	r := parse(t, "[a]\nbaseurl=http://h/$releasver/\npassword=pa$$word$x\nname=$nix\n")[0]
	_, err := r.Expand(NewVars("8", "x86_64"))
	if u, _ := errors.AsType[*UnresolvedError](err); u == nil || !slices.Equal(u.Names, []string{"releasver"}) {
		t.Errorf("got %v", err)
	}
	out, err := r.Expand(Vars{"releasver": "a b"}) // before the list is split, as in DNF
	if err != nil || out.Password != "pa$$word$x" || len(out.BaseURLs) != 2 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestHugeFilesAreRefused(t *testing.T) {
	for _, text := range []string{"[a]\nx=" + strings.Repeat("y", maxLine) + "\n", "[a]\n" + strings.Repeat("x=12345678901234567890\n", maxFile/23+1)} {
		if _, err := Parse(strings.NewReader(text)); err == nil {
			t.Errorf("%d bytes were read", len(text))
		}
	}
}

func TestCraftedFilesTakeLinearTime(t *testing.T) {
	var sections strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&sections, "[s%d]\n", i)
	}
	start := time.Now()
	for _, text := range []string{sections.String(), "[a]\nx=1\n" + strings.Repeat(" y\n", maxFile/3-10), "[a]\nbaseurl=" + strings.Repeat("${a:-", 10_000)} {
		if repos := parse(t, text); len(repos) > 0 {
			_, _ = repos[0].Expand(Vars{})
		}
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("three files of 8 MiB at most took %v", took)
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range grammar {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		repos, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, r := range repos {
			if r.Err() == nil && !legalID(r.ID) {
				t.Errorf("%q is taken as an id", r.ID)
			}
			if _, err := r.Expand(Vars{"a": "b"}); err != nil && !strings.Contains(text, "$") {
				t.Errorf("nothing to expand, and %v", err)
			}
		}
	})
}
