package splitter

import (
	"slices"

	"flatstream/repodata/closure"
)

// Explanation answers why a package, NEVRA, capability or stream is where it is,
// hidden, missing or broken.
type Explanation struct {
	Schema   int                `json:"schema"`
	Word     string             `json:"word"`
	Streams  []ExplainedStream  `json:"streams"`
	Packages []ExplainedPackage `json:"packages"`
	Missing  []ExplainedMissing `json:"missing"`
	Near     []string           `json:"near"`                // names that look alike, when nothing was found
	WantedBy []string           `json:"wanted_by,omitempty"` // NEVRAs of packages that require the word, when nothing was found
}

// ExplainedStream is one flat repository of a stream that was asked for.
type ExplainedStream struct {
	Target   string         `json:"target,omitempty"` // of several, the one that it stands in
	Repo     string         `json:"repo"`
	Stream   string         `json:"stream"`
	Path     string         `json:"path"`
	Context  string         `json:"context,omitempty"`
	Choice   Choice         `json:"choice,omitempty"`
	Depends  []string       `json:"depends,omitempty"`
	Builds   []string       `json:"builds"`
	LeftOut  []string       `json:"left_out,omitempty"`
	Packages int            `json:"packages"`
	Requires []string       `json:"requires"`
	Optional []string       `json:"optional"`
	Missing  map[string]int `json:"missing"` // by class
	Hidden   []Hidden       `json:"hidden"`
	StreamFacts
}

// ExplainedPackage is one package that was asked for, or that provides what was.
type ExplainedPackage struct {
	Target   string            `json:"target,omitempty"`
	NEVRA    string            `json:"nevra"`
	Provides string            `json:"provides,omitempty"` // the capability, when that was asked for
	Places   []ExplainedPlace  `json:"places"`
	Hidden   []ExplainedPlace  `json:"hidden"` // where it is kept from, and why
	Problems []closure.Problem `json:"problems"`
	Broken   []ExplainedBroken `json:"broken,omitempty"`   // the problems in the words of verify
	Clashes  []ExplainedPlace  `json:"clashes,omitempty"`  // where several modules ship its name
	Unlisted *ExplainedLabel   `json:"unlisted,omitempty"` // of a modular package that no document lists
}

// ExplainedBroken is what verify says of a package, and where.
type ExplainedBroken struct {
	Repos    []string `json:"repos"`
	Sentence string   `json:"sentence"`
	Lines    []string `json:"lines"`
}

// ExplainedLabel is what is known of an unlisted package.
type ExplainedLabel struct {
	Label   string   `json:"label,omitempty"` // empty: none, or not read
	Streams []string `json:"streams"`         // that exist of the module that the label names
}

// ExplainedPlace is one repository and the reason.
type ExplainedPlace struct {
	Repo   string `json:"repo"`
	Reason string `json:"reason"`
}

// ExplainedMissing is an artifact that a document lists and no source has.
type ExplainedMissing struct {
	Target string `json:"target,omitempty"`
	Repo   string `json:"repo"`
	NEVRA  string `json:"nevra"`
	Class  string `json:"class"`
}

// Found says whether there is anything of that name.
func (e *Explanation) Found() bool { return len(e.Streams)+len(e.Packages)+len(e.Missing) > 0 }

// Add appends what another target says.
func (e *Explanation) Add(other *Explanation) {
	e.Streams = append(e.Streams, other.Streams...)
	e.Packages = append(e.Packages, other.Packages...)
	e.Missing = append(e.Missing, other.Missing...)
	e.Near = append(e.Near, other.Near...)
	slices.Sort(e.Near)
	if e.Near = slices.Compact(e.Near); e.Found() {
		e.Near = []string{}
	}
}
