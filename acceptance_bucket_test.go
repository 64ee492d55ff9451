package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"flatstream/fixtures"
	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

// gateway starts an S3 server, and lets the program find its credentials.
func gateway(t *testing.T) *fixtures.Gateway {
	t.Helper()
	if path, err := fixtures.FindGateway(); err != nil {
		need(t, "versitygw "+path)
	}
	g, err := fixtures.StartGateway(t.TempDir(), t.TempDir())
	must(t, err)
	t.Cleanup(g.Close)
	for name, value := range g.Environ {
		t.Setenv(name, value)
	}
	t.Setenv("AWS_ENDPOINT_URL", g.URL)
	return g
}

// download reads a URL without credentials.
func download(url string) (text []byte, code int, err error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	return text, answer.StatusCode, err
}

// shows checks that a prefix has each file of a store's current snapshot.
func shows(t *testing.T, g *fixtures.Gateway, prefix, store string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(filepath.Join(store, "current"))
	must(t, err)
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		p := strings.TrimPrefix(name, dir+"/")
		if err != nil || d.IsDir() || p == tree.ManifestName {
			return err
		}
		want, err := os.ReadFile(name)
		must(t, err)
		got, code, err := download(g.URL + "/" + g.Bucket + "/" + prefix + "/" + strings.ReplaceAll(p, "+", "%2B"))
		if err != nil || code != 200 || string(got) != string(want) {
			t.Errorf("%s/%s: %d, %d bytes for %d, %v", prefix, p, code, len(got), len(want), err)
		}
		return nil
	}))
}

// A night ends in a bucket, and dnf installs from there over HTTP, with the .repo file
// that lies there too.
func TestNightInABucket(t *testing.T) {
	need(t, "dnf", "rpm")
	g := gateway(t)
	work := t.TempDir()
	first, second := nights(t, work)
	server, err := fixtures.Serve(first)
	must(t, err)
	defer server.Close()
	store, config := filepath.Join(work, "store"), filepath.Join(work, "config.yaml")
	at := g.URL + "/" + g.Bucket + "/el8"
	must(t, os.WriteFile(config, fmt.Appendf(nil, `store: %s
base-url: %s/flat
publish: { to: "s3://%s/el8", endpoint: "%s" }
repos:
  baseos:    { baseurl: "%[5]s/baseos/" }
  appstream: { baseurl: "%[5]s/appstream/" }
`, store, at, g.Bucket, g.URL, server.URL), 0o644))
	installs := func(name string) {
		t.Helper()
		reposdir, root := t.TempDir(), t.TempDir()
		text, code, err := download(at + "/flat/default/flatstream.repo")
		if err != nil || code != 200 {
			t.Fatalf("flatstream.repo: %d %v", code, err)
		}
		must(t, os.WriteFile(filepath.Join(reposdir, "flatstream.repo"), text, 0o644))
		dnf(t, root, reposdir, "install", name)
		runTool(t, "rpm", "--root", root, "-q", name)
	}
	flatstream(t, "run", "--config", config)
	shows(t, g, "el8", store)
	installs("nodejs")
	must(t, server.Switch(second))

	// The bucket cannot be written to: the night fails, and no secret is told.
	t.Setenv("AWS_SECRET_ACCESS_KEY", "a-wrong-secret-key")
	out, err := exec.Command("flatstream", "run", "--config", config).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "SignatureDoesNotMatch") || strings.Contains(string(out), "a-wrong-secret-key") {
		t.Errorf("with a wrong key: %v\n%s", err, out)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", g.Environ["AWS_SECRET_ACCESS_KEY"])

	// The next one, which finds nothing new upstream, makes up for it.
	if out := runTool(t, "flatstream", "run", "--config", config); !strings.Contains(out, "shows snapshot") {
		t.Errorf("the night after says %q", out)
	}
	shows(t, g, "el8", store)
	installs("nodejs")
	if out := runTool(t, "flatstream", "run", "--config", config); out != "" {
		t.Errorf("a night in which nothing happened says %q", out)
	}
	flatstream(t, "publish", store, "s3://"+g.Bucket+"/el8", "--check")
}

