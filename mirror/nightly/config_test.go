package nightly

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flatstream/mirror/repofile"
)

const whole = `
store: /srv/flatstream
base-url: http://mirror.example.org/flat
repos:
  baseos:    &base { baseurl: "https://example.org/$releasever/BaseOS/$basearch/os/", gpgkey: [file:///a, file:///b], gpgcheck: true }
  appstream: { mirrorlist: "https://example.org/?arch=$basearch" }
  crb:       { metalink: "https://example.org/metalink?repo=crb", policy: immediate }
  extra:     { baseurl: [https://a.example.org/, https://b.example.org/], role: supply, username: u, password: "p w" }
targets:
  el8: { releasever: 8.10, arches: [x86_64, aarch64], sources: [baseos, appstream, crb], versions: dnf, unlisted: quarantine,
         alias: { koji/latest/$arch/RHEL-8-001: views/epel-like } }
views:
  epel-like: { target: el8, streams: [default, crb/all] }
verify: { level: closure, with: [extra], baseline: auto, on-problems: keep-old }
keep:   { snapshots: 14, grace: 72h, max-delete: 40% }
hooks:  { on-publish: [koji, regen-repo, epel8-build], on-failure: [mail, -s, flatstream, ops] }
`

func TestAWholeConfig(t *testing.T) {
	c, err := parseConfig([]byte(whole), "c.yaml", "/etc")
	if err != nil {
		t.Fatal(err)
	}
	if c.Targets[0].Releasever != "8.10" || c.Keep.MaxDelete != 0.4 || c.Keep.Grace != 72*time.Hour || len(c.Repos) != 4 || !c.Repos[0].Section.GPGCheck {
		t.Errorf("%+v", c)
	}
	steps, err := c.Steps(repofile.Vars{"releasever": "9", "basearch": "s390x"})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(steps, "\n")
	for _, want := range []string{
		"sync baseos from https://example.org/8.10/BaseOS/x86_64/os/ into mirror/8.10/x86_64/baseos",
		"sync crb from https://example.org/metalink?repo=crb into mirror/8.10/aarch64/crb",
		"split and verify baseos, appstream, crb into flat/el8/x86_64 with extra",
		"link koji/latest/aarch64/RHEL-8-001 to flat/el8/aarch64/views/epel-like",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "p w") {
		t.Error("a password is shown")
	}
}

