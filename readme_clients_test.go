package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"flatstream/fixtures"
	"flatstream/mirror/serve"
)

// published serves what the nightly job of the README has published.
func (w *workshop) published() http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		h, err := serve.Handler(serve.Options{Dir: w.path("srv/flatstream")})
		if err != nil {
			http.Error(answer, err.Error(), http.StatusInternalServerError)
			return
		}
		h.ServeHTTP(answer, r)
	})
}

// subscribe makes the machine one with an entitlement: a redhat.repo, client
// certificates, and a CDN at the URL that answers only to them.
func (w *workshop) subscribe() (cdnURL string, err error) {
	pair, der, err := clientCertificate()
	if err != nil {
		return "", err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return "", err
	}
	clients := x509.NewCertPool()
	clients.AddCert(leaf)
	files, err := fixtures.Serve(w.path("vault/8.5.2111"))
	if err != nil {
		return "", err
	}
	cdn := httptest.NewUnstartedServer(files)
	cdn.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	cdn.StartTLS()
	w.t.Cleanup(func() {
		cdn.Close()
		files.Close()
	})
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cdn.Certificate().Raw})
	var repo strings.Builder
	for id, dir := range map[string]string{"baseos": "BaseOS", "appstream": "AppStream"} {
		fmt.Fprintf(&repo, "[rhel-8-for-x86_64-%s-rpms]\nname = %s\nbaseurl = %s/%s/x86_64/os\nenabled = 0\ngpgcheck = 1\ngpgkey = file://%s\n", id, id,
			cdn.URL, dir, w.path("etc/pki/rpm-gpg/RPM-GPG-KEY-redhat-release"))
		fmt.Fprintf(&repo, "sslverify = 1\nsslcacert = %s\nsslclientkey = %[2]s\nsslclientcert = %[2]s\n", w.path("etc/ca.pem"), w.path("etc/client.pem"))
	}
	return cdn.URL, errors.Join(
		os.WriteFile(w.path("etc/ca.pem"), ca, 0o644),
		os.WriteFile(w.path("etc/client.pem"), pair, 0o600),
		os.WriteFile(w.path("etc/rhsm/ca/redhat-uep.pem"), ca, 0o644),
		os.WriteFile(w.path("etc/pki/entitlement/1234567890.pem"), pair, 0o644),
		os.WriteFile(w.path("etc/pki/entitlement/1234567890-key.pem"), pair, 0o600),
		os.WriteFile(w.path("etc/yum.repos.d/redhat.repo"), []byte(repo.String()), 0o644))
}

// clientCertificate makes a certificate that signs itself, with its key, in PEM.
func clientCertificate() (pair, der []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key); err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	pair = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(pair, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...), der, nil
}

// has says whether a program is here. Where it is not, its commands are not run, which
// is said, and in CI is a failure.
func (w *workshop) has(tool string) bool {
	_, err := exec.LookPath(tool)
	switch {
	case err == nil:
		return true
	case os.Getenv("CI") == "true":
		w.t.Errorf("%s is not installed, and CI must have it: run scripts/tools", tool)
	default:
		w.t.Logf("%s is not installed: its commands in README.md are not run", tool)
	}
	return false
}

// bucket starts an object store, if there is one here, and says where its bucket is read.
func (w *workshop) bucket() string {
	if _, err := fixtures.FindGateway(); err != nil && !w.has("versitygw") {
		return ""
	}
	g := gateway(w.t)
	w.buckets = true
	return g.URL + "/" + g.Bucket
}