// Several machines publish different targets into one bucket, without a coordinator.
// Processes are killed again and again; each prefix ends as it should.
func TestPublishersKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills are left out of short tests")
	}
	g := gateway(t)
	work := t.TempDir()
	night, _ := nights(t, work)
	rounds := kills() / 10
	if rounds > 5 {
		rounds = 80
	}
	large := largeUpstream(t, work)
	var all sync.WaitGroup
	for n := range 3 {
		store := filepath.Join(work, fmt.Sprintf("store%d", n))
		flatstream(t, "sync", "--store", store, "baseos="+night+"/baseos", fmt.Sprintf("appstream%d=%s/appstream", n, night))
		if n == 0 { // it goes up in parts
			flatstream(t, "sync", "--store", store, "baseos="+night+"/baseos", "large="+large)
		}
		all.Go(func() {
			to := fmt.Sprintf("s3://%s/target%d", g.Bucket, n)
			random := rand.New(rand.NewPCG(killSeed, uint64(n)))
			killed := 0
			for i := range rounds {
				args := []string{"-q", "publish", store, fmt.Sprintf("%s/%d", to, i/3), "--copy-from", fmt.Sprintf("s3://%s/target%d/%d", g.Bucket, (n+1)%3, i/3)}
				cmd := exec.Command("flatstream", args...)
				if err := cmd.Start(); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Duration(10+random.IntN(400)) * time.Millisecond)
				_ = cmd.Process.Kill() // it may be done already
				if _, ok := errors.AsType[*exec.ExitError](cmd.Wait()); ok {
					killed++
				}
				if i%3 == 2 || i == rounds-1 {
					if out, err := exec.Command("flatstream", args...).CombinedOutput(); err != nil {
						t.Errorf("after the kills: %v\n%s", err, out)
					}
				}
			}
			t.Logf("target %d: killed %d of %d", n, killed, rounds)
		})
	}
	all.Wait()
	list, err := g.API.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &g.Bucket})
	must(t, err)
	if len(list.Uploads) > 0 {
		t.Errorf("%d uploads in parts are left", len(list.Uploads))
	}
	for n := range 3 {
		for i := range (rounds + 2) / 3 {
			store, prefix := filepath.Join(work, fmt.Sprintf("store%d", n)), fmt.Sprintf("target%d/%d", n, i)
			shows(t, g, prefix, store)
			flatstream(t, "publish", store, "s3://"+g.Bucket+"/"+prefix, "--check")
		}
	}
}

// filled makes a store with n packages of about size bytes.
func filled(t *testing.T, dir string, n, size int) {
	t.Helper()
	s, err := tree.Open(dir)
	must(t, err)
	defer s.Close()
	unlock, err := s.Lock()
	must(t, err)
	defer func() { must(t, unlock()) }()
	stage, err := s.NewStage()
	must(t, err)
	random := rand.NewChaCha8([32]byte{1})
	text := make([]byte, 2*size)
	for i := range n {
		content := text[:size/2+i%size]
		_, _ = random.Read(content) // never fails
		c := digest.OfBytes(content)
		w, err := s.CreateObject(c, int64(len(content)), 0)
		must(t, err)
		_, err = w.Write(content)
		must(t, errors.Join(err, w.Commit(), stage.Link(fmt.Sprintf("mirror/r/Packages/%03d/p%d.rpm", i%500, i), c, int64(len(content)))))
	}
	_, err = stage.Publish(time.Now())
	must(t, err)
}

// largeUpstream is a repository of one package of over 64 MiB.
func largeUpstream(t *testing.T, work string) string {
	t.Helper()
	dir, body := filepath.Join(work, "large"), make([]byte, 66<<20)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(body) // never fails
	primary := fmt.Appendf(nil, `<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="1"><package type="rpm">`+
		`<name>large</name><arch>noarch</arch><version epoch="0" ver="1" rel="1"/><checksum type="sha256" pkgid="YES">%s</checksum><time file="1700000000" build="1"/>`+
		`<size package="%d" installed="1" archive="1"/><location href="large-1-1.noarch.rpm"/><format/></package></metadata>`, digest.OfBytes(body).Hex, len(body))
	index := fmt.Appendf(nil, `<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision><data type="primary"><checksum type="sha256">%s</checksum>`+
		`<location href="repodata/primary.xml"/><timestamp>1</timestamp><size>%d</size></data></repomd>`, digest.OfBytes(primary).Hex, len(primary))
	must(t, os.MkdirAll(filepath.Join(dir, "repodata"), 0o755))
	for name, text := range map[string][]byte{"large-1-1.noarch.rpm": body, "repodata/primary.xml": primary, "repodata/repomd.xml": index} {
		must(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	return dir
}
