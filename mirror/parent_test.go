package mirror

import (
	"path/filepath"
	"strings"
	"testing"
)

// Packages beside a repository are copied when the user names the directory above both,
// each to where its location leads; nothing leads out of that directory.
func TestAttackParentHrefs(t *testing.T) {
	repo := func(packages ...string) (url string) {
		primary := primaryOf(packages...)
		return served(t, map[string][]byte{
			"h/repos/a/" + repomdPath: repomdOf(primary, nil, ""), "h/repos/a/repodata/primary.xml": primary,
			"h/repos/blobs/x.rpm": []byte("rpm"), "h/repos/a/in.rpm": []byte("rpm"), "h/evil.rpm": []byte("rpm"),
		}) + "/h/"
	}
	beside, inside := pkg("x", href("../blobs/x.rpm")), pkg("in", href("in.rpm"))
	url := repo(beside, inside)
	src := at("a", url+"repos/a")
	tr := store(t)
	if _, err := publish(t, tr, src); err == nil || !strings.Contains(err.Error(), "--allow-parent-hrefs") {
		t.Errorf("without a parent: %v", err)
	}
	src.Parent = url + "repos/"
	mustPublish(t, tr, src)
	have := current(t, tr)
	for _, p := range []string{"mirror/a/a/" + repomdPath, "mirror/a/a/in.rpm", "mirror/a/blobs/x.rpm"} {
		if have[p] == "" {
			t.Errorf("%s is not there; there is %v", p, have)
		}
	}
	if rep := mustPublish(t, tr, src); rep.Repos[0].Outcome != Unchanged || rep.Repos[0].Requests != 1 {
		t.Errorf("unchanged: %+v", rep.Repos[0])
	}
	report, err := Fsck(t.Context(), tr, FsckOptions{})
	if err != nil || len(report.Damage) > 0 {
		t.Errorf("fsck finds %v, %+v", err, report)
	}

	for _, location := range []string{"../../evil.rpm", "../../../evil.rpm", "../blobs/../../evil.rpm", "../%2e%2e/evil.rpm", "..", "../", "../../../../etc/x.rpm", "/h/evil.rpm", "../a//x.rpm"} {
		url := repo(pkg("evil", href(location)))
		src := at("a", url+"repos/a")
		src.Parent = url + "repos"
		tr := store(t)
		if _, err := publish(t, tr, src); err == nil || current(t, tr) != nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: %v", location, err)
		}
	}
	for _, parent := range []string{url + "other", url + "repos/a", url + "rep", "http://elsewhere.invalid/", filepath.Dir(t.TempDir())} {
		src.Parent = parent
		if _, err := publish(t, store(t), src); err == nil || !strings.Contains(err.Error(), "is not below") {
			t.Errorf("parent %s: %v", parent, err)
		}
	}
}
