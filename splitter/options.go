package splitter

import (
	"cmp"
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"strings"

	"flatstream/repodata/codec"
)

// Options says how sources become flat repositories. The zero value of each field
// is its default.
type Options struct {
	Streams  []string // SPECs: only these under streams/; empty: all
	WithDeps bool     // and the streams that those require

	Versions Versions
	By       By
	Unlisted Unlisted
	Labels   Labels
	Layout   Layout
	Link     Link

	Views           []View
	NoDefaultView   bool
	Overlays        []Overlay
	OverlaySiblings bool // take the other packages of an overlay's source package along
	Newest          int  // EVRs per name.arch in each view; 0: all
	Modulemd        bool // attach a filtered modules.yaml to stream repositories

	// StrictDNF leaves out the documents that libmodulemd rejects, as DNF does (P22).
	StrictDNF bool
	// KnownLabels are labels that an earlier plan read ([Plan.Labels]), by pkgid:
	// these files are not opened again. It is not changed.
	KnownLabels map[string]string

	Platform string // such as el8; empty: what the documents say
	Arch     string // such as x86_64; empty: what the documents say, no package is left out

	BaseURL string       // of the target, for .repo files, no trailing slash
	Signer  *Signer      // signs every repomd.xml; nil: nobody does
	Format  codec.Format // of metadata files; zero: gzip
	Jobs    int          // workers; 0: one for each processor

	// Scratch is a directory with room for the sources' metadata, decompressed, that
	// [NewPlan] hands on to [Split] instead of reading it twice; nothing gets a name
	// there. Empty: a plan holds nothing open.
	Scratch string
	Program string // version of the program, for report.json; empty: nothing of a former target is used again
}

// View is one --view: a name and what is enabled in it.
type View struct {
	Name   string
	Spec   []string
	Newest int // EVRs per name.arch; 0: what Options.Newest says
}

// Versions says which builds of a stream's group are taken.
type Versions string

// The choices of --versions.
const (
	VersionsDNF    Versions = "dnf"    // every build of the group (modules.md, rule 4)
	VersionsLatest Versions = "latest" // the newest build of the group; loses packages (P2, P5)
	VersionsAll    Versions = "all"    // every build of the stream, whatever its group
)

// By says what one repository under streams/ holds.
type By string

// The choices of --by.
const (
	ByStream By = "stream" // a module:stream, one for each context group
	ByNSVCA  By = "nsvca"  // one build
)

// Unlisted says what becomes of modular packages that no document lists (P8).
type Unlisted string

// The choices of --unlisted.
const (
	UnlistedQuarantine Unlisted = "quarantine" // unlisted/
	UnlistedKeep       Unlisted = "keep"       // they count as non-modular
	UnlistedDrop       Unlisted = "drop"
)

// Link says how package files get into a target.
type Link string

// The choices of --link.
const (
	LinkHard    Link = "hardlink"
	LinkSymbol  Link = "symlink"
	LinkCopy    Link = "copy"
	LinkNothing Link = "none" // metadata only, <location> points at the source
)

// Layout is the shape of a target.
type Layout string

// The choices of --layout.
const (
	LayoutFlatstream    Layout = "flatstream"
	LayoutGrobiSplitter Layout = "grobisplitter"
)

// UsageError is a request that cannot be meant: a name that does not exist, a value
// out of range.
type UsageError struct{ Text, Try string }

func (e *UsageError) Error() string { return e.Text }

// Hint says what to try next.
func (e *UsageError) Hint() string { return e.Try }

// Check refuses options that no sources could make right.
func (o Options) Check() error {
	_, err := o.normalise()
	return err
}

func (o Options) jobs() int { return cmp.Or(o.Jobs, runtime.GOMAXPROCS(0)) }

// normalise fills in defaults and refuses what no split could be.
func (o Options) normalise() (Options, error) {
	set(&o.Versions, VersionsDNF)
	set(&o.By, ByStream)
	set(&o.Unlisted, UnlistedQuarantine)
	set(&o.Labels, LabelsAuto)
	set(&o.Layout, LayoutFlatstream)
	set(&o.Link, LinkHard)
	if o.Format == codec.None {
		o.Format = codec.Gzip
	}
	if o.Layout == LayoutGrobiSplitter {
		o.By, o.Versions, o.Unlisted, o.Modulemd, o.NoDefaultView = ByNSVCA, VersionsAll, UnlistedKeep, true, true
		if len(o.Views) > 0 {
			return o, &UsageError{"--layout grobisplitter has no views", "leave --view out, or use the flatstream layout"}
		}
	}
	if o.Newest < 0 {
		return o, &UsageError{fmt.Sprintf("--newest %d is no number of versions", o.Newest), "use 1 or more, or leave it out for all"}
	}
	if u, err := url.Parse(o.BaseURL); o.BaseURL != "" && (err != nil || u.Scheme == "" || strings.ContainsAny(o.BaseURL, " \t")) {
		return o, &UsageError{fmt.Sprintf("--base-url %q is not a URL", o.BaseURL), "such as http://mirror.example.org/flat"}
	}
	for _, v := range o.Overlays {
		if v.View != KindDefault && !slices.ContainsFunc(o.Views, func(w View) bool { return w.Name == v.View }) {
			return o, &UsageError{fmt.Sprintf("--overlay names the view %s, which does not exist", v.View), "define it with --view, or name default"}
		}
	}
	for _, check := range []struct {
		flag, value string
		ok          []string
	}{
		{"versions", string(o.Versions), []string{"dnf", "latest", "all"}},
		{"by", string(o.By), []string{"stream", "nsvca"}},
		{"unlisted", string(o.Unlisted), []string{"quarantine", "keep", "drop"}},
		{"labels", string(o.Labels), []string{"auto", "all", "none"}},
		{"layout", string(o.Layout), []string{"flatstream", "grobisplitter"}},
		{"link", string(o.Link), []string{"hardlink", "symlink", "copy", "none"}},
	} {
		if !slices.Contains(check.ok, check.value) {
			return o, &UsageError{fmt.Sprintf("--%s %q is not known", check.flag, check.value), "use " + strings.Join(check.ok, ", ")}
		}
	}
	return o, nil
}

func set[T ~string](field *T, value T) {
	if *field == "" {
		*field = value
	}
}
