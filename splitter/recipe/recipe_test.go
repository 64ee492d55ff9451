package recipe

import (
	"strings"
	"testing"

	"flatstream/splitter"
)

// The .repo file of a stream begins with whatever stream the report names first: a Docker
// build that fetched that one's would not have the stream that was asked for.
func TestOwnAddressIsTold(t *testing.T) {
	const dotRepo = "[s-a:1]\nname=a:1\nbaseurl=http://h/a/1/\n\n[s-b:1]\nname=b:1\nbaseurl=http://h/b/1/\n\n[s-c:1]\nname=c:1\nbaseurl=http://h/c/1/\n"
	report := &splitter.Report{Repos: []splitter.ReportRepo{{ID: "s-a:1"}, {ID: "s-b:1"}, {ID: "s-c:1"}}}
	for i, name := range []string{"a", "b", "c"} {
		r := gather(report, &report.Repos[i], dotRepo)
		for tool, want := range map[string]string{"docker": "ADD http://h/" + name + "/1/flatstream.repo ", "obs": "<title>" + name + ":1</title>"} {
			if text, err := r.Text(tool); err != nil || !strings.Contains(text, want) {
				t.Errorf("%s for %s: no %q in\n%s (%v)", name, tool, want, text, err)
			}
		}
		seen := map[string]bool{}
		for _, s := range r.Sections {
			seen[s.ID] = true
		}
		if len(r.Sections) != 3 || len(seen) != 3 {
			t.Errorf("%s: the sections are %v", name, r.Sections)
		}
	}
}
