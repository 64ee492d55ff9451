package splitter

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flatstream/fixtures"
	"flatstream/repodata"
	"flatstream/repodata/rpmver"
)

// installQuestion is one line that scripts/dnf-modules is asked.
type installQuestion struct {
	Set     []string `json:"set"`
	Install []string `json:"install"`
}

// TestAskAgainstDNF asks for the streams of generated builds over a real modules.yaml.
// DNF must be able to install what a named set promises, and must not be able to with
// less: the default streams alone, or a part of the set. Where no set is named, it must
// fail with each stream alone, too.
func TestAskAgainstDNF(t *testing.T) {
	needDNF(t)
	dir := t.TempDir()
	baseos, appstream, err := fixtures.FromModules(string(dataFile(t, el8Now))+string(dataFile(t, el8Defaults)), fixtures.EL8Options{Seed: 3, Plain: 200})
	if err != nil {
		t.Fatal(err)
	}
	var sources []Source
	for name, r := range map[string]*fixtures.Repo{"appstream": appstream, "baseos": baseos} {
		if err := r.Write(filepath.Join(dir, name), fixtures.Options{MetadataOnly: true}); err != nil {
			t.Fatal(err)
		}
		opened, err := repodata.Open(os.DirFS(filepath.Join(dir, name)))
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, Source{Name: name, Role: RoleMerge, Repo: opened, Dir: filepath.Join(dir, name)})
	}
	slices.SortFunc(sources, func(a, b Source) int { return strings.Compare(a.Name, b.Name) })
	asker, err := NewAsker(context.Background(), sources, AskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	builds := 12
	if os.Getenv("FLATSTREAM_FULL") == "1" {
		builds = 100
	}
	rnd := rand.New(rand.NewPCG(9, 1))
	var questions []installQuestion
	var wanted []bool
	sizes := map[int]int{}
	ask := func(set, install []string, want bool) {
		questions, wanted = append(questions, installQuestion{set, install}), append(wanted, want)
	}
	streams := asker.plan.Index.Streams()
	for n := range builds {
		requires := someRequires(rnd, asker.plan.Index, baseos)
		a, err := asker.Ask(context.Background(), Wanted{Name: fmt.Sprint("b", n), Requires: requires})
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Sets) == 0 {
			sizes[-1]++
			ask([]string{}, requires, false)
			for range 3 {
				ask([]string{streams[rnd.IntN(len(streams))].String()}, requires, false)
			}
			continue
		}
		sizes[len(a.Sets[0].Enable)]++
		for _, s := range a.Sets[:min(3, len(a.Sets))] {
			ask(s.Enable, requires, true)
			for i := range s.Enable {
				ask(slices.Delete(slices.Clone(s.Enable), i, i+1), requires, false)
			}
		}
		if len(a.Sets[0].Enable) == 1 {
			continue
		}
		for range 2 * min(1, len(a.Sets[0].Enable)) { // no single stream does what two do
			ask([]string{streams[rnd.IntN(len(streams))].String()}, requires, false)
		}
	}
	input, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "../scripts/dnf-modules", dir, "platform:el8")
	cmd.Stdin = bytes.NewReader(input)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); n++ {
		var answer struct {
			Error    string `json:"error"`
			Installs bool   `json:"installs"`
		}
		if err := json.Unmarshal(lines.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		if q := questions[n]; answer.Installs != wanted[n] {
			t.Errorf("with %v DNF installs %q: %v (%s), we say %v", q.Set, q.Install, answer.Installs, answer.Error, wanted[n])
		}
	}
	if n != len(questions) {
		t.Errorf("DNF answered %d of %d questions", n, len(questions))
	}
	t.Logf("%d builds, %d questions to DNF; sets by size (-1: none): %v", builds, n, sizes)
	if sizes[1] == 0 || sizes[0] == 0 {
		t.Errorf("too few kinds of answers: %v", sizes)
	}
}

// someRequires draws what a build requires: packages of one to three streams, by name,
// version or exact EVR, and a non-modular one.
func someRequires(rnd *rand.Rand, x *Index, plain *fixtures.Repo) []string {
	list := []string{plain.Packages[rnd.IntN(len(plain.Packages))].Name}
	streams := x.Streams()
	for range 1 + rnd.IntN(3) {
		id := streams[rnd.IntN(len(streams))]
		if x.Default(id.Module) == id.Stream && rnd.IntN(4) > 0 {
			continue
		}
		groups := x.Groups(id)
		artifacts := groups[rnd.IntN(len(groups))].Builds[0].Artifacts
		if len(artifacts) == 0 {
			continue
		}
		n, err := rpmver.ParseNEVRA(artifacts[rnd.IntN(len(artifacts))])
		if err != nil || n.Arch != "x86_64" && n.Arch != "noarch" || strings.Contains(n.Name, "-debug") {
			continue
		}
		switch rnd.IntN(4) {
		case 0:
			list = append(list, fmt.Sprintf("%s >= %d:%s", n.Name, n.Epoch, n.Version))
		case 1:
			list = append(list, fmt.Sprintf("%s = %s", n.Name, n.EVR))
		default:
			list = append(list, n.Name)
		}
	}
	return list
}
