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
	lines map[string]string // strings of the lines of all that were read
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
		if known, ok := h.fromLines(text); cut && ok {
			h.known, doc = known, append(head, '}')
		}
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

// fromLines reads the "known" of a report line by line, as the writer indents it; ok is
// false where it does not look so. Most lines stand in every report, and are read once.
func (h *History) fromLines(text []byte) (known map[string][]string, ok bool) {
	if h.lines == nil {
		h.lines = map[string]string{}
	}
	known = map[string][]string{}
	target, open := "", false
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if len(lines) < 3 || string(lines[0]) != "{" || string(lines[len(lines)-2]) != "  }" || string(lines[len(lines)-1]) != "}" {
		return nil, false
	}
	for _, line := range lines[1 : len(lines)-2] {
		switch {
		case !open && bytes.HasPrefix(line, []byte(`    "`)) && bytes.HasSuffix(line, []byte(`": [`)):
			if target, ok = h.decoded(line[4 : len(line)-3]); !ok {
				return nil, false
			}
			known[target], open = []string{}, true
		case open && bytes.HasPrefix(line, []byte(`      "`)):
			key, ok := h.decoded(bytes.TrimSuffix(line[6:], []byte(",")))
			if !ok {
				return nil, false
			}
			known[target] = append(known[target], key)
		case open && (string(line) == "    ]," || string(line) == "    ]"):
			open = false
		default:
			return nil, false
		}
	}
	return known, !open
}

// decoded is a string of JSON.
func (h *History) decoded(quoted []byte) (string, bool) {
	if s, ok := h.lines[string(quoted)]; ok {
		return s, true
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "", false
	}
	h.lines[string(quoted)] = s
	return s, true
}
