// Package modulemd reads modules.yaml: stream documents (modulemd v1 and v2),
// modulemd-defaults and modulemd-obsoletes, as libmodulemd's specs define them.
//
// Scalars are taken raw: a stream 5.30 never becomes 5.3, nor a context 00000000
// zero (P20). Where libmodulemd rejects a whole document for a part that nobody
// here needs, this package reads on and warns (P22).
package modulemd

// Build is one stream document: one build of a module stream, named by its NSVCA.
type Build struct {
	Name, Stream string
	Version      uint64 // numeric order, not order in time (P4)
	Context      string // as the document writes it, often a hash
	Arch         string
	Static       bool // static_context: true

	Summary, Description string
	Requires             []Requires // one per entry of dependencies, ANDed; an entry may be nil
	BuildRequires        []Requires
	Artifacts            []string // rpms, verbatim
	Demodularized        []string // package names
	API                  []string // package names
	Profiles             map[string][]string
	Macros               string // buildopts.rpms.macros
	EOL                  string // v1 only: YYYY-MM-DD

	Source string // the source this document came from
	Doc    int    // position in that source's file, from 0
	Raw    []byte // the document's text, without its --- and ... lines
}

// Requires maps a module to the streams that would do: none listed means any, a
// leading "-" excludes. The order of the document is kept.
type Requires []Require

// Require is one module of a Requires.
type Require struct {
	Module  string
	Streams []string
}

// Defaults is one modulemd-defaults document.
type Defaults struct {
	Module   string
	Stream   string // empty: none
	Profiles map[string][]string
	Modified uint64
	Source   string
	Doc      int
	Raw      []byte
}

// Obsoletes is one modulemd-obsoletes document.
type Obsoletes struct {
	Module, Stream, Context    string // Context empty: all
	Modified, EOLDate, Message string
	ByModule, ByStream         string
	Reset                      bool
	Source                     string
	Doc                        int
	Raw                        []byte
}

// Translation is one modulemd-translations document.
type Translation struct {
	Module, Stream string
	Modified       uint64
	Sound          bool // libmodulemd reads it, even where it is strict
	Raw            []byte
}

// File is what one modules.yaml says. Documents of other types (translations,
// unknown ones) are kept in Other, modulemd-packager documents are not streams
// and are left there too.
type File struct {
	Builds       []*Build
	Defaults     []*Defaults
	Obsoletes    []*Obsoletes
	Translations []*Translation // each one in Other, too
	Other        [][]byte
	Warnings     []Warning

	Rejected []*Build // what DropRejected took out of Builds
}

// Warning is one document, or part of one, that could not be taken as written:
//
//	bad-document         left out: not YAML, no name, no stream, ...
//	duplicate-document   left out: a document before it has the same NSVCA (P18)
//	packager-document    kept in Other: modulemd-packager is no stream
//	unknown-document     kept in Other: an unknown document type
//	lenient-document     read: one value where a list belongs, a key twice (P21),
//	                     no version or context
//	libmodulemd-rejects  read, but libmodulemd refuses the document as a whole, so
//	                     that DNF takes its packages as non-modular (P22)
type Warning struct {
	Code string
	Doc  int    // position in the file, from 0, as in Build, Defaults and Obsoletes
	Text string // one sentence that names the source and the document
}
