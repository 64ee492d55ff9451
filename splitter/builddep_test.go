package splitter

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flatstream/repodata"
	"flatstream/repodata/rpmdep"
)

// TestAnswersAgainstBuilddep writes specs that require what real packages of CentOS Stream
// 9 require, in their own words, with versions of their streams among it. `dnf builddep
// --assumeno` must find everything with the streams of each set enabled, and not without
// one of them, or where no set is named.
func TestAnswersAgainstBuilddep(t *testing.T) {
	needDNF(t)
	data := cmp.Or(os.Getenv("FLATSTREAM_DATA"), "../../shared/data")
	if testing.Short() {
		t.Skip("dnf is asked in the long run")
	}
	sources := realSources(t, data)
	asker, err := NewAsker(context.Background(), sources, AskOptions{Arch: "x86_64"})
	if err != nil {
		t.Fatal(err)
	}
	specs := 5
	if os.Getenv("FLATSTREAM_FULL") == "1" {
		specs = 100
	}
	builddep := newBuilddep(t, sources, asker)
	real := realPackages(t, sources)
	rnd := rand.New(rand.NewPCG(7, 7))
	questions, sizes := 0, map[int]int{}
	ask := func(what string, requires []string, set []StreamID, want bool) {
		questions++
		if got, out := builddep.resolves(requires, set); got != want {
			t.Errorf("%s: with %v enabled dnf builddep finds all of %q: %v, we say %v\n%s", what, set, requires, got, want, out)
		}
	}
	for n := range specs {
		requires := realRequires(rnd, asker, real)
		a, err := asker.Ask(context.Background(), Wanted{Name: fmt.Sprint("spec ", n), Requires: requires})
		if err != nil {
			t.Fatal(err)
		}
		what := a.Wanted.Name
		if len(a.Sets) == 0 {
			sizes[-1]++
			ask(what, requires, nil, false)
			continue
		}
		sizes[len(a.Sets[0].Enable)]++
		for _, s := range a.Sets[:min(2, len(a.Sets))] {
			set := parseStreams(t, s.Enable...)
			ask(what, requires, set, true)
			for i := range set {
				ask(what, requires, slices.Delete(slices.Clone(set), i, i+1), false)
			}
		}
	}
	t.Logf("%d specs, %d runs of dnf builddep; sets by size (-1: none): %v", specs, questions, sizes)
	if sizes[1]+sizes[2] == 0 {
		t.Errorf("too few kinds of answers: %v", sizes)
	}
}

func realSources(t *testing.T, data string) []Source {
	var sources []Source
	for _, name := range []string{"AppStream", "BaseOS"} {
		dir, err := filepath.Abs(filepath.Join(data, "c9s", name))
		if err != nil {
			t.Fatal(err)
		}
		repo, err := repodata.Open(os.DirFS(dir))
		if err != nil {
			t.Skipf("no real repositories: %v", err)
		}
		sources = append(sources, Source{Name: name, Role: RoleMerge, Repo: repo, Dir: dir})
	}
	return sources
}

// realPackages are the packages of the first source with their relations.
func realPackages(t *testing.T, sources []Source) (list []*repodata.Package) {
	for p, err := range sources[0].Repo.Packages(context.Background(), repodata.PartRelations) {
		if err != nil {
			t.Fatal(err)
		}
		if p.Arch != "i686" {
			list = append(list, p)
		}
	}
	return list
}

