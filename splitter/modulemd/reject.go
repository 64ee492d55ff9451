package modulemd

import "slices"

// DropRejected takes out of f the documents that libmodulemd rejects, so that f says
// what DNF knows (P22); the builds among them go to f.Rejected. The warnings stay.
func (f *File) DropRejected() {
	bad := f.RejectedDocs()
	f.Builds = slices.DeleteFunc(f.Builds, func(b *Build) bool {
		if bad[b.Doc] {
			f.Rejected = append(f.Rejected, b)
		}
		return bad[b.Doc]
	})
	f.Defaults = slices.DeleteFunc(f.Defaults, func(d *Defaults) bool { return bad[d.Doc] })
	f.Obsoletes = slices.DeleteFunc(f.Obsoletes, func(o *Obsoletes) bool { return bad[o.Doc] })
}

// RejectedDocs is the set of documents, by position, that were read though
// libmodulemd rejects them.
func (f *File) RejectedDocs() map[int]bool {
	bad := map[int]bool{}
	for _, w := range f.Warnings {
		if w.Code == rejected {
			bad[w.Doc] = true
		}
	}
	return bad
}
