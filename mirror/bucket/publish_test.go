package bucket

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

func newStore(t testing.TB) *tree.Tree {
	t.Helper()
	s, err := tree.Open(filepath.Join(t.TempDir(), "store"))
	must(t, err)
	unlock, err := s.Lock()
	must(t, err)
	t.Cleanup(func() { _ = unlock(); _ = s.Close() })
	return s
}

// snapshot publishes paths and contents in a store.
func snapshot(t testing.TB, s *tree.Tree, now time.Time, grace time.Duration, content map[string]string) string {
	t.Helper()
	stage, err := s.NewStage()
	must(t, err)
	for p, text := range content {
		c := digest.OfBytes([]byte(text))
		w, err := s.CreateObject(c, int64(len(text)), night1.Unix())
		must(t, err)
		_, err = w.Write([]byte(text)[w.Offset():])
		must(t, errors.Join(err, w.Commit(), stage.Link(p, c, int64(len(text)))))
	}
	must(t, stage.CarryGrace(now, grace))
	name, err := stage.Publish(now)
	must(t, err)
	return name
}

// aRepo is a repository in which repomd.xml lists, one a line, the files that a client
// asks for next.
func aRepo(dir, generation string, packages ...string) map[string]string {
	r := map[string]string{}
	primary := "primary of " + generation
	index := "repodata/" + digest.OfBytes([]byte(primary)).Hex + "-primary.xml.gz"
	r[dir+"/"+index] = primary
	list := []string{index}
	for _, p := range packages {
		r[dir+"/Packages/"+p] = "package " + p
		list = append(list, "Packages/"+p)
	}
	r[dir+"/repodata/repomd.xml"] = generation + "\n" + strings.Join(list, "\n")
	r[dir+"/repodata/repomd.xml.asc"] = "signature of " + generation
	return r
}

func merged(all ...map[string]string) map[string]string {
	m := map[string]string{}
	for _, one := range all {
		maps.Copy(m, one)
	}
	return m
}

func at(t testing.TB, prefix string) Location {
	t.Helper()
	l, err := ParseLocation("s3://" + testBucket + "/" + prefix)
	must(t, err)
	return l
}

// holds checks that a prefix shows exactly a content, and no rest of ours beside the
// state and its manifest.
func holds(t testing.TB, g *gateway, prefix string, content map[string]string) {
	t.Helper()
	for _, complaint := range differences(t, g, prefix, content) {
		t.Error(complaint)
	}
}

func differences(t testing.TB, g *gateway, prefix string, content map[string]string) (list []string) {
	t.Helper()
	keys := g.keys(t, prefix+"/")
	for p, text := range content {
		key := prefix + "/" + p
		if got, _, code, err := g.read(key); err != nil || got != text || code != 200 {
			list = append(list, fmt.Sprintf("%s: %d %.60q %v, want %.60q", key, code, got, err, text))
		}
		delete(keys, key)
	}
	for key := range keys {
		if key != prefix+"/"+stateName && !strings.HasPrefix(key, prefix+"/"+manifestPrefix) {
			list = append(list, key+" is left over")
		}
	}
	if n := len(g.keys(t, prefix+"/"+manifestPrefix)); n != 1 {
		list = append(list, fmt.Sprintf("%d manifests", n))
	}
	return list
}

