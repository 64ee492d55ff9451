package nightly

import (
	"context"
	"errors"
	"fmt"

	"gopkg.in/yaml.v3"

	"flatstream/mirror"
	"flatstream/mirror/bucket"
	"flatstream/mirror/tree"
)

// Publish names the object store that shows what the store publishes.
type Publish struct {
	To       bucket.Location // without a bucket: none
	Endpoint string          // URL of a server that is not AWS; empty: as AWS's own configuration says
	// PlusCopies stores what has a + in its path under the name with blanks too.
	PlusCopies bool
	Redirect   string // URL by which clients read the location; empty: serve does not send them there
}

// readPublish takes s3://BUCKET/PREFIX, or a mapping with that and more.
func (c *Config) readPublish(n *yaml.Node) error {
	location := func(n *yaml.Node) (err error) {
		if err := scalar(n); err != nil {
			return err
		}
		c.Publish.To, err = bucket.ParseLocation(n.Value)
		if at, ok := errors.AsType[*bucket.LocationError](err); ok {
			e := wrong(n, "publish: %v", at)
			e.Try = at.Hint()
			return e
		}
		return err
	}
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		return location(n)
	}
	address := func(into *string, check func(string) error) func(*yaml.Node) error {
		return func(n *yaml.Node) error {
			if err := scalar(n); err != nil {
				return err
			}
			*into = n.Value
			if err := check(n.Value); err != nil {
				return wrong(n, "publish: %v", err)
			}
			return nil
		}
	}
	err := decode(n, fields{
		"to":          location,
		"endpoint":    address(&c.Publish.Endpoint, bucket.CheckEndpoint),
		"plus-copies": func(n *yaml.Node) error { return assignBool(n, &c.Publish.PlusCopies) },
		"redirect":    address(&c.Publish.Redirect, bucket.CheckPublic),
	})
	if err == nil && c.Publish.To.Bucket == "" && c.Publish.Redirect == "" && !isNull(n) {
		e := wrong(n, "publish: does not say where to")
		e.Try = "write publish: s3://BUCKET/PREFIX, or { to: s3://BUCKET/PREFIX, endpoint: https://... }"
		return e
	}
	return err
}

// toBucket shows the current snapshot in the bucket. The store is free meanwhile: an
// upload may take hours, and a snapshot does not change. What an earlier night could not
// upload is uploaded by this one, though nothing else changed.
func (n *night) toBucket(ctx context.Context) (err error) {
	if n.Publish.To.Bucket == "" {
		return nil
	}
	if n.tree, err = tree.Open(n.Store); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.tree.Close()) }()
	options := bucket.Options{
		Endpoint: n.Publish.Endpoint, Jobs: n.opt.Jobs, Grace: n.Keep.Grace, MaxDelete: n.Keep.MaxDelete, Now: n.opt.Now, LimitRate: n.opt.LimitRate,
		PlusCopies: n.Publish.PlusCopies,
	}
	if moved := n.opt.Moved; moved != nil {
		options.Moved = func(p bucket.Progress) {
			moved(mirror.Event{Source: "bucket:", Files: p.Files, AllFiles: p.AllFiles, Bytes: p.Bytes, AllBytes: p.AllBytes})
		}
	}
	n.report.Bucket, err = bucket.Publish(ctx, n.tree, n.Publish.To, options)
	for _, w := range n.report.Bucket.Warnings {
		n.report.warn("%s: %s", n.Publish.To, w)
	}
	if err == nil {
		return nil
	}
	n.unshown = true
	unlock, lockErr := n.tree.Lock()
	if lockErr != nil {
		return err // another run has the store already, and its report is the one that counts
	}
	return errors.Join(err, n.record(err), unlock())
}

// step is what --dry-run says of it.
func (p Publish) step() string {
	step := fmt.Sprintf("show it in %s", p.To)
	if p.Endpoint != "" {
		step += " on " + p.Endpoint
	}
	return step
}
