package splitter

import (
	"cmp"
	"os"
	"path/filepath"

	"flatstream/repodata"
)

// A split onto a former target, and each night of a mirror, writes anew only those
// repositories that changed. For the others the files of the former target are linked
// in, so that repomd.xml stays what it was for clients, proxies and build systems.
// Package files are always placed from the source: their checksums are its business.
//
// Whether a repository changed is decided by its content alone (repodata.Writer): all
// of it is put together again and hashed, and what lies in the former target is hashed
// too. That costs a fraction of compressing it, and leaves nothing to be trusted: not
// a time, a size, an inode, or a record of what went in. What the former target must
// say of itself is that the same program wrote it, since another one may compress
// differently; its content would be right, but not the same bytes as without it.

// stamp is the revision of a repository and the time of its records, seconds since
// 1970: the newest of its package files, as the sources say it. It depends on nothing
// but what the repository holds, or else every change of a source would be one of
// every repository. So it goes back when the newest package is withdrawn; a mirror
// that refuses older metadata must then be told that it may.
func (p *Plan) stamp(f *Flat) int64 {
	var newest int64
	for _, m := range f.members {
		newest = max(newest, p.pkgs[m].time)
	}
	return newest
}

// earlierTarget is target, if a split of the same program stands there.
func (p *Plan) earlierTarget(target string) string {
	if p.Options.Program == "" {
		return ""
	}
	report, err := ReadReport(os.DirFS(target))
	if err != nil || report.Program != p.Options.Program {
		return ""
	}
	return target
}

// earlierDir is where f stood in the former target, if it did; else empty.
func (s *splitting) earlierDir(f *Flat) string { return s.earlierFile(f, "") }

// earlierFile is where a file of f stood in the former target; empty without one.
func (s *splitting) earlierFile(f *Flat, name string) string {
	if s.earlier == "" {
		return ""
	}
	return filepath.Join(s.earlier, filepath.FromSlash(f.Path), name)
}

// Restate writes the top of the target in dir anew, for a report that is no longer
// the plan's: some repositories are those of a former target.
func (p *Plan) Restate(dir string, r *Report) error {
	base := cmp.Or(p.Options.BaseURL, "file:///")
	for _, name := range []string{DotRepoName, ReportName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := repodata.WriteFile(filepath.Join(dir, DotRepoName), newDotRepos(r, base, p.trust(base)).all()); err != nil {
		return err
	}
	return r.writeFile(dir)
}
