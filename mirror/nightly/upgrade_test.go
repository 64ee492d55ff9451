package nightly

import (
	"os"
	"path/filepath"
	"testing"

	"flatstream/fixtures"
)

// configs are what the README of each version shows, and what every later version takes.
var configs = map[string]string{
	"0.1.0": `store: /srv/flatstream
base-url: http://mirror.example.org/flat
repos:
  baseos:
    baseurl: https://vault.centos.org/8.5.2111/BaseOS/$basearch/os/
    gpgcheck: true
    gpgkey: file:///etc/pki/rpm-gpg/RPM-GPG-KEY-centosofficial
  appstream:
    baseurl: https://vault.centos.org/8.5.2111/AppStream/$basearch/os/
    gpgcheck: true
    gpgkey: file:///etc/pki/rpm-gpg/RPM-GPG-KEY-centosofficial
targets:
  el8: { releasever: "8", arches: [x86_64], sources: [baseos, appstream] }
views:
  perl-build: { target: el8, streams: ["perl:5.30"] }
verify: { on-problems: keep-old }
keep: { snapshots: 14, grace: 72h, max-delete: 40% }
hooks:
  on-publish: [koji, regen-repo, epel8-build]
  on-failure: [logger, -p, user.err, "flatstream failed or withheld a target"]
`,
}

func TestConfigsOfEarlierVersions(t *testing.T) {
	for version, text := range configs {
		if _, err := parseConfig([]byte(text), version+".yaml", "/etc"); err != nil {
			t.Errorf("the config of %s: %v", version, err)
		}
	}
}

// A store of 0.1.0 lacks most of what stands in state/ today. Nothing is published for
// that, and the next night goes on from it.
func TestStoreOfAnEarlierVersion(t *testing.T) {
	s := newSite(t, write(t, t.TempDir(), plain, fixtures.Options{Revision: "1"}))
	heard := filepath.Join(s.dir, "heard")
	config := one + "hooks: { on-publish: [sh, -c, 'echo $FLATSTREAM_VIEWS >> " + heard + "'] }\n"
	s.mustRun(config)
	state := filepath.Join(s.dir, "store", "state")
	entries, err := os.ReadDir(state)
	if err != nil {
		t.Fatal(err)
	}
	removed := 0
	for _, e := range entries {
		switch e.Name() {
		case "lock", "flatstream-store", "nightly.json", "report.json", "baseline", "labels.json", "sync":
		default:
			removed++
			if err := os.RemoveAll(filepath.Join(state, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	if removed == 0 {
		t.Errorf("state/ has only what 0.1.0 wrote: %v", entries)
	}
	if r := s.mustRun(config); r.Published {
		t.Errorf("published again: %+v", r)
	}
	if err := os.RemoveAll(heard); err != nil {
		t.Fatal(err)
	}
	if r := s.mustRun(config + "views: { more: { streams: [none] } }\n"); !r.Published {
		t.Errorf("%+v", r)
	}
	if text := string(mustRead(t, heard)); text != "more\n" {
		t.Errorf("on-publish heard %q", text)
	}
}