func TestPublishFollowsTheStore(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	p := startProxy(t, g, func(int, *http.Request) fate { return pass })
	big := strings.Repeat("big package ", 20000)
	first := merged(aRepo("mirror/baseos", "one", "a.rpm", "b+c.rpm"), aRepo("flat/default", "one", "a.rpm"),
		map[string]string{"mirror/baseos/Packages/big.rpm": big, "flat/default/Packages/big.rpm": big, "index.html": "<p>"})
	snapshot(t, s, night1, 0, first)
	opt := Options{Endpoint: p.URL, Now: night1, Grace: 72 * time.Hour, MaxDelete: 1}
	r, err := Publish(t.Context(), s, at(t, "el8"), opt)
	must(t, err)
	if !r.Published || r.Copied != 3 || r.Uploaded != len(first)-3 || r.Files != len(first) {
		t.Errorf("first: %+v", r)
	}
	holds(t, g, "el8", first)

	// Nothing new: one request, of one small object.
	before := p.n.Load()
	r, err = Publish(t.Context(), s, at(t, "el8"), opt)
	must(t, err)
	if n := p.n.Load() - before; r.Published || n != 1 {
		t.Errorf("unchanged: %d requests, %+v", n, r)
	}

	// A night later b+c.rpm is gone upstream. Its file stays for grace, then goes.
	second := merged(aRepo("mirror/baseos", "two", "a.rpm", "d.rpm"), aRepo("flat/default", "two", "a.rpm"), map[string]string{"index.html": "<p>2"})
	snapshot(t, s, night1.Add(24*time.Hour), 0, second)
	opt.Now = night1.Add(24 * time.Hour)
	r, err = Publish(t.Context(), s, at(t, "el8"), opt)
	must(t, err)
	holds(t, g, "el8", merged(first, second))
	if r.Deleted != 0 {
		t.Errorf("second: %+v", r)
	}
	opt.Now = opt.Now.Add(73 * time.Hour)
	tight := opt
	tight.MaxDelete = 0.01
	r, err = Publish(t.Context(), s, at(t, "el8"), tight)
	must(t, err)
	if len(r.Warnings) != 1 || r.Deleted != 0 {
		t.Errorf("guard: %+v", r)
	}
	r, err = Publish(t.Context(), s, at(t, "el8"), opt)
	must(t, err)
	if r.Deleted != 5 || r.Uploaded != 0 {
		t.Errorf("prune: %+v", r)
	}
	holds(t, g, "el8", second)

	// A tag is a prefix of its own, and a rollback a publication: both are copied, or there.
	_, err = Publish(t.Context(), s, at(t, "el8/tags/ga"), Options{Endpoint: p.URL, Snapshot: "20260301", CopyFrom: []Location{at(t, "el8")}, Now: opt.Now})
	must(t, err)
	holds(t, g, "el8/tags/ga", first)
}

func TestHeaders(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	content := merged(aRepo("r", "one", "a.rpm"), map[string]string{"r/x.repo": "[r]", "index.html": "<p>"})
	snapshot(t, s, night1, 0, content)
	_, err := Publish(t.Context(), s, at(t, "p"), Options{Endpoint: g.url})
	must(t, err)
	for p := range content {
		want := [2]string{"text/html; charset=utf-8", "no-cache"}
		switch {
		case strings.HasSuffix(p, ".rpm"):
			want = [2]string{"application/x-rpm", "public, max-age=86400"}
		case strings.HasSuffix(p, ".gz"):
			want = [2]string{"application/gzip", "public, max-age=31536000, immutable"}
		case strings.HasSuffix(p, ".xml"):
			want = [2]string{"application/xml", "no-cache"}
		case strings.HasSuffix(p, ".asc"):
			want = [2]string{"application/pgp-signature", "no-cache"}
		case strings.HasSuffix(p, ".repo"):
			want = [2]string{"text/plain; charset=utf-8", "no-cache"}
		}
		_, head, _, err := g.read("p/" + p)
		must(t, err)
		if got := [2]string{head.Get("Content-Type"), head.Get("Cache-Control")}; got != want {
			t.Errorf("%s: %q, want %q", p, got, want)
		}
	}
}

// Damaged bytes on the store's disk are refused by the server, which has the checksum.
func TestDamageIsNotUploaded(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	name := snapshot(t, s, night1, 0, aRepo("r", "one", "a.rpm"))
	snap, err := s.Snapshot(name)
	must(t, err)
	damage(t, filepath.Join(snap.Dir, "r/Packages/a.rpm"))
	_, err = Publish(t.Context(), s, at(t, "p"), Options{Endpoint: g.url})
	e, ok := errors.AsType[*RequestError](err)
	if !ok || !strings.Contains(e.Hint(), "fsck") {
		t.Errorf("%v", err)
	}
	if _, _, code, _ := g.read("p/r/repodata/repomd.xml"); code == 200 {
		t.Error("repomd.xml is there all the same")
	}
}

