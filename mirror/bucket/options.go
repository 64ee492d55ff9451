package bucket

import (
	"crypto/rand"
	"time"
)

// DefaultLease is how long a publisher that says nothing any more keeps others out.
const DefaultLease = 90 * time.Second

// Options is what a publication takes from its caller.
type Options struct {
	Endpoint  string        // URL of the server; empty: as AWS's own configuration says
	Snapshot  string        // of the store; empty: the current one
	CopyFrom  []Location    // other prefixes, from which content is copied within the server
	Jobs      int           // requests at once; 0: 16
	Grace     time.Duration // how long an object stays that the snapshot no longer has
	MaxDelete float64       // fraction of the objects or bytes (0 to 1) that may be deleted at once
	LimitRate int64         // bytes per second of all uploads; 0: no limit
	Lease     time.Duration // 0: DefaultLease
	Now       time.Time     // default: the clock
	DryRun    bool          // say what would be done
	Moved     func(Progress)
	// PlusCopies stores what has a + in its path under the name with blanks too, for AWS's
	// clients that do not escape it.
	PlusCopies bool

	again map[string]bool // paths to upload whatever the manifest says; not nil: mend
	// rebuild takes nothing for there by the manifest, and asks about what is.
	rebuild bool
	tries   int     // attempts of each request; 0: 8
	owner   *holder // default: this process
	// single and part are the sizes from which on and in which parts are uploaded; 0: maxSingle, partSize.
	single, part int64
}

func (o Options) jobs() int {
	if o.Jobs > 0 {
		return o.Jobs
	}
	return 16
}

func (o Options) attempts() int {
	if o.tries > 0 {
		return o.tries
	}
	return 8
}

func (o Options) holder() holder {
	if o.owner != nil {
		return *o.owner
	}
	return thisProcess(rand.Text())
}

// Progress is how far a publication is.
type Progress struct {
	Files, AllFiles int
	Bytes, AllBytes int64
}

// Report says what a publication did, or would do when DryRun. Its JSON form is part of
// the interface.
type Report struct {
	Location      string   `json:"location"`
	Snapshot      string   `json:"snapshot"`
	Published     bool     `json:"published"` // false: it was there already
	DryRun        bool     `json:"dry_run"`
	Files         int      `json:"files"` // of the snapshot
	Bytes         int64    `json:"bytes"`
	Uploaded      int      `json:"uploaded"`
	UploadedBytes int64    `json:"uploaded_bytes"`
	Copied        int      `json:"copied"`  // within the server
	Resumed       int      `json:"resumed"` // paths that an unfinished publication was about to change
	Aborted       int      `json:"aborted"` // uploads in parts of it
	Deleted       int      `json:"deleted"`
	Seconds       float64  `json:"seconds"`
	Warnings      []string `json:"warnings"`
}
