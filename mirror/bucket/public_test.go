package bucket

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"flatstream/repodata/digest"
)

// What a bucket's own words say is what is redirected to; where they cannot be trusted
// nothing is, and the operator hears of it once.
func TestPublic(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	snapshot(t, s, night1, 0, merged(aRepo("mirror/r", "one", "a+b.rpm", "c.rpm"), map[string]string{"flat/d/other-name.rpm": "package c.rpm"}))
	l, opt := at(t, "p"), Options{Endpoint: g.url, MaxDelete: 1, Grace: time.Hour}
	_, err := Publish(t.Context(), s, l, opt)
	must(t, err)
	var said []string
	p, err := OpenPublic(t.Context(), g.url+"/"+testBucket+"/p/", func(text string) { said = append(said, text) })
	must(t, err)
	find := func(path, content string, size int) string {
		t.Helper()
		p.next = time.Time{} // ask anew
		var sum digest.Checksum
		if content != "" {
			sum = digest.OfBytes([]byte(content))
		}
		return strings.TrimPrefix(p.Find(t.Context(), path, sum, int64(size)), g.url+"/"+testBucket+"/p/")
	}
	check := func(when string, want map[[2]string]string) {
		t.Helper()
		for q, to := range want {
			if got := find(q[0], q[1], len(q[1])); got != to {
				t.Errorf("%s: %q: %q, want %q", when, q, got, to)
			}
		}
	}
	const ab = "mirror/r/Packages/a%2Bb.rpm"
	asked := [2]string{"mirror/r/Packages/a+b.rpm", "package a+b.rpm"}
	check("published", map[[2]string]string{
		asked:                             ab,
		{"elsewhere", "package a+b.rpm"}:  ab, // by content
		{"mirror/r/Packages/a+b.rpm", ""}: ab, // by name
		{"mirror/r/Packages/a+b.rpm", "another generation"}: "",
		{"mirror/r/Packages/no.rpm", ""}:                    "",
		{"mirror/r/repodata/repomd.xml", ""}:                "",
		{"flat/d/other-name.rpm", "package c.rpm"}:          "flat/d/other-name.rpm",
	})
	if got := find(asked[0], asked[1], 3); got != "" {
		t.Errorf("another size: %s", got)
	}

	r, err := open(t.Context(), l, opt)
	must(t, err)
	put := func(path string, doc []byte) {
		t.Helper()
		_, err := r.putBytes(t.Context(), path, doc, "", cond{})
		must(t, err)
	}
	state, err := r.readState(t.Context())
	must(t, err)
	good, _, err := r.getBytes(t.Context(), stateName, maxDoc)
	must(t, err)
	manifest, _, err := r.getBytes(t.Context(), manifestPrefix+state.Manifest, maxManifest)
	must(t, err)
	for name, break_ := range map[string]func(){
		"a newer version": func() { put(stateName, []byte(`{"schema":2}`)) },
		"no state":        func() { must(t, r.remove(t.Context(), []string{stateName})) },
		"no manifest": func() {
			must(t, r.remove(t.Context(), []string{manifestPrefix + state.Manifest}))
			put(stateName, good)
		},
		"a manifest cut off":    func() { put(manifestPrefix+state.Manifest, manifest[:len(manifest)-3]); put(stateName, good) },
		"an object taken out":   func() { must(t, r.remove(t.Context(), []string{asked[0]})) },
		"an object overwritten": func() { put(asked[0], []byte("other")) },
		"in the middle of a publication": func() {
			unfinished := state
			unfinished.Unfinished = true
			doc, err := json.Marshal(unfinished)
			must(t, err)
			intent, err := encodeItems([]item{{path: asked[0], sum: digest.OfBytes(nil)}})
			must(t, err)
			put(intentName, intent)
			put(stateName, doc)
		},
	} {
		must(t, r.remove(t.Context(), []string{intentName}))
		break_()
		p.etag = "" // as a server that was just started
		check(name, map[[2]string]string{asked: ""})
		put(manifestPrefix+state.Manifest, manifest)
		put(stateName, good)
		sum := digest.OfBytes([]byte(asked[1]))
		_, err := r.put(t.Context(), asked[0], bytes.NewReader([]byte(asked[1])), int64(len(asked[1])), header{sum: sum, sha256: sum}, cond{})
		must(t, err)
		check("after "+name, map[[2]string]string{asked: ab})
	}
	unfinished := state
	unfinished.Unfinished = true
	doc, err := json.Marshal(unfinished)
	must(t, err)
	must(t, r.remove(t.Context(), []string{intentName}))
	put(stateName, doc)
	p.etag = ""
	check("when only the last word is missing", map[[2]string]string{asked: ab})
	if len(said) == 0 || len(said)%2 != 0 || !strings.Contains(said[0], "nothing is redirected to") {
		t.Errorf("%q", said)
	}
}

func TestPublicAddresses(t *testing.T) {
	for text, ok := range map[string]bool{
		"https://cdn.example.org/el8": true, "http://x:80": true, "s3://bucket/x": false, "": false, "/el8": false,
		"https://u:secret@x/": false, "https://x/?token=secret": false, "https://x/#a": false, "https:///x": false,
	} {
		err := CheckPublic(text)
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := OpenPublic(t.Context(), "ftp://x", func(string) {}); err == nil {
		t.Error("ftp is taken")
	}
	var said string
	p, err := OpenPublic(t.Context(), "http://127.0.0.1:1/x", func(text string) { said = text })
	must(t, err)
	if p.Find(t.Context(), "a.rpm", digest.Checksum{}, 0) != "" || !strings.Contains(said, "refused") {
		t.Errorf("%q", said)
	}
}
