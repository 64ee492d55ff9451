package splitter

import (
	"strings"
	"testing"
)

// TestDescribeIsOneLine: a stream's name comes from upstream, and must not write keys
// of its own into a .repo file, nor command a terminal that shows it.
func TestDescribeIsOneLine(t *testing.T) {
	r := &ReportRepo{Kind: KindStream, Module: "m", Stream: "1\nenabled=1\u009b2J\u202e\x1b"}
	if got, want := describe(r), "m:1_enabled=1_2J__ as a flat repository"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestBaseURLIsOneURL: baseurl is a list to DNF, which begins the next URL at a comma,
// so that a group named by two modules was not to be found.
func TestBaseURLIsOneURL(t *testing.T) {
	r := &Report{Repos: []ReportRepo{{ID: "i", Kind: KindStream, Path: "streams/m/1@dbi=1.641,perl=5.24"}}}
	text := newDotRepos(r, "file:///t", trust{}).of("i")
	if want := "baseurl=file:///t/streams/m/1@dbi=1.641%2Cperl=5.24/\n"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
}
