package splitter

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"os"
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