// Each mistake is named with its place; what is not carried out is refused.
func TestConfigMistakes(t *testing.T) {
	const ok = "store: /s\nrepos: { r: { baseurl: http://h/ } }\n"
	for text, want := range map[string]string{
		"":                                            "c: the config is empty",
		"# nothing\n":                                 "c: the config is empty",
		"store: [":                                    "c: line 1",
		ok + "---\nstore: x\n":                        "second document",
		"repos: {}":                                   "store: is missing",
		"store: ~":                                    "c:1:8: a value is missing here",
		"store: [a]":                                  "c:1:8: a single value",
		"store: /s":                                   "repos: names no repository",
		"- a":                                         "c:1:1: a mapping",
		ok + "grce: 3":                                `c:3:1: unknown key "grce"`,
		ok + "store: /t":                              `c:3:1: key "store" stands here twice`,
		ok + "keep: { snapshots: 0 }":                 "c:3:20: at least one",
		ok + "keep: { snapshots: -1 }":                "c:3:20",
		ok + "keep: { max-delete: 40 }":               "c:3:21",
		ok + "keep: { max-delete: NaN% }":             "c:3:21",
		ok + "keep: { grace: 3d }":                    "c:3:16",
		ok + "verify: { level: all }":                 "use install, closure",
		ok + "verify: { baseline: x.json }":           "x.json cannot be read: no such file",
		ok + "verify: { baseline: /dev/null }":        "baseline: /dev/null: the end is missing",
		ok + "verify: { on-problems: ignore }":        "keep-old, warn",
		ok + "verify: { with: /no/such }":             "neither a repository",
		ok + "verify: { with: https://x/ }":           "is a URL",
		ok + "base-url: mirror.example.org":           "c:3:11: base-url",
		ok + `base-url: "http://h/x\n[evil]"`:         "base-url",
		ok + "base-url: http://u:p@h/":                "user and password",
		ok + "hooks: { on-publish: koji regen-repo }": "no shell",
		ok + `hooks: { on-publish: [""] }`:            "name of a program",
		ok + "publish: https://x/":                    "does not begin with s3://",
		ok + "publish: { endpoint: http://x }":        "where to",
		ok + "publish: { redirect: s3://x/y }":        "no http or https URL",
		ok + "publish: { redirect: http://u:p@x/ }":   "no user and password",
		ok + "views: { a/b: {} }":                     "c:3:10",
		ok + "views: { default: {} }":                 "always exists",
		ok + "views: { v: { target: el8 } }":          `target "el8"`,
		ok + "targets: { ../x: { sources: r } }":      "c:3:12",
		ok + "targets: { t: {} }":                     "no sources",
		ok + "targets: { t: { sources: [r, r] } }":    "twice",
		ok + "targets: { t: { sources: [x] } }":       `repository "x"`,
		ok + "targets: { t: { sources: r, arches: [x86_64, x86_64] } }":                                                               "twice",
		ok + "targets: { t: { sources: r, arches: [../x] } }":                                                                         "no name",
		ok + "targets: { t: { sources: r, releasever: a/b } }":                                                                        "no name",
		ok + "targets: { t: { sources: r, versions: latst } }":                                                                        "dnf, latest, all",
		ok + "targets: { t: { sources: r, alias: ../up } }":                                                                           "alias ../up",
		ok + "targets: { t: { sources: r, alias: flat/x } }":                                                                          "taken",
		ok + "targets: { t: { sources: r, alias: a/.b } }":                                                                            "dot",
		ok + "targets: { t: { sources: r, alias: [a, a/b] } }":                                                                        "meets",
		ok + "targets: { t: { sources: r, alias: { a: ../../mirror } } }":                                                             "alias a",
		ok + "targets: { t: { sources: r, alias: a, arches: [i686, noarch] }}":                                                        "$arch",
		"store: /s\nrepos: { r: {} }":                                                                                                 "says nowhere where",
		"store: /s\nrepos: { r: { baseurl: http://h/, repoid: x } }":                                                                  "no repo-file",
		"store: /s\nrepos: { r: { baseurl: http://h/, repo-file: x } }":                                                               "both",
		"store: /s\nrepos: { r: { repo-file: /no/such, repoid: x } }":                                                                 "cannot be read",
		"store: /s\nrepos: { .r: { baseurl: http://h/ } }":                                                                            "c:2:10",
		"store: /s\nrepos: { r: { baseurl: http://h/, role: overlay } }":                                                              "nothing to split",
		ok + "views: { v: { overlay: { r: [a] } } }":                                                                                  `view v overlays "r"`,
		ok + "views: { v: { newest: -1 } }":                                                                                           "c:3:23",
		"store: /s\nrepos: { r: { baseurl: http://h/, keep-always: [\"[k\"] } }":                                                      "no pattern",
		"store: /s\nrepos: { r: { baseurl: http://h/, keep-always: [k] }, r-kept: { baseurl: http://i/ } }":                           "r-kept, and so is another",
		"store: /s\nrepos: { r: { baseurl: http://h/, policy: lazy } }":                                                               "on-demand",
		"store: /s\nrepos: { r: { baseurl: http://h/, policy: on-demand, keep-always: [k] } }":                                        "can be had no more",
		"store: /s\nrepos: { r: { baseurl: http://h/, excludepkgs: x } }":                                                             "not carried out",
		"store: /s\nrepos: { r: { baseurl: http://h/, gpgcheck: perhaps } }":                                                          "gpgcheck",
		"store: /s\nrepos: { r: { baseurl: http://h/, gpgcheck: \"1\\nbaseurl=http://evil/\" } }":                                     "one line",
		"store: /s\nrepos: { r: { baseurl: http://h/$releasever/ } }":                                                                 "nothing sets $releasever",
		"store: /s\nrepos: { r: { baseurl: http://h/, path: ../../up } }":                                                             "refuse path",
		"store: /s\nrepos: { r: { baseurl: http://h/, path: /etc } }":                                                                 "refuse path",
		"store: /s\nrepos: { r: { baseurl: http://h/, path: x }, s: { baseurl: http://i/, path: x } }":                                "both land in mirror/x",
		"store: /s\nrepos: { r: { baseurl: http://h/, path: x }, s: { baseurl: http://i/, path: x/y } }":                              "inside of repository r",
		"store: /s\nrepos: { r: { baseurl: http://h/, role: supply } }":                                                               "nothing to split",
		ok + "targets: { t: { sources: r, arches: [i686, s390x] } }":                                                                  "",
		"store: /s\nrepos: { r: { baseurl: http://h/$basearch/, path: x } }\ntargets: { t: { sources: r, arches: [x86_64, s390x] } }": "both land",
		"store: /s\nrepos: { r: { baseurl: http://h/ }, s: { baseurl: http://i/ } }\ntargets: { t: { sources: r } }":                  "repository s is in no target",
	} {
		c, err := parseConfig([]byte(text), "c", "/nowhere")
		if err == nil {
			_, err = c.Steps(repofile.Vars{})
		}
		if mistake, ok := errors.AsType[*ConfigError](err); ok {
			mistake.File = "c"
		} else if err != nil {
			t.Errorf("%q: %v is no ConfigError", text, err)
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestConfigsThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, []byte(strings.Repeat("# \n", MaxConfig)), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{dir: "is a directory", dir + "/none": "no such file", big: "more than"} {
		if _, err := ReadConfig(name); err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), name) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Paths in a config are meant from its own directory, wherever a run starts.
func TestPathsAreMeantFromTheConfig(t *testing.T) {
	dir := t.TempDir()
	repo := "[b]\nbaseurl=http://h/$releasever/\nexcludepkgs=x\n"
	if err := os.WriteFile(filepath.Join(dir, "x.repo"), []byte(repo), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := parseConfig([]byte("store: s\nrepos: { b: { repo-file: x.repo } }\n"), "c", dir)
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := c.upstreams(repofile.Vars{"releasever": "9"})
	if err != nil || c.Store != dir+"/s" || all[0].source.Place() != "http://h/9/" || len(all[0].source.Ignored) != 1 {
		t.Errorf("%v, %+v, %s", err, all, c.Store)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("store: s\nrepos: { r: &a { baseurl: *b } }\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseConfig(b, "c", "/nowhere")
		if err != nil {
			if _, ok := errors.AsType[*ConfigError](err); !ok {
				t.Fatalf("%v is no ConfigError", err)
			}
			return
		}
		if !filepath.IsAbs(c.Store) || len(c.Targets) == 0 || c.Keep.Snapshots < 1 {
			t.Fatalf("%+v", c)
		}
		all, _, err := c.upstreams(repofile.Vars{})
		if err != nil {
			return
		}
		for _, u := range all {
			if !strings.HasPrefix(u.source.Path, "mirror/") || visible(u.source.Path) != nil {
				t.Fatalf("path %q", u.source.Path)
			}
		}
		links, err := c.links(repofile.Vars{})
		for _, l := range links {
			if err == nil && (visible(l.path) != nil || !strings.HasPrefix(l.to, "flat")) {
				t.Fatalf("alias %+v", l)
			}
		}
	})
}
