package splitter

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"flatstream/repodata/rpmver"
	"flatstream/splitter/modulemd"
)

// oraclePackage is one package of a repository that DNF is asked about.
type oraclePackage struct {
	rpmver.NEVRA
	provides []string // names, or "name = version", beside its own
}

// oracleRepo is one repository: its modules.yaml, and packages.
type oracleRepo struct {
	name     string
	modules  []byte
	packages []oraclePackage
}

// provideNames are the names that our filter is given.
func (p oraclePackage) provideNames() []string {
	names := []string{p.Name}
	for _, text := range p.provides {
		name, _, _ := strings.Cut(text, " ")
		names = append(names, name)
	}
	return names
}

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
	cmd := exec.Command("/usr/bin/python3", script, dir, "platform:"+platform)
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

// write makes an rpm-md repository of primary, empty filelists, and modules.
func (r oracleRepo) write(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "repodata"), 0o755); err != nil {
		t.Fatal(err)
	}
	var primary, lists bytes.Buffer
	fmt.Fprintf(&primary, `<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="%d">`, len(r.packages))
	fmt.Fprintf(&lists, `<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="%d">`, len(r.packages))
	for _, p := range r.packages {
		p.write(&primary, &lists)
	}
	primary.WriteString("</metadata>\n")
	lists.WriteString("</filelists>\n")
	var repomd bytes.Buffer
	repomd.WriteString(`<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision>`)
	record := func(typ, file string, data []byte) {
		sum := sha256.Sum256(data)
		fmt.Fprintf(&repomd, `<data type="%s"><checksum type="sha256">%s</checksum><location href="repodata/%s"/><timestamp>1</timestamp><size>%d</size></data>`,
			typ, hex.EncodeToString(sum[:]), file, len(data))
		if err := os.WriteFile(filepath.Join(dir, "repodata", file), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	record("primary", "primary.xml", primary.Bytes())
	record("filelists", "filelists.xml", lists.Bytes())
	if len(r.modules) > 0 {
		record("modules", "modules.yaml", r.modules)
	}
	repomd.WriteString("</repomd>\n")
	if err := os.WriteFile(filepath.Join(dir, "repodata/repomd.xml"), repomd.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p oraclePackage) write(primary, lists io.Writer) {
	sum := sha256.Sum256([]byte(p.String()))
	id := hex.EncodeToString(sum[:])
	version := fmt.Sprintf(`<version epoch="%d" ver="%s" rel="%s"/>`, p.Epoch, quoted(p.Version), quoted(p.Release))
	fmt.Fprintf(primary, `<package type="rpm"><name>%s</name><arch>%s</arch>%s<checksum type="sha256" pkgid="YES">%s</checksum>`,
		quoted(p.Name), p.Arch, version, id)
	fmt.Fprintf(primary, `<summary/><description/><packager/><url/><time file="1" build="1"/><size package="1" installed="1" archive="1"/><location href="%s.rpm"/>`, id)
	fmt.Fprintf(primary, `<format><rpm:license/><rpm:sourcerpm>%s</rpm:sourcerpm><rpm:provides>`, sourceRPM(p.Arch))
	if !isSourceArch(p.Arch) {
		fmt.Fprintf(primary, `<rpm:entry name="%s" flags="EQ" epoch="%d" ver="%s" rel="%s"/>`, quoted(p.Name), p.Epoch, quoted(p.Version), quoted(p.Release))
	}
	for _, text := range p.provides {
		name, ver, versioned := strings.Cut(text, " = ")
		if versioned {
			fmt.Fprintf(primary, `<rpm:entry name="%s" flags="EQ" epoch="0" ver="%s"/>`, quoted(name), quoted(ver))
		} else {
			fmt.Fprintf(primary, `<rpm:entry name="%s"/>`, quoted(name))
		}
	}
	fmt.Fprint(primary, "</rpm:provides></format></package>\n")
	fmt.Fprintf(lists, `<package pkgid="%s" name="%s" arch="%s">%s</package>`+"\n", id, quoted(p.Name), p.Arch, version)
}

func sourceRPM(arch string) string {
	if isSourceArch(arch) {
		return ""
	}
	return "x-1-1.src.rpm"
}

func quoted(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
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
	for _, answer := range askDNF(t, repos, x.Platform(), sets) {
		a, err := x.Resolve(streamIDs(t, answer.Set))
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
		if (answer.Error == "defaults") != (len(a.Dropped) > 0) {
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

// artifactPackages makes a package of every NEVRA that the modules list.
func artifactPackages(t testing.TB, modules []byte) []oraclePackage {
	t.Helper()
	f, err := modulemd.Parse(bytes.NewReader(modules), "artifacts")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[rpmver.NEVRA]bool{}
	var list []oraclePackage
	for _, b := range f.Builds {
		for _, text := range b.Artifacts {
			n, err := rpmver.ParseNEVRA(text)
			if err != nil {
				t.Fatal(err)
			}
			if !seen[n] {
				seen[n] = true
				list = append(list, oraclePackage{NEVRA: n})
			}
		}
	}
	return list
}

// bystanders makes non-modular packages that hiding must look at: of every third
// artifact name one of the same name, some as source, i686 or aarch64 packages;
// some that only provide the name, with and without a version; and some that
// provide name(x86-64), which hides nothing.
func bystanders(packages []oraclePackage) []oraclePackage {
	names := map[string]bool{}
	for _, p := range packages {
		names[p.Name] = true
	}
	var list []oraclePackage
	plain := func(name, arch string, provides ...string) {
		list = append(list, oraclePackage{rpmver.NEVRA{Name: name, EVR: rpmver.EVR{Version: "0.1", Release: "1.el8"}, Arch: arch}, provides})
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		h := fnv.New32a()
		h.Write([]byte(name))
		switch h.Sum32() % 16 {
		case 0:
			plain(name, "x86_64")
		case 1:
			plain(name, "src")
		case 2:
			plain(name, "i686")
			plain(name, "noarch")
		case 3:
			plain("provides-"+name, "noarch", name)
		case 4:
			plain("provides-"+name, "x86_64", name+" = 7", "other = 1")
		case 5:
			plain("arched-"+name, "x86_64", name+"(x86-64) = 7", "lib"+name+".so()(64bit)")
		case 6:
			plain(name, "aarch64")
		}
	}
	return list
}

// dataFile reads a file of the shared data, decompressed; the test is skipped where
// there is none.
func dataFile(t testing.TB, name string) []byte {
	t.Helper()
	matches, _ := filepath.Glob(filepath.Join(cmp.Or(os.Getenv("FLATSTREAM_DATA"), "../../shared/data"), name))
	if len(matches) == 0 {
		t.Skipf("the shared data has no %s", name)
	}
	f, err := os.Open(matches[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	switch filepath.Ext(matches[0]) {
	case ".xz":
		r, err = xz.NewReader(f)
	case ".gz":
		r, err = gzip.NewReader(f)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// realFiles are the module files of real repositories: by index, then by repository,
// which DNF loads in the order of their names.
func realFiles() map[string]map[string][]string {
	return map[string]map[string][]string{
		"el8": {
			"appstream":  {"el8/appstream-x86_64.modules.yaml.xz", "el8/appstream-defaults.yaml"},
			"powertools": {"el8/powertools-x86_64.modules.yaml.xz", "el8/powertools-defaults.yaml"},
		},
		"el8-2022":     {"appstream": {"el8/history/appstream-x86_64-2022-08-*", "el8/appstream-defaults.yaml"}},
		"el8-2024":     {"appstream": {"el8/history/appstream-x86_64-2024-02-*", "el8/appstream-defaults.yaml"}},
		"c9s":          {"appstream": {"c9s/AppStream/repodata/*-modules.yaml.xz"}},
		"fake-modular": {"fake": {"fake-modular/repodata/*modules.yaml*"}},
	}
}

// realIndex gives the repositories of a real index with a package for each artifact,
// and one more repository of bystanders.
func realIndex(t testing.TB, name string) []oracleRepo {
	var repos []oracleRepo
	var all []oraclePackage
	files := realFiles()[name]
	for _, repo := range slices.Sorted(maps.Keys(files)) {
		r := oracleRepo{name: repo}
		for _, file := range files[repo] {
			r.modules = append(append(r.modules, dataFile(t, file)...), '\n')
		}
		r.packages = artifactPackages(t, r.modules)
		all = append(all, r.packages...)
		repos = append(repos, r)
	}
	return append(repos, oracleRepo{name: "zz-plain", packages: bystanders(all)})
}

// TestRealIndexesAgainstDNF compares, for real modules.yaml files, the default view,
// each stream enabled alone, and some pairs, with what DNF makes available.
func TestRealIndexesAgainstDNF(t *testing.T) {
	for name := range realFiles() {
		t.Run(name, func(t *testing.T) {
			repos := realIndex(t, name)
			x := parseRepos(t, repos, IndexOptions{})
			sets := setsToAsk(x.Streams(), os.Getenv("FLATSTREAM_FULL") == "1")
			agree := compareWithDNF(t, repos, x, sets)
			t.Logf("%d of %d sets agree with DNF", agree, len(sets))
		})
	}
}

// setsToAsk is the default view and, when all are wanted, every stream and 20 random
// sets of two to four; else a few of them.
func setsToAsk(streams []StreamID, all bool) [][]string {
	r := rand.New(rand.NewPCG(8, uint64(len(streams))))
	var sets [][]string
	for _, s := range streams {
		sets = append(sets, []string{s.String()})
	}
	for range 20 {
		var set []string
		for range 2 + r.IntN(3) {
			set = append(set, streams[r.IntN(len(streams))].String())
		}
		slices.Sort(set)
		sets = append(sets, slices.Compact(set))
	}
	if !all {
		r.Shuffle(len(sets), func(i, j int) { sets[i], sets[j] = sets[j], sets[i] })
		sets = sets[:2]
	}
	return append([][]string{{}}, sets...)
}
