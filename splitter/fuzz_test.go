package splitter

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"flatstream/repodata"
)

// modulesOnly is a repository in memory: those modules, and the packages a-1-1.noarch
// and b-1-1.x86_64, which provides c.
func modulesOnly(modules []byte) (Source, error) {
	const pkg = `<package type="rpm"><name>%s</name><arch>%s</arch><version epoch="0" ver="1" rel="1"/><checksum type="sha256" pkgid="YES">%[4]x</checksum>` +
		`<location href="%[1]s.rpm"/><format><rpm:provides><rpm:entry name="%[3]s"/></rpm:provides></format></package>`
	primary := `<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="2">` +
		fmt.Sprintf(pkg, "a", "noarch", "a", sha256.Sum256([]byte("a"))) + fmt.Sprintf(pkg, "b", "x86_64", "c", sha256.Sum256([]byte("b"))) + `</metadata>`
	files := fstest.MapFS{}
	var records strings.Builder
	for _, f := range []struct{ typ, text string }{{"primary", primary}, {"modules", string(modules)}} {
		fmt.Fprintf(&records, `<data type="%s"><checksum type="sha256">%x</checksum><location href="repodata/%[1]s"/></data>`, f.typ, sha256.Sum256([]byte(f.text)))
		files["repodata/"+f.typ] = &fstest.MapFile{Data: []byte(f.text)}
	}
	files["repodata/repomd.xml"] = &fstest.MapFile{Data: []byte(`<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision>` + records.String() + `</repomd>`)}
	repo, err := repodata.Open(files)
	return Source{Name: "fuzz", Role: RoleMerge, Repo: repo, URL: "http://fuzz.invalid"}, err
}

// Whatever the modules: no panic, no two repositories with one id or place, none outside
// of the target, each package in some repository, and what a stream's builds list in
// that stream.
func FuzzPlan(f *testing.F) {
	for seed := range uint64(4) {
		repos, _ := randomIndex(f, seed)
		f.Add(repos[0].modules, false)
	}
	f.Add([]byte("---\ndocument: modulemd\nversion: 2\ndata: {name: a/b, stream: ..%2f, version: 1, context: c, arch: x86_64, artifacts: {rpms: [a-0:1-1.noarch]}, dependencies: [{requires: {a/b: []}}]}\n"), true)
	f.Fuzz(func(t *testing.T, modules []byte, grobi bool) {
		source, err := modulesOnly(modules)
		if err != nil {
			t.Fatal(err)
		}
		opt := Options{Link: LinkNothing, Modulemd: true}
		if grobi {
			opt.Layout = LayoutGrobiSplitter
		}
		p, err := NewPlan(context.Background(), []Source{source}, opt)
		if err != nil && strings.Contains(err.Error(), "packages") {
			t.Fatal(err) // they are good whatever the modules are
		}
		if err != nil {
			return
		}
		checkPlan(t, p)
		for _, repo := range p.Repos {
			if repo.Kind == KindStream {
				p.filteredModules(repo)
			}
		}
		if err := p.Report().Write(io.Discard); err != nil {
			t.Error(err)
		}
	})
}

func checkPlan(t *testing.T, p *Plan) {
	ids, paths, placed := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, f := range p.Repos {
		if ids[f.ID] || paths[f.Path] {
			t.Errorf("two repositories are called %s or stand at %s", f.ID, f.Path)
		}
		ids[f.ID], paths[f.Path] = true, true
		for element := range strings.SplitSeq(f.Path, "/") {
			if element == "" || strings.HasPrefix(element, ".") || strings.Contains(element, "\x00") {
				t.Errorf("a repository stands at %q", f.Path)
			}
		}
		here := map[string]bool{}
		for _, n := range p.Packages(f) {
			here[n.String()], placed[n.String()] = true, true
		}
		for _, b := range f.Builds {
			for _, listed := range b.Artifacts {
				if (listed == "a-0:1-1.noarch" || listed == "b-0:1-1.x86_64") && !here[listed] {
					t.Errorf("%s lacks %s", f.Path, listed)
				}
			}
		}
	}
	if len(placed) != 2 && p.Options.Unlisted == UnlistedQuarantine {
		t.Errorf("%d packages are in no repository", 2-len(placed))
	}
}
