package mirror

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"flatstream/mirror/fetch"
	"flatstream/mirror/repofile"
	"flatstream/mirror/tree"
)

// Source is one upstream repository. Of Metalink, Mirrorlist and URLs the first
// that is set counts, as in DNF.
type Source struct {
	Name       string   // how the user calls it; the id in summaries
	Path       string   // where it lands below a snapshot; empty: mirror/NAME
	URLs       []string // base URLs or local directories, best first
	Mirrorlist string
	Metalink   string

	// KeepAlways are globs for the names of packages that stay when upstream deletes them
	// (see KeptPath). Nil says nothing: what was kept before is kept as it is.
	KeepAlways []string

	// Parent is a URL or directory above URLs. Locations may then lead out of the
	// repository with "../", below it; Path is where the parent lands.
	Parent string
	below  string // of Parent: the repository

	// Fetch holds certificates, credentials, proxy and limits. Trusted is filled
	// from the URLs above: only the hosts that the user named see credentials.
	Fetch fetch.Options

	RepoGPGCheck bool     // repomd.xml must be signed by one of GPGKeys
	GPGCheck     bool     // and so must every package
	Ignored      []string // keys of its .repo file that a mirror does not carry out
	GPGKeys      []string // key files: URLs or paths; on the mirror itself only as URL#FINGERPRINT
}

// partKeys choose packages of a repository. A mirror has all of them, or its metadata
// would lie.
var partKeys = []string{"includepkgs", "excludepkgs", "exclude"}

// FromRepo makes a source of a section of a .repo file whose variables are
// expanded. A section with values that could not be read is refused.
func FromRepo(r repofile.Repo) (Source, error) {
	if err := r.Err(); err != nil {
		return Source{}, err
	}
	s := Source{
		Name: r.ID, URLs: r.BaseURLs, Mirrorlist: r.Mirrorlist, Metalink: r.Metalink,
		RepoGPGCheck: r.RepoGPGCheck, GPGCheck: r.GPGCheck, GPGKeys: r.GPGKeys,
		Fetch: fetch.Options{
			User: r.Username, Password: r.Password,
			Proxy: r.Proxy, ProxyUser: r.ProxyUsername, ProxyPassword: r.ProxyPassword,
			TLS: fetch.TLS{CACert: r.SSLCACert, ClientCert: r.SSLClientCert, ClientKey: r.SSLClientKey,
				Insecure: !r.SSLVerify},
			LimitRate: r.Throttle,
		},
	}
	for _, key := range partKeys {
		if _, set := r.Keys[key]; set {
			s.Ignored = append(s.Ignored, key)
		}
	}
	if r.Timeout > 0 {
		s.Fetch.ConnectTimeout, s.Fetch.LowSpeedTime = r.Timeout, r.Timeout
	}
	if s.Fetch.LowSpeed = r.MinRate; r.MinRate == 0 {
		s.Fetch.LowSpeed = -1
	}
	if _, set := r.Keys["retries"]; set {
		if s.Fetch.Retries = min(r.Retries, 20); r.Retries == 0 { // DNF: without end
			s.Fetch.Retries = 20
		}
	}
	return s, nil
}

// path is where the source lands below a snapshot.
func (s *Source) path() string {
	if s.Path != "" {
		return s.Path
	}
	return "mirror/" + s.Name
}

func (s *Source) check() error {
	if s.Name == "" {
		return errors.New("a source has no name")
	}
	if err := tree.CheckPath(s.path()); err != nil {
		return fmt.Errorf("source %s: %w", s.Name, err)
	}
	if len(s.URLs) == 0 && s.Mirrorlist == "" && s.Metalink == "" {
		return fmt.Errorf("source %s: neither a URL, a mirrorlist nor a metalink is set", s.Name)
	}
	for _, glob := range s.KeepAlways {
		if err := CheckGlob(glob); err != nil {
			return fmt.Errorf("source %s: keep-always: %w", s.Name, err)
		}
	}
	return s.settle()
}

// FetchOptions are those of the source, with the hosts that may see its credentials.
func (s *Source) FetchOptions() fetch.Options {
	opt := s.Fetch
	opt.Trusted = append(append([]string{s.Mirrorlist, s.Metalink}, s.URLs...), opt.Trusted...)
	return opt
}

// client makes the source's own client: certificates are read anew for each run.
// rate, in bytes per second, bounds it further where it is not 0.
func (s *Source) client(jobs int, rate int64) (*fetch.Client, error) {
	opt := s.FetchOptions()
	if rate > 0 && (opt.LimitRate == 0 || rate < opt.LimitRate) {
		opt.LimitRate = rate
	}
	if jobs > 0 {
		opt.Jobs = jobs
	}
	c, err := fetch.New(opt)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", s.Name, err)
	}
	return c, nil
}

// certificateWarning is how long before its end a client certificate is named.
const certificateWarning = 14 * 24 * time.Hour

// warnings says what of the configuration is not kept, or soon will not be.
func (s *Source) warnings(c *fetch.Client, now time.Time) []string {
	var w []string
	if s.Fetch.TLS.Insecure {
		w = append(w, "sslverify is off: anyone on the way can answer for the mirror")
	}
	if len(s.Ignored) > 0 {
		w = append(w, strings.Join(s.Ignored, ", ")+" of its .repo file is not carried out: a mirror has every package")
	}
	if cert := c.Certificate(); cert.Path != "" && cert.NotAfter.Sub(now) < certificateWarning {
		w = append(w, cert.Ends(now))
	}
	return w
}

// centosHint explains the answer that every CentOS 8 host gets.
func centosHint(list string) string {
	if strings.Contains(list, "centos.org") {
		return "; CentOS Linux 8 and Stream 8 have ended, their packages are at vault.centos.org: set baseurl= to it"
	}
	return ""
}

// Place is where the source is, for people: without credentials.
func (s *Source) Place() string {
	for _, place := range append([]string{s.Metalink, s.Mirrorlist}, s.URLs...) {
		if place != "" {
			return fetch.Redact(place)
		}
	}
	return ""
}
