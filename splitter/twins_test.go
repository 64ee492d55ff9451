package splitter

import (
	"os"
	"path/filepath"
	"testing"
)

// A view that changes nothing has default's packages at default's places. Its
// metadata is default's, but for repomd.xml not by chance the same file: a tool that
// writes repomd.xml in place must not reach into another repository.
func TestTwinsShareMetadata(t *testing.T) {
	dir, report, err := splitInto(t, sourcesOf(t, small), Options{Views: []View{{Name: "same", Spec: []string{"default"}}}})
	if err != nil {
		t.Fatal(err)
	}
	stat := func(name string) os.FileInfo {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	for _, rec := range openTarget(t, dir, "default").MD.Records {
		if !os.SameFile(stat("default/"+rec.Location), stat("views/same/"+rec.Location)) {
			t.Errorf("%s was compressed twice", rec.Location)
		}
	}
	if os.SameFile(stat("default/repodata/repomd.xml"), stat("views/same/repodata/repomd.xml")) {
		t.Error("repomd.xml is one file in two repositories")
	}
	for _, repo := range report.Repos {
		if repo.Kind != KindView {
			continue
		}
		if made := elements(t, openTarget(t, dir, repo.Path), "primary"); len(made) != repo.Packages || len(made) == 0 {
			t.Errorf("%s has %d packages, the report says %d", repo.Path, len(made), repo.Packages)
		}
	}
}
