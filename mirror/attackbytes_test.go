package mirror

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/repodata/digest"
)

// served is an upstream of the given files; what is not among them is endless.
func served(t *testing.T, files map[string][]byte) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b, ok := files[strings.TrimPrefix(r.URL.Path, "/")]; ok {
			_, _ = w.Write(b)
			return
		}
		endless(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// cheaply runs a sync that must fail with every word, publish nothing, receive fewer
// than so many bytes and allocate fewer than 200 MB.
func cheaply(t *testing.T, src Source, most int64, words ...string) {
	t.Helper()
	tr := store(t)
	runtime.GC()
	start, base := time.Now(), heap()
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for {
			select {
			case <-done:
				peak <- most
				return
			case <-time.After(5 * time.Millisecond):
				most = max(most, heap())
			}
		}
	}()
	sum, err := Sync(context.Background(), src, tr, Options{})
	close(done)
	used := max(<-peak, base) - base
	if err == nil || sum.Outcome != Failed {
		t.Errorf("%q: taken", words)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%.500v\ndoes not say %q", err, word)
		}
	}
	if sum.Bytes > most {
		t.Errorf("%q: %d bytes were read, more than %d", words, sum.Bytes, most)
	}
	if used > 640<<20 || time.Since(start) > 30*time.Second {
		t.Errorf("%q: %d MB of memory, %v", words, used>>20, time.Since(start))
	}
	if len(err.Error()) > 2000 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}

// heap is how many bytes objects take, garbage included.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// repomdOf lists one primary record.
func repomdOf(stored, open []byte, extra string) []byte {
	return fmt.Appendf(nil, `<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision><data type="primary"><checksum type="sha256">%s</checksum>`+
		`<location href="repodata/primary.xml"/><timestamp>1</timestamp><size>%d</size>%s</data></repomd>`, digest.OfBytes(stored).Hex, len(stored), extra)
}

func primaryOf(packages ...string) []byte {
	return fmt.Appendf(nil, `<?xml version="1.0"?><metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="%d">%s</metadata>`,
		len(packages), strings.Join(packages, ""))
}

// What has no size has a cap; what has one is read to one byte past it.
func TestAttackEndlessData(t *testing.T) {
	primary := primaryOf(pkg("a", href("x.rpm")))
	repomd := repomdOf(primary, primary, "")
	const slack = 8 << 20 // per try, in the buffers of a connection
	cheaply(t, at("r", served(t, nil)), 2*(16<<20+slack), "repomd.xml", "more than 16777216 bytes")
	for _, list := range []string{"metalink", "mirrorlist"} {
		src := at("r")
		src.Metalink, src.Mirrorlist = map[string]string{"metalink": served(t, nil)}[list], served(t, nil)
		cheaply(t, src, 2*(1<<20+slack), list, "more than 1048576 bytes")
	}
	src := checked(served(t, map[string][]byte{repomdPath: repomd}), keyFile(t, newKey(t, fixtures.KeyOptions{})))
	cheaply(t, src, 2*slack, "repomd.xml.asc", "more than 65536 bytes")
	cheaply(t, at("r", served(t, map[string][]byte{repomdPath: repomd})), slack, "primary.xml", "larger")
	cheaply(t, at("r", served(t, map[string][]byte{repomdPath: repomd, "repodata/primary.xml": primary})), slack, "x.rpm", "larger")
	huge := primaryOf(strings.Replace(pkg("a", href("x.rpm")), `package="3"`, `package="9000000000000000"`, 1))
	cheaply(t, at("r", served(t, map[string][]byte{repomdPath: repomdOf(huge, huge, ""), "repodata/primary.xml": huge})), slack, "MB free", "missing")
}

func gzipped(t *testing.T, n int64) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.Copy(z, io.LimitReader(zeros{}, n)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A record that is what its checksum says, and unpacks to more than it announces, or to
// one element without an end.
func TestAttackDecompressionBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("bombs are left out of short tests")
	}
	bomb := gzipped(t, 256<<20)
	for extra, says := range map[string]string{
		"<open-size>1000</open-size>": "1000",
		"":                            "primary",
	} {
		cheaply(t, at("r", served(t, map[string][]byte{repomdPath: repomdOf(bomb, nil, extra), "repodata/primary.xml": bomb})), 8<<20, says)
	}
	primary := primaryOf()
	other := fmt.Appendf(nil, `<data type="filelists"><checksum type="sha256">%s</checksum><location href="repodata/filelists.xml.gz"/><timestamp>1</timestamp><size>%d</size>`+
		`<open-size>1000</open-size></data></repomd>`, digest.OfBytes(bomb).Hex, len(bomb))
	repomd := bytes.Replace(repomdOf(primary, nil, ""), []byte("</repomd>"), other, 1)
	cheaply(t, at("r", served(t, map[string][]byte{repomdPath: repomd, "repodata/primary.xml": primary, "repodata/filelists.xml.gz": bomb})), 8<<20, "filelists", "1000")
}

func TestAttackXMLBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("bombs are left out of short tests")
	}
	laughs := `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">` + strings.Repeat(`<!ENTITY b "&a;&a;&a;&a;&a;&a;">`, 20) + `]>`
	cheaply(t, at("r", served(t, map[string][]byte{repomdPath: []byte(laughs + "<repomd><revision>&b;</revision></repomd>")})), 8<<20, "repomd.xml")
	deep := []byte("<repomd>" + strings.Repeat("<a>", 4_000_000))
	cheaply(t, at("r", served(t, map[string][]byte{repomdPath: deep})), 40<<20, "repomd.xml", "nest deeper than 100")
	for _, primary := range [][]byte{
		[]byte(laughs + `<metadata packages="1"><package><name>&b;</name></package></metadata>`),
		primaryOf(strings.Replace(pkg("a", href("x.rpm")), "<format/>", "<format>"+strings.Repeat("<x>", 1_000_000)+"</format>", 1)),
		primaryOf(`<package type="rpm"><name>` + strings.Repeat("a", 80<<20)),
	} {
		cheaply(t, at("r", served(t, map[string][]byte{repomdPath: repomdOf(primary, nil, ""), "repodata/primary.xml": primary})), 200<<20, "primary")
	}
	src := at("r")
	src.Metalink = served(t, map[string][]byte{"m": []byte(laughs + "<metalink>&b;</metalink>")}) + "/m"
	cheaply(t, src, 8<<20, "metalink")
}

// A package that is what its checksum says, and whose header announces 2^32-1 tags.
func TestAttackCraftedHeader(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{})
	lead := append([]byte("\xed\xab\xee\xdb\x03\x00"), make([]byte, 90)...)
	for _, counts := range [][2]uint32{{1<<32 - 1, 0}, {0, 1<<32 - 1}, {1<<32 - 1, 1<<32 - 1}, {1 << 28, 16}} {
		rpm := append(bytes.Clone(lead), "\x8e\xad\xe8\x01\x00\x00\x00\x00"...)
		rpm = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(rpm, counts[0]), counts[1])
		rpm = append(rpm, make([]byte, 1000)...)
		r := strings.NewReplacer(digest.OfBytes([]byte("rpm")).Hex, digest.OfBytes(rpm).Hex, `package="3"`, fmt.Sprintf(`package="%d"`, len(rpm)))
		primary := primaryOf(r.Replace(pkg("a", href("x.rpm"))))
		src := checked(served(t, map[string][]byte{repomdPath: repomdOf(primary, nil, ""), "repodata/primary.xml": primary, "x.rpm": rpm}), keyFile(t, key))
		src.RepoGPGCheck = false
		cheaply(t, src, 8<<20, "x.rpm")
	}
}

// Links that someone who can write into the store has planted lead nowhere outside.
func TestAttackSymlinkInTheTree(t *testing.T) {
	dir := small(t, fixtures.Options{}, two)
	up := upstream(t, dir)
	outside := t.TempDir()
	for _, planted := range []string{"objects", "objects/sha256", "snapshots", "state", "state/sync", "state/lock", "tags", "objects/sha256/XX", "current"} {
		tr := store(t)
		mustPublish(t, tr, at("r", up.URL))
		if planted == "objects/sha256/XX" {
			for p, sum := range content(t, dir) {
				if strings.HasSuffix(p, ".rpm") {
					planted = "objects/sha256/" + sum[:2]
				}
			}
		}
		place := filepath.Join(tr.Dir(), planted)
		if err := os.RemoveAll(place); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, place); err != nil {
			t.Fatal(err)
		}
		_, err := publish(t, tr, at("r", up.URL), at("again", dir))
		if got := content(t, outside); len(got) > 0 {
			t.Errorf("%s: %d files were written through it; %v", planted, len(got), err)
		}
	}
}

// Where a redirect leads decides no file's name.
func TestAttackPathTraversalByRedirect(t *testing.T) {
	dir := small(t, fixtures.Options{}, two)
	up := upstream(t, dir)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Disposition", `attachment; filename="../../../evil"`)
		if strings.HasSuffix(r.URL.Path, ".rpm") && !strings.HasPrefix(r.URL.Path, "/evil") {
			w.Header().Set("Location", "/evil/..%2f..%2f..%2fevil"+r.URL.Path)
			w.WriteHeader(http.StatusFound)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/evil/") {
			_, path, _ := strings.Cut(r.URL.Path, "/Packages")
			b, err := os.ReadFile(filepath.Join(dir, "Packages", path))
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(b)
			return
		}
		up.ServeHTTP(w, r)
	}))
	defer s.Close()
	tr := store(t)
	mustPublish(t, tr, at("r", s.URL))
	mustServe(t, tr, "mirror/r", dir)
	found, err := filepath.Glob(filepath.Join(filepath.Dir(tr.Dir()), "*"))
	if err != nil || len(found) != 1 {
		t.Errorf("beside the store there is %v, %v", found, err)
	}
	for p := range current(t, tr) {
		if strings.Contains(p, "evil") {
			t.Errorf("%s is named after a redirect", p)
		}
	}
}
