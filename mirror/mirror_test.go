package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/mirror/fetch"
	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

// nights writes both days of the fixtures' upstream once per test.
func nights(t *testing.T) (one, two string) {
	t.Helper()
	one, two = t.TempDir(), t.TempDir()
	for dir, make := range map[string]func() (*fixtures.Night, error){one: fixtures.NightOne, two: fixtures.NightTwo} {
		n, err := make()
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Write(dir, fixtures.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return one, two
}

func upstream(t *testing.T, dir string) *fixtures.Server {
	t.Helper()
	s, err := fixtures.Serve(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// small writes one repository of n packages; more are added by text.
func small(t *testing.T, opt fixtures.Options, text string) string {
	t.Helper()
	r, err := fixtures.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := r.Write(dir, opt); err != nil {
		t.Fatal(err)
	}
	return dir
}

const two = `
package bash 5.2-1 x86_64
package jq 1.6-1 x86_64
`

func store(t *testing.T) *tree.Tree {
	t.Helper()
	tr, err := tree.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := tr.Lock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(unlock(), tr.Close()) })
	return tr
}

// at is a source that fails fast.
func at(name string, urls ...string) Source {
	return Source{Name: name, URLs: urls, Fetch: fetch.Options{Retries: 1, Backoff: time.Millisecond,
		MaxBackoff: 2 * time.Millisecond, MaxRetryAfter: time.Millisecond}}
}

func publish(t *testing.T, tr *tree.Tree, sources ...Source) (*Report, error) {
	t.Helper()
	return SyncAll(context.Background(), sources, tr, Options{}, false, 72*time.Hour)
}

func mustPublish(t *testing.T, tr *tree.Tree, sources ...Source) *Report {
	t.Helper()
	rep, err := publish(t, tr, sources...)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// content maps every file below dir to its checksum, with slashes.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, p))
		files[p] = digest.OfBytes(b).Hex
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

func current(t *testing.T, tr *tree.Tree) map[string]string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(filepath.Join(tr.Dir(), "current"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return content(t, dir)
}

// mustServe checks that every file of upstream's directory is in the snapshot.
func mustServe(t *testing.T, tr *tree.Tree, path, dir string) {
	t.Helper()
	have := current(t, tr)
	for p, sum := range content(t, dir) {
		if have[path+"/"+p] != sum {
			t.Errorf("%s/%s is not upstream's", path, p)
		}
	}
}

func TestFirstRunCopiesEveryByteAndTheSecondAsksOnce(t *testing.T) {
	one, _ := nights(t)
	up := upstream(t, one)
	tr := store(t)
	sources := []Source{at("baseos", up.URL+"/baseos"), at("appstream", up.URL+"/appstream/")}
	rep := mustPublish(t, tr, sources...)
	mustServe(t, tr, "mirror/baseos", one+"/baseos")
	mustServe(t, tr, "mirror/appstream", one+"/appstream")
	if !slices.Equal(rep.Changed, []string{"baseos", "appstream"}) || rep.Repos[0].Packages == 0 || rep.Repos[0].Outcome != Changed {
		t.Errorf("report %+v", rep.Repos[0])
	}
	for _, r := range up.Requests() {
		if up.Count(r.Path) != 1 {
			t.Errorf("%s was asked for %d times", r.Path, up.Count(r.Path))
		}
	}
	up.Reset()
	before := rep.Snapshot
	rep = mustPublish(t, tr, sources...)
	if got := up.Requests(); len(got) != 2 || !got[0].Conditional || got[0].Status != http.StatusNotModified {
		t.Errorf("an unchanged upstream costs %+v", got)
	}
	if rep.Snapshot != before || len(rep.Changed) != 0 || rep.Repos[0].Outcome != Unchanged ||
		rep.Repos[0].Requests != 1 || rep.Repos[0].Bytes != 0 || rep.Repos[0].Packages == 0 {
		t.Errorf("unchanged: %+v in %s", rep.Repos[0], rep.Snapshot)
	}
}

func TestSecondNightFetchesOnlyWhatIsNew(t *testing.T) {
	one, two := nights(t)
	up := upstream(t, one)
	tr := store(t)
	src := at("appstream", up.URL+"/appstream")
	mustPublish(t, tr, src, at("baseos", up.URL+"/baseos"))
	old := content(t, one+"/appstream")
	if err := up.Switch(two); err != nil {
		t.Fatal(err)
	}
	up.Reset()
	mustPublish(t, tr, src)
	mustServe(t, tr, "mirror/appstream", two+"/appstream")
	fresh := content(t, two+"/appstream")
	asked := map[string]bool{}
	for _, r := range up.Requests() {
		p := strings.TrimPrefix(r.Path, "/appstream/")
		asked[p] = true
		if p != repomdPath && slices.Contains(slices.Collect(maps.Values(old)), fresh[p]) {
			t.Errorf("fetched %s, which the store had", p)
		}
	}
	have := current(t, tr)
	for p, sum := range old {
		if strings.HasSuffix(p, ".rpm") && fresh[p] == "" && have["mirror/appstream/"+p] != sum {
			t.Errorf("a client of yesterday does not find %s", p)
		}
	}
	if have["mirror/baseos/"+repomdPath] == "" {
		t.Error("the repository that was not synced is gone")
	}
}

func TestUpstreamChangesDuringTheRun(t *testing.T) {
	one, two := nights(t)
	up := upstream(t, one)
	var switched atomic.Bool
	up.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".rpm") && switched.CompareAndSwap(false, true) {
			if err := up.Switch(two); err != nil {
				t.Error(err)
			}
		}
		return false
	})
	tr := store(t)
	rep := mustPublish(t, tr, at("baseos", up.URL+"/baseos"))
	mustServe(t, tr, "mirror/baseos", two+"/baseos")
	for p := range content(t, one+"/baseos") {
		if n := up.Count("/baseos/" + p); strings.HasSuffix(p, ".rpm") && n > 2 {
			t.Errorf("%s was asked for %d times", p, n)
		}
	}
	if rep.Repos[0].Outcome != Changed {
		t.Errorf("%+v", rep.Repos[0])
	}
}

func TestARepositoryThatChangesWithoutEndIsGivenUp(t *testing.T) {
	dir := small(t, fixtures.Options{Revision: "1"}, two)
	up := upstream(t, dir)
	var n atomic.Int32
	up.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == "/"+repomdPath:
			b, err := os.ReadFile(dir + r.URL.Path)
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(bytes.Replace(b, []byte("<revision>1<"), fmt.Appendf(nil, "<revision>%d<", n.Add(1)), 1))
			return true
		case strings.HasSuffix(r.URL.Path, ".rpm"):
			http.NotFound(w, r)
			return true
		}
		return false
	})
	_, err := publish(t, store(t), at("r", up.URL))
	if !errors.Is(err, errChanged) || n.Load() > 2*(maxRestarts+1)+1 {
		t.Errorf("%v after %d readings of repomd.xml", err, n.Load())
	}
}

