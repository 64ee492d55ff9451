package closure

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flatstream/fixtures"
	"flatstream/repodata"
)

// world builds a universe from text: "-- NAME --" starts a repository, in the
// fixtures' language. The first repository is the one to check. One whose name has
// a colon holds that stream and does not supply; the others do.
func world(t testing.TB, text string) (*Universe, Check) {
	t.Helper()
	u := NewUniverse()
	var c Check
	for i, part := range strings.Split(text, "-- ")[1:] {
		name, body, ok := strings.Cut(part, " --\n")
		if !ok {
			t.Fatalf("no repository name in %q", part)
		}
		id := add(t, u, name, body, fixtures.Options{})
		switch {
		case i == 0:
			c.Repo = id
		case strings.Contains(name, ":"):
			u.Label(id, name)
		default:
			c.Suppliers = append(c.Suppliers, id)
		}
	}
	return u, c
}

// add writes a repository's metadata and reads it.
func add(t testing.TB, u *Universe, name, body string, opt fixtures.Options) RepoID {
	t.Helper()
	id, err := u.Add(context.Background(), name, openText(t, body, opt))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func openText(t testing.TB, body string, opt fixtures.Options) *repodata.Repo {
	t.Helper()
	return openDir(t, writeText(t, body, opt))
}

// writeText writes a repository and returns its directory.
func writeText(t testing.TB, body string, opt fixtures.Options) string {
	t.Helper()
	repo, err := fixtures.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	opt.MetadataOnly = true
	dir := t.TempDir()
	if err := repo.Write(dir, opt); err != nil {
		t.Fatal(err)
	}
	return dir
}

func openDir(t testing.TB, dir string) *repodata.Repo {
	t.Helper()
	r, err := repodata.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The memory that elements are read into is used again while the rest is read: what a
// report says of the first packages must not have become what the last ones say.
func TestNothingOfAnElementStays(t *testing.T) {
	var text, want strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&text, "package p%04d %d.1-%d.module+el8 x86_64\n  provides own-%d = %d, shared = %d-1\n", i, i, i, i, i, i)
		fmt.Fprintf(&text, "  requires own-%d = %d, shared > %d-0, no-%d >= %d.3\n  file /etc/p-%d\n", i, i, i, i, i, i)
		fmt.Fprintf(&want, "p%04d-0:%d.1-%d.module+el8.x86_64: [no-%d >= %d.3]\n", i, i, i, i, i)
	}
	u := NewUniverse()
	id := add(t, u, "app", text.String(), fixtures.Options{})
	var got strings.Builder
	for _, p := range check(t, u, Check{Repo: id}).Checked[0].Problems {
		fmt.Fprintf(&got, "%s: %v\n", p.Package, p.Requirements)
	}
	if got.String() != want.String() {
		t.Errorf("%d bytes of problems, want %d; they begin with\n%.300s", got.Len(), want.Len(), got.String())
	}
	if n := len(u.emptied); n == 0 || n == heldReadings {
		t.Errorf("%d batches came back: the repository has to be larger than what is on its way, and memory to be used again", n)
	}
}

func check(t testing.TB, u *Universe, checks ...Check) *Report {
	t.Helper()
	r, err := u.Closure(context.Background(), checks, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// brief writes problems as "name: requirement; requirement", without versions and
// arches of packages; the code stands in front if it is not missing-requirement.
func brief(c Checked) string {
	var b strings.Builder
	for _, p := range c.Problems {
		if p.Code != MissingRequirement {
			fmt.Fprintf(&b, "%s ", p.Code)
		}
		name, _, _ := strings.Cut(p.Package, "-")
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(p.Requirements, "; "))
	}
	return b.String()
}

// data finds the shared test data, or skips.
func data(t testing.TB, path string) string {
	t.Helper()
	dir := os.Getenv("FLATSTREAM_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	path = filepath.Join(dir, path)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the shared test data is not here: no %s", path)
	}
	return path
}
