package nightly

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flatstream/fixtures"
	"flatstream/splitter"
)

const holdable = `
module node:10:1:a:x86_64
  default
module node:12:1:c:x86_64
package bash 5.2-1 x86_64
package node 10-1.module+el8 x86_64
  label node:10:1:a
package node 12-1.module+el8 x86_64
  label node:12:1:c
`

const holdableConfig = one + "views: { n: { streams: [\"node:12\"] }, m: { streams: [\"node:12\", \"-node\"] } }\n"

// repomds reads the repomd.xml of every published repository, by its path.
func repomds(t *testing.T, s *site) map[string]string {
	t.Helper()
	report, err := splitter.ReadReport(os.DirFS(s.current("flat")))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, r := range report.Repos {
		all[r.Path] = string(mustRead(t, s.current("flat", r.Path, "repodata/repomd.xml")))
	}
	return all
}

// TestOneViewIsHeldBack: node:12 gets a package that nothing can install, bash an
// update. What has node:12 stays; the others go on; all of it is one target that
// dnf's rules and verify find whole.
func TestOneViewIsHeldBack(t *testing.T) {
	const held = "streams views/n"
	changed := []string{"default", "views/m"}
	s := newSite(t, write(t, t.TempDir(), holdable, fixtures.Options{}))
	s.mustRun(holdableConfig)
	before := repomds(t, s)
	next := strings.Replace(holdable, "bash 5.2-1", "bash 5.2-2", 1) + "  requires libgone.so.1\n"
	if err := s.Switch(write(t, t.TempDir(), next, fixtures.Options{Time: fixtures.Epoch + 9})); err != nil {
		t.Fatal(err)
	}
	r := s.mustRun(holdableConfig)
	target := r.Targets[0]
	if got := strings.Join(target.HeldBack, " "); got != held || !r.Withheld() {
		t.Errorf("held back: %s, want %s", got, held)
	}
	if !slices.Equal(target.Changed, changed) {
		t.Errorf("changed: %v, want %v", target.Changed, changed)
	}
	for path, was := range before {
		if got := repomds(t, s)[path] != was; got != slices.Contains(changed, path) {
			t.Errorf("%s changed: %t", path, got)
		}
	}
	s.published()
	if again := s.mustRun(holdableConfig); again.Published || !again.Withheld() {
		t.Errorf("the next night: %+v", again)
	}
	// Mended: everything goes on, and what was held back has no debts.
	fixed := strings.Replace(holdable, "bash 5.2-1", "bash 5.2-3", 1)
	if err := s.Switch(write(t, t.TempDir(), fixed, fixtures.Options{Time: fixtures.Epoch + 19})); err != nil {
		t.Fatal(err)
	}
	if r := s.mustRun(holdableConfig); r.Withheld() || len(r.Targets[0].Changed) != 5-1 { // views/n, views/m, default, non-modular; not streams
		t.Errorf("mended: %+v", r.Targets[0])
	}
}

// TestANewViewIsPublishedAsItIs: no snapshot has it, so it has no new problems.
func TestANewViewIsPublishedAsItIs(t *testing.T) {
	text := holdable + "  requires libgone.so.1\n"
	s := newSite(t, write(t, t.TempDir(), text, fixtures.Options{}))
	s.mustRun(one)
	if r := s.mustRun(holdableConfig); r.Withheld() || !slices.Contains(r.Targets[0].Changed, "views/n") {
		t.Errorf("%+v", r.Targets[0])
	}
	if _, err := os.Stat(filepath.Join(s.current("flat"), "views/n/repodata/repomd.xml")); err != nil {
		t.Error(err)
	}
}
