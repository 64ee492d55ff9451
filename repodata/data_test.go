package repodata

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// realRepos are the repositories of ../shared/data that this package is tested on.
var realRepos = []string{"c9s/AppStream", "c9s/BaseOS", "fake-modular"}

// someRealRepos are all of them, without the largest in short tests.
func someRealRepos() []string {
	if testing.Short() {
		return realRepos[1:]
	}
	return realRepos
}

// dataDir finds the shared test data, or skips.
func dataDir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("FLATSTREAM_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real repositories here: set FLATSTREAM_DATA or put them in %s", dir)
	}
	return dir
}

func openReal(t testing.TB, name string) *Repo {
	t.Helper()
	r, err := Open(os.DirFS(filepath.Join(dataDir(t), name)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// realData is a decompressed metadata file; it skips where the repository does
// not have that type.
func realData(t testing.TB, repo, typ string) []byte {
	t.Helper()
	data, err := openReal(t, repo).Data(typ)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	b, err := io.ReadAll(data)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// cutAll collects the children that next yields, and the error that ended it.
func cutAll(next func() ([]byte, error)) (all [][]byte, err error) {
	for {
		raw, err := next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, bytes.Clone(raw))
	}
}
