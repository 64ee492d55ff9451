package serve_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/mirror/tree"
	"flatstream/repodata"
	"flatstream/repodata/codec"
)

// reader is a client that knows what a whole repository is.
type reader struct {
	base  string // of the repository
	http  *http.Client
	asked *atomic.Int64
}

// get reads a file that must be there, and have the checksum unless it is empty.
func (r reader) get(path, sum string) ([]byte, error) {
	r.asked.Add(1)
	resp, err := r.http.Get(r.base + path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(b)); resp.StatusCode != http.StatusOK || sum != "" && got != sum {
		return nil, fmt.Errorf("%s: %s, %d bytes, checksum %s, want %s", path, resp.Status, len(b), got, sum)
	}
	return b, nil
}

// begin reads repomd.xml, finish all that it leads to.
func (r reader) begin() (*repodata.RepoMD, error) {
	b, err := r.get("repodata/repomd.xml", "")
	if err != nil {
		return nil, err
	}
	return repodata.ParseRepoMD(b)
}

var packageEntry = regexp.MustCompile(`(?s)<package .*? ver="([^"]*)".*?<checksum [^>]*>([0-9a-f]+)<.*?<location href="([^"]*)"/>`)

func (r reader) finish(md *repodata.RepoMD) error {
	for _, rec := range md.Records {
		b, err := r.get(rec.Location, rec.Checksum.Hex)
		if err != nil {
			return fmt.Errorf("revision %s: %w", md.Revision, err)
		}
		if rec.Type != repodata.TypePrimary {
			continue
		}
		if err := r.packages(md.Revision, b); err != nil {
			return fmt.Errorf("revision %s: %w", md.Revision, err)
		}
	}
	return nil
}

// packages reads every package of primary; each has the repository's revision as its
// version, but for one that never changes.
func (r reader) packages(revision string, primary []byte) error {
	entries := packageEntry.FindAllSubmatch(unpacked(primary), -1)
	if len(entries) != 4 {
		return fmt.Errorf("%d packages, want 4", len(entries))
	}
	for _, e := range entries {
		if version := string(e[1]); version != revision && version != "always" {
			return fmt.Errorf("a package of version %s: the state is mixed", version)
		}
		if _, err := r.get(string(e[3]), string(e[2])); err != nil {
			return err
		}
	}
	return nil
}

func unpacked(b []byte) []byte {
	z, _, err := codec.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	defer z.Close()
	out, _ := io.ReadAll(z) // short: then packages are missing
	return out
}

// readDNF lets dnf install from the repository, with fresh metadata each time.
func readDNF(base, work string) error {
	out, err := exec.Command("dnf", "-y", "--noplugins", "--refresh", "--installroot="+work+"/root", "--releasever=8", "--forcearch=x86_64",
		"--setopt=reposdir="+work+"/none", "--setopt=cachedir="+work+"/cache", "--setopt=module_platform_id=platform:el8",
		"--repofrompath=r,"+base, "--setopt=r.gpgcheck=0", "--downloadonly", "install", "one", "always").CombinedOutput()
	if err != nil {
		return fmt.Errorf("dnf: %w\n%s", err, out)
	}
	return nil
}

// A snapshot is published again and again, and old ones are collected, while clients
// read through our server and through nginx, dnf among them. None sees an error or a
// mixture. One that stopped behind repomd.xml goes on a day later and finds everything.
func TestReadersDuringPublications(t *testing.T) {
	needTools(t, "dnf", "nginx")
	publications, requests, step := 8, int64(2000), 6*time.Hour
	if os.Getenv("FLATSTREAM_FULL") == "1" {
		publications, requests, step = 100, 100_000, time.Hour
	}
	if testing.Short() {
		requests = 200
	}
	s, err := tree.Open(filepath.Join(t.TempDir(), "store"))
	must(t, err)
	defer s.Close()
	unlock, err := s.Lock()
	must(t, err)
	defer unlock()
	bases := []string{start(t, s.Dir()).URL + "/r/", startNginx(t, s.Dir()) + "/r/"}
	clock := night1
	next := func(n int) {
		clock = clock.Add(step)
		repo, err := fixtures.Parse(fmt.Sprintf("package one %[1]d-1 x86_64\npackage two %[1]d-1 noarch\npackage three %[1]d-1 noarch\npackage always always-1 noarch\n", n))
		must(t, err)
		dir := filepath.Join(t.TempDir(), fmt.Sprint(n))
		must(t, repo.Write(dir, fixtures.Options{Revision: fmt.Sprint(n), Time: fixtures.Epoch + int64(n)}))
		publishDir(t, s, dir, clock, 72*time.Hour)
		_, err = s.Prune(3, 72*time.Hour, 1, clock, false)
		must(t, err)
	}
	next(0)

	var asked, installs atomic.Int64
	var failed sync.Map
	stop := make(chan struct{})
	var clients sync.WaitGroup
	loop := func(name string, read func() error) {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := read(); err != nil {
					failed.Store(name, err)
					return
				}
			}
		})
	}
	for i, base := range bases {
		for c := range 3 {
			r := reader{base, &http.Client{}, &asked}
			loop(fmt.Sprintf("client %d of server %d", c, i), func() error {
				md, err := r.begin()
				if err != nil {
					return err
				}
				return r.finish(md)
			})
		}
		work := t.TempDir()
		loop(fmt.Sprintf("dnf at server %d", i), func() error {
			installs.Add(1)
			return readDNF(base, work)
		})
	}
	type stopped struct {
		r  reader
		md *repodata.RepoMD
		at time.Time
	}
	var waiting []stopped
	late := 0
	for n := 1; n <= publications; n++ {
		for asked.Load() < requests*int64(n)/int64(publications) && empty(&failed) {
			time.Sleep(time.Millisecond)
		}
		for _, base := range bases {
			r := reader{base, &http.Client{}, &asked}
			md, err := r.begin()
			must(t, err)
			waiting = append(waiting, stopped{r, md, clock})
		}
		next(n)
		for len(waiting) > 0 && !clock.Before(waiting[0].at.Add(24*time.Hour)) {
			if err := waiting[0].r.finish(waiting[0].md); err != nil {
				t.Errorf("a client that goes on after %v: %v", clock.Sub(waiting[0].at), err)
			}
			late, waiting = late+1, waiting[1:]
		}
	}
	close(stop)
	clients.Wait()
	failed.Range(func(name, err any) bool {
		t.Errorf("%s: %v", name, err)
		return true
	})
	all, err := s.Snapshots()
	must(t, err)
	t.Logf("%d requests and %d runs of dnf during %d publications; %d clients went on a day later; %d snapshots are left",
		asked.Load(), installs.Load(), publications, late, len(all))
	if most := int(72*time.Hour/step) + 3; late == 0 || installs.Load() < 2 || len(all) > most {
		t.Error("too little happened to prove anything")
	}
}

func empty(m *sync.Map) bool {
	none := true
	m.Range(func(any, any) bool { none = false; return false })
	return none
}
