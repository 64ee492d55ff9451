package repofile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flatstream/repodata/digest"
)

func TestRealMirrorlists(t *testing.T) {
	for name, want := range map[string][]string{
		"mirrorlist_01": {"http://foo.bar/fedora/linux/"}, "mirrorlist_02": nil, "mirrorlist_03": nil,
	} {
		f, err := os.Open(shared(t, "mirrorlist", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got, err := ParseMirrorlist(f, false)
		if !slices.Equal(got, want) || errors.Is(err, ErrNoMirrors) != (want == nil) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestMirrorlistsTakeNoStrangeURLs(t *testing.T) {
	const text = "file:///etc/\n/etc\nftp://h/\nhttp://u:p@h/\nhttp:///x\njavascript:x\nhttps://ok/\nhttps://ok/\n"
	if got, err := ParseMirrorlist(strings.NewReader(text), false); err != nil || !slices.Equal(got, []string{"https://ok/"}) {
		t.Errorf("remote: %q, %v", got, err)
	}
	if got, err := ParseMirrorlist(strings.NewReader(text), true); err != nil || !slices.Equal(got, []string{"file:///etc/", "/etc", "https://ok/"}) {
		t.Errorf("local: %q, %v", got, err)
	}
	if _, err := ParseMirrorlist(strings.NewReader(strings.Repeat("http://h/\n", MaxList/10+1)), false); err == nil || errors.Is(err, ErrNoMirrors) {
		t.Errorf("over the cap: %v", err)
	}
	_, err := ParseMirrorlist(strings.NewReader("Invalid release/repo/arch combination\n"), false)
	if !errors.Is(err, ErrNoMirrors) || !strings.Contains(err.Error(), "Invalid release/repo/arch") {
		t.Errorf("the server's explanation is lost: %v", err)
	}
}

func TestRealMetalinks(t *testing.T) {
	for name, c := range map[string]struct {
		urls, states, warnings int
		first                  string
		noMirrors, bad         bool
	}{
		"metalink_good_01":         {urls: 49, states: 1, first: "http://mirror.pnl.gov/fedora/linux/releases/17/Everything/x86_64/os/"},
		"metalink_good_02":         {urls: 2, states: 1, first: "http://mirrors.syringanetworks.net/fedora/releases/17/Everything/x86_64/os/"},
		"metalink_good_03":         {noMirrors: true},
		"metalink_bad_01":          {urls: 1, states: 1, warnings: 5, first: "http://mirror.pnl.gov/fedora/linux/releases/17/Everything/x86_64/os/"},
		"metalink_bad_02":          {noMirrors: true},
		"metalink_really_bad_01":   {bad: true},
		"metalink_really_bad_02":   {bad: true},
		"metalink_really_bad_03":   {bad: true},
		"metalink_with_alternates": {urls: 76, states: 2, first: "http://www.mirrorservice.org/sites/dl.fedoraproject.org/pub/fedora/linux/updates/19/x86_64/"},
	} {
		f, err := os.Open(filepath.Join(shared(t, "metalink"), name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		m, err := ParseMetalink(f, false)
		if c.bad || c.noMirrors {
			if err == nil || errors.Is(err, ErrNoMirrors) != c.noMirrors {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(m.BaseURLs) != c.urls || len(m.Accepted) != c.states || len(m.Warnings) != c.warnings || m.BaseURLs[0] != c.first {
			t.Errorf("%s: %d mirrors from %s, %d states, warnings %q", name, len(m.BaseURLs), m.BaseURLs[0], len(m.Accepted), m.Warnings)
		}
	}
}

func TestMetalinkKnowsItsRepomd(t *testing.T) {
	now, before := []byte("<repomd>today</repomd>"), []byte("<repomd>yesterday</repomd>")
	text := `<metalink xmlns="http://www.metalinker.org/"><files><file name="repomd.xml"><size>22</size>
<verification><hash type="md5">00000000000000000000000000000000</hash><hash type="sha256">` + digest.OfBytes(now).Hex + `</hash></verification>
<alternates><alternate><verification><hash type="sha256">` + digest.OfBytes(before).Hex + `</hash></verification></alternate></alternates>
<resources><url preference="1">http://a/repodata/repomd.xml</url><url preference="90">https://b/x/repodata/repomd.xml</url>
<url preference="100">file:///etc/repodata/repomd.xml</url><url preference="95">http://c/other.xml</url></resources></file></files></metalink>`
	m, err := ParseMetalink(strings.NewReader(text), false)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.BaseURLs, []string{"https://b/x/", "http://a/"}) {
		t.Errorf("mirrors %q", m.BaseURLs)
	}
	if m.Check(now) != nil || m.Check(before) != nil || m.Check([]byte("other")) == nil {
		t.Errorf("today %v, yesterday %v, another %v", m.Check(now), m.Check(before), m.Check([]byte("other")))
	}
	if !m.Accepted[0].Is(now) || m.Accepted[0].Is(before) {
		t.Error("the first state is not today's")
	}
}

func TestAttackForgedMetalink(t *testing.T) {
	for name, text := range map[string]string{
		"endless":    "<metalink>" + strings.Repeat("<files>", MaxList),
		"entities":   `<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><metalink><files><file name="&b;"/></files></metalink>`,
		"not XML":    "404 page not found",
		"other root": "<html/>",
	} {
		if _, err := ParseMetalink(strings.NewReader(text), false); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func FuzzMetalink(f *testing.F) {
	f.Add([]byte(`<metalink><files><file name="repomd.xml"><resources><url>http://a/repodata/repomd.xml</url></resources></file></files></metalink>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMetalink(strings.NewReader(string(b)), false)
		if err != nil {
			return
		}
		_ = m.Check(b)
		for _, u := range m.BaseURLs {
			if !strings.HasPrefix(strings.ToLower(u), "http") {
				t.Errorf("%q is taken as a mirror", u)
			}
		}
	})
}

func FuzzMirrorlist(f *testing.F) {
	f.Add("# c\nhttp://h/\n")
	f.Fuzz(func(t *testing.T, text string) {
		urls, err := ParseMirrorlist(strings.NewReader(text), false)
		if (err == nil) != (len(urls) > 0) {
			t.Errorf("%q and %v", urls, err)
		}
		for _, u := range urls {
			if !strings.HasPrefix(strings.ToLower(u), "http") {
				t.Errorf("%q is taken as a mirror", u)
			}
		}
	})
}
