package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"flatstream/repodata/digest"
)

// Object is one content of the store.
type Object struct {
	Checksum digest.Checksum
	Size     int64     // bytes
	Changed  time.Time // when it last got or lost a name (ctime)
}

// PruneReport says what Prune removed, or would remove when DryRun.
type PruneReport struct {
	DryRun     bool     `json:"dry_run"`
	Kept       []string `json:"kept"`        // snapshots, oldest first
	Snapshots  []string `json:"snapshots"`   // removed, oldest first
	Objects    int      `json:"objects"`     // removed
	Bytes      int64    `json:"bytes"`       // of them
	AllObjects int      `json:"all_objects"` // before
	AllBytes   int64    `json:"all_bytes"`
	Parts      int      `json:"parts"` // unfinished downloads removed
}

// MaxDeleteError says that Prune would remove more than it may, and did nothing.
type MaxDeleteError struct {
	Report    PruneReport
	MaxDelete float64
}

func (e *MaxDeleteError) Error() string {
	r := e.Report
	return fmt.Sprintf("prune would delete %d of %d files, %d of %d bytes, more than max-delete %g%%",
		r.Objects, r.AllObjects, r.Bytes, r.AllBytes, e.MaxDelete*100)
}

// Hint says what to try next.
func (e *MaxDeleteError) Hint() string {
	return "look at what upstream did; if that is right, raise max-delete for one run"
}

// Prune keeps the newest keep snapshots (at least one), the current one, those that
// were current less than grace before now, of which [Stage.CarryGrace] gives old
// clients their files, and those with a tag. It removes the others, then the objects that no kept
// snapshot names and whose last change is older than grace before now. When
// more than the fraction maxDelete (0 to 1) of objects or of their bytes would
// go, nothing is removed and the error is a [*MaxDeleteError]. One snapshot of
// which every file is there is always kept; without one nothing is removed.
// The lock must be held.
func (t *Tree) Prune(keep int, grace time.Duration, maxDelete float64, now time.Time, dryRun bool) (PruneReport, error) {
	if err := t.mustLock(); err != nil {
		return PruneReport{}, err
	}
	p := pruner{t: t, grace: grace, before: now.Add(-grace), report: PruneReport{DryRun: dryRun, Kept: []string{}, Snapshots: []string{}}}
	if err := p.plan(keep); err != nil {
		return PruneReport{}, fmt.Errorf("prune %s: %w", t.dir, err)
	}
	if p.tooMuch(maxDelete) {
		return p.report, &MaxDeleteError{p.report, maxDelete}
	}
	if dryRun {
		return p.report, nil
	}
	if err := p.remove(); err != nil {
		return p.report, fmt.Errorf("prune %s: %w", t.dir, err)
	}
	return p.report, nil
}

type pruner struct {
	t       *Tree
	grace   time.Duration
	before  time.Time
	report  PruneReport
	objects []digest.Checksum
	parts   []string
}

func (p *pruner) plan(keep int) error {
	kept, err := p.choose(keep)
	if err != nil {
		return err
	}
	needed := make(map[digest.Checksum]bool)
	for _, s := range kept {
		p.report.Kept = append(p.report.Kept, s.Name)
		entries, err := s.Manifest()
		if err != nil {
			return err // unknown needs: delete nothing
		}
		for _, e := range entries {
			needed[e.Checksum] = true
		}
	}
	for o, err := range p.t.Objects() {
		if err != nil {
			return err
		}
		p.report.AllObjects++
		p.report.AllBytes += o.Size
		if !needed[o.Checksum] && o.Changed.Before(p.before) {
			p.report.Objects++
			p.report.Bytes += o.Size
			p.objects = append(p.objects, o.Checksum)
		}
	}
	return p.oldParts()
}

// choose splits the snapshots into kept ones and p.report.Snapshots.
func (p *pruner) choose(keep int) ([]Snapshot, error) {
	all, err := p.t.Snapshots()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	tags, err := p.t.Tags()
	if err != nil {
		return nil, err
	}
	current, _, err := p.t.Current()
	if err != nil {
		return nil, err
	}
	pinned := map[string]bool{current.Name: true}
	for _, name := range tags {
		pinned[name] = true
	}
	for i, s := range all {
		newest := i >= len(all)-max(keep, 1)
		if newest || p.grace > 0 && all[i+1].Time.After(p.before) {
			pinned[s.Name] = true
		}
	}
	if err := pinGood(all, pinned); err != nil {
		return nil, err
	}
	var kept []Snapshot
	for _, s := range all {
		if pinned[s.Name] {
			kept = append(kept, s)
		} else {
			p.report.Snapshots = append(p.report.Snapshots, s.Name)
		}
	}
	return kept, nil
}

// pinGood sees to it that a whole snapshot is among the pinned ones.
func pinGood(all []Snapshot, pinned map[string]bool) error {
	for _, s := range slices.Backward(all) {
		if pinned[s.Name] && s.Check() == nil {
			return nil
		}
	}
	for _, s := range slices.Backward(all) {
		if !pinned[s.Name] && s.Check() == nil {
			pinned[s.Name] = true
			return nil
		}
	}
	return fmt.Errorf("no snapshot is whole, so none is removed; run flatstream fsck: %w", all[len(all)-1].Check())
}

func (p *pruner) tooMuch(maxDelete float64) bool {
	r := p.report
	return float64(r.Objects) > maxDelete*float64(r.AllObjects) || float64(r.Bytes) > maxDelete*float64(r.AllBytes)
}

func (p *pruner) remove() error {
	for _, name := range p.report.Snapshots {
		gone := "snapshots/" + gonePrefix + name
		if err := p.t.root.Rename("snapshots/"+name, gone); err != nil {
			return err
		}
		if err := p.t.root.RemoveAll(gone); err != nil {
			return err
		}
	}
	for _, c := range p.objects {
		if err := p.t.DropObject(c); err != nil {
			return err
		}
	}
	for _, name := range p.parts {
		if err := p.t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// oldParts finds the unfinished downloads that nobody came back for.
func (p *pruner) oldParts() error {
	return p.t.walkObjects(func(name string, info fs.FileInfo) bool {
		if strings.HasSuffix(name, partSuffix) && changed(info).Before(p.before) {
			p.parts = append(p.parts, name)
			p.report.Parts++
		}
		return true
	})
}

// Objects walks the store's contents in order of algorithm and digits. Files
// that are no objects are passed over.
func (t *Tree) Objects() iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		err := t.walkObjects(func(name string, info fs.FileInfo) bool {
			algo := path.Base(path.Dir(path.Dir(name)))
			c, err := digest.Parse(algo, path.Base(name))
			if err != nil {
				return true
			}
			return yield(Object{c, info.Size(), changed(info)}, nil)
		})
		if err != nil {
			yield(Object{}, fmt.Errorf("list objects of %s: %w", t.dir, err))
		}
	}
}

// walkObjects visits every regular file below objects/ until visit says no.
func (t *Tree) walkObjects(visit func(name string, info fs.FileInfo) bool) error {
	return fs.WalkDir(t.root.FS(), "objects", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another writer's .part, committed
		}
		if err != nil {
			return err
		}
		if !visit(filepath.ToSlash(name), info) {
			return fs.SkipAll
		}
		return nil
	})
}

func changed(info fs.FileInfo) time.Time {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(st.Ctim.Sec, st.Ctim.Nsec)
	}
	return info.ModTime()
}
