package nightly

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"flatstream/mirror/tree"
)

// History reads what runs found wrong, snapshot after snapshot. It is for one goroutine.
type History struct {
	text  []byte // of the last "known" that was read
	known map[string][]string
}

// Problems reads what the run that made a snapshot found wrong with what it published,
// and with what it held back: by the path of the target, each as "REPO KEY", where KEY is
// of [closure.Problem.Key]. Both are empty where no run made the snapshot.
func (h *History) Problems(s tree.Snapshot) (known, withheld map[string][]string, err error) {
	doc, err := os.ReadFile(filepath.Join(s.Dir, reportName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	// Most nights find what the one before found, and that is most of the report: it is
	// compared as text, which the writer indents, and a string holds no line end.
	head, text, cut := bytes.Cut(doc, []byte(",\n  \"known\": "))
	if same := cut && bytes.Equal(text, h.text); same {
		doc = append(head, '}')
	} else {
		h.text, h.known = text, map[string][]string{}
	}
	r := snapshotReport{Report: &Report{}}
	if err := json.Unmarshal(doc, &r); err != nil {
		h.text = nil
		return nil, nil, fmt.Errorf("reading %s: %w", reportName, err)
	}
	for target, keys := range r.Known {
		h.known[target] = keys
	}
	withheld = map[string][]string{}
	for _, t := range r.Targets {
		for _, p := range t.New {
			if t.Withheld {
				withheld[t.Path] = append(withheld[t.Path], keyOf(p.Repo, p.Problem))
			}
		}
	}
	return h.known, withheld, nil
}
