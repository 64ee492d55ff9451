package nightly

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"flatstream/mirror/tree"
	"flatstream/repodata/closure"
	"flatstream/splitter"
)

// problemKeys are the problems that a published target has, sorted. A key has no
// version, so that a package's next release with the same fault is no news.
type problemKeys []string

func keyOf(repo string, p closure.Problem) string { return repo + " " + p.Key() }

// keysOf lists the keys of a verdict, sorted, each once.
func keysOf(r *closure.Report) problemKeys {
	keys := problemKeys{}
	for _, c := range r.Checked {
		for _, p := range c.Problems {
			keys = append(keys, keyOf(c.Repo, p))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// newProblems lists the problems that the published target does not have and the
// baseline file does not know. What is published for the first time has none.
func newProblems(r *closure.Report, old problemKeys, first map[string]bool) []NewProblem {
	fresh := []NewProblem{}
	for _, c := range r.Checked {
		if first[c.Repo] {
			continue
		}
		for _, p := range c.Problems {
			if _, had := slices.BinarySearch(old, keyOf(c.Repo, p)); !had && !p.Known {
				fresh = append(fresh, NewProblem{c.Repo, p})
			}
		}
	}
	return fresh
}

func (b build) baselineName() string { return "baseline/" + b.flat() + ".json" }

// baseline reads the problems that the published target has: those in the snapshot's own
// report, which a rollback brings back with it, or else, where an earlier version made
// the snapshot, the last ones in the store's state. published is false where no snapshot
// has the target: then everything is accepted.
func (n *night) baseline(b build) (keys problemKeys, published bool, err error) {
	current, ok, err := n.tree.Current()
	if err != nil || !ok {
		return nil, false, err
	}
	_, err = os.Stat(filepath.Join(current.Dir, b.flat(), splitter.ReportName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if keys, ok := knownIn(current, b); ok {
		return keys, true, nil
	}
	return n.lastBaseline(b)
}

func knownIn(s tree.Snapshot, b build) (problemKeys, bool) {
	doc, err := os.ReadFile(filepath.Join(s.Dir, reportName))
	var r snapshotReport
	if err != nil || json.Unmarshal(doc, &r) != nil {
		return nil, false
	}
	keys, ok := r.Known[b.flat()]
	slices.Sort(keys)
	return keys, ok
}

func (n *night) lastBaseline(b build) (keys problemKeys, found bool, err error) {
	doc, err := n.tree.ReadState(b.baselineName())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if err := json.Unmarshal(doc, &keys); err != nil {
		return nil, false, fmt.Errorf("state/%s is damaged (%w): remove it, and the next run accepts what it makes", b.baselineName(), err)
	}
	slices.Sort(keys)
	return keys, true, nil
}

func (n *night) writeBaseline(b build, keys problemKeys) error {
	doc, err := json.MarshalIndent(keys, "", "  ")
	if err != nil {
		return err
	}
	return n.tree.WriteState(b.baselineName(), append(doc, '\n'))
}
