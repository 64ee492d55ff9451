package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers says who may import whom, bottom first. A line may list only packages
// above it, so no cycle can be written down.
const layers = `
repodata/digest:
repodata/rpmver:
repodata/codec:
repodata/pgp:
repodata/rpmdep:    repodata/rpmver
repodata/buildreq:  repodata/rpmver repodata/rpmdep
repodata:           repodata/digest repodata/rpmver repodata/rpmdep repodata/codec
repodata/rpmfile:   repodata repodata/digest repodata/rpmver repodata/pgp
repodata/closure:   repodata repodata/rpmver repodata/rpmdep
splitter/modulemd:  repodata/rpmver
splitter:           splitter/modulemd repodata repodata/digest repodata/rpmver repodata/rpmdep repodata/buildreq repodata/codec repodata/rpmfile repodata/pgp repodata/closure
splitter/catalogue: splitter repodata/closure
splitter/recipe:    splitter repodata
mirror/fetch:       repodata/digest repodata/codec
mirror/repofile:    repodata/digest
mirror/tree:        repodata/digest
mirror:             mirror/fetch mirror/repofile mirror/tree repodata repodata/digest repodata/rpmver repodata/codec repodata/rpmfile repodata/pgp
mirror/serve:       mirror/tree mirror/fetch mirror/repofile repodata repodata/digest repodata/closure splitter splitter/catalogue
mirror/bucket:      mirror/tree repodata/digest
mirror/nightly:     mirror mirror/repofile mirror/tree mirror/bucket splitter splitter/catalogue repodata repodata/buildreq repodata/closure
fixtures:
.:                  *
`

// owners says which package of ours may import a third-party module. fixtures and
// tests are free: they are witnesses from outside.
var owners = map[string][]string{
	"github.com/urfave/cli/v2":          {"."},
	"github.com/schollz/progressbar/v3": {"."},
	"golang.org/x/term":                 {"."},
	"github.com/ProtonMail/go-crypto":   {"repodata/pgp"},
	"gopkg.in/yaml.v3":                  {"splitter/modulemd", "mirror/nightly"},
	"github.com/cavaliergopher/rpm":     {"repodata/rpmfile"},
	"github.com/klauspost/compress":     {"repodata/codec"},
	"github.com/ulikunitz/xz":           {"repodata/codec"},
	"github.com/go-air/gini":            {"repodata/closure"},
	"github.com/gofrs/flock":            {"mirror/tree"},
	"github.com/aws/aws-sdk-go-v2":      {"mirror/bucket"},
	"github.com/aws/smithy-go":          {"mirror/bucket"},
}

// system is what any package may use: the Go project's own extensions.
var system = []string{"golang.org/x/sync", "golang.org/x/sys", "golang.org/x/time"}

func TestLayers(t *testing.T) {
	allowed, err := parseLayers(layers)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for file, imports := range sourceFiles(t, ".") {
		pkg := path.Dir(filepath.ToSlash(file))
		may, ok := allowed[pkg]
		if !ok {
			t.Errorf("%s is in no line of the layers table", pkg)
			continue
		}
		seen++
		for _, imp := range imports {
			if complaint := judge(pkg, may, imp); complaint != "" {
				t.Errorf("%s: %s", file, complaint)
			}
		}
	}
	if seen < 10 {
		t.Errorf("looked at %d files only: is this the top of the project?", seen)
	}
}

func judge(pkg string, may []string, imp string) string {
	if imp == "flatstream" || strings.HasPrefix(imp, "flatstream/") {
		room := strings.TrimPrefix(strings.TrimPrefix(imp, "flatstream"), "/")
		if slices.Contains(may, "*") || slices.Contains(may, room) {
			return ""
		}
		return fmt.Sprintf("%s may not import %s", pkg, room)
	}
	if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
		return "" // the standard library
	}
	under := func(module string) bool { return imp == module || strings.HasPrefix(imp, module+"/") }
	if pkg == "fixtures" || slices.ContainsFunc(system, under) {
		return ""
	}
	for module, rooms := range owners {
		if under(module) {
			if slices.Contains(rooms, pkg) {
				return ""
			}
			return fmt.Sprintf("%s may not import %s, which belongs to %s", pkg, module, strings.Join(rooms, " and "))
		}
	}
	return fmt.Sprintf("%s has no owner package in the table", imp)
}

// TestLayersCatch shows that the test above can fail.
func TestLayersCatch(t *testing.T) {
	allowed, err := parseLayers(layers)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ pkg, imp, want string }{
		{"repodata/closure", "flatstream/mirror/tree", "repodata/closure may not import mirror/tree"},
		{"fixtures", "flatstream/repodata", "fixtures may not import repodata"},
		{"splitter", "gopkg.in/yaml.v3", "splitter may not import gopkg.in/yaml.v3, which belongs to splitter/modulemd and mirror/nightly"},
		{"splitter", "example.org/left/pad", "example.org/left/pad has no owner package in the table"},
		{"mirror", "flatstream/mirror/fetch", ""},
		{"repodata/codec", "github.com/klauspost/compress/zstd", ""},
	} {
		if got := judge(c.pkg, allowed[c.pkg], c.imp); got != c.want {
			t.Errorf("judge(%s, %s) = %q, want %q", c.pkg, c.imp, got, c.want)
		}
	}
	if _, err := parseLayers("a: b\nb:"); err == nil {
		t.Error("a table whose line looks down at a later one was accepted")
	}
}

func parseLayers(table string) (map[string][]string, error) {
	allowed := map[string][]string{}
	for line := range strings.Lines(strings.TrimSpace(table)) {
		room, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		may := strings.Fields(rest)
		for _, m := range may {
			if _, above := allowed[m]; !above && m != "*" {
				return nil, fmt.Errorf("%s lists %s, which is not above it", room, m)
			}
		}
		allowed[room] = may
	}
	return allowed, nil
}

// sourceFiles maps every non-test Go file below dir to its imports. It parses the
// files itself: go list would be cached behind go test's back.
func sourceFiles(t *testing.T, dir string) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || name != "." && strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files[name] = []string{}
		for _, imp := range f.Imports {
			p, _ := strconv.Unquote(imp.Path.Value)
			files[name] = append(files[name], p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
