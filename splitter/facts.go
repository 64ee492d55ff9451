package splitter

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"flatstream/splitter/modulemd"
)

// StreamFacts is what the documents say of a stream besides its packages, and what a
// flat repository, which has no modules.yaml, would lose.
type StreamFacts struct {
	EOL           string     `json:"eol,omitempty"`           // YYYY-MM-DD, of v1 documents
	Obsoletes     []Obsolete `json:"obsoletes,omitempty"`     // modulemd-obsoletes, newest statement of each context
	Macros        []string   `json:"macros,omitempty"`        // buildopts: RPM macros that its builds were made with, newest first
	Demodularized []string   `json:"demodularized,omitempty"` // names that hide nothing any more
	Damaged       []Damaged  `json:"damaged,omitempty"`
}

// Obsolete is one announcement that a stream ends.
type Obsolete struct {
	Context string `json:"context,omitempty"` // of the builds that it is for; empty: all
	EOLDate string `json:"eol_date,omitempty"`
	Message string `json:"message,omitempty"`
	By      string `json:"by,omitempty"` // module:stream to use instead
}

// Damaged is a required stream that no document has, and the one that was most
// likely meant: a number that lost its zeros when somebody wrote the document (P21).
type Damaged struct {
	Requires string `json:"requires"` // module:stream as written
	Meant    string `json:"meant"`
}

// Text says when and why the stream ends.
func (o Obsolete) Text() string {
	text := "ends"
	if o.Context != "" {
		text = "context " + o.Context + " ends"
	}
	if o.EOLDate != "" {
		text += " " + o.EOLDate
	}
	if o.Message != "" {
		text += ": " + strings.Join(strings.Fields(o.Message), " ")
	}
	if o.By != "" {
		text += "; use " + o.By
	}
	return text
}

// Facts gathers what the builds of a stream say.
func (x *Index) Facts(id StreamID, builds []*modulemd.Build) StreamFacts {
	var f StreamFacts
	for _, b := range builds {
		if f.EOL == "" {
			f.EOL = b.EOL
		}
		if m := strings.TrimSpace(b.Macros); m != "" && !slices.Contains(f.Macros, m) {
			f.Macros = append(f.Macros, m)
		}
		f.Demodularized = append(f.Demodularized, b.Demodularized...)
		for _, d := range x.damaged(b) {
			if !slices.Contains(f.Damaged, d) {
				f.Damaged = append(f.Damaged, d)
			}
		}
	}
	slices.Sort(f.Demodularized)
	f.Demodularized = slices.Compact(f.Demodularized)
	for _, o := range x.Obsoletes(id) {
		ofBuild := func(b *modulemd.Build) bool { return o.Context == "" || o.Context == b.Context }
		if slices.ContainsFunc(builds, ofBuild) {
			f.Obsoletes = append(f.Obsoletes, newObsolete(o))
		}
	}
	return f
}

func newObsolete(o *modulemd.Obsoletes) Obsolete {
	by := ""
	if o.ByModule != "" && o.ByStream != "" {
		by = o.ByModule + ":" + o.ByStream
	}
	return Obsolete{o.Context, o.EOLDate, o.Message, by}
}

// shortened is what a number looks like that YAML tools may have cut.
var shortened = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

// damaged compares what a build requires with the streams that exist.
func (x *Index) damaged(b *modulemd.Build) []Damaged {
	var found []Damaged
	for _, entry := range b.Requires {
		for _, r := range entry {
			for _, s := range r.Streams {
				if r.Module == PlatformModule || x.byStream[StreamID{r.Module, s}] != nil || !shortened.MatchString(s) {
					continue
				}
				padded := []string{s + ".0"} // 2.0 became 2
				if strings.Contains(s, ".") {
					padded = []string{s + "0", s + "00"} // 5.30 became 5.3
				}
				for _, p := range padded {
					if x.byStream[StreamID{r.Module, p}] != nil {
						found = append(found, Damaged{r.Module + ":" + s, r.Module + ":" + p})
						break
					}
				}
			}
		}
	}
	return found
}

// warnFacts names the streams that end and those that require what does not exist.
func (p *Plan) warnFacts() {
	var eol, obsolete, damaged []string
	for _, id := range p.Index.Streams() {
		var builds []*modulemd.Build
		for _, g := range p.Index.Groups(id) {
			builds = append(builds, g.Builds...)
		}
		f := p.Index.Facts(id, builds)
		if f.EOL != "" {
			eol = append(eol, fmt.Sprintf("%s (%s)", id, f.EOL))
		}
		for _, o := range f.Obsoletes {
			obsolete = append(obsolete, fmt.Sprintf("%s %s", id, o.Text()))
		}
		for _, d := range f.Damaged {
			p.damage = append(p.damage, d)
			damaged = append(damaged, fmt.Sprintf("%s requires %s, but there is %s", id, d.Requires, d.Meant))
		}
	}
	if len(eol) > 0 {
		p.warn("stream-eol", "the documents of %s name the end of its life: %s", counted(len(eol), "stream"), someOf(eol))
	}
	if len(obsolete) > 0 {
		p.warn("stream-obsolete", "%s announced that a stream ends: %s", counted(len(obsolete), "document"), someOf(obsolete))
	}
	if len(damaged) > 0 {
		p.warn("damaged-requires", "%s that no document has, most likely since a zero was lost in writing: %s; tell whoever made the repository", counted(len(damaged), "required stream"), someOf(damaged))
	}
}

// meant ends the text of a conflict with what a required stream that does not exist
// most likely should be (P21); mostly it is empty.
func (p *Plan) meant(c *Conflict) string {
	words := strings.FieldsFunc(c.Error(), func(r rune) bool { return strings.ContainsRune(" ,;()", r) })
	text := ""
	for _, d := range p.damage {
		hint := fmt.Sprintf("; there is no %s, but %s: most likely a zero was lost in writing", d.Requires, d.Meant)
		if slices.Contains(words, d.Requires) && !strings.Contains(text, hint) {
			text += hint
		}
	}
	return text
}
