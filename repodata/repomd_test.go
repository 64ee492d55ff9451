package repodata

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// What createrepo_c wrote, read and written again, is what it was.
func TestRepoMDIsCreaterepos(t *testing.T) {
	for _, repo := range someRealRepos() {
		raw, err := os.ReadFile(filepath.Join(dataDir(t), repo, "repodata", "repomd.xml"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := ParseRepoMD(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Marshal(); !bytes.Equal(got, raw) {
			t.Errorf("%s: written again it differs:\n%s", repo, got)
		}
	}
}

const repomdRecord = `<data type="primary"><checksum type="sha256">` +
	`17c6f59779adfef76c2830c5f813d9652229fce972d58db8a0fcabbf701be36f</checksum>` +
	`<location href="repodata/primary.xml.gz"/><size>10</size></data>`

func repomd(records string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?><repomd xmlns="http://linux.duke.edu/metadata/repo">` + records + `</repomd>`)
}

func TestRepoMDRefuses(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"a location that leaves":  {"repodata/primary.xml.gz", "../../etc/passwd", `record "primary": location "../../etc/passwd" is refused: it leaves`},
		"an absolute location":    {"repodata/primary.xml.gz", "/etc/passwd", "absolute"},
		"an escaped location":     {"repodata/primary.xml.gz", "%2e%2e/x", ".."},
		"no location":             {`<location href="repodata/primary.xml.gz"/>`, "", "empty"},
		"no checksum":             {`<checksum type="sha256">17c6f59779adfef76c2830c5f813d9652229fce972d58db8a0fcabbf701be36f</checksum>`, "", "no checksum"},
		"a short checksum":        {"17c6", "17", "digits"},
		"an unknown algorithm":    {"sha256", "crc32", "crc32"},
		"a negative size":         {"<size>10", "<size>-1", `"-1" is not a size`},
		"a size out of range":     {"<size>10", "<size>99999999999999999999", "is not a size"},
		"no type":                 {`type="primary"`, "", "no type"},
		"another kind of file":    {"", "", ""},
		"a document that ends":    {"</data>", "", "XML"},
		"an entity that explodes": {"<size>10", "<size>&lol;", "entity"},
	} {
		doc := repomd(strings.Replace(repomdRecord, c.old, c.new, 1))
		if c.want == "" {
			doc, c.want = []byte("<html/>"), "<html>"
		}
		if _, err := ParseRepoMD(doc); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error that says %q", name, err, c.want)
		}
	}
	if _, err := ParseRepoMD(make([]byte, MaxRepoMD+1)); err == nil || !strings.Contains(err.Error(), "16 MiB") {
		t.Errorf("17 MiB: %v, want a refusal that names the limit", err)
	}
}

func TestRepoMDKeepsTagsAndBase(t *testing.T) {
	m := &RepoMD{Revision: "7 & 8", Tags: Tags{Content: []string{"binary-x86_64"}, Repo: []string{"Fedora"},
		Distro: []DistroTag{{"cpe:/o:fedoraproject:fedora:20", "Fedora 20"}}}}
	first, err := ParseRepoMD(repomd(repomdRecord))
	if err != nil {
		t.Fatal(err)
	}
	m.Records = first.Records
	m.Records[0].Base = "http://example.org/?a&b"
	again, err := ParseRepoMD(m.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	again.Raw = nil
	if !reflect.DeepEqual(again, m) {
		t.Errorf("got %+v\nwant %+v", again, m)
	}
}

// What parses, parses to the same once it is written, and names no file outside.
func FuzzRepoMD(f *testing.F) {
	f.Add(repomd(repomdRecord))
	f.Add(repomd(`<revision>1</revision><tags><distro cpeid="a">b</distro></tags>` + repomdRecord))
	f.Fuzz(func(t *testing.T, doc []byte) {
		m, err := ParseRepoMD(doc)
		if err != nil {
			return
		}
		for _, rec := range m.Records {
			if strings.Contains(rec.Location, "..") && CheckHref(rec.Location) != nil {
				t.Errorf("location %q went through", rec.Location)
			}
		}
		written := m.Marshal()
		again, err := ParseRepoMD(written)
		if err != nil {
			t.Fatalf("what was written does not parse: %v\n%s", err, written)
		}
		if !bytes.Equal(again.Marshal(), written) {
			t.Errorf("written twice it differs:\n%s\n%s", written, again.Marshal())
		}
	})
}
