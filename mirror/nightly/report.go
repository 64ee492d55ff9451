package nightly

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"flatstream/mirror"
	"flatstream/mirror/bucket"
	"flatstream/repodata/closure"
)

// Report is what a night did. Its JSON form is part of the interface, and so is its
// copy in every snapshot, report.json.
type Report struct {
	Schema    int               `json:"schema"`
	Generator string            `json:"generator"`
	Repos     []*mirror.Summary `json:"repos"`    // that were tried, in the config's order
	Targets   []TargetReport    `json:"targets"`  // of an unchanged night: those of the run that published
	Snapshot  string            `json:"snapshot"` // that is current now; empty: none
	Changed   []string          `json:"changed"`  // ids of the repositories that changed
	Published bool              `json:"published"`
	Warnings  []string          `json:"warnings"`
	Bucket    *bucket.Report    `json:"bucket,omitempty"` // what publish: did
}

// TargetReport is what became of one target for one arch.
type TargetReport struct {
	Name     string       `json:"name"` // TARGET/ARCH; empty for the only one of a config without targets
	Path     string       `json:"path"` // below the snapshot
	Repos    int          `json:"repos"`
	Packages int          `json:"packages"`
	Problems int          `json:"problems"`
	New      []NewProblem `json:"new"`                 // that the published snapshot does not have
	Withheld bool         `json:"withheld"`            // so that some of the published repositories stay as they were
	HeldBack []string     `json:"held_back,omitempty"` // which: "default", "views/NAME", "streams" with all that is in no view, or "all"
	Impact   []ViewImpact `json:"impact,omitempty"`    // views that builds notice; also of those held back for it
	Changed  []string     `json:"changed"`             // paths below the target: repositories that are new, other or gone
}

// NewProblem is a problem of one flat repository.
type NewProblem struct {
	Repo string `json:"repo"`
	closure.Problem
}

func (p NewProblem) String() string {
	return fmt.Sprintf("%s: %s: %s: %s", p.Repo, p.Code, p.Package, strings.Join(p.Requirements, ", "))
}

func newReport() *Report {
	return &Report{
		Schema: 1, Generator: "flatstream run", Repos: []*mirror.Summary{}, Targets: []TargetReport{}, Changed: []string{}, Warnings: []string{},
	}
}

// Withheld says whether some target stays at what was published before.
func (r *Report) Withheld() bool {
	for _, t := range r.Targets {
		if t.Withheld {
			return true
		}
	}
	return false
}

// changedAnything says whether an upstream repository or a flat one is not what it was.
func (r *Report) changedAnything() bool {
	return len(r.Changed) > 0 || slices.ContainsFunc(r.Targets, func(t TargetReport) bool { return len(t.Changed) > 0 })
}

func (r *Report) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// text is the report for a person: what a hook reads on its standard input.
func (r *Report) text(failure error) string {
	var b strings.Builder
	switch {
	case errors.Is(failure, context.Canceled):
		b.WriteString("interrupted; nothing was published\n")
	case failure != nil:
		fmt.Fprintf(&b, "failed: %v\n", failure)
	case r.Published:
		fmt.Fprintf(&b, "published snapshot %s\n", r.Snapshot)
	default:
		fmt.Fprintf(&b, "unchanged: snapshot %s stays\n", r.Snapshot)
	}
	for _, s := range r.Repos {
		fmt.Fprintf(&b, "%s: %s, packages: %d\n", s.ID, s.Outcome, s.Packages)
	}
	for _, t := range r.Targets {
		fmt.Fprintf(&b, "%s: problems: %d, new: %d\n", t.Path, t.Problems, len(t.New))
		if t.Withheld {
			fmt.Fprintf(&b, "%s: withheld: %s; what is published of it stays\n", t.Path, strings.Join(t.HeldBack, ", "))
		}
		for _, p := range t.New {
			fmt.Fprintf(&b, "  %s\n", p)
		}
		for _, v := range t.Impact {
			fmt.Fprintf(&b, "%s: impact: %s\n", t.Path, v)
		}
		if r.Published && len(t.Changed) > 0 {
			fmt.Fprintf(&b, "%s: changed: %s\n", t.Path, strings.Join(t.Changed, ", "))
		}
	}
	return b.String()
}

// SyncError says which repositories could not be synced. Nothing is published then.
type SyncError struct {
	Failed []error // one for each, naming it
	All    int     // repositories of the run
}

func (e *SyncError) Error() string {
	texts := make([]string, len(e.Failed))
	for i, err := range e.Failed {
		texts[i] = err.Error()
	}
	return fmt.Sprintf("%d of %d repositories failed, so nothing is published: %s", len(e.Failed), e.All, strings.Join(texts, "; "))
}

// Hint says what to try next: what the first failure that knows says, or else that
// nothing is lost.
func (e *SyncError) Hint() string {
	for _, err := range e.Failed {
		var hinter interface{ Hint() string }
		if errors.As(err, &hinter) && hinter.Hint() != "" {
			return hinter.Hint()
		}
	}
	return "what was published stays as it was; a run may be started again at any moment"
}

// Unwrap gives each repository's error to errors.Is and errors.As.
func (e *SyncError) Unwrap() []error { return e.Failed }