func TestItemsComeBack(t *testing.T) {
	items := []item{
		{"b/x y", 3, digest.OfBytes([]byte("1")), "tag-2", 0},
		{"a", 0, digest.OfBytes(nil), "", 1700000000},
	}
	doc, err := encodeItems(slices.Clone(items))
	must(t, err)
	got, err := decodeItems(doc)
	must(t, err)
	if !slices.Equal(got, []item{items[1], items[0]}) {
		t.Errorf("%+v", got)
	}
	for n := range doc {
		if _, err := decodeItems(doc[:n]); err == nil {
			t.Fatalf("a manifest cut after %d bytes is taken for whole", n)
		}
	}
	if again, _ := encodeItems(got); !bytes.Equal(doc, again) {
		t.Error("the same items give other bytes")
	}
}

func TestLocations(t *testing.T) {
	for text, want := range map[string]string{
		"s3://bucket": "s3://bucket/", "s3://my.bucket/a/b/": "s3://my.bucket/a/b", "s3://bucket/el8+x": "s3://bucket/el8+x",
		"http://bucket/x": "", "s3://B/x": "", "s3://key:secret@bucket/x": "", "s3://bucket//x": "", "s3://bucket/../x": "", "s3://bucket/a b": "", "s3://bucket/.flatstream": "",
	} {
		l, err := ParseLocation(text)
		if (err == nil) != (want != "") || err == nil && l.String() != want {
			t.Errorf("%s: %v, %v", text, l, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}
}

func TestCheckAndMend(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	content := aRepo("r", "one", "a.rpm", "b.rpm", "c.rpm")
	snapshot(t, s, night1, 0, content)
	opt, l := Options{Endpoint: g.url, MaxDelete: 1}, at(t, "p")
	_, err := Publish(t.Context(), s, l, opt)
	must(t, err)
	c, err := Check(t.Context(), l, opt)
	must(t, err)
	if len(c.Damage) != 0 || c.Objects != len(content) {
		t.Errorf("a good prefix: %+v", c)
	}
	r, err := open(t.Context(), l, opt)
	must(t, err)
	must(t, r.remove(t.Context(), []string{"r/Packages/a.rpm"}))
	for _, p := range []string{"r/Packages/b.rpm", "r/repodata/repomd.xml"} { // other bytes that say they are the right ones
		text := []byte(strings.Repeat("x", len(content[p])))
		_, err = r.put(t.Context(), p, bytes.NewReader(text), int64(len(text)), header{sum: digest.OfBytes([]byte(content[p])), sha256: digest.OfBytes(text)}, cond{})
		must(t, err)
	}
	_, err = r.putBytes(t.Context(), "r/Packages/c.rpm", []byte("short"), "", cond{})
	must(t, err)
	c, err = Check(t.Context(), l, opt)
	must(t, err)
	var got []string
	for _, d := range c.Damage {
		got = append(got, d.Code+" "+d.Path)
	}
	if want := "missing-object r/Packages/a.rpm, bad-object r/Packages/b.rpm, bad-object r/Packages/c.rpm, bad-object r/repodata/repomd.xml"; strings.Join(got, ", ") != want {
		t.Errorf("%q", got)
	}
	must(t, c.Mend(t.Context(), s, l, opt))
	holds(t, g, "p", content)
}

// A large file goes up in parts, and an alias as copies of what it leads to.
func TestPartsAndAliases(t *testing.T) {
	if testing.Short() {
		t.Skip("a large file is left out of short tests")
	}
	g, s := startGateway(t), newStore(t)
	large := strings.Repeat("0123456789abcdef", maxSingle/16+1000)
	stage, err := s.NewStage()
	must(t, err)
	c := digest.OfBytes([]byte(large))
	w, err := s.CreateObject(c, int64(len(large)), 0)
	must(t, err)
	_, err = w.Write([]byte(large))
	must(t, errors.Join(err, w.Commit(), stage.Link("flat/el8/large.rpm", c, int64(len(large))), stage.Symlink("flat/el8", "koji/latest")))
	_, err = stage.Publish(night1)
	must(t, err)
	r, err := Publish(t.Context(), s, at(t, "p"), Options{Endpoint: g.url})
	must(t, err)
	if r.Uploaded != 1 || r.Copied != 1 {
		t.Errorf("%+v", r)
	}
	holds(t, g, "p", map[string]string{"flat/el8/large.rpm": large, "koji/latest/large.rpm": large})
}

func TestLimitRate(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	snapshot(t, s, night1, 0, map[string]string{"r/a.rpm": strings.Repeat("a", 150_000), "r/b.rpm": strings.Repeat("b", 150_000)})
	begun := time.Now()
	_, err := Publish(t.Context(), s, at(t, "p"), Options{Endpoint: g.url, LimitRate: 300_000})
	must(t, err)
	if took := time.Since(begun); took < 700*time.Millisecond { // a burst of 64 KiB is free
		t.Errorf("300,000 bytes at 300,000 bytes per second take %v", took)
	}
}

// AWS takes a plain + in a URL's path for a blank: with PlusCopies both names are there,
// and a prefix that was published without them is not up to date.
func TestPlusCopies(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	content := aRepo("r", "one", "gcc-c++-8.module+el8.rpm", "a.rpm")
	snapshot(t, s, night1, 0, content)
	opt := Options{Endpoint: g.url, MaxDelete: 1}
	_, err := Publish(t.Context(), s, at(t, "p"), opt)
	must(t, err)
	opt.PlusCopies = true
	r, err := Publish(t.Context(), s, at(t, "p"), opt)
	must(t, err)
	if r.Uploaded != 0 || r.Copied != 1 {
		t.Errorf("%+v", r)
	}
	if text, _, code, err := g.read("p/r/Packages/gcc-c%20%20-8.module%20el8.rpm"); code != 200 || text != content["r/Packages/gcc-c++-8.module+el8.rpm"] {
		t.Errorf("%d %q %v", code, text, err)
	}
	c, err := Check(t.Context(), at(t, "p"), opt)
	must(t, err)
	if len(c.Damage) > 0 || c.Objects != len(content)+1 {
		t.Errorf("%+v", c)
	}
}

// What a snapshot promises and its store does not have is copied from where the bucket has
// it; where it is nowhere, nothing is changed.
func TestPublishOnDemand(t *testing.T) {
	g, full, edge := startGateway(t), newStore(t), newStore(t)
	content := aRepo("r", "one", "a.rpm", "b.rpm")
	snapshot(t, full, night1, 0, content)
	_, err := Publish(t.Context(), full, at(t, "full"), Options{Endpoint: g.url})
	must(t, err)
	stage, err := edge.NewStage()
	must(t, err)
	for p, text := range content {
		if strings.HasSuffix(p, ".rpm") {
			must(t, stage.Promise(p, digest.OfBytes([]byte(text)), int64(len(text)), "http://upstream.example.org/"+p))
		} else {
			must(t, stage.WriteFile(p, []byte(text)))
		}
	}
	_, err = stage.Publish(night1)
	must(t, err)
	opt := Options{Endpoint: g.url}
	for _, dry := range []bool{true, false} {
		opt.DryRun = dry
		_, err = Publish(t.Context(), edge, at(t, "edge"), opt)
		if e, ok := errors.AsType[*OnDemandError](err); !ok || e.Missing != 2 {
			t.Errorf("%v", err)
		}
	}
	if keys := g.keys(t, "edge/"); len(keys) != 0 {
		t.Errorf("%v", keys)
	}
	opt.CopyFrom = []Location{at(t, "full")}
	r, err := Publish(t.Context(), edge, at(t, "edge"), opt)
	must(t, err)
	if r.Copied < 2 {
		t.Errorf("%+v", r)
	}
	holds(t, g, "edge", content)
	_, err = Publish(t.Context(), edge, at(t, "full"), Options{Endpoint: g.url, MaxDelete: 1}) // it is there already
	must(t, err)
	holds(t, g, "full", content)
}
