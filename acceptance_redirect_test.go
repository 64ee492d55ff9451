package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"flatstream/fixtures"
	"flatstream/repodata"
)

// One machine fills a bucket; another one has metadata alone and sends its clients
// there. dnf installs through both, though upstream is gone. What the bucket has of another
// generation, or no more, is not redirected to.
func TestServeRedirectsToTheBucket(t *testing.T) {
	need(t, "dnf", "rpm")
	g := gateway(t)
	work := t.TempDir()
	first, second := nights(t, work)
	upstream, err := fixtures.Serve(first)
	must(t, err)
	defer upstream.Close()
	public := g.URL + "/" + g.Bucket + "/el8"
	config := func(name, more, policy string) (store, file string) {
		store, file = filepath.Join(work, name), filepath.Join(work, name+".yaml")
		must(t, os.WriteFile(file, fmt.Appendf(nil, `store: %s
base-url: http://edge.example.org/flat
%srepos:
  baseos:    { baseurl: "%s/baseos/", retries: 1, policy: %s }
  appstream: { baseurl: "%[3]s/appstream/", retries: 1, policy: %[4]s }
`, store, more, upstream.URL, policy), 0o644))
		return store, file
	}
	_, full := config("full", fmt.Sprintf("publish: { to: \"s3://%s/el8\", endpoint: \"%s\" }\n", g.Bucket, g.URL), "immediate")
	edge, onDemand := config("edge", "", "on-demand")
	flatstream(t, "run", "--config", full)
	flatstream(t, "run", "--config", onDemand)

	url := serveTarget(t, edge, "--config", onDemand, "--redirect", public+"/") + "/"
	noFollow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(path string) (code int, to string) {
		t.Helper()
		answer, err := noFollow.Get(url + path)
		must(t, err)
		answer.Body.Close()
		return answer.StatusCode, answer.Header.Get("Location")
	}
	locations := func() map[string][2]string { // path and checksum, by name
		t.Helper()
		repo, err := repodata.Open(os.DirFS(filepath.Join(edge, "current/flat/default")))
		must(t, err)
		at := map[string][2]string{}
		for p, err := range repo.Packages(t.Context(), repodata.PartIdentity) {
			must(t, err)
			at[p.Name] = [2]string{"flat/default/" + p.Location, p.PkgID.Hex}
		}
		return at
	}
	upstream.Reset()
	upstream.Fault(func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "gone", http.StatusServiceUnavailable)
		return true
	})
	reposdir, root := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(reposdir, "f.repo"), fmt.Appendf(nil, "[f]\nname=f\nbaseurl=%sflat/default/\ngpgcheck=0\nmodule_hotfixes=1\n", url), 0o644))
	dnf(t, root, reposdir, "install", "nodejs")
	runTool(t, "rpm", "--root", root, "-q", "nodejs")
	if len(upstream.Requests()) > 0 {
		t.Error("a package was asked of upstream")
	}
	metrics, _, err := download(url + "metrics")
	must(t, err)
	if strings.Contains(string(metrics), "flatstream_redirected_total 0\n") {
		t.Errorf("nothing was redirected:\n%s", metrics)
	}
	nodejs := locations()["nodejs"][0]
	if code, to := ask(nodejs); code != 302 || to != public+"/"+strings.ReplaceAll(nodejs, "+", "%2B") {
		t.Errorf("%s: %d %s", nodejs, code, to)
	}
	for path, want := range map[string]int{"flat/default/repodata/repomd.xml": 200, "flat/nosuch/repodata/repomd.xml": 404, "flat/default/nosuch.rpm": 404} {
		if code, to := ask(path); code != want || to != "" {
			t.Errorf("%s: %d %s", path, code, to)
		}
	}

	// Of what was taken out of the bucket behind its manifest upstream is asked.
	bash := locations()["bash"][0]
	key := "el8/" + bash
	_, err = g.API.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &g.Bucket, Key: &key})
	must(t, err)
	if code, to := ask(bash); code != 503 || to != "" {
		t.Errorf("%s, which the bucket lost: %d %s", bash, code, to)
	}
	upstream.Fault(nil)
	time.Sleep(1500 * time.Millisecond) // a failure is remembered for a second
	if code, _ := ask(bash); code != 200 {
		t.Errorf("%s, which the bucket lost: %d", bash, code)
	}

	// The edge is a night ahead: what is new comes from upstream.
	old := locations()
	must(t, upstream.Switch(second))
	flatstream(t, "run", "--config", onDemand)
	redirected, local := 0, 0
	for name, is := range locations() {
		switch code, to := ask(is[0]); {
		case code == 302 && old[name] == is && to != "":
			redirected++
		case code == 200 && (old[name] != is || name == "bash"): // git changes under its own name
			local++
		default:
			t.Errorf("%s: %d %s, yesterday %s", is, code, to, old[name])
		}
	}
	if redirected == 0 || local == 0 {
		t.Errorf("%d redirected, %d not", redirected, local)
	}
}
