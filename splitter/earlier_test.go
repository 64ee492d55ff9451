package splitter

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"flatstream/fixtures"
)

// evolving is an upstream that changes a little every night.
type evolving struct {
	rnd      *rand.Rand
	night    int64
	packages []evolvingPackage
	extra    []string // advisories and groups
}

type evolvingPackage struct {
	name, stream            string // stream: M:S, or empty in baseos
	release, paths, summary int
	built                   int64
}

func newEvolving(seed uint64) *evolving {
	e := &evolving{rnd: rand.New(rand.NewPCG(seed, 1))}
	for i := range 24 {
		p := evolvingPackage{name: fmt.Sprintf("p%d", i), release: 1, built: fixtures.Epoch + int64(e.rnd.IntN(1000))}
		if i%3 > 0 {
			p.stream = fmt.Sprintf("m%d:%d", i%4, i%2)
		}
		e.packages = append(e.packages, p)
	}
	return e
}

// change is what one night brings.
func (e *evolving) change() {
	e.night++
	for range e.rnd.IntN(3) {
		i := e.rnd.IntN(len(e.packages))
		p := &e.packages[i]
		switch e.rnd.IntN(6) {
		case 0: // an update
			p.release++
			p.built = fixtures.Epoch + 1000*e.night + int64(e.rnd.IntN(1000))
		case 1: // other metadata for the same file
			p.paths++
		case 2:
			p.summary++
		case 3: // withdrawn: its repositories get older
			if len(e.packages) > 8 {
				e.packages = slices.Delete(e.packages, i, i+1)
			}
		case 4:
			e.extra = append(e.extra, fmt.Sprintf("advisory A%d security\n  title t\n  collection\n  nevra %s-0:1-%d.noarch", len(e.extra), p.name, p.release))
		case 5:
			e.extra = append(e.extra, fmt.Sprintf("group g%d Group\n  default %s", len(e.extra), p.name))
		}
	}
}

// sources writes both repositories, with times of the night in every record.
func (e *evolving) sources(t *testing.T) []Source {
	t.Helper()
	text := map[bool]*strings.Builder{false: {}, true: {}}
	for m := range 4 {
		for s := range 2 {
			fmt.Fprintf(text[true], "module m%d:%d:1:c:x86_64\n", m, s)
			if s == 0 {
				text[true].WriteString("  default\n")
			}
		}
	}
	for _, p := range e.packages {
		b := text[p.stream != ""]
		fmt.Fprintf(b, "package %s 1-%d noarch\n  built %d\n  summary s%d\n", p.name, p.release, p.built, p.summary)
		for i := range p.paths {
			fmt.Fprintf(b, "  file /opt/%s/%d\n", p.name, i)
		}
		if p.stream != "" {
			fmt.Fprintf(b, "  label %s:1:c\n", p.stream)
		}
	}
	text[true].WriteString(strings.Join(e.extra, "\n"))
	var sources []Source
	for i, name := range []string{"baseos", "appstream"} {
		repo, err := fixtures.Parse(text[i == 1].String())
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := repo.Write(dir, fixtures.Options{MetadataOnly: true, Time: fixtures.Epoch + 1000*(e.night+1)}); err != nil {
			t.Fatal(err)
		}
		s := openDir(t, name, dir)
		s.Dir, s.URL = "", "http://example.org/"+name
		sources = append(sources, s)
	}
	return sources
}

