package nightly

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLabelsAreRemembered: a night takes the labels of the nights before from the
// store's state, and forgets those of packages that are gone.
func TestLabelsAreRemembered(t *testing.T) {
	first, second := nights(t)
	s := newSite(t, first)
	s.mustRun(two)
	state := filepath.Join(s.dir, "store", "state", labelsName)
	b, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	const ruby = "ruby:2.5:8010020190711095715:fff19a79"
	if !strings.Contains(string(b), ruby) {
		t.Fatalf("ruby-libs was not looked at: %s", b)
	}
	told := strings.Replace(string(b), ruby, "told:1:1:a", 1)
	told = strings.Replace(told, "{", `{"gone":"x:1:1:a",`, 1)
	if err := os.WriteFile(state, []byte(told), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Switch(second)
	s.mustRun(two)
	if b, err = os.ReadFile(state); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "told:1:1:a") || strings.Contains(string(b), "gone") {
		t.Errorf("the second night remembers %s", b)
	}
	if err := os.WriteFile(state, []byte("no JSON"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.mustRun(two + "base-url: http://example.org/\n")
	if b, err = os.ReadFile(state); err != nil || !strings.Contains(string(b), ruby) {
		t.Errorf("after damage it remembers %s, %v", b, err)
	}
}
