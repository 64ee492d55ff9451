package nightly

import (
	"encoding/json"
	"errors"
	"io/fs"
)

// labelsName is the state file that remembers the ModularityLabel of package files,
// by their checksum, so that each is opened in one night only. What no target asked
// for in the last night that split is forgotten.
const labelsName = "labels.json"

// recallLabels reads them. A file that is not there or not to be read costs a night's
// time and nothing else: the labels stand in the packages.
func (n *night) recallLabels() error {
	n.labels, n.known = map[string]string{}, map[string]string{}
	b, err := n.tree.ReadState(labelsName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if json.Unmarshal(b, &n.known) != nil {
		n.known = nil
	}
	return nil
}

func (n *night) rememberLabels() error {
	doc, err := json.Marshal(n.labels)
	if err != nil {
		return err
	}
	return n.tree.WriteState(labelsName, append(doc, '\n'))
}
