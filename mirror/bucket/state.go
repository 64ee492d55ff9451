package bucket

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

const (
	stateName      = ".flatstream/state"
	intentName     = ".flatstream/intent"
	manifestPrefix = ".flatstream/manifest-"
)

// state is the object that says what a prefix holds; the manifest that it names lists
// it. It is all that an unchanged night reads.
type state struct {
	Schema    int       `json:"schema"`
	Snapshot  string    `json:"snapshot"`
	Source    string    `json:"source"`   // SHA-256 of the snapshot's own manifest
	Manifest  string    `json:"manifest"` // SHA-256 of the object manifestPrefix+Manifest
	Files     int       `json:"files"`    // of the snapshot
	Bytes     int64     `json:"bytes"`
	Due       int64     `json:"due,omitempty"` // when the next object may be deleted, seconds since 1970
	Published time.Time `json:"published"`
	// Unfinished says that a publication began and did not end: then the prefix may differ
	// from the manifest at the paths of the intent.
	Unfinished bool `json:"unfinished,omitempty"`

	etag string
}

// DamageError says that what a prefix says of itself cannot be read.
type DamageError struct {
	Location Location
	Text     string
}

func (e *DamageError) Error() string { return fmt.Sprintf("%s: %s", e.Location, e.Text) }

// Hint says what to try next.
func (e *DamageError) Hint() string {
	return "flatstream publish STORE URL --check --repair finds out what is there; or publish to a new prefix"
}

// NewerError says that a newer version of flatstream publishes to a prefix.
type NewerError struct{ Location Location }

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s was published by a newer version of flatstream", e.Location)
}

// Hint says what to try next.
func (e *NewerError) Hint() string { return "use that version, or publish to a new prefix" }

// readState is the zero state where nothing was published yet.
func (r *remote) readState(ctx context.Context) (state, error) {
	doc, o, err := r.getBytes(ctx, stateName, maxDoc)
	if err != nil || doc == nil {
		return state{}, err
	}
	s := state{etag: o.etag}
	if json.Unmarshal(doc, &s) != nil || s.Schema < 1 {
		return state{etag: o.etag}, &DamageError{r.Location, stateName + " is damaged"}
	}
	if s.Schema > 1 {
		return s, &NewerError{r.Location}
	}
	return s, nil
}

// readItems reads the manifest that a state names.
func (r *remote) readItems(ctx context.Context, s state) ([]item, error) {
	if s.etag == "" {
		return nil, nil
	}
	doc, _, err := r.getBytes(ctx, manifestPrefix+s.Manifest, maxManifest)
	if err != nil {
		return nil, err
	}
	if digest.OfBytes(doc).Hex != s.Manifest {
		return nil, &DamageError{r.Location, "the manifest is missing or damaged"}
	}
	items, err := decodeItems(doc)
	if err != nil {
		return nil, &DamageError{r.Location, err.Error()}
	}
	return items, nil
}

// readIntent is what an unfinished publication meant to change; nil: there is none.
func (r *remote) readIntent(ctx context.Context) (map[string]bool, error) {
	doc, _, err := r.getBytes(ctx, intentName, maxManifest)
	if err != nil || doc == nil {
		return nil, err
	}
	items, err := decodeItems(doc)
	if err != nil {
		return nil, &DamageError{r.Location, intentName + ": " + err.Error()}
	}
	return pathsOf(items), nil
}

// writeIntent says, before anything changes, what will. Whoever finds it later takes
// nothing for granted about these paths.
func (r *remote) writeIntent(ctx context.Context, p plan) error {
	var items []item
	p.each(func(f file, path string) { items = append(items, item{path: path, size: f.size, sum: f.sum}) })
	items = append(items, p.delete...)
	for _, path := range p.orphans {
		items = append(items, item{path: path, sum: digest.OfBytes(nil)})
	}
	if len(items) == 0 {
		return nil
	}
	doc, err := encodeItems(items)
	if err != nil {
		return err
	}
	_, err = r.putBytes(ctx, intentName, doc, "application/gzip", cond{})
	return err
}

// writeState replaces the state, if it still is the version s.etag, and returns it with
// the etag of the new one.
func (r *remote) writeState(ctx context.Context, s state) (state, error) {
	s.Schema = 1
	doc, err := json.Marshal(s)
	if err != nil {
		return s, err
	}
	etag, err := r.putBytes(ctx, stateName, doc, "application/json", cond{etag: s.etag, absent: s.etag == ""})
	if err == nil || !refused(err) {
		s.etag = etag
		return s, err
	}
	now, o, e := r.getBytes(ctx, stateName, maxDoc)
	if e == nil && bytes.Equal(now, doc) { // our own write, whose answer got lost
		s.etag = o.etag
		return s, nil
	}
	return s, &LostError{r.Location}
}

// begin marks a prefix as being changed. One that has no state yet is so anyway.
func (r *remote) begin(ctx context.Context, s state) (state, error) {
	if s.etag == "" || s.Unfinished {
		return s, nil
	}
	s.Unfinished = true
	return r.writeState(ctx, s)
}

// commit makes items the content of the prefix. It stays marked as unfinished.
func (r *remote) commit(ctx context.Context, s state, items []item) (state, error) {
	doc, err := encodeItems(items)
	if err != nil {
		return s, err
	}
	s.Manifest, s.Unfinished = digest.OfBytes(doc).Hex, true
	if _, err := r.putBytes(ctx, manifestPrefix+s.Manifest, doc, "application/gzip", cond{}); err != nil {
		return s, err
	}
	return r.writeState(ctx, s)
}

// clean removes what killed publications left beside the paths: manifests that no state
// names.
func (r *remote) clean(ctx context.Context, s state) error {
	list, err := r.api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &r.Bucket, Prefix: aws.String(r.key(manifestPrefix))})
	if err != nil {
		return r.explain("list", manifestPrefix, err)
	}
	var old []string
	for _, o := range list.Contents {
		name := strings.TrimPrefix(aws.ToString(o.Key), r.key(manifestPrefix))
		if name != s.Manifest {
			old = append(old, manifestPrefix+name)
		}
	}
	if len(old) > 0 {
		return r.remove(ctx, old)
	}
	return nil
}

// present adds to unsure each path below the prefix's own directories and at its top. What
// else begins with the prefix, such as tags/, may be a prefix of somebody's own.
func (r *remote) present(ctx context.Context, unsure map[string]bool) (map[string]bool, error) {
	all := maps.Clone(unsure)
	if all == nil {
		all = map[string]bool{}
	}
	prefix := r.key("")
	pages := s3.NewListObjectsV2Paginator(r.api, &s3.ListObjectsV2Input{Bucket: &r.Bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, r.explain("list", "", err)
		}
		for _, o := range page.Contents {
			path := strings.TrimPrefix(aws.ToString(o.Key), prefix)
			top, _, below := strings.Cut(path, "/")
			if !below || top == "mirror" || top == "flat" || top == "kept" {
				all[path] = true
			}
		}
	}
	return all, nil
}

// fingerprint is the SHA-256 of a snapshot's manifest: the same name in another store is
// another snapshot.
func fingerprint(s tree.Snapshot) (string, error) {
	sum, err := hashFile(filepath.Join(s.Dir, tree.ManifestName))
	if err != nil {
		return "", fmt.Errorf("read snapshot %s: %w", s.Name, err)
	}
	return sum.Hex, nil
}
