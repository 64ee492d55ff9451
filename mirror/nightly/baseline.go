package nightly

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"flatstream/repodata/closure"
)

// problemKeys are the problems that a published target has. A key has no version,
// so that a package's next release with the same fault is no news.
type problemKeys []string

// keysOf lists the keys of a verdict, sorted, each once.
func keysOf(r *closure.Report) problemKeys {
	var keys problemKeys
	for _, c := range r.Checked {
		for _, p := range c.Problems {
			keys = append(keys, c.Repo+" "+p.Key())
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// newProblems lists the problems that the published target does not have.
func newProblems(r *closure.Report, old problemKeys) []closure.Problem {
	fresh := []closure.Problem{}
	for _, c := range r.Checked {
		for _, p := range c.Problems {
			if _, known := slices.BinarySearch(old, c.Repo+" "+p.Key()); !known {
				fresh = append(fresh, p)
			}
		}
	}
	return fresh
}

func (b build) baselineName() string {
	return "baseline/" + strings.ReplaceAll(b.flat(), "/", ".") + ".json"
}

// baseline reads the problems that the target was last published with. published is
// false when it never was: then everything is accepted.
func (n *night) baseline(b build) (keys problemKeys, published bool, err error) {
	doc, err := n.tree.ReadState(b.baselineName())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if err := json.Unmarshal(doc, &keys); err != nil {
		return nil, false, fmt.Errorf("reading state/%s: %w; remove it to accept the next run as it is", b.baselineName(), err)
	}
	slices.Sort(keys)
	return keys, true, nil
}

func (n *night) writeBaseline(b build, keys problemKeys) error {
	if keys == nil {
		keys = problemKeys{}
	}
	doc, err := json.MarshalIndent(keys, "", "  ")
	if err != nil {
		return err
	}
	return n.tree.WriteState(b.baselineName(), append(doc, '\n'))
}
