package serve_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flatstream/mirror/serve"
)

const secretText = "this must never be served"

// besieged serves a store with secrets in and beside it.
func besieged(t *testing.T) (dir, addr string) {
	t.Helper()
	s := store(t)
	now, _, err := s.Current()
	must(t, err)
	write(t, filepath.Dir(s.Dir()), map[string]string{"secret": secretText})
	write(t, s.Dir(), map[string]string{"state/secret": secretText, "objects/secret": secretText, ".secret": secretText, "secret": secretText})
	write(t, now.Dir, map[string]string{".secret": secretText, "r/.git/secret": secretText, "r/x\r\nX-Injected: yes/y": ""})
	return now.Dir, run(t, s.Dir(), serve.Limits{})
}

// attack sends a request line as it is, and fails when the answer is no refusal.
func attack(t *testing.T, addr, target string, head ...string) *http.Response {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	must(t, err)
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\n%s\r\n", target, strings.Join(head, ""))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	if res.StatusCode < 400 || strings.Contains(string(body), secretText) || strings.Contains(string(body), "root:") {
		t.Errorf("%q: %d %q", target, res.StatusCode, body)
	}
	if res.Header.Get("X-Injected") != "" {
		t.Errorf("%q: a header of the attacker's came back", target)
	}
	return res
}

func TestAttackEncodedTraversal(t *testing.T) {
	_, addr := besieged(t)
	for _, target := range []string{
		"/../secret", "/r/../../../secret", "/%2e%2e/secret", "/r/%2e%2e/%2e%2e/%2e%2e/secret", "/..%2fsecret", "/r/..%2f..%2f..%2fsecret",
		"/%252e%252e/secret", "/....//secret", "/r/.%2e/.%2e/state/secret", "/%c0%ae%c0%ae/secret", "/snapshots/../state/secret",
		"/tags/ga/%2e%2e/%2e%2e/objects/secret", "/snapshots/%2e%2e/secret", "/at/%2e%2e/state/secret", "/at/current/%2e%2e/%2e%2e/secret",
		"/r/../../../../../../../../etc/passwd", "//etc/passwd", "/./../secret", "/r//..//..//secret",
	} {
		attack(t, addr, target)
	}
}

func TestAttackPlantedSymlinks(t *testing.T) {
	dir, addr := besieged(t)
	outside := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(outside, []byte(secretText), 0o644))
	for name, to := range map[string]string{
		"r/absolute": outside, "r/relative": "../../../state/secret", "r/dir": filepath.Dir(outside), "r/passwd.rpm": "/etc/passwd",
		"r/up": "..", "r/store": "../../..", "r/dev": "/dev/zero", "r/proc": "/proc/self/environ",
	} {
		must(t, os.Symlink(to, filepath.Join(dir, name)))
	}
	for _, target := range []string{"/r/absolute", "/r/relative", "/r/dir/secret", "/r/dir/", "/r/passwd.rpm", "/r/store/state/secret",
		"/r/store/", "/r/up/.secret", "/r/dev", "/r/proc", "/r/up/up/state/secret"} {
		attack(t, addr, target)
	}
}

func TestAttackDotFiles(t *testing.T) {
	_, addr := besieged(t)
	for _, target := range []string{"/.secret", "/r/.git/secret", "/r/.git/", "/%2esecret", "/r/%2Egit/secret", "/snapshots/.stage-x/", "/tags/.secret"} {
		attack(t, addr, target)
	}
}

func TestAttackAbsoluteURI(t *testing.T) {
	_, addr := besieged(t)
	asked := make(chan string, 10)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.String()
		io.WriteString(w, secretText)
	})}
	go srv.Serve(other)
	defer srv.Close()
	for _, target := range []string{"file:///etc/passwd", "http://" + other.Addr().String() + "/secret", "ftp://mirror/r/repodata/repomd.xml", "gopher://" + other.Addr().String() + "/x"} {
		attack(t, addr, target)
	}
	if len(asked) > 0 {
		t.Errorf("the server asked another: %s", <-asked)
	}
}

func TestAttackHeaderSplitting(t *testing.T) {
	_, addr := besieged(t)
	for _, target := range []string{"/%0d%0aX-Injected:%20yes", "/r%0d%0aX-Injected:%20yes%0d%0a%0d%0a<script>", "/r/x%0d%0aX-Injected:%20yes",
		"/at/current/nodejs:18%0d%0aX-Injected:%20yes/", "/at/current%0d%0aX-Injected:%20yes/default/"} {
		attack(t, addr, target)
	}
	attack(t, addr, "/r/none", "X-A: b\r\n\tc\x00d\r\n")
	attack(t, addr, "/r/none", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")
}

func TestAttackNUL(t *testing.T) {
	_, addr := besieged(t)
	for _, target := range []string{"/%00", "/secret%00", "/r/repodata/repomd.xml%00.html", "/%00/../secret", "/at/current/%00/"} {
		attack(t, addr, target)
	}
}

func TestAttackBackslash(t *testing.T) {
	_, addr := besieged(t)
	for _, target := range []string{`/..\secret`, `/r\..\..\..\secret`, "/r%5c..%5c..%5cstate%5csecret", `/r/..\..\state\secret`, `/\secret`} {
		attack(t, addr, target)
	}
}

func TestAttackStoreInternals(t *testing.T) {
	_, addr := besieged(t)
	for _, target := range []string{"/state/secret", "/objects/secret", "/objects/", "/state/", "/state", "/secret", "/current/", "/snapshots/current/", "/tags/../state/secret", "/OBJECTS/secret"} {
		attack(t, addr, target)
	}
}

func TestAttackRequestWithBody(t *testing.T) {
	_, addr := besieged(t)
	begin := time.Now()
	attack(t, addr, "/r/repodata/repomd.xml", "Content-Length: 1000000\r\n")
	if d := time.Since(begin); d > 8*time.Second {
		t.Errorf("the server waited %v for a body", d)
	}
}

// The server reads no more than its limit, so the answer may be lost in a reset.
func TestAttackHugeHeader(t *testing.T) {
	_, addr := besieged(t)
	c, err := net.Dial("tcp", addr)
	must(t, err)
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	fmt.Fprintf(c, "GET /r/repodata/repomd.xml HTTP/1.1\r\nHost: mirror\r\nX-A: %s\r\n\r\n", strings.Repeat("x", 1<<20))
	if body, _ := io.ReadAll(c); strings.Contains(string(body), " 200 ") {
		t.Errorf("a header of 1 MiB is answered: %.100q", body)
	}
}
