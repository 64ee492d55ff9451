package mirror

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"flatstream/fixtures"
	"flatstream/repodata"
)

func TestOnDemandPromisesPackages(t *testing.T) {
	dir := small(t, fixtures.Options{}, two)
	up := upstream(t, dir)
	tr := store(t)
	src := at("r", strings.Replace(up.URL, "http://", "http://jane:s3cret@", 1))
	_, err := SyncAll(context.Background(), []Source{src}, tr, Options{Policy: OnDemand}, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range up.Requests() {
		if strings.HasSuffix(r.Path, ".rpm") {
			t.Errorf("fetched %s", r.Path)
		}
	}
	now, _, err := tr.Current()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := now.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	promised := 0
	for _, e := range entries {
		if strings.Contains(e.URL, "s3cret") {
			t.Errorf("the manifest holds a password: %s", e.URL)
		}
		if e.URL != "" {
			promised++
		}
	}
	if promised != 2 {
		t.Errorf("%d packages are promised, want 2", promised)
	}
	mustPublish(t, tr, src) // the policy is immediate now: the unchanged upstream must not hide that
	mustServe(t, tr, "mirror/r", dir)
}

func TestRemoteReadsOnlyWhatIsAskedForAndVerifies(t *testing.T) {
	dir := small(t, fixtures.Options{}, two)
	up := upstream(t, dir)
	cache := t.TempDir()
	for run := range 2 {
		up.Reset()
		remote, err := OpenRemote(context.Background(), at("r", up.URL), cache)
		if err != nil {
			t.Fatal(err)
		}
		repo, err := repodata.Open(remote)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range repo.Packages(context.Background(), repodata.PartIdentity) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if want := 2 - run; n != 2 || len(up.Requests()) != want {
			t.Errorf("run %d: %d packages with %+v, want %d requests", run, n, up.Requests(), want)
		}
		if err := remote.Close(); err != nil {
			t.Error(err)
		}
	}
	up.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "primary") {
			wrong(10)(w, r)
			return true
		}
		return false
	})
	remote, err := OpenRemote(context.Background(), at("r", up.URL), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	repo, err := repodata.Open(remote)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := repo.Data(repodata.TypePrimary); err == nil {
		t.Error("wrong bytes were opened")
	}
}
