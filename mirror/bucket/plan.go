package bucket

import (
	"path"
	"strings"
	"time"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

// stage says when a path may change.
type stage int

const (
	additions stage = iota // what nobody can ask for yet, because nothing names it
	changes                // a path that had other content, or may have: pages, .repo files
	indexes                // repomd.xml and its signature, a repository at a time
	stages
)

// task is one content and the paths that shall have it.
type task struct {
	file
	paths []string
}

// plan says what a publication does. It is a pure value.
type plan struct {
	tasks   [stages][]task
	kept    []item // of the snapshot, there already; and gone ones inside grace
	delete  []item
	orphans []string // paths of an unfinished publication that the snapshot does not have
	files   int      // of the snapshot
	bytes   int64
	todo    int // paths to write
	todoLen int64
	largest int64 // of them
}

// each calls f for every path to write.
func (p *plan) each(f func(file file, path string)) {
	for _, list := range p.tasks {
		for _, t := range list {
			for _, path := range t.paths {
				f(t.file, path)
			}
		}
	}
}

// makePlan compares what a prefix has with what it shall have. unsure are paths about
// which an unfinished publication may have left have wrong. What went longer than grace
// before now is deleted.
func makePlan(have []item, want []file, unsure map[string]bool, now time.Time, grace time.Duration) plan {
	p := plan{files: len(want)}
	there := make(map[string]item, len(have))
	for _, i := range have {
		there[i.path] = i
	}
	at := map[digest.Checksum]int{} // task of additions
	for _, f := range want {
		p.bytes += f.size
		old, ok := there[f.path]
		delete(there, f.path)
		if ok && old.sum == f.sum && old.size == f.size && !unsure[f.path] {
			old.gone = 0
			p.kept = append(p.kept, old)
			continue
		}
		p.todo++
		p.todoLen += f.size
		p.largest = max(p.largest, f.size)
		s := stageOf(f.path, ok || unsure[f.path])
		if n, ok := at[f.sum]; ok && s == additions {
			p.tasks[s][n].paths = append(p.tasks[s][n].paths, f.path)
			continue
		}
		if s == additions {
			at[f.sum] = len(p.tasks[s])
		}
		p.tasks[s] = append(p.tasks[s], task{f, []string{f.path}})
	}
	wanted := make(map[string]bool)
	p.each(func(_ file, path string) { wanted[path] = true })
	for path := range unsure {
		if !wanted[path] {
			p.orphans = append(p.orphans, path)
			delete(there, path)
		}
	}
	for _, i := range have {
		if _, left := there[i.path]; left {
			p.leave(i, now, grace)
		}
	}
	return p
}

// leave decides about an object that the snapshot does not have.
func (p *plan) leave(i item, now time.Time, grace time.Duration) {
	if i.gone == 0 {
		i.gone = now.Unix()
	}
	if now.Sub(time.Unix(i.gone, 0)) >= grace {
		p.delete = append(p.delete, i)
		return
	}
	p.kept = append(p.kept, i)
}

// guard takes the deletions back when they are more than the fraction max of all
// objects or bytes, and reports whether it did.
func (p *plan) guard(max float64) bool {
	var bytes, all int64
	for _, i := range p.delete {
		bytes += i.size
	}
	n := len(p.delete) + len(p.kept) + p.todo
	all = bytes + p.todoLen
	for _, i := range p.kept {
		all += i.size
	}
	if float64(len(p.delete)) <= max*float64(n) && float64(bytes) <= max*float64(all) {
		return false
	}
	p.kept = append(p.kept, p.delete...)
	p.delete = nil
	return true
}

func stageOf(p string, replaces bool) stage {
	name := path.Base(p)
	switch {
	case path.Base(path.Dir(p)) == "repodata" && strings.HasPrefix(name, "repomd.xml"):
		return indexes
	case replaces || !tree.ImmutableName(p):
		return changes
	}
	return additions
}

// due is when the next object may be deleted, in seconds since 1970; 0: none is to be.
func due(items []item, grace time.Duration) int64 {
	var first int64
	for _, i := range items {
		if end := i.gone + int64(grace/time.Second); i.gone > 0 && (first == 0 || end < first) {
			first = end
		}
	}
	return first
}