// serve starts a server, wants a published repository from it, and stops it.
func (w *workshop) serve(words []string) error {
	cmd := exec.Command(words[0], words[1:]...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(stderr).ReadString('\n')
	base := regexp.MustCompile(`http://[0-9.:]+`).FindString(line)
	if err == nil && base == "" {
		err = fmt.Errorf("no URL in %q", line)
	}
	if err == nil {
		if _, err = get(base + "/flat/el8/x86_64/default/repodata/repomd.xml"); err != nil { // a store without targets
			_, err = get(base + "/at/current/default/repodata/repomd.xml")
		}
	}
	return errors.Join(err, cmd.Process.Signal(os.Interrupt), cmd.Wait())
}

func get(url string) ([]byte, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return body.Bytes(), nil
}

// dnf runs dnf with a root, a cache and repositories of its own. Packages are
// downloaded, not installed; a query must find something; before modules are reset,
// one is enabled.
func (w *workshop) dnf(words []string) error {
	if !w.has("dnf") {
		return nil
	}
	args := []string{"dnf", "-q", "-y", "--noplugins", "--installroot=" + w.path("root"), "--setopt=cachedir=" + w.path("cache"),
		"--releasever=8", "--forcearch=x86_64", "--setopt=module_platform_id=platform:el8"}
	if !slices.Contains(words, "-c") {
		args = append(args, "--setopt=reposdir="+w.path("etc/yum.repos.d"))
	}
	switch words[0] {
	case "install":
		args = append(args, "--downloadonly")
	case "module": // one that the host once enabled
		if err := w.run(0, append(args, "--repofrompath=old,"+w.path("srv/mirror/AppStream"), "--repo=old", "module", "enable", "perl:5.30")...); err != nil {
			return err
		}
	}
	if err := w.run(0, append(args, words...)...); err != nil {
		return err
	}
	if slices.Contains(words, "repoquery") && strings.TrimSpace(w.stdout) == "" {
		return errors.New("dnf finds nothing")
	}
	return nil
}

// dotRepo wants the .repo file that was fetched to be the one in the README.
func (w *workshop) dotRepo(text string) error {
	fetched, err := os.ReadFile(w.path("etc/yum.repos.d/flatstream.repo"))
	if err != nil {
		return err
	}
	if string(fetched) != text {
		return fmt.Errorf("the .repo file is\n%s", fetched)
	}
	return nil
}

// nginx tests the server block, in a server that has no other.
func (w *workshop) nginx(words []string) error {
	if !w.has("nginx") {
		return nil
	}
	conf := fmt.Sprintf("pid nginx.pid;\nevents {}\nhttp { access_log off; include %s; }\n", w.path("etc/nginx/conf.d/*.conf"))
	if err := os.WriteFile(w.path("nginx.conf"), []byte(conf), 0o644); err != nil {
		return err
	}
	return w.run(0, append(words, "-q", "-p", w.dir, "-c", "nginx.conf", "-e", "stderr")...)
}

// systemctl wants the units that it starts to be such that systemd has nothing to say.
func (w *workshop) systemctl(words []string) error {
	if slices.Equal(words[1:], []string{"daemon-reload"}) || slices.Equal(words[1:], []string{"reload", "nginx"}) {
		return nil // nothing of ours is in it
	}
	if !w.has("systemd-analyze") {
		return nil
	}
	units, err := filepath.Glob(w.path("etc/systemd/system/*"))
	if err != nil {
		return err
	}
	if !slices.Contains(units, w.path("etc/systemd/system", words[len(words)-1])) {
		return errors.New("this unit is not installed")
	}
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			return err
		}
		if err := os.WriteFile(unit, []byte(w.replacer.Replace(string(text))), 0o644); err != nil {
			return err
		}
	}
	out, err := exec.Command("systemd-analyze", append([]string{"verify"}, units...)...).CombinedOutput()
	if err != nil || len(out) > 0 { // an unknown key is no error to it
		return fmt.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	return nil
}

// knowsOptions wants the help of a program that cannot be run to name each option.
func (w *workshop) knowsOptions(words []string) error {
	if !w.has(words[0]) {
		return nil
	}
	help, err := exec.Command(words[0], "--help").CombinedOutput()
	if err != nil {
		return err
	}
	for _, word := range words[1:] {
		if strings.HasPrefix(word, "-") && !strings.Contains(string(help), word) {
			return fmt.Errorf("%s does not know %s", words[0], word)
		}
	}
	return nil
}

// koji does what Koji does with an external repository in mode bare: it merges it, and
// every version of every package must be in what comes out.
func (w *workshop) koji(words []string) error {
	if len(words) == 3 && words[1] == "regen-repo" {
		return nil
	}
	form := []string{"koji", "add-external-repo", "-t", "", "-p", "", "-m", "bare", "", ""}
	for i, fixed := range form {
		if len(words) != len(form) || fixed != "" && words[i] != fixed {
			return errors.New("no rule for this call of koji")
		}
	}
	place := strings.ReplaceAll(words[9], "$arch", "x86_64")
	if _, err := get(place + "repodata/repomd.xml"); err != nil || !w.has("mergerepo_c") {
		return err
	}
	if err := w.run(0, "mergerepo_c", "--pkgorigins", "--all", "--outputdir", w.path("merged"), "--repo", place); err != nil {
		return err
	}
	if err := w.run(0, "flatstream", "verify", "--json", w.path("merged"), w.path("srv/flatstream/current/flat/el8/x86_64/default")); err != nil && !strings.Contains(err.Error(), "exit status 3") {
		return err
	}
	counts := regexp.MustCompile(`(?m)^      "packages": (\d+)`).FindAllStringSubmatch(w.stdout, -1)
	if len(counts) != 2 || counts[0][1] != counts[1][1] || counts[0][1] == "0" {
		return fmt.Errorf("mergerepo_c keeps %v packages, want the same twice", counts)
	}
	return nil
}

