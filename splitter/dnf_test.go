package splitter

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flatstream/splitter/modulemd"
)

// oracleAnswer is one line of scripts/dnf-modules.
type oracleAnswer struct {
	Set       []string `json:"set"`
	Error     string   `json:"error"`
	Text      string   `json:"text"`
	Active    []string `json:"active"`
	Available []string `json:"available"`
}

// askDNF writes the repositories, which DNF loads in bytewise order of their names,
// and asks it about each set of streams.
func askDNF(t *testing.T, repos []oracleRepo, platform string, sets [][]string) []oracleAnswer {
	t.Helper()
	return askDNFOn(t, repos, platform, "x86_64", sets)
}

// askDNFOn asks DNF on a machine of that arch.
func askDNFOn(t *testing.T, repos []oracleRepo, platform, arch string, sets [][]string) []oracleAnswer {
	t.Helper()
	needDNF(t)
	dir := t.TempDir()
	for _, r := range repos {
		r.write(t, filepath.Join(dir, r.name))
	}
	input, err := json.Marshal(sets)
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("../scripts/dnf-modules")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", script, dir, "platform:"+platform, arch)
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("asking DNF: %v\n%s", err, stderr.String())
	}
	var answers []oracleAnswer
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var a oracleAnswer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatalf("asking DNF: %v", err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(sets) {
		t.Fatalf("DNF answered %d of %d questions\n%s", len(answers), len(sets), stderr.String())
	}
	return answers
}

// needDNF skips where dnf's Python modules are missing, except in CI.
func needDNF(t *testing.T) {
	t.Helper()
	if err := exec.Command("/usr/bin/python3", "-c", "import dnf, libdnf").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("python3-dnf is needed here: %v", err)
		}
		t.Skip("python3-dnf is not installed: DNF cannot be asked")
	}
}

// parseRepos reads the modules of the repositories into an index.
func parseRepos(t testing.TB, repos []oracleRepo, opt IndexOptions) *Index {
	t.Helper()
	var files []SourceModules
	for _, r := range repos {
		if len(r.modules) == 0 {
			continue
		}
		f, err := modulemd.Parse(bytes.NewReader(r.modules), r.name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, SourceModules{r.name, f})
	}
	x, _ := NewIndex(files, opt)
	return x
}

// compareWithDNF resolves every set here and with DNF, and fails where the active
// builds or the available packages differ. It returns how many sets agree.
func compareWithDNF(t *testing.T, repos []oracleRepo, x *Index, sets [][]string) int {
	t.Helper()
	type known struct {
		nevra   string
		subject Subject
	}
	var packages []known
	for _, r := range repos {
		for _, p := range r.packages {
			packages = append(packages, known{p.String(), x.Subject(p.NEVRA, p.provideNames())})
		}
	}
	agree := 0
	for _, answer := range askDNFOn(t, repos, x.Platform(), x.Arch(), sets) {
		enabled, disabled := parseSet(t, answer.Set)
		a, err := x.ResolveWith(enabled, ResolveOptions{Disabled: disabled})
		if err != nil {
			if answer.Error != "refused" {
				t.Errorf("%v: DNF says %s, we refuse: %v", answer.Set, answer.Error, err)
				continue
			}
			agree++
			continue
		}
		if answer.Error == "refused" {
			t.Errorf("%v: DNF refuses, we do not: %s; we have %v", answer.Set, answer.Text, a.Groups)
			continue
		}
		ok := true
		if (answer.Error == "defaults") != a.warned {
			t.Errorf("%v: DNF says %s, we drop %v", answer.Set, answer.Error, a.Dropped)
			ok = false
		}
		if diff := difference(answer.Active, activeBuilds(a)); diff != "" {
			t.Errorf("%v: active builds: %s", answer.Set, diff)
			ok = false
		}
		f := x.Filter(a)
		var available []string
		for _, p := range packages {
			if f.Verdict(p.subject).Available() {
				available = append(available, p.nevra)
			}
		}
		if diff := difference(answer.Available, available); diff != "" {
			t.Errorf("%v: available packages: %s", answer.Set, diff)
			ok = false
		}
		if ok {
			agree++
		}
	}
	return agree
}

// parseSet reads streams to enable, and modules to disable: -module.
func parseSet(t *testing.T, set []string) (enabled []StreamID, disabled []string) {
	t.Helper()
	for _, s := range set {
		if module, ok := strings.CutPrefix(s, "-"); ok {
			disabled = append(disabled, module)
		} else {
			enabled = append(enabled, streamIDs(t, []string{s})...)
		}
	}
	return enabled, disabled
}

func streamIDs(t *testing.T, set []string) []StreamID {
	t.Helper()
	var ids []StreamID
	for _, s := range set {
		id, err := ParseStreamID(s)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// activeBuilds names the active builds as the oracle does.
func activeBuilds(a *Activation) []string {
	var names []string
	for _, g := range a.Groups {
		for _, b := range g.Builds {
			names = append(names, nsvca(b))
		}
	}
	return names
}

// difference says what only DNF and what only we have, up to a few of each.
func difference(dnf, ours []string) string {
	dnf, ours = slices.Clone(dnf), slices.Clone(ours)
	slices.Sort(dnf)
	slices.Sort(ours)
	var onlyDNF, onlyOurs []string
	for len(dnf) > 0 || len(ours) > 0 {
		switch {
		case len(ours) == 0 || len(dnf) > 0 && dnf[0] < ours[0]:
			onlyDNF, dnf = append(onlyDNF, dnf[0]), dnf[1:]
		case len(dnf) == 0 || ours[0] < dnf[0]:
			onlyOurs, ours = append(onlyOurs, ours[0]), ours[1:]
		default:
			dnf, ours = dnf[1:], ours[1:]
		}
	}
	if len(onlyDNF) == 0 && len(onlyOurs) == 0 {
		return ""
	}
	return fmt.Sprintf("%d only in DNF %v, %d only here %v", len(onlyDNF), onlyDNF[:min(4, len(onlyDNF))],
		len(onlyOurs), onlyOurs[:min(4, len(onlyOurs))])
}
