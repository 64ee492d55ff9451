package serve

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"

	"flatstream/repodata/closure"
	"flatstream/splitter"
)

// maxFindings is how much a set's page shows of what verifying found; report.json
// has all of it.
const maxFindings = 256 << 10

// judge keeps what verifying found, and writes report.json.
func (s *set) judge(verdict *closure.Report, dir string) error {
	s.problems = verdict.Summary.Problems
	var text bytes.Buffer
	if err := verdict.Text(&text, false); err != nil {
		return err
	}
	if text.Len() > maxFindings {
		text.Truncate(maxFindings)
		text.WriteString("\n... report.json has the rest\n")
	}
	s.findings = text.String()
	doc, err := json.Marshal(struct {
		Schema    int                `json:"schema"`
		Generator string             `json:"generator"`
		Snapshot  string             `json:"snapshot"`
		Target    string             `json:"target,omitempty"`
		Set       string             `json:"set"`
		Streams   []string           `json:"streams"`
		Packages  int                `json:"packages"`
		Warnings  []splitter.Warning `json:"warnings"`
		Verify    *closure.Report    `json:"verify"`
	}{1, "flatstream serve", s.key.snapshot, s.key.target, s.key.name, append([]string{}, s.streams...), s.packages, append([]splitter.Warning{}, s.warnings...), verdict})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, splitter.ReportName), append(doc, '\n'), 0o644)
}

// adopt opens the files of dir, which will lose their names.
func (s *set) adopt(dir string) (size int64, err error) {
	s.files = map[string]*os.File{}
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		s.files[name] = f
		info, err := f.Stat()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
