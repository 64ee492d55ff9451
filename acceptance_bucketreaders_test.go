package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"flatstream/fixtures"
	"flatstream/repodata"
	"flatstream/repodata/digest"
)

// webDir is a directory on a web server, read without credentials.
type webDir string

func (d webDir) Open(name string) (fs.File, error) {
	text, code, err := download(string(d) + "/" + strings.ReplaceAll(name, "+", "%2B"))
	if err == nil && code != 200 {
		err = fmt.Errorf("status %d", code)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "get", Path: name, Err: err}
	}
	return fstest.MapFS{"f": {Data: text}}.Open("f")
}

// readWhole reads a repository as a client that knows what a whole one is: repomd.xml, and
// after a pause, in which generations may follow, all metadata and each package, against
// its checksum.
func readWhole(dir webDir, pause time.Duration) error {
	index, err := fs.ReadFile(dir, "repodata/repomd.xml")
	if err != nil {
		return err
	}
	md, err := repodata.ParseRepoMD(index)
	if err != nil {
		return err
	}
	time.Sleep(pause)
	files := map[string]digest.Checksum{}
	for _, r := range md.Records {
		files[r.Location] = r.Checksum
	}
	repo, err := repodata.Open(overlay{dir, index})
	if err != nil {
		return err
	}
	for p, err := range repo.Packages(context.Background(), repodata.PartIdentity) {
		if err != nil {
			return err
		}
		files[p.Location] = p.PkgID
	}
	for name, want := range files {
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		if got := digest.OfBytes(text); got != want {
			return fmt.Errorf("%s has the checksum %s, want %s", name, got, want)
		}
	}
	return nil
}

// overlay is a directory of which repomd.xml was read earlier.
type overlay struct {
	webDir
	index []byte
}

func (o overlay) Open(name string) (fs.File, error) {
	if name == "repodata/repomd.xml" {
		return fstest.MapFS{"f": {Data: o.index}}.Open("f")
	}
	return o.webDir.Open(name)
}

// Night after night is published, from an upstream in which a package comes and one goes
// each time; dnf and a reader that checks every byte read all the while, some of them
// going on with a generation that is several nights old. None ever sees an error. What
// nobody can need any more is deleted.
func TestReadersOfABucket(t *testing.T) {
	need(t, "dnf")
	if testing.Short() {
		t.Skip("many publications are left out of short tests")
	}
	nights, grace, pause := 5, time.Minute, time.Second
	if os.Getenv("FLATSTREAM_FULL") == "1" {
		nights, grace, pause = 50, 25*time.Second, 20*time.Second
	}
	g := gateway(t)
	work := t.TempDir()
	upstream, err := fixtures.Serve(generation(t, work, 0))
	must(t, err)
	defer upstream.Close()
	config, at := filepath.Join(work, "config.yaml"), webDir(g.URL+"/"+g.Bucket+"/el8")
	must(t, os.WriteFile(config, fmt.Appendf(nil, `store: %s/store
base-url: %s/flat
publish: { to: "s3://%s/el8", endpoint: "%s" }
keep: { grace: %s, max-delete: 100%% }
repos:
  r: { baseurl: "%s/" }
`, work, at, g.Bucket, g.URL, grace, upstream.URL), 0o644))
	flatstream(t, "run", "--config", config)

	done := make(chan struct{})
	var readers sync.WaitGroup
	var whole, late, installs atomic.Int64
	loop := func(count *atomic.Int64, read func() error) {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := read(); err != nil {
					t.Error(err)
					return
				}
				count.Add(1)
			}
		})
	}
	for _, dir := range []webDir{at + "/flat/default", at + "/mirror/r"} {
		loop(&whole, func() error { return readWhole(dir, 0) })
		loop(&late, func() error { return readWhole(dir, rand.N(pause)) })
	}
	root := t.TempDir()
	loop(&installs, func() error { return downloads(root, at, 0) })
	loop(&installs, func() error { return downloads(root, at, rand.N(pause)) })
	deleted := 0
	for n := 1; n <= nights; n++ {
		must(t, upstream.Switch(generation(t, work, n)))
		var report struct {
			Bucket struct {
				Published bool
				Deleted   int
			}
		}
		must(t, json.Unmarshal([]byte(flatstream(t, "--json", "run", "--config", config)), &report))
		if !report.Bucket.Published {
			t.Fatalf("night %d published nothing", n)
		}
		deleted += report.Bucket.Deleted
		time.Sleep(pause / 10)
	}
	close(done)
	readers.Wait()
	t.Logf("%d publications, %d objects deleted; %d whole readings, %d late ones, %d runs of dnf", nights, deleted, whole.Load(), late.Load(), installs.Load())
	if whole.Load() < int64(nights) || late.Load() == 0 || installs.Load() == 0 || nights == 50 && deleted == 0 {
		t.Error("hardly a reading, or nothing was ever deleted")
	}
}

// generation is an upstream in which a package came that goes with the one after the next.
func generation(t *testing.T, work string, n int) (dir string) {
	t.Helper()
	dir = filepath.Join(work, fmt.Sprint("upstream", n))
	repo, err := fixtures.Parse(fmt.Sprintf("package stay 1-1 noarch\npackage g%d 1+1-1 noarch\npackage g%d 1+1-1 noarch\n", n, n+1))
	must(t, err)
	must(t, repo.Write(dir, fixtures.Options{Time: int64(fixtures.Epoch + n)}))
	return dir
}

// downloads lets dnf fetch the packages that come and go, by the metadata that it read a
// pause before.
func downloads(root string, at webDir, pause time.Duration) error {
	root, err := os.MkdirTemp(root, "")
	if err != nil {
		return err
	}
	run := func(args ...string) error {
		args = append([]string{"-y", "--noplugins", "--installroot=" + root, "--releasever=8", "--forcearch=x86_64", "--setopt=reposdir=" + root, "--setopt=cachedir=" + root + "/cache",
			"--setopt=module_platform_id=platform:el8", "--setopt=metadata_expire=never", "--repofrompath=r," + string(at) + "/flat/default/", "--setopt=r.gpgcheck=0"}, args...)
		if out, err := exec.Command("dnf", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("dnf %s: %w\n%s", strings.Join(args, " "), err, out)
		}
		return nil
	}
	if err := run("makecache"); err != nil {
		return err
	}
	time.Sleep(pause)
	return run("install", "--downloadonly", "stay", "g*")
}
