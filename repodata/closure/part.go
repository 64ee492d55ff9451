package closure

// Member is one package of a repository of a universe.
type Member struct {
	Repo  RepoID
	PkgID string // digits, as primary has them
}

// Part is a repository that was never read: some packages of others.
type Part struct {
	Name    string
	Members []Member // those that are not there are left out
}

// part makes a repository of what a check names in place of one.
func (u *Universe) part(p *Part) *repository {
	made := &repository{name: p.Name, packages: make(set, len(u.packages)/64+1), source: u.repos[0].source}
	for _, m := range p.Members {
		of := u.repos[m.Repo].packages
		for id := u.withPkgID(m.PkgID); id >= 0; id = u.packages[id].twin {
			if of.has(id) {
				made.packages.add(id)
			}
		}
	}
	return made
}
