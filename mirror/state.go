package mirror

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"flatstream/mirror/fetch"
	"flatstream/mirror/tree"
	"flatstream/repodata"
	"flatstream/repodata/digest"
)

// state is what a source's last good run left in state/sync/PATH.json. It makes
// the next run's request conditional only while the published snapshot has that
// very repomd.xml, so it may be written before anything is published.
type state struct {
	From      string `json:"from"`           // SHA-256 of the base URL, which may hold a secret
	Base      string `json:"base,omitempty"` // the base URL, for repair; only one that holds none
	ETag      string `json:"etag,omitempty"`
	Modified  string `json:"last_modified,omitempty"`
	RepoMD    string `json:"repomd"` // its checksum
	Policy    Policy `json:"policy"`
	Keys      string `json:"keys,omitempty"` // what was verified, and with which keys
	Revision  string `json:"revision"`
	Timestamp int64  `json:"timestamp"` // newest of the records
	Packages  int    `json:"packages"`
}

func (s *Source) stateName() string { return "sync/" + s.path() + ".json" }

// readState returns nil when there is none, or none that can be read: the run
// then is a first one, which is slow and right.
func readState(t *tree.Tree, src *Source) *state {
	b, err := t.ReadState(src.stateName())
	var st state
	if err != nil || json.Unmarshal(b, &st) != nil {
		return nil
	}
	return &st
}

func (st *state) write(t *tree.Tree, src *Source) error {
	b, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("remember %s: %w", src.Name, err)
	}
	return t.WriteState(src.stateName(), append(b, '\n'))
}

// cond is what to ask a mirror with; the zero value for one that did not answer
// last time, since mirrors make up their own ETags.
func (st *state) cond(base string) fetch.Cond {
	if st == nil || st.From != fingerprint(base) {
		return fetch.Cond{}
	}
	return fetch.Cond{ETag: st.ETag, LastModified: st.Modified}
}

// openBase is a base URL that may be written down: one without a user, or a query, in
// which some mirrors take a token.
func openBase(base string) string {
	if !strings.Contains(base, "://") { // a directory; the next run may stand elsewhere
		abs, err := filepath.Abs(base)
		if err != nil {
			return ""
		}
		return abs
	}
	if u, err := url.Parse(base); err != nil || u.User != nil || u.RawQuery != "" {
		return ""
	}
	return base
}

func fingerprint(base string) string { return digest.OfBytes([]byte(base)).Hex }

// published reads the source's repomd.xml in the current snapshot; nil when
// there is none.
func published(t *tree.Tree, src *Source) ([]byte, error) {
	current, ok, err := t.Current()
	if err != nil || !ok {
		return nil, err
	}
	root, err := os.OpenRoot(current.Dir)
	if err != nil {
		return nil, fmt.Errorf("read the published state: %w", err)
	}
	defer root.Close()
	b, err := root.ReadFile(filepath.Join(src.home(), repomdPath))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the published state: %w", err)
	}
	return b, nil
}

// newest is the latest timestamp of the records.
func newest(md *repodata.RepoMD) int64 {
	var t int64
	for _, r := range md.Records {
		t = max(t, r.Timestamp)
	}
	return t
}
