package splitter

import "testing"

// TestDescribeIsOneLine: a stream's name comes from upstream, and must not write keys
// of its own into a .repo file, nor command a terminal that shows it.
func TestDescribeIsOneLine(t *testing.T) {
	r := &ReportRepo{Kind: KindStream, Module: "m", Stream: "1\nenabled=1\u009b2J\u202e\x1b"}
	if got, want := describe(r), "m:1_enabled=1_2J__ as a flat repository"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
