package closure

// Universe is all packages of all repositories that a verification knows, each
// indexed once. It may be changed (Add, Label) by one goroutine at a time and
// never while Closure runs.
type Universe struct {
	repos []repository
}

// NewUniverse returns an empty universe.
func NewUniverse() *Universe { return &Universe{} }

// repository is a set of packages under a name.
type repository struct {
	name   string
	stream string
}

// Label says which module:stream a repository holds, for the reader of a report.
func (u *Universe) Label(id RepoID, stream string) {
	if u.check(id) == nil {
		u.repos[id].stream = stream
	}
}
