package mirror

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flatstream/mirror/repofile"
	"flatstream/repodata"
	"flatstream/repodata/digest"
)

// forged serves a repository whose primary holds the given <location> and
// checksum elements for packages of the body "rpm"; every record is honest.
func forged(t *testing.T, change func(repomd string) string, packages ...string) string {
	t.Helper()
	primary := `<?xml version="1.0"?><metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="` +
		fmt.Sprint(len(packages)) + `">` + strings.Join(packages, "") + `</metadata>`
	sum := sha256.Sum256([]byte(primary))
	repomd := fmt.Sprintf(`<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision><data type="primary"><checksum type="sha256">%x</checksum>`+
		`<location href="repodata/primary.xml"/><timestamp>1</timestamp><size>%d</size><open-size>%[2]d</open-size></data></repomd>`, sum, len(primary))
	if change != nil {
		repomd = change(repomd)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/"+repomdPath:
			_, _ = w.Write([]byte(repomd))
		case r.URL.Path == "/repodata/primary.xml":
			_, _ = w.Write([]byte(primary))
		case strings.HasSuffix(r.URL.Path, ".rpm"):
			_, _ = w.Write([]byte("rpm"))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// pkg is one <package> element of a three byte package.
func pkg(name, location string) string {
	return `<package type="rpm"><name>` + name + `</name><arch>noarch</arch><version epoch="0" ver="1" rel="1"/>` +
		`<checksum type="sha256" pkgid="YES">` + digest.OfBytes([]byte("rpm")).Hex + `</checksum><time file="1" build="1"/>` +
		`<size package="3" installed="1" archive="1"/>` + location + `<format/></package>`
}

func href(path string) string { return `<location href="` + path + `"/>` }

func TestAttackPathTraversal(t *testing.T) {
	for _, location := range []string{
		href("../../etc/cron.d/x.rpm"), href("/etc/x.rpm"), href("a/../../x.rpm"), href("a//x.rpm"), href("./x.rpm"),
		href("%2e%2e/x.rpm"), href("a\\x.rpm"), href("a&#9;x.rpm"), href(""), href(strings.Repeat("x", 300) + ".rpm"),
		href("repodata/repomd.xml"), href("repodata/primary.xml"),
		`<location xml:base="file:///etc" href="x.rpm"/>`, `<location xml:base="ftp://h/" href="x.rpm"/>`,
		`<location xml:base="http://u:s3cret@h/" href="x.rpm"/>`, `<location xml:base="/etc" href="x.rpm"/>`,
	} {
		tr := store(t)
		_, err := publish(t, tr, at("r", forged(t, nil, pkg("a", location))))
		if err == nil || current(t, tr) != nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", location, err)
		}
		if _, err := os.Stat(filepath.Join(tr.Dir(), "..", "etc")); err == nil {
			t.Errorf("%s left the store", location)
		}
	}
}

func TestHonestOdditiesAreTaken(t *testing.T) {
	base := forged(t, nil)
	for name, packages := range map[string][]string{
		"xml:base to a web server":  {pkg("a", `<location xml:base="`+base+`" href="x.rpm"/>`)},
		"one NEVRA at two places":   {pkg("a", href("x.rpm")), pkg("a", href("y.rpm"))},
		"the same entry twice":      {pkg("a", href("x.rpm")), pkg("a", href("x.rpm"))},
		"a name that needs escapes": {pkg("a", href("a+b^1~2 3#4.rpm"))},
	} {
		tr := store(t)
		rep, err := publish(t, tr, at("r", forged(t, nil, packages...)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if warned := len(rep.Repos[0].Warnings) > 0; warned != (strings.HasPrefix(name, "xml:base") || strings.HasPrefix(name, "one NEVRA")) {
			t.Errorf("%s: warnings %q", name, rep.Repos[0].Warnings)
		}
	}
}

func TestOneLocationWithTwoChecksumsIsRefused(t *testing.T) {
	other := strings.Replace(pkg("b", href("x.rpm")), digest.OfBytes([]byte("rpm")).Hex, digest.OfBytes([]byte("RPM")).Hex, 1)
	if _, err := publish(t, store(t), at("r", forged(t, nil, pkg("a", href("x.rpm")), other))); err == nil || !strings.Contains(err.Error(), "two checksums") {
		t.Error(err)
	}
}

func TestWeakChecksumsAreRefusedUnlessAllowed(t *testing.T) {
	weak := strings.NewReplacer(`type="sha256"`, `type="md5"`, digest.OfBytes([]byte("rpm")).Hex, fmt.Sprintf("%x", md5.Sum([]byte("rpm"))))
	u := forged(t, nil, weak.Replace(pkg("a", href("x.rpm"))))
	if _, err := publish(t, store(t), at("r", u)); err == nil || !strings.Contains(err.Error(), "--allow-weak-checksums") {
		t.Error(err)
	}
	tr := store(t)
	if _, err := SyncAll(context.Background(), []Source{at("r", u)}, tr, Options{AllowWeakChecksums: true}, false, 0); err != nil || current(t, tr)["mirror/r/x.rpm"] == "" {
		t.Errorf("allowed: %v", err)
	}
}

func TestOpenSizeAndOpenChecksumHold(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"primary open-size": func(s string) string {
			return strings.Replace(s, "<open-size>", "<open-size>1", 1)
		},
		"another record's open-checksum": func(s string) string {
			_, data, _ := strings.Cut(s, "<data")
			data = "<data" + strings.TrimSuffix(data, "</repomd>")
			data = strings.Replace(data, `type="primary"`, `type="prestodelta"`, 1)
			data = strings.Replace(data, "<location", `<open-checksum type="sha256">`+strings.Repeat("0", 64)+`</open-checksum><location`, 1)
			return strings.TrimSuffix(s, "</repomd>") + data + "</repomd>"
		},
	} {
		tr := store(t)
		if _, err := publish(t, tr, at("r", forged(t, change, pkg("a", href("x.rpm"))))); err == nil || current(t, tr) != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// lists serves a metalink and a mirrorlist in front of a repository.
func metalink(t *testing.T, sum, base string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<metalink><files><file name="repomd.xml"><verification><hash type="sha256">%s</hash></verification>`+
			`<resources><url preference="100">%s/repodata/repomd.xml</url></resources></file></files></metalink>`, sum, base)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestMetalinkGuardsRepomd(t *testing.T) {
	u := forged(t, nil, pkg("a", href("x.rpm")))
	resp, err := http.Get(u + "/" + repomdPath)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	tr := store(t)
	src := at("r")
	src.Metalink = metalink(t, strings.Repeat("0", 64), u)
	if _, err := publish(t, tr, src); err == nil || current(t, tr) != nil {
		t.Errorf("a repomd.xml that the metalink does not know: %v", err)
	}
	src.Metalink = metalink(t, hex.EncodeToString(sum[:]), u)
	mustPublish(t, tr, src)
	rep := mustPublish(t, tr, src)
	if rep.Repos[0].Outcome != Unchanged || rep.Repos[0].Requests != 1 {
		t.Errorf("the metalink says that nothing changed: %+v", rep.Repos[0])
	}
}

func TestAttackMirrorlistToLocalFiles(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "file:///etc/\n/etc\nftp://h/") }))
	defer s.Close()
	src := at("r")
	src.Mirrorlist = s.URL + "/?list=mirrorlist.centos.org"
	if _, err := publish(t, store(t), src); !errors.Is(err, repofile.ErrNoMirrors) || !strings.Contains(err.Error(), "vault.centos.org") {
		t.Error(err)
	}
}

func TestAttackFreeze(t *testing.T) {
	u := forged(t, nil, pkg("a", href("x.rpm")))
	sum, err := Sync(context.Background(), at("r", u), store(t), Options{MaxAge: 24 * time.Hour})
	if err != nil || len(sum.Warnings) != 1 || !strings.Contains(sum.Warnings[0], "1970-01-01") {
		t.Errorf("%v, %v", sum.Warnings, err)
	}
}

func TestAttackPathTraversalBySourceName(t *testing.T) {
	for _, path := range []string{"../x", "/x", "mirror/../x", "a//b"} {
		src := at("r", "http://127.0.0.1:1")
		src.Path = path
		if _, err := publish(t, store(t), src); err == nil {
			t.Errorf("%s is taken", path)
		}
	}
	if _, err := publish(t, store(t), at("../../x", "http://127.0.0.1:1")); err == nil {
		t.Error("a name is taken as a path")
	}
}

func FuzzJoin(f *testing.F) {
	f.Add("a+b%2F..#?x.rpm")
	f.Fuzz(func(t *testing.T, h string) {
		if repodata.CheckHref(h) != nil {
			return
		}
		req, err := http.NewRequest("GET", join("http://h/repo?token=t", h), nil)
		if err != nil || req.URL.Host != "h" || !strings.HasPrefix(req.URL.Path, "/repo/") || req.URL.RawQuery != "token=t" || req.URL.Fragment != "" {
			t.Errorf("%q: %v, %v", h, req, err)
		}
	})
}
