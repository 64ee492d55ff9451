package catalogue

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/splitter"
)

// TestFromTheQuestionToTheInstall: a new user asks which nodejs streams there are, and
// runs what the page says.
func TestFromTheQuestionToTheInstall(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser and dnf take seconds, and have no races of ours")
	}
	b := startChromium(t)
	for _, tool := range []string{"dnf", "curl", "rpm"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(tool + " is not installed")
			}
			t.Skip(tool + " is not installed")
		}
	}
	var target http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { target.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	night, err := fixtures.NightOne()
	if err != nil {
		t.Fatal(err)
	}
	dir, _ := made(t, splitter.Options{BaseURL: server.URL, Link: splitter.LinkCopy},
		sourceWith(t, "baseos", fixtures.Options{}, night.BaseOS.Write), sourceWith(t, "appstream", fixtures.Options{}, night.AppStream.Write))
	target = http.FileServer(http.Dir(dir))

	start := time.Now()
	p := b.open(1280, 900, "light")
	p.load(server.URL)
	p.press("/")
	p.press(strings.Split("nodejs:12", "")...)
	p.press("Enter", "Enter")
	p.until(`location.pathname.endsWith("/nodejs/12.html")`)
	commands := p.text(`document.querySelector("#start").textContent`)

	root, repos := t.TempDir(), t.TempDir()
	script := `sudo() { "$@"; }
dnf() { command dnf -y -q --noplugins --releasever=8 --forcearch=x86_64 --installroot="$ROOT" --setopt=reposdir="$REPOS" --setopt=cachedir="$ROOT/cache" --setopt=module_platform_id=platform:el8 "$@"; }
set -e
` + strings.ReplaceAll(commands, "/etc/yum.repos.d/", repos+"/")
	cmd := exec.Command("bash", "-c", script)
	cmd.Env = append(os.Environ(), "ROOT="+root, "REPOS="+repos)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v\n%s", commands, err, out)
	}
	out, err := exec.Command("rpm", "--root", root, "-q", "--qf", "%{version}", "nodejs").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "12.") {
		t.Errorf("nodejs %s, %v", out, err)
	}
	t.Logf("from the question to nodejs %s in %.1f s, with\n%s", out, time.Since(start).Seconds(), commands)
}
