package splitter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Conflict says that streams cannot be enabled together, or one not at all.
type Conflict struct {
	Streams []StreamID // what was asked for
	Reasons []string   // the chain of reasons, one sentence each
	// Without lists the streams of which leaving out one makes the others possible.
	Without []StreamID
	// Keep, when leaving out one is not enough, is a largest choice found that is
	// possible: no further asked stream can be added to it. Empty when no stream can
	// be enabled even alone.
	Keep []StreamID
	// Disabled lists the disabled modules of which leaving one enabled makes all asked
	// streams possible.
	Disabled []string
}

// Error joins the reasons.
func (c *Conflict) Error() string {
	return fmt.Sprintf("cannot enable %s: %s", streamNames(c.Streams, ", "), strings.Join(c.Reasons, "; "))
}

// Hint says what would be possible instead, empty when nothing is known.
func (c *Conflict) Hint() string {
	switch {
	case len(c.Disabled) > 0:
		return "all can be enabled without -" + strings.Join(c.Disabled, ", or without -")
	case len(c.Without) > 0:
		return "the rest can be enabled without " + streamNames(c.Without, ", or without ")
	case len(c.Keep) > 0:
		return "of these, DNF could enable " + streamNames(c.Keep, ", ")
	}
	return ""
}

func streamNames(streams []StreamID, separator string) string {
	names := make([]string, len(streams))
	for i, s := range streams {
		names[i] = s.String()
	}
	return strings.Join(names, separator)
}

// maxSuggested is how many streams a suggestion is sought for: every one costs two
// resolutions.
const maxSuggested = 100

// suggest finds what of the asked streams could stay.
func (x *Index) suggest(c *Conflict, opt ResolveOptions) {
	if len(c.Streams)+len(opt.Disabled) < 2 || len(c.Streams)+len(opt.Disabled) > maxSuggested {
		return
	}
	tooHard := false
	possible := func(streams []StreamID) bool {
		if tooHard {
			return false
		}
		_, err := x.resolve(streams, opt)
		tooHard = errors.Is(err, ErrTooHard)
		return err == nil
	}
	disabled := opt.Disabled
	for i, module := range disabled {
		opt.Disabled = slices.Delete(slices.Clone(disabled), i, i+1)
		if possible(c.Streams) {
			c.Disabled = append(c.Disabled, module)
		}
	}
	opt.Disabled = disabled
	if len(c.Disabled) > 0 || len(c.Streams) < 2 {
		return
	}
	for i, s := range c.Streams {
		if possible(slices.Delete(slices.Clone(c.Streams), i, i+1)) {
			c.Without = append(c.Without, s)
		}
	}
	if len(c.Without) > 0 {
		return
	}
	for _, s := range c.Streams {
		if more := append(slices.Clip(c.Keep), s); possible(more) {
			c.Keep = more
		}
	}
}
