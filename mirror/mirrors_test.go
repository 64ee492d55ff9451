package mirror

import (
	"net/http"
	"strings"
	"testing"

	"flatstream/fixtures"
)

func TestMirrorsInOrderOfPreference(t *testing.T) {
	dir := small(t, fixtures.Options{}, two)
	good := upstream(t, dir)
	lacking := upstream(t, dir)
	lacking.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".rpm") {
			http.NotFound(w, r)
			return true
		}
		return false
	})
	tr := store(t)
	mustPublish(t, tr, at("r", "http://127.0.0.1:1/dead", lacking.URL, good.URL))
	mustServe(t, tr, "mirror/r", dir)
	for _, r := range good.Requests() {
		if !strings.HasSuffix(r.Path, ".rpm") {
			t.Errorf("the third mirror was asked for %s, which the second has", r.Path)
		}
	}
}

func TestARepositoryThatChangedIsNotCompletedFromALaggingMirror(t *testing.T) {
	one, two := nights(t)
	up, lagging := upstream(t, one), upstream(t, one)
	up.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "primary") {
			return false
		}
		up.Fault(nil)
		if err := up.Switch(two); err != nil {
			t.Error(err)
		}
		return false
	})
	tr := store(t)
	mustPublish(t, tr, at("baseos", up.URL+"/baseos", lagging.URL+"/baseos"))
	mustServe(t, tr, "mirror/baseos", two+"/baseos")
}

func TestAnotherMirrorIsNotAskedWithTheFirstOnesETag(t *testing.T) {
	dir := small(t, fixtures.Options{}, two)
	a, b := upstream(t, dir), upstream(t, dir)
	tr := store(t)
	mustPublish(t, tr, at("r", a.URL))
	rep := mustPublish(t, tr, at("r", b.URL))
	if got := b.Requests(); len(got) != 1 || got[0].Conditional || rep.Repos[0].Outcome != Unchanged {
		t.Errorf("%+v, %+v", got, rep.Repos[0])
	}
}
