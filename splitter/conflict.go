package splitter

import (
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
}

// Error joins the reasons, and says what would be possible.
func (c *Conflict) Error() string {
	text := fmt.Sprintf("cannot enable %s: %s", streamNames(c.Streams, ", "), strings.Join(c.Reasons, "; "))
	switch {
	case len(c.Without) == 1:
		text += fmt.Sprintf(" (without %s the rest can be enabled)", c.Without[0])
	case len(c.Without) > 1:
		text += fmt.Sprintf(" (without %s the rest can be enabled)", streamNames(c.Without, ", or without "))
	case len(c.Keep) > 0:
		text += fmt.Sprintf(" (%s can be enabled)", streamNames(c.Keep, ", "))
	}
	return text
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
	if len(c.Streams) < 2 || len(c.Streams) > maxSuggested {
		return
	}
	possible := func(streams []StreamID) bool {
		_, err := x.resolve(streams, opt)
		return err == nil
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
