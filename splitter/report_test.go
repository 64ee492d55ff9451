package splitter

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"
)

// A report is put together from pieces, and is what encoding/json makes of it but for
// two line feeds and one before each repository, whatever stands in it.
func TestReportIsWhatJSONSays(t *testing.T) {
	words := []string{"", "a", `"requires":[]`, `\"requires\":[]`, `],"requires":["a"]`, `"repos":[]`, "<&>", "\xff", "\u2028", "é\n", `\`}
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string { return words[r.IntN(len(words))] }
	list := func() []string {
		if r.IntN(4) == 0 {
			return nil
		}
		l := []string{}
		for range r.IntN(4) {
			l = append(l, word())
		}
		return l
	}
	for range 1000 {
		report := &Report{Platform: word(), Arch: word(), Sources: []ReportSource{{Name: word()}}, Repos: []ReportRepo{}}
		for range r.IntN(3) {
			repo := ReportRepo{ID: word(), Path: word(), Module: word(), Depends: list(), Builds: list(), LeftOut: list(), Requires: list(), Declared: list()}
			if r.IntN(2) == 0 {
				repo.Build = &BuildNeeds{Requires: list()}
			}
			report.Repos = append(report.Repos, repo)
		}
		var got, want, line bytes.Buffer
		if err := report.Write(&got); err != nil {
			t.Fatal(err)
		}
		if err := json.NewEncoder(&want).Encode(report); err != nil {
			t.Fatal(err)
		}
		for written := range bytes.Lines(got.Bytes()) {
			line.Write(bytes.TrimSuffix(written, []byte("\n")))
		}
		line.WriteByte('\n')
		if line.String() != want.String() {
			t.Fatalf("got  %swant %s", line.Bytes(), want.Bytes())
		}
	}
}