func TestOneBrokenSourcePublishesNothingUnlessPartial(t *testing.T) {
	good, bad := upstream(t, small(t, fixtures.Options{}, two)), upstream(t, t.TempDir())
	tr := store(t)
	rep, err := publish(t, tr, at("bad", bad.URL), at("good", good.URL))
	if err == nil || current(t, tr) != nil || rep.Repos[1].Outcome != Changed {
		t.Errorf("%v, %+v", err, rep)
	}
	rep, err = SyncAll(context.Background(), []Source{at("bad", bad.URL), at("good", good.URL)}, tr, Options{}, true, 0)
	if err == nil || rep.Snapshot == "" || current(t, tr)["mirror/good/"+repomdPath] == "" {
		t.Errorf("partial: %v, %+v", err, rep)
	}
}

func TestLocalDirectories(t *testing.T) {
	dir := small(t, fixtures.Options{}, two)
	for _, u := range []string{dir, "file://" + dir} {
		tr := store(t)
		var last Event
		calls := 0
		opt := Options{Progress: func(e Event) { last, calls = e, calls+1 }}
		if _, err := SyncAll(context.Background(), []Source{at("r", u)}, tr, opt, false, 0); err != nil {
			t.Fatal(err)
		}
		mustServe(t, tr, "mirror/r", dir)
		if last.Files != last.AllFiles || last.Bytes != last.AllBytes || last.Source != "r" || calls < 4 {
			t.Errorf("after %d calls the progress stands at %+v", calls, last)
		}
		if rep := mustPublish(t, tr, at("r", u)); rep.Repos[0].Outcome != Unchanged || rep.Repos[0].Requests != 1 {
			t.Errorf("unchanged: %+v", rep.Repos[0])
		}
	}
}

