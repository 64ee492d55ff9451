package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"flatstream/mirror/tree"
)

// repairer fetches damaged files again. Clients are made when they are first needed.
type repairer struct {
	t       *tree.Tree
	opt     FsckOptions
	sources []Source
	runs    map[string]*run // by the source's path; nil: it cannot be asked
}

// repair mends each damage of which the right bytes can be had. One that cannot be mended
// is no error: it stays in the report, with the reason among the failures.
func (r *FsckReport) repair(ctx context.Context, t *tree.Tree, opt FsckOptions) error {
	sources := opt.Sources
	if len(sources) == 0 {
		sources = rememberedSources(t)
	}
	p := &repairer{t: t, opt: opt, sources: sources, runs: map[string]*run{}}
	defer p.close()
	for _, d := range r.Damage {
		if err := ctx.Err(); err != nil {
			return err
		}
		if d.Want.IsZero() {
			continue
		}
		fetched, err := p.mend(ctx, r.Checkup, d)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.Failures = append(r.Failures, fmt.Sprintf("%s: %v", d.Paths[0], err))
			continue
		}
		if fetched {
			r.Fetched++
		}
		d.Repaired = true
		r.Repaired++
	}
	if r.Repaired == 0 {
		return nil
	}
	return t.Sync()
}

// mend brings the content into objects/ and puts it under every damaged name. Killed at
// any point, it leaves the damage or part of it, and a next time goes on.
func (p *repairer) mend(ctx context.Context, u *tree.Checkup, d *tree.Damage) (fetched bool, err error) {
	if from := u.Copy(d.Want); from == "" || !strings.HasPrefix(from, "objects/") {
		if err := p.t.DropObject(d.Want); err != nil { // what is there is damaged
			return false, err
		}
		if !slices.ContainsFunc(d.Paths, inSnapshot) {
			return false, nil // nobody needs it
		}
		if from != "" {
			err = p.t.Adopt(d.Want, from)
		} else {
			fetched, err = true, p.fetch(ctx, d)
		}
		if err != nil {
			return false, err
		}
		u.Mended(d.Want)
	}
	return fetched, p.t.Relink(d.Want, d.Paths)
}

func inSnapshot(p string) bool { return strings.HasPrefix(p, "snapshots/") }

// notMade says whether a path is that of a file which no split makes.
func notMade(p string) bool {
	elements := strings.Split(p, "/")
	return len(elements) < 3 || elements[0] != "snapshots" || elements[2] != "flat"
}

// fetch asks upstream for the content under each of its names until one brings it.
func (p *repairer) fetch(ctx context.Context, d *tree.Damage) error {
	err := errors.New("no other copy is in the store, and nobody knows where upstream has it")
	switch {
	case !slices.ContainsFunc(d.Paths, notMade):
		err = errors.New("no other copy is in the store; the next flatstream run makes it anew, and then --repair takes it from there")
	case len(p.opt.Sources) == 0:
		err = fmt.Errorf("%w; --config FILE says where", err)
	}
	for _, name := range d.Paths {
		src, href := p.upstream(name)
		if src == nil {
			continue
		}
		var r *run
		if r, err = p.run(ctx, src); err != nil {
			continue
		}
		f := file{path: href, sum: d.Want, size: d.Size, mtime: p.t.FileTime(name)}
		if err = r.store(ctx, f, func(error) error { return nil }); err == nil {
			return nil
		}
	}
	return err
}

// upstream is the source that a snapshot's file came from, and its place there. What a
// mirror keeps although upstream does not name it any more may still be there.
func (p *repairer) upstream(name string) (*Source, string) {
	_, rest, _ := strings.Cut(strings.TrimPrefix(name, "snapshots/"), "/")
	for i := range p.sources {
		src := &p.sources[i]
		for _, dir := range []string{src.path(), KeptPath(src.path())} {
			if href, ok := strings.CutPrefix(rest, dir+"/"); ok {
				return src, href
			}
		}
	}
	return nil, ""
}

func (p *repairer) run(ctx context.Context, src *Source) (*run, error) {
	if r, ok := p.runs[src.path()]; ok {
		if r == nil {
			return nil, fmt.Errorf("%s cannot be asked", src.Name)
		}
		return r, nil
	}
	p.runs[src.path()] = nil
	c, err := src.client(p.opt.Jobs, 0)
	if err != nil {
		return nil, err
	}
	bases, _, err := src.locate(ctx, c)
	if err != nil {
		c.Close()
		return nil, err
	}
	r := &run{src: src, t: p.t, c: c, sum: &Summary{ID: src.Name}, mirrors: newMirrors(bases)}
	p.runs[src.path()] = r
	return r, nil
}

func (p *repairer) close() {
	for _, r := range p.runs {
		if r != nil {
			r.c.Close()
		}
	}
}

// rememberedSources are the places where the last good runs found each repository. A state
// that cannot be read is none.
func rememberedSources(t *tree.Tree) []Source {
	var sources []Source
	dir := filepath.Join(t.Dir(), "state", "sync")
	_ = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error { // what it cannot read it leaves out
		p, ok := strings.CutSuffix(name, ".json")
		if err != nil || !ok || d.IsDir() {
			return nil
		}
		src := Source{Name: strings.TrimPrefix(p, "mirror/"), Path: p}
		if st := readState(t, &src); st != nil && st.Base != "" {
			src.URLs = []string{st.Base}
			sources = append(sources, src)
		}
		return nil
	})
	return sources
}