// mock reads a mock config as Python does, and lets dnf use the dnf.conf in it.
func (w *workshop) mock(text string) error {
	if !w.has(python) {
		return nil
	}
	script := "import sys\nconfig_opts = {}\n" + text + "\nsys.stdout.write(config_opts['dnf.conf'])\n"
	if err := w.run(0, python, "-c", script); err != nil {
		return err
	}
	if err := os.WriteFile(w.path("mock.conf"), []byte(w.stdout), 0o644); err != nil {
		return err
	}
	return w.dnf([]string{"-c", w.path("mock.conf"), "repoquery", "nodejs"})
}

// obsProject reads a project's meta: what it downloads must be there, with plain
// paths; what it builds against must be in an earlier block.
func (w *workshop) obsProject(text string) error {
	var project struct {
		Name         string `xml:"name,attr"`
		Repositories []struct {
			Name string   `xml:"name,attr"`
			Arch []string `xml:"arch"`
			Path []struct {
				Project    string `xml:"project,attr"`
				Repository string `xml:"repository,attr"`
			} `xml:"path"`
			Download []struct {
				Arch string `xml:"arch,attr"`
				URL  string `xml:"url,attr"`
				Type string `xml:"repotype,attr"`
			} `xml:"download"`
		} `xml:"repository"`
	}
	if err := xml.Unmarshal([]byte(text), &project); err != nil {
		return err
	}
	for _, r := range project.Repositories {
		w.projects[project.Name] = append(w.projects[project.Name], r.Name)
		for _, d := range r.Download {
			if d.Type != "rpmmd" || !slices.Contains(r.Arch, d.Arch) {
				return fmt.Errorf("repository %s downloads %s for %s", r.Name, d.Type, d.Arch)
			}
			if _, err := w.obsPackages(d.URL); err != nil {
				return err
			}
		}
		for _, p := range r.Path {
			if !slices.Contains(w.projects[p.Project], p.Repository) {
				return fmt.Errorf("there is no %s in the project %q", p.Repository, p.Project)
			}
		}
		if len(r.Download)+len(r.Path) == 0 {
			return fmt.Errorf("repository %s takes packages from nowhere", r.Name)
		}
	}
	return nil
}

const obsBuild = "/usr/lib/obs-build"

// obsPackages lists the packages that OBS finds in a repository. Each must be where
// OBS looks for it.
func (w *workshop) obsPackages(place string) ([]string, error) {
	if !w.has(filepath.Join(obsBuild, "createrepomddeps")) {
		return nil, nil
	}
	cmd := exec.Command(filepath.Join(obsBuild, "createrepomddeps"), "--cachedir="+w.path("obs"), place)
	cmd.Env = append(os.Environ(), "BUILD_DIR="+obsBuild)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("createrepomddeps %s: %w", place, err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^F:([^ ]+)\.[a-z0-9_]+-\d+/\d+/\d+: (\S+)$`).FindAllStringSubmatch(string(out), -1) {
		u, err := url.PathUnescape(m[2])
		if err != nil {
			return nil, err
		}
		if _, err := get(u); err != nil {
			return nil, err
		}
		names = append(names, m[1])
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("OBS finds no package in %s", place)
	}
	return names, nil
}

// obsConfig reads a project config as OBS does: what it installs must be in the view.
func (w *workshop) obsConfig(text string) error {
	names, err := w.obsPackages(w.replacer.Replace("http://mirror.example.org/flat/el8/x86_64/default/"))
	if err != nil || len(names) == 0 {
		return err
	}
	if err := os.WriteFile(w.path("prjconf"), []byte(text), 0o644); err != nil {
		return err
	}
	script := `my $c = Build::read_config_dist($ARGV[0], 'x86_64', '/nowhere') or die;
		print join(' ', map { @{$c->{$_} || []} } qw(preinstall support required)), "\n", $c->{type}, ' ', $c->{repotype}->[0], ' ', $c->{rawmacros};`
	if err := w.run(0, "perl", "-I"+obsBuild, "-MBuild", "-e", script, w.path("prjconf")); err != nil {
		return err
	}
	packages, rest, _ := strings.Cut(w.stdout, "\n")
	for _, name := range strings.Fields(packages) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%s is not in the view", name)
		}
	}
	if len(strings.Fields(packages)) == 0 || !strings.HasPrefix(rest, "spec rpm-md") || !strings.Contains(rest, "%rhel 8") {
		return fmt.Errorf("OBS reads %q", w.stdout)
	}
	return nil
}