func TestEverythingElseOfTheSnapshotIsCarriedOver(t *testing.T) {
	tr := store(t)
	st, err := tr.NewStage()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"flat/default/x", "report.json", "mirror/other/repodata/repomd.xml", "mirror/r/stale"} {
		if err := st.WriteFile(p, []byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := st.Publish(time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	rep := mustPublish(t, tr, at("r", small(t, fixtures.Options{}, two)))
	have := current(t, tr)
	for _, p := range []string{"flat/default/x", "report.json", "mirror/other/repodata/repomd.xml"} {
		if have[p] == "" {
			t.Errorf("%s is gone", p)
		}
	}
	if have["mirror/r/stale"] != "" || !rep.Stale {
		t.Errorf("a file that upstream has no more is there: %v; flat is stale: %v", have["mirror/r/stale"], rep.Stale)
	}
}

func TestInterruptedRunPublishesNothingAndLosesNothing(t *testing.T) {
	one, _ := nights(t)
	up := upstream(t, one)
	ctx, cancel := context.WithCancel(context.Background())
	var n atomic.Int32
	up.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".rpm") && n.Add(1) == 12 {
			cancel()
		}
		return false
	})
	tr := store(t)
	src := at("appstream", up.URL+"/appstream")
	rep, err := SyncAll(ctx, []Source{src}, tr, Options{Jobs: 2}, true, 0)
	if !errors.Is(err, context.Canceled) || rep.Repos[0].Outcome != Failed || current(t, tr) != nil {
		t.Errorf("%v, %+v", err, rep.Repos[0])
	}
	up.Reset()
	mustPublish(t, tr, src)
	mustServe(t, tr, "mirror/appstream", one+"/appstream")
	again := 0
	for _, r := range up.Requests() {
		if strings.HasSuffix(r.Path, ".rpm") {
			again++
		}
	}
	if total := rep.Repos[0].Fetched; again == 0 || again > mustCount(t, one+"/appstream")-8 {
		t.Errorf("%d packages were fetched again after %d files", again, total)
	}
}

func mustCount(t *testing.T, dir string) (rpms int) {
	t.Helper()
	for p := range content(t, dir) {
		if strings.HasSuffix(p, ".rpm") {
			rpms++
		}
	}
	return rpms
}

func TestKilledRunsAreTakenUp(t *testing.T) {
	dir := small(t, fixtures.Options{}, two)
	up := upstream(t, dir)
	tr := store(t)
	if _, err := Sync(context.Background(), at("r", up.URL), tr, Options{}); err != nil {
		t.Fatal(err)
	} // and dies before it publishes
	up.Reset()
	mustPublish(t, tr, at("r", up.URL))
	mustServe(t, tr, "mirror/r", dir)
	if got := up.Requests(); len(got) != 1 || got[0].Conditional {
		t.Errorf("what was fetched is fetched again, or taken for published: %+v", got)
	}
}

// BenchmarkSync copies 1,000 small packages over loopback into an empty store.
func BenchmarkSync(b *testing.B) {
	dir := b.TempDir()
	if err := fixtures.Generate(dir, "bench-rpms", 1, 1000); err != nil {
		b.Fatal(err)
	}
	up, err := fixtures.Serve(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer up.Close()
	for b.Loop() {
		tr, err := tree.Open(filepath.Join(b.TempDir(), "store"))
		if err != nil {
			b.Fatal(err)
		}
		unlock, err := tr.Lock()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := SyncAll(context.Background(), []Source{{Name: "r", URLs: []string{up.URL}}}, tr, Options{}, false, 0); err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(unlock(), tr.Close()); err != nil {
			b.Fatal(err)
		}
	}
}
