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
	"flatstream/repodata/rpmdep"
	"flatstream/repodata/rpmver"
)

// installQuestion is one line that scripts/dnf-modules is asked.
type installQuestion struct {
	Set     []string `json:"set"`
	Install []string `json:"install"`
}

// TestAskAgainstDNF asks for the streams of generated builds over a real modules.yaml with
// generated packages and relations. DNF must be able to install what a named set promises,
// and must not be able to with less: each part of the set, and other sets of a smaller
// size, all of those under FLATSTREAM_FULL=1 (of two streams: every single one). Where no
// set is named, it must fail with single streams, too. Of some builds the same is asked as
// of a built package: DNF must fail with exactly those streams that are said to break it.
func TestAskAgainstDNF(t *testing.T) {
	needDNF(t)
	dir := t.TempDir()
	baseos, appstream, err := fixtures.FromModules(string(dataFile(t, el8Now))+string(dataFile(t, el8Defaults)), fixtures.EL8Options{Seed: 3, Plain: 200})
	if err != nil {
		t.Fatal(err)
	}
	fixtures.Relate(4, baseos, appstream)
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
	builds, others, built := 10, 1, 1
	if os.Getenv("FLATSTREAM_FULL") == "1" {
		builds, others, built = 100, 1000, 8
	}
	rnd := rand.New(rand.NewPCG(9, 1))
	var questions []installQuestion
	var wanted []bool
	sizes := map[int]int{}
	ask := func(set, install []string, want bool) {
		questions, wanted = append(questions, installQuestion{set, install}), append(wanted, want)
	}
	streams := asker.plan.Index.Streams()
	some := func(ids []StreamID, n int) []StreamID {
		ids = slices.Clone(ids)
		rnd.Shuffle(len(ids), func(i, k int) { ids[i], ids[k] = ids[k], ids[i] })
		return ids[:min(n, len(ids))]
	}
	for n := range builds {
		requires := someRequires(rnd, asker.plan.Index, baseos)
		a, err := asker.Ask(context.Background(), Wanted{Name: fmt.Sprint("b", n), Requires: requires})
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Sets) == 0 {
			sizes[-1]++
			ask([]string{}, requires, false)
			for _, id := range some(streams, others) {
				ask([]string{id.String()}, requires, false)
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
		if built > 0 && len(a.Sets[0].Enable) < 2 {
			built--
			askBuilt(t, asker, requires, some(streams, 3*others), ask)
		}
		if len(a.Sets[0].Enable) < 2 {
			continue
		}
		for _, id := range some(streams, others) { // no single stream does what two do
			ask([]string{id.String()}, requires, false)
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

// askBuilt asks for what breaks a package with these requires. Streams of modules that the
// set has none of are enabled beside it.
func askBuilt(t *testing.T, asker *Asker, requires []string, streams []StreamID, ask func(set, install []string, want bool)) {
	relations, err := repodata.ParseRelations(requires)
	if err != nil {
		t.Fatal(err)
	}
	p := &repodata.Package{NEVRA: rpmver.NEVRA{Name: "mine", EVR: rpmver.EVR{Version: "1", Release: "1"}, Arch: "x86_64"}, Requires: relations}
	p.Provides = []repodata.Relation{{Dep: rpmdep.Dep{Name: p.Name, Op: rpmdep.Equal, EVR: p.EVR}}}
	a, err := asker.AskBuilt(context.Background(), p.Name, []*repodata.Package{p})
	if err != nil || len(a.Sets) == 0 {
		t.Fatalf("built package with %q: %v, %+v", requires, err, a)
	}
	breaks := func(id string) bool {
		return slices.ContainsFunc(a.Breaks, func(b Break) bool { return b.Stream == id })
	}
	for _, b := range a.Breaks[:min(4, len(a.Breaks))] {
		streams = append(streams, parseStreams(t, b.Stream)...)
	}
	for _, id := range streams {
		var set trial
		for _, s := range parseStreams(t, a.Sets[0].Enable...) {
			set, _ = set.with(s, "")
		}
		if !slices.Contains(set.streams, id) {
			if _, err := asker.plan.Index.Resolve([]StreamID{id}); err != nil {
				continue // nobody can enable it
			}
			ask(streamTexts(set.instead(id).streams), requires, !breaks(id.String()))
		}
	}
}

func parseStreams(t *testing.T, texts ...string) (ids []StreamID) {
	for _, text := range texts {
		id, err := ParseStreamID(text)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
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