// splitOnto carries the plan of these sources out as if it were to replace former.
func splitOnto(t *testing.T, sources []Source, opt Options, former string) string {
	t.Helper()
	p, err := NewPlan(context.Background(), sources, opt)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := Split(context.Background(), p, dir, former, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// damages are what may have happened to a file of a former target.
var damages = []func(name string) error{
	os.Remove,
	func(name string) error { return os.Truncate(name, 10) },
	func(name string) error { return os.Chmod(name, 0o600) },
	func(name string) error {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		b[len(b)/2] ^= 1
		return os.WriteFile(name, b, 0o644)
	},
	func(name string) error {
		if err := os.Rename(name, name+".moved"); err != nil {
			return err
		}
		return os.Symlink(name+".moved", name)
	},
	func(name string) error {
		if err := os.Remove(name); err != nil {
			return err
		}
		return syscall.Mkfifo(name, 0o644)
	},
}

// TestSplitOntoFormerTarget: over nights of random changes and random damage of what
// was made the night before, a split onto the former target has the bytes of one from
// scratch, and a repository that comes out again is the former one.
func TestSplitOntoFormerTarget(t *testing.T) {
	worlds, nights := 4, 5
	if os.Getenv("FLATSTREAM_FULL") == "1" {
		worlds, nights = 60, 12
	}
	if testing.Short() {
		worlds = 1
	}
	_, keyFile := signingKey(t)
	kept, anew, damaged := 0, 0, 0
	for seed := range uint64(worlds) {
		e := newEvolving(seed)
		opt := Options{Link: LinkNothing, BaseURL: "http://example.org/flat", Program: "test", Modulemd: seed%3 == 0,
			Views: []View{{Name: "other", Spec: []string{"m1:1"}}, {Name: "same", Spec: []string{"default"}}}}
		if seed%2 == 0 {
			opt.Signer = readSigner(t, keyFile)
		}
		former := splitOnto(t, e.sources(t), opt, "")
		for range nights {
			e.change()
			spoilt := ""
			if e.rnd.IntN(2) == 0 {
				spoilt = spoil(t, e.rnd, former)
				damaged++
			}
			sources := e.sources(t)
			scratch, onto := splitOnto(t, sources, opt, ""), splitOnto(t, sources, opt, former)
			want, got := tree(t, scratch), tree(t, onto)
			for name, content := range want {
				if got[name] != content {
					t.Fatalf("world %d, night %d, %s spoilt: %s differs from that of a split from scratch", seed, e.night, spoilt, name)
				}
			}
			if len(want) != len(got) {
				t.Fatalf("world %d, night %d: %d files, from scratch %d", seed, e.night, len(got), len(want))
			}
			for name, content := range got {
				switch same := sameInode(former, onto, name); {
				case same:
					kept++
				case spoilt == "" && strings.HasSuffix(name, "/repomd.xml") && readAs(t, former, name) == content:
					t.Errorf("world %d, night %d: %s was written again though its repository did not change", seed, e.night, name)
				default:
					anew++
				}
			}
			former = onto
		}
	}
	if kept == 0 || anew == 0 || damaged == 0 {
		t.Errorf("the test shows nothing: %d files kept, %d written, %d damaged", kept, anew, damaged)
	}
	t.Logf("%d worlds, %d nights each: %d files linked from the former target, %d written, %d times one was damaged before", worlds, nights, kept, anew, damaged)
}

// spoil damages one file of a target and says which.
func spoil(t *testing.T, rnd *rand.Rand, target string) string {
	t.Helper()
	var files []string
	for name := range tree(t, target) {
		files = append(files, name)
	}
	slices.Sort(files)
	name := files[rnd.IntN(len(files))]
	if err := damages[rnd.IntN(len(damages))](filepath.Join(target, name)); err != nil {
		t.Fatal(err)
	}
	return name
}

func sameInode(a, b, name string) bool {
	one, err1 := os.Lstat(filepath.Join(a, name))
	two, err2 := os.Lstat(filepath.Join(b, name))
	return err1 == nil && err2 == nil && os.SameFile(one, two)
}

// readAs is a file as tree has it; empty where there is none.
func readAs(t *testing.T, dir, name string) string {
	t.Helper()
	info, err := os.Lstat(filepath.Join(dir, name))
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	b, err := fs.ReadFile(os.DirFS(dir), name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().String() + " " + string(b)
}

// TestSplitOntoTargetOfAnotherProgram: another program may compress differently.
func TestSplitOntoTargetOfAnotherProgram(t *testing.T) {
	e := newEvolving(1)
	opt := Options{Link: LinkNothing, Program: "one"}
	former := splitOnto(t, e.sources(t), opt, "")
	for program, want := range map[string]bool{"one": true, "two": false, "": false} {
		opt.Program = program
		onto := splitOnto(t, e.sources(t), opt, former)
		if got := sameInode(former, onto, "default/repodata/repomd.xml"); got != want {
			t.Errorf("program %q takes files of program one: %t, want %t", program, got, want)
		}
	}
}