// realRequires draws what a build requires: one or two packages in their version, which
// dnf would else take in the newest one alone, and what these require; most of the time one
// of them is of a stream.
func realRequires(rnd *rand.Rand, asker *Asker, real []*repodata.Package) (requires []string) {
	var modular []*repodata.Package
	streams := asker.plan.Index.Streams()
	id := streams[rnd.IntN(len(streams))]
	for _, p := range real {
		if owners := asker.plan.Index.OwnerGroups(p.NEVRA); len(owners) > 0 && owners[0].StreamID == id {
			modular = append(modular, p)
		}
	}
	drawn := []*repodata.Package{real[rnd.IntN(len(real))]}
	if len(modular) > 0 && rnd.IntN(3) > 0 {
		drawn[0] = modular[rnd.IntN(len(modular))]
	}
	if rnd.IntN(2) > 0 {
		drawn = append(drawn, real[rnd.IntN(len(real))])
	}
	for _, p := range drawn {
		texts := []string{rpmdep.Dep{Name: p.Name, Op: rpmdep.Equal, EVR: p.EVR}.String()}
		for _, r := range p.Requires[:min(6, len(p.Requires))] {
			texts = append(texts, relationText(r))
		}
		for _, text := range texts {
			// rpm itself has rpmlib(), and builddep globs what is a path.
			if !strings.HasPrefix(text, "rpmlib(") && !strings.HasPrefix(text, "/") && !slices.Contains(requires, text) {
				requires = append(requires, text)
			}
		}
	}
	return requires
}

// builddep runs dnf builddep in an empty root, with nothing of this machine.
type builddep struct {
	t                  *testing.T
	dir, plugins, conf string
}

func newBuilddep(t *testing.T, sources []Source, asker *Asker) *builddep {
	b := &builddep{t: t, dir: t.TempDir()}
	b.plugins = filepath.Join(b.dir, "plugins")
	found, _ := filepath.Glob("/usr/lib/python3*/*-packages/dnf-plugins/builddep.py")
	if len(found) == 0 {
		t.Fatal("dnf-plugins-core is needed here, as scripts/tools installs it")
	}
	if err := os.MkdirAll(b.plugins, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(found[0], filepath.Join(b.plugins, "builddep.py")); err != nil {
		t.Fatal(err)
	}
	conf := fmt.Sprintf("[main]\nreposdir=/dev/null\ncachedir=%s/cache\nbest=0\ninstall_weak_deps=0\nmodule_platform_id=platform:%s\nplugins=1\npluginpath=%s\nassumeno=1\n",
		b.dir, cmp.Or(asker.Platform(), "el9"), b.plugins)
	for _, s := range sources {
		conf += fmt.Sprintf("[%s]\nname=%s\nbaseurl=file://%s\nmetadata_expire=never\n", s.Name, s.Name, s.Dir)
	}
	b.conf = filepath.Join(b.dir, "dnf.conf")
	if err := os.WriteFile(b.conf, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	builddepFound  = regexp.MustCompile(`Operation aborted|Nothing to do`)
	builddepFailed = regexp.MustCompile(`(?m)^Error:|No matching package|Not all dependencies|Unable to`)
)

// resolves says whether everything is found, and what dnf printed.
func (b *builddep) resolves(requires []string, enable []StreamID) (bool, string) {
	root := filepath.Join(b.dir, "root") // one for all, whose metadata dnf reads once
	if err := os.RemoveAll(filepath.Join(root, "etc/dnf")); err != nil {
		b.t.Fatal(err)
	}
	spec := "Name: asked\nVersion: 1\nRelease: 1\nSummary: asked\nLicense: none\n"
	for _, r := range requires {
		spec += "BuildRequires: " + r + "\n"
	}
	spec += "%description\nasked\n"
	name := filepath.Join(b.dir, "asked.spec")
	if err := os.WriteFile(name, []byte(spec), 0o644); err != nil {
		b.t.Fatal(err)
	}
	args := []string{"--config", b.conf, "--installroot", root, "--releasever", "9", "--forcearch", "x86_64", "-y"}
	if len(enable) > 0 {
		if out, err := exec.Command("dnf", slices.Concat(args, []string{"--setopt=assumeno=0", "module", "enable"}, streamTexts(enable))...).CombinedOutput(); err != nil {
			return false, string(out)
		}
	}
	out, _ := exec.Command("dnf", slices.Concat(args[:len(args)-1], []string{"builddep", "--assumeno", name})...).CombinedOutput()
	found, failed := builddepFound.Match(out), builddepFailed.Match(out)
	if found == failed { // that newer builds are skipped is no failure
		b.t.Fatalf("dnf builddep says neither that it finds all nor that it does not:\n%s", out)
	}
	return found, string(out)
}
